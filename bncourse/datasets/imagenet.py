"""Pictures sorted into classes: ImageNet, Tiny ImageNet, or any set that is laid out like them.

    pictures = open_split(files.folder() / "imagenet", "train")
    pictures.image(0), pictures.labels[0], pictures.classes[0], pictures.name(0)

A set is a folder. A split of it is the folder `train` or the archive `train.tar` (so `val`, and any other name;
`ILSVRC2012_img_train.tar`, the official name, will do), read in place. A picture's class is, in this order,
- the inner archive that holds it, as in the official training set: `n01440764.tar: n01440764_18.JPEG`;
- the folder that holds it: `train/n01443537/x.JPEG`, also `train/n01443537/images/x.JPEG`;
- what the split's list says of it (`LISTS`), as the official validation set needs: lines `x.JPEG n01440764`;
- the beginning of its name: `n01440764_tench.JPEG`.
Files whose names do not end in .jpeg, .jpg or .png, or begin with a dot, are passed over.

The classes are those of the set's index (`INDEXES`) in its order, else the classes of `train`, sorted.
"""

import hashlib
import json
import re
from pathlib import Path

import numpy as np
from PIL import Image

from bncourse.datasets.archives import Archive, Folder
from bncourse.datasets.decoding import decode
from bncourse.datasets.files import MissingData, WrongData

PICTURE = re.compile(r"(?:.*[/ ])?[^./][^/]*\.(?:jpeg|jpg|png)", re.IGNORECASE)  # not .x.JPEG
INDEXES = ("imagenet_class_index.json", "classes.txt", "LOC_synset_mapping.txt", "wnids.txt")
LISTS = ("{split}.txt", "LOC_{split}_solution.csv", "{split}/{split}_annotations.txt")
LAYOUT = "train and val (folders of class folders), or train.tar and val.tar"
NUMBER = re.compile(r"-?[0-9]{1,9}")
SAMPLED = 1000  # pictures whose bytes a fingerprint reads


class Split:
    """The pictures of one split, "train" or "val", each with its label; `open_split` makes it.

    `labels` (N,) int64 holds the label of each picture. `classes` holds the name of each class in the order of the
    labels, and `synsets` what folders and lists call it, such as n01440764. `source` is the archive or folder in which
    the pictures lie, and `members` their places in it. With `keep_decoded` a picture stays in memory once it has been
    decoded.
    """

    def __init__(self, source: Archive | Folder, members: list[int], labels: np.ndarray, synsets: list[str],
                 classes: list[str], keep_decoded: bool = False):
        self.source, self.members, self.labels = source, members, labels
        self.synsets, self.classes = synsets, classes
        self.kept = {} if keep_decoded else None

    def __len__(self) -> int:
        return len(self.members)

    def name(self, i: int) -> str:
        """What messages call picture i: its archive and its name in it, or its folder and file."""
        return self.source.title(self.members[i])

    def image(self, i: int, shortest_side: int | None = None) -> Image.Image:
        """Picture i, RGB and upright.

        Where `shortest_side` is given, a JPEG may come reduced, its shorter side no shorter than that many pixels.
        Where decoded pictures are kept in memory, the same image comes each time, and must not be changed. Raises
        WrongData, which names the archive and the member.
        """
        if self.kept is None:
            return decode(self.source.read(self.members[i]), self.name(i), shortest_side)
        if (i, shortest_side) not in self.kept:
            self.kept[i, shortest_side] = decode(self.source.read(self.members[i]), self.name(i), shortest_side)
        return self.kept[i, shortest_side]

    def fingerprint(self) -> str:
        """A SHA-256 that tells this data set from others, in hexadecimal digits.

        It is made of every picture's name, label and size in bytes, and of the content of 1,000, evenly spread.
        """
        digest = hashlib.sha256()
        for member, label in zip(self.members, self.labels.tolist(), strict=True):
            line = f"{self.source.names[member]} {label} {self.source.sizes[member]}\n"
            digest.update(line.encode(errors="surrogateescape"))
        for i in np.unique(np.linspace(0, len(self) - 1, SAMPLED).astype(int)):
            digest.update(self.source.read(self.members[i]))
        return digest.hexdigest()


def open_split(folder: Path | str, split: str = "train", *, keep_decoded: bool = False) -> Split:
    """The pictures of a split, in the order in which they are stored.

    `folder` is the data set's. `split` is the name of the split, by which its folder or archive is found. With
    `keep_decoded` each picture stays in memory once it has been decoded. Raises MissingData where there is no such
    split, and WrongData where what is there cannot be used.
    """
    folder = Path(folder)
    source, members, names = read_split(folder, split)
    index = class_index(folder)
    if index is None:
        synsets = classes = other_classes(folder, split) or sorted(set(names))
    else:
        synsets, classes = index
    if len(synsets) < 2:
        raise WrongData(f"{source.path} holds pictures of one class, {synsets[0]}; expected two or more classes, "
                        f"and in {folder} {LAYOUT}")
    number = {synset: label for label, synset in enumerate(synsets)}
    for member, name in zip(members, names, strict=True):
        if name not in number:
            raise WrongData(f"{source.title(member)} is of class {name}, which is none of the {len(synsets):,} "
                            f"classes of {folder}")
    labels = np.array([number[name] for name in names], np.int64)
    return Split(source, members, labels, synsets, classes, keep_decoded)


