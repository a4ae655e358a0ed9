"""Where the bytes of pictures lie: in a tar archive, read in place, or in a folder with one folder a class.

Both have `names`, `sizes` in bytes, `title(i)` for messages and `read(i)`. An archive is walked once, from header
to header; after that, a member is one read at a known offset. Walking an archive of a gigabyte or more takes a
while, so its index is kept in `INDEXES` under a name made of the archive's path, size and time of change. Nothing
is written beside an archive, and an index that cannot be read or kept is made anew.

In a folder, links are followed, since a folder is its owner's own arrangement (a subset made of links, a class on
another disk); what a link leads to must be a plain file or a folder.
"""

import contextlib
import hashlib
import os
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bncourse.datasets.files import MissingData, WrongData
from bncourse.datasets.tars import Bytes, members
from bncourse.paths import DATA

INDEXES = DATA / "cache" / "indexes"
REMEMBERED = 2**30  # bytes; the index of an archive from this size on is kept
LARGEST = 2**26  # bytes of one picture
DEEPEST = 3  # folders below the top: <class>/images/x.JPEG has two


class Archive:
    """The plain files of the tar archive at `path`, in the order in which they are stored.

    `names` are the files' names in the archive, `sizes` their lengths and `offsets` where each begins, in bytes. Raises
    MissingData where there is no such file, and WrongData where it is no archive that `tars` reads.
    """

    def __init__(self, path: Path):
        self.path, self.bytes = path, Bytes(path)
        self.names, self.offsets, self.sizes = index(self.bytes)

    def title(self, i: int) -> str:
        return f"{self.path.name}: {self.names[i]}"

    def read(self, i: int) -> bytes:
        """The content of file i. Raises WrongData where it is too large for a picture, or the archive was cut short."""
        return self.bytes.read_at(int(self.offsets[i]), refuse_large(int(self.sizes[i]), self.title(i)))


class Folder:
    """The plain files below the folder at `path`, sorted by name.

    `names` are paths relative to the folder, and `sizes` lengths in bytes. Raises MissingData where there is no such
    folder, and WrongData for a link that leads nowhere, a device or a pipe.
    """

    def __init__(self, path: Path):
        if not path.is_dir():
            raise MissingData(f"{path} is missing")
        self.path = path
        found = sorted(listed(path, ""))
        self.names = [name for name, _ in found]
        self.sizes = np.array([size for _, size in found], np.int64)

    def title(self, i: int) -> str:
        return f"{self.path.name}/{self.names[i]}"

    def read(self, i: int) -> bytes:
        """The content of file i. Raises WrongData where it is too large for a picture or cannot be read."""
        refuse_large(int(self.sizes[i]), self.title(i))
        try:
            return (self.path / self.names[i]).read_bytes()
        except OSError as error:
            raise WrongData(f"{self.title(i)} cannot be read: {error.strerror}") from None


def refuse_large(size: int, title: str) -> int:
    """The size in bytes of the file that messages call `title`. Raises WrongData for one too large for a picture."""
    if size > LARGEST:
        raise WrongData(f"{title} has {size:,} bytes; expected a picture, {LARGEST:,} at most")
    return size


def listed(path: Path, below: str) -> Iterator[tuple[str, int]]:
    """Names and sizes of the plain files below a folder, at most `DEEPEST` folders deep."""
    with os.scandir(path / below) as entries:
        found = list(entries)
    for entry in found:
        name = f"{below}/{entry.name}" if below else entry.name
        if entry.is_file():
            yield name, entry.stat().st_size
        elif entry.is_dir():
            if name.count("/") < DEEPEST:
                yield from listed(path, name)
        else:
            raise WrongData(f"{path / name} is a link that leads nowhere, a device or a pipe; expected plain files "
                            "and folders")


def index(archive: Bytes) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Names, offsets and sizes of an archive's plain files, from the index on disk where there is one that fits."""
    if archive.size < REMEMBERED:
        return walked(archive)
    changed = os.fstat(archive.file.fileno()).st_mtime_ns
    key = f"1 {archive.path.resolve()} {archive.size} {changed}"
    path = INDEXES / f"{hashlib.sha256(key.encode('utf-8', 'surrogateescape')).hexdigest()[:32]}.npz"
    with contextlib.suppress(OSError, EOFError, ValueError, KeyError, RuntimeError, zipfile.BadZipFile):
        return read_index(path, archive.size)
    found = walked(archive)
    with contextlib.suppress(OSError):
        write_index(path, *found)
    return found


def walked(archive: Bytes) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Names, offsets and sizes of an archive's plain files, found by going from header to header."""
    found = list(members(archive))
    places = np.array([member[1:] for member in found], np.int64).reshape(-1, 2)
    return [member.name for member in found], places[:, 0].copy(), places[:, 1].copy()


def read_index(path: Path, size: int) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Names, offsets and sizes from the index at `path`. Raises ValueError where they do not fit the archive's size."""
    with path.open("rb") as file, np.load(file) as kept:
        names = kept["names"].tobytes().decode().split("\n")
        offsets, sizes = kept["offsets"].astype(np.int64), kept["sizes"].astype(np.int64)
    if not len(names) == len(offsets) == len(sizes) or (offsets < 0).any() or (offsets + sizes > size).any():
        raise ValueError(f"{path} does not fit its archive")
    return names, offsets, sizes


def write_index(path: Path, names: list[str], offsets: np.ndarray, sizes: np.ndarray):
    """Writes an index to `path`, under a temporary name first: another process sees the whole index or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as file:
        np.savez(file, names=np.frombuffer("\n".join(names).encode(), np.uint8), offsets=offsets, sizes=sizes)
    os.replace(file.name, path)
