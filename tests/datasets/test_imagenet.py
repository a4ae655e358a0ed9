"""Pictures in classes: every layout gives the same pictures with the same labels; what is wrong is named."""

import csv
import io
import json
import os
import tarfile

import numpy as np
import pytest
from PIL import Image

from bncourse.datasets import files, imagenet
from bncourse.datasets.files import MissingData, WrongData
from bncourse.datasets.imagenet import open_split
from tests.datasets.packed import SYNSETS, encoded, jpeg, member, packed, train_files


@pytest.fixture
def photographs(rng):
    return train_files(rng)


def spread(folder, contents):
    for name, content in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def put(folder, contents, split="train"):
    folder.mkdir(exist_ok=True)
    (folder / f"{split}.tar").write_bytes(packed(contents))


def by_class(photographs):
    return {synset: {name.rpartition("/")[2]: data for name, data in photographs.items() if synset in name}
            for synset in SYNSETS}


LAYOUTS = {
    "archive": lambda folder, them: put(folder, them),
    "archive with ./": lambda folder, them: put(folder, {"./" + name: data for name, data in them.items()}),
    "archive of class folders": lambda folder, them: put(folder, {name[6:]: data for name, data in them.items()}),
    "class folders": lambda folder, them: spread(folder, them),
    "Tiny ImageNet's": lambda folder, them: spread(
        folder, {"{}/{}/images/{}".format(*name.split("/")): data for name, data in them.items()}),
    "flat, named by synset": lambda folder, them: put(
        folder, {name.split("/")[2]: data for name, data in them.items()}),
    "official": lambda folder, them: (folder.mkdir(), (folder / "ILSVRC2012_img_train.tar").write_bytes(
        packed({f"{synset}.tar": packed(inner) for synset, inner in by_class(them).items()}))),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_pictures_and_writes_nothing(layout, tmp_path, photographs):
    folder = tmp_path / "set"
    LAYOUTS[layout](folder, photographs)
    before = sorted(folder.rglob("*"))
    pictures = open_split(folder, "train")
    assert len(pictures) == 12 and pictures.classes == list(SYNSETS) and pictures.labels.dtype == np.int64
    for i, (name, data) in enumerate(photographs.items()):
        assert pictures.name(i).endswith(name.split("/")[2])
        assert pictures.synsets[pictures.labels[i]] == name.split("/")[1]
        np.testing.assert_array_equal(pictures.image(i), Image.open(io.BytesIO(data)))
    assert sorted(folder.rglob("*")) == before


def test_a_picture_is_named_by_its_archive_and_member(tmp_path, photographs):
    LAYOUTS["official"](tmp_path / "official", photographs)
    put(tmp_path / "plain", photographs)
    assert open_split(tmp_path / "official").name(4) == \
        "ILSVRC2012_img_train.tar: n01443537.tar: n01443537_0.JPEG"
    assert open_split(tmp_path / "plain").name(4) == "train.tar: train/n01443537/n01443537_0.JPEG"


def test_what_is_no_picture_is_passed_over(tmp_path, photographs):
    put(tmp_path, {"README.txt": b"x", "train/n01440764/._0.JPEG": b"x", "train/n01440764/boxes.csv": b"x",
                   **photographs})
    assert len(open_split(tmp_path)) == 12


INDEX = {"imagenet_class_index.json": json.dumps({k: [s, f"name {k}"] for k, s in enumerate(reversed(SYNSETS))}),
         "classes.txt": "".join(f"{s}\tname {k}\n" for k, s in enumerate(reversed(SYNSETS))),
         "LOC_synset_mapping.txt": "".join(f"{s} name {k}\n" for k, s in enumerate(reversed(SYNSETS)))}


@pytest.mark.parametrize("index", INDEX)
def test_an_index_gives_the_order_and_the_names_of_the_classes(tmp_path, photographs, index):
    put(tmp_path, photographs)
    (tmp_path / index).write_text(INDEX[index], encoding="utf-8")
    pictures = open_split(tmp_path)
    assert pictures.synsets == list(reversed(SYNSETS)) and pictures.classes == ["name 0", "name 1", "name 2"]
    assert pictures.labels.tolist() == [2] * 4 + [1] * 4 + [0] * 4


@pytest.mark.parametrize("index, text, told", [
    ("imagenet_class_index.json", "{", "is no index of classes"), ("imagenet_class_index.json", "[1]", "is no index"),
    ("imagenet_class_index.json", '{"1": ["a", "b"]}', "is no index"), ("classes.txt", "", "names no class"),
    ("imagenet_class_index.json", '{"0": 5}', "is no index"), ("classes.txt", "a x\na y\n", "names a class twice"),
    ("classes.txt", "n01440764 tench\nn01443537 goldfish\n", r"n01484850_0\.JPEG is of class n01484850, which is none"),
])
def test_an_index_that_does_not_fit_is_refused(tmp_path, photographs, index, text, told):
    put(tmp_path, photographs)
    (tmp_path / index).write_text(text, encoding="utf-8")
    with pytest.raises(WrongData, match=told):
        open_split(tmp_path)


def solution(rows):
    text = io.StringIO()
    csv.writer(text).writerows([["ImageId", "PredictionString"], *rows])
    return text.getvalue()


def test_a_flat_validation_archive_is_labelled_by_its_list(tmp_path, photographs, rng):
    truth = {f"ILSVRC2012_val_{k:08}.JPEG": SYNSETS[label] for k, label in enumerate(rng.integers(0, 3, 20))}
    put(tmp_path, photographs)
    (tmp_path / "ILSVRC2012_img_val.tar").write_bytes(packed({name: jpeg(rng) for name in truth}))
    with pytest.raises(WrongData, match=r"ILSVRC2012_img_val\.tar: ILSVRC2012_val_00000000\.JPEG lies in no class "
                                        r"folder, and nothing says its class; expected val/<class>/"):
        open_split(tmp_path, "val")
    lists = {"LOC_val_solution.csv": solution([name[:-5], f"{synset} 1 2 3 4 {synset} 5 6 7 8"]
                                              for name, synset in truth.items()),
             "val.txt": "".join(f"{name} {synset}\n" for name, synset in truth.items())}
    for name, text in lists.items():
        (tmp_path / name).write_text(text)
        pictures = open_split(tmp_path, "val")
        assert [pictures.synsets[label] for label in pictures.labels] == list(truth.values())
    (tmp_path / "classes.txt").write_text("\n".join(reversed(SYNSETS)))
    (tmp_path / "val.txt").write_text("".join(
        f"{name} {2 - SYNSETS.index(synset)}\n" for name, synset in truth.items()))
    again = open_split(tmp_path, "val")
    assert [again.synsets[label] for label in again.labels] == list(truth.values())


@pytest.mark.parametrize("text, told", [
    ("x.JPEG\n", "has the line 'x.JPEG'"), ("x.JPEG 3\n", "gives classes by numbers"),
])
def test_a_list_that_cannot_be_understood_is_refused(tmp_path, photographs, text, told):
    put(tmp_path, photographs)
    put(tmp_path, {"x.JPEG": b""}, "val")
    (tmp_path / "val.txt").write_text(text)
    with pytest.raises(WrongData, match=told):
        open_split(tmp_path, "val")
    (tmp_path / "classes.txt").write_text("\n".join(SYNSETS))
    with pytest.raises(WrongData, match=r"gives a class beyond the 3 of|has the line"):
        open_split(tmp_path, "val")


def test_another_split_has_the_labels_of_train(tmp_path, photographs, rng):
    put(tmp_path, photographs)
    put(tmp_path, {f"val/{SYNSETS[2]}/a.JPEG": jpeg(rng), f"val/{SYNSETS[1]}/b.JPEG": jpeg(rng)}, "val")
    pictures = open_split(tmp_path, "val")
    assert pictures.classes == list(SYNSETS) and pictures.labels.tolist() == [2, 1]
    put(tmp_path, {"val/n09999999/a.JPEG": jpeg(rng)}, "val")
    with pytest.raises(WrongData, match=r"val/n09999999/a\.JPEG is of class n09999999, which is none of the 3"):
        open_split(tmp_path, "val")


def test_the_fingerprint_changes_with_a_byte_a_label_and_a_name_and_not_with_the_archive(tmp_path, photographs):
    def fingerprint(contents, name="set"):
        put(tmp_path / name, contents)
        return open_split(tmp_path / name).fingerprint()

    whole = fingerprint(photographs)
    first, data = next(iter(photographs.items()))
    others = {name: other for name, other in photographs.items() if name != first}
    assert fingerprint(photographs, "moved") == whole and len(whole) == 64
    changed = [{first: data[:-1] + b"\0", **others}, {f"train/{SYNSETS[1]}/x.JPEG": data, **others},
               {first + ".JPEG": data, **others}, others]
    assert len({whole, *map(fingerprint, changed)}) == 5


def test_kept_pictures_are_decoded_once(tmp_path, photographs, monkeypatch):
    put(tmp_path, photographs)
    once, twice = open_split(tmp_path, keep_decoded=True), open_split(tmp_path)
    pictures = [np.asarray(once.image(i, least)) for i in range(12) for least in (None, 4)]
    np.testing.assert_array_equal(pictures[2], twice.image(1))
    monkeypatch.setattr(imagenet, "decode", None)
    for kept, (i, least) in zip(pictures, ((i, least) for i in range(12) for least in (None, 4)), strict=True):
        np.testing.assert_array_equal(once.image(i, least), kept)
    with pytest.raises(TypeError):
        twice.image(0)


@pytest.mark.parametrize("contents, told", [
    ({}, r"train\.tar holds no pictures \(\.jpeg, \.jpg, \.png\) among its 0 files"),
    ({"train/n1/x.txt": b"x"}, "holds no pictures .* among its 1 files"),
    ({"train/n1/x.JPEG": b"x"}, "holds pictures of one class, n1; expected two or more classes"),
    ({"x.JPEG": b"x"}, r"train\.tar: x\.JPEG lies in no class folder"),
    ({"train/n1/x.JPEG": member("train/n1/x.JPEG", type=tarfile.SYMTYPE, linkname="/etc/passwd")}, "a symbolic link"),
    ({"../x.JPEG": b"x"}, "has a member named '../x.JPEG'"),
])
def test_an_archive_that_cannot_be_used_says_why(tmp_path, contents, told):
    put(tmp_path, contents)
    with pytest.raises(WrongData, match=told):
        open_split(tmp_path)


def test_a_folder_that_cannot_be_used_says_why(tmp_path, rng):
    for folder, told in ((tmp_path / "none", "none is no folder"), (tmp_path, "holds neither train nor train.tar")):
        with pytest.raises(MissingData, match=rf"{told}; expected a folder with train and val"):
            open_split(folder)
    (tmp_path / "train").mkdir()
    with pytest.raises(WrongData, match="train holds no pictures"):
        open_split(tmp_path)
    spread(tmp_path, {"train/cats/x.JPEG": jpeg(rng)})
    with pytest.raises(WrongData, match="holds pictures of one class, cats"):
        open_split(tmp_path)


@pytest.mark.parametrize("split", ["", "../train", "train/x", "a b"])
def test_a_split_that_is_no_name_is_refused(tmp_path, split):
    with pytest.raises(ValueError, match=r"split is .*; expected a plain name"):
        open_split(tmp_path, split)


def test_a_corrupted_picture_is_named_when_it_is_asked_for(tmp_path, photographs):
    photographs["train/n01443537/n01443537_2.JPEG"] = b"\xff\xd8 not a picture"
    put(tmp_path, photographs)
    with pytest.raises(WrongData, match=r"^train\.tar: train/n01443537/n01443537_2\.JPEG is neither"):
        open_split(tmp_path).image(6)


def test_grey_pictures_come_as_rgb(tmp_path, photographs):
    photographs["train/n01443537/n01443537_2.JPEG"] = encoded(np.full((9, 9), 77, np.uint8))
    put(tmp_path, photographs)
    assert np.unique(open_split(tmp_path).image(6)).tolist() == [77]


# Real photographs, where they are.

def real(name):
    return pytest.mark.skipif(not (files.folder() / name).is_dir(), reason=f"{name} is not in the data folder")


@real("imagenet-sample")
def test_a_thousand_photographs_load_in_place_in_class_order():
    folder = files.folder() / "imagenet-sample"
    before = {path: os.stat(path).st_mtime_ns for path in [folder, *folder.iterdir()]}
    pictures = open_split(folder, "images")
    index = json.loads((folder / "imagenet_class_index.json").read_text())
    assert pictures.labels.tolist() == list(range(1000))
    for i, (synset, name) in enumerate(index[str(i)] for i in range(1000)):
        assert pictures.name(i).startswith(f"images.tar: {synset}_") and pictures.classes[i] == name
    images = [pictures.image(i, shortest_side=64) for i in range(1000)]
    assert all(image.mode == "RGB" and min(image.size) >= 56 for image in images)  # the smallest is 75 x 56
    grey = [image for i, image in enumerate(images)
            if Image.open(io.BytesIO(pictures.source.read(pictures.members[i]))).mode == "L"]
    assert len(grey) == 23 and all(np.ptp(np.asarray(image), axis=2).max() == 0 for image in grey)
    assert {path: os.stat(path).st_mtime_ns for path in [folder, *folder.iterdir()]} == before


@real("tiny-imagenet-100")
def test_tiny_imagenet_opens_in_place(rng):
    train, val = (open_split(files.folder() / "tiny-imagenet-100", split) for split in ("train", "val"))
    assert np.bincount(train.labels).tolist() == [500] * 100 and np.bincount(val.labels).tolist() == [50] * 100
    assert train.classes == val.classes and train.synsets == sorted(train.synsets)
    for pictures in (train, val):
        for i in rng.integers(0, len(pictures), 50).tolist():
            assert f"/{pictures.synsets[pictures.labels[i]]}/" in pictures.name(i)
            assert pictures.image(i).size == (64, 64)