def read_split(folder: Path, split: str) -> tuple[Archive | Folder, list[int], list[str]]:
    """The archive or folder of a split, the places in it of its pictures, and the class of each by its name."""
    source = open_source(folder, split)
    listed = class_list(folder, split)
    members = [i for i, name in enumerate(source.names) if PICTURE.fullmatch(name)]
    if not members:
        raise WrongData(f"{source.path} holds no pictures (.jpeg, .jpg, .png) among its {len(source.names):,} files")
    return source, members, [class_of(source, i, split, listed) for i in members]


def open_source(folder: Path, split: str) -> Archive | Folder:
    """The class folders or the archive of a split. Raises MissingData, saying how the pictures must lie."""
    path = present(folder, split)
    if path is None:
        there = f"holds neither {split} nor {split}.tar" if folder.is_dir() else "is no folder"
        raise MissingData(f"{folder} {there}; expected a folder with {LAYOUT}")
    return Folder(path) if path.is_dir() else Archive(path)


def present(folder: Path, split: str) -> Path | None:
    """The folder or archive of a split, None where there is none. Raises ValueError for a split that is no name."""
    if not split.isidentifier():
        raise ValueError(f"split is {split!r}; expected a plain name, such as 'train' or 'val'")
    archives = [folder / f"{split}.tar", folder / f"ILSVRC2012_img_{split}.tar"]
    here = [path for path in [folder / split] if path.is_dir()] + [path for path in archives if path.is_file()]
    return here[0] if here else None


def class_of(source: Archive | Folder, i: int, split: str, listed: dict[str, str]) -> str:
    """The class of a file by its name, as the top of this module says."""
    inner, _, name = source.names[i].rpartition(": ")
    if inner:
        return inner.rpartition("/")[2][:-len(".tar")]
    *folders, file = name.split("/")
    if folders and folders[-1] == "images":
        folders.pop()
    if folders and folders[-1] != split:
        return folders[-1]
    for key in (file, file.rpartition(".")[0]):
        if key in listed:
            return listed[key]
    if synset := re.match(r"n\d{8}(?=_)", file):
        return synset[0]
    raise WrongData(f"{source.title(i)} lies in no class folder, and nothing says its class; expected {split}/<class>/"
                    f"{file}, or beside {source.path.name} a list {LISTS[0].format(split=split)} with the line "
                    f"'{file} <class>' (or {LISTS[1].format(split=split)})")


def class_list(folder: Path, split: str) -> dict[str, str]:
    """The class of each file by the file's name, from the first of `LISTS` that the set has; empty where it has none.

    A number in a list is a place among the classes of the set's index. Raises WrongData for a list without sense.
    """
    path = next((path for text in LISTS if (path := folder / text.format(split=split)).is_file()), None)
    if path is None:
        return {}
    rows = [line.replace(",", " ").split() for line in read_text(path).splitlines() if line.strip()]
    if short := [row for row in rows if len(row) < 2]:
        raise WrongData(f"{path} has the line {short[0][0]!r}; expected the name of a picture, then its class")
    synsets = (class_index(folder) or (None,))[0]
    by_number = [row[1] for row in rows if NUMBER.fullmatch(row[1])]
    if synsets is None and by_number:
        raise WrongData(f"{path} gives classes by numbers; expected one of {', '.join(INDEXES)} in {folder}")
    if beyond := [number for number in by_number if not 0 <= int(number) < len(synsets)]:
        raise WrongData(f"{path} gives a class beyond the {len(synsets):,} of {folder}, {beyond[0]}; expected 0 to "
                        f"{len(synsets) - 1:,}")
    return {row[0]: synsets[int(row[1])] if NUMBER.fullmatch(row[1]) else row[1] for row in rows}


def class_index(folder: Path) -> tuple[list[str], list[str]] | None:
    """Synsets and names of the classes in the order of their labels, from the set's index; None without one."""
    path = next((path for name in INDEXES if (path := folder / name).is_file()), None)
    if path is None:
        return None
    try:
        if path.suffix == ".json":
            table = json.loads(read_text(path))
            rows = [table[str(label)][:2] for label in range(len(table))]
        else:
            rows = [(line.split(None, 1) * 2)[:2] for line in read_text(path).splitlines() if line.strip()]
        synsets, names = [row[0] for row in rows], [row[1] for row in rows]
        if not all(isinstance(text, str) for text in synsets + names):
            raise TypeError("a class is no text")
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError):
        raise WrongData(f"{path} is no index of classes; expected a line 'n01440764 tench' for each class, or JSON "
                        '{"0": ["n01440764", "tench"], ...}') from None
    if not rows or len(set(synsets)) < len(synsets):
        raise WrongData(f"{path} names {'a class twice' if rows else 'no class'}; expected each class once")
    return synsets, names


def other_classes(folder: Path, split: str) -> list[str] | None:
    """The classes of `train`, sorted, for another split; None where that is not there."""
    if split == "train":
        return None
    try:
        return sorted(set(read_split(folder, "train")[2]))
    except MissingData:
        return None


def read_text(path: Path) -> str:
    """A text file in UTF-8, with or without a byte-order mark. Raises WrongData."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise WrongData(f"{path} is no text in UTF-8") from None
