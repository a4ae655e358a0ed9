"""The tar format, as far as reading pictures in place needs it: from header to header, nothing unpacked.

Archives come from strangers. A member is its name and the place of its bytes inside the archive, nothing else.
Refused by name: links, devices, pipes and sparse files; names that are absolute, hold `..`, a backslash or a
character that does not print; headers whose check sum is wrong or whose size does not fit into the archive;
extended headers over 64 KiB; compressed archives; an archive without its end. Folders are passed over. A member
whose name ends in .tar is walked too, one level deep: ImageNet's training set is a tar of a thousand tars.

Formats: POSIX (ustar, pax), GNU and the first Unix one, https://pubs.opengroup.org/onlinepubs/9699919799/ (pax).
"""

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bncourse.datasets.files import MissingData, WrongData

BLOCK = 512
LONGEST_EXTENSION = 2**16  # bytes of a header that only extends the next
PLAIN, FOLDER, LONG_NAME, RECORDS = (b"0", b"\0", b"7"), b"5", b"L", b"x"
EXTENSIONS = (LONG_NAME, RECORDS, b"K", b"g")  # K: where a link leads; g: records for the whole archive
REFUSED = {b"1": "a hard link", b"2": "a symbolic link", b"3": "a device", b"4": "a device", b"6": "a pipe",
           b"S": "a sparse file"}
COMPRESSED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "zstd"}


class Member(NamedTuple):
    """A plain file in an archive: its name, and where its content begins and how long it is, in bytes.

    A file inside an inner archive has both names, as in "n01440764.tar: n01440764_18.JPEG".
    """

    name: str
    offset: int
    size: int


class Bytes:
    """The open file at `path`, which several threads may read at any offset. Raises MissingData where there is none."""

    def __init__(self, path: Path):
        try:
            self.file = path.open("rb", buffering=0)
        except FileNotFoundError:
            raise MissingData(f"{path} is missing") from None
        self.path, self.size, self.lock = path, os.fstat(self.file.fileno()).st_size, threading.Lock()

    def read_at(self, offset: int, length: int) -> bytes:
        """Exactly `length` bytes from `offset` on. Raises WrongData where the file ends before that."""
        if hasattr(os, "pread"):
            data = os.pread(self.file.fileno(), length, offset)
        else:
            with self.lock:
                self.file.seek(offset)
                data = self.file.read(length)
        if len(data) != length:
            raise WrongData(f"{self.path} is cut short: bytes {offset:,} to {offset + length:,} are expected, "
                            f"and it ends at {offset + len(data):,}")
        return data

    def __del__(self):
        if hasattr(self, "file"):
            self.file.close()


def members(archive: Bytes) -> Iterator[Member]:
    """The plain files of an archive as they are stored, those of an inner archive in its place.

    Raises WrongData, naming the archive, the byte and the member, for whatever this module refuses.
    """
    start = archive.read_at(0, min(archive.size, 8))
    for magic, name in COMPRESSED.items():
        if start.startswith(magic):
            raise WrongData(f"{archive.path} is compressed ({name}); members are read in place, which needs the "
                            "plain tar archive")
    for outer in entries(archive, 0, archive.size, ""):
        if outer.name.lower().endswith(".tar"):
            for inner in entries(archive, outer.offset, outer.offset + outer.size, f"in {outer.name}, "):
                if inner.name.lower().endswith(".tar"):
                    raise WrongData(f"{archive.path} holds {outer.name}, which holds {inner.name}; archives are read "
                                    "one level deep")
                yield inner._replace(name=f"{outer.name}: {inner.name}")
        else:
            yield outer


def entries(archive: Bytes, start: int, end: int, inside: str) -> Iterator[Member]:
    """The plain files of the archive that lies between two offsets of a file; `inside` names it in messages."""
    place, name, size = start, None, None  # name and size: what a header says of the next member
    while True:
        where = f"{archive.path} ({inside}byte {place:,})"
        block = archive.read_at(place, min(BLOCK, max(0, end - place)))
        if len(block) < BLOCK:
            raise WrongData(f"{where} is cut short: the mark of an archive's end is missing")
        if not any(block):
            return
        header, kind = read_header(block, where), block[156:157]
        length = header.size if size is None else size
        if kind in EXTENSIONS and length > LONGEST_EXTENSION:
            raise WrongData(f"{where} has a header of {length:,} bytes; expected {LONGEST_EXTENSION:,} at most")
        found = harmless(header.name if name is None else name, where)
        offset, place = place + BLOCK, place + BLOCK + -(-length // BLOCK) * BLOCK
        if offset + length > end:
            raise WrongData(f"{where} is cut short: {found} should reach to byte {offset + length:,}, "
                            f"the end is at {end:,}")
        if kind == LONG_NAME:
            name = text(archive.read_at(offset, length))
        elif kind == RECORDS:
            name, size = read_records(archive.read_at(offset, length), name, where)
        elif kind not in EXTENSIONS:
            if kind in PLAIN and not header.name.endswith("/"):
                yield Member(found, offset, length)
            elif kind != FOLDER and kind not in PLAIN:
                raise WrongData(f"{where}: {found} is {REFUSED.get(kind, f'of the unknown kind {kind!r}')}; expected "
                                "plain files and folders; pack the pictures themselves")
            name, size = None, None


class Header(NamedTuple):
    """What a header block itself says of the member that follows: its name, and its size in bytes."""

    name: str
    size: int


def read_header(block: bytes, where: str) -> Header:
    """What a block of 512 bytes says as a header. Raises WrongData, which begins with `where`, if it is none."""
    checksum = block[148:156]
    if number(checksum) != sum(block) - sum(checksum) + 8 * ord(" "):
        raise WrongData(f"{where} holds no header of a tar archive: its check sum is wrong")
    size = number(block[124:136])
    if size is None:
        raise WrongData(f"{where} has a header whose size is {block[124:136]!r}; expected a number, 0 or more")
    name, prefix = text(block[:100]), text(block[345:500]) if block[257:263] == b"ustar\0" else ""
    return Header(f"{prefix}/{name}" if prefix else name, size)


def number(field: bytes) -> int | None:
    """The number in a header's field: octal digits, or big-endian bytes after 0x80. None for anything else."""
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    digits = field.split(b"\0", 1)[0].strip(b" ")
    return int(digits, 8) if digits and not digits.strip(b"01234567") else None


def text(field: bytes) -> str:
    """The text in a header's field, up to the first zero byte."""
    return field.split(b"\0", 1)[0].decode("utf-8", "replace")


def read_records(data: bytes, name: str | None, where: str) -> tuple[str | None, int | None]:
    """Name and size of the next member in records `<length> <key>=<value>\\n` (pax); what they do not say is None."""
    size = None
    while data:
        length, _, _ = data.partition(b" ")
        end = int(length) if length.isdigit() and len(length) < 6 else 0
        key, equals, value = data[len(length) + 1:end - 1].partition(b"=")
        if not equals or data[end - 1:end] != b"\n":
            raise WrongData(f"{where} has an extended header that cannot be read")
        if key == b"path":
            name = text(value)
        elif key == b"size":
            size = int(value) if value.isdigit() and len(value) < 20 else None
        elif key.startswith(b"GNU.sparse"):
            raise WrongData(f"{where}: the next member is a sparse file; expected plain files and folders; "
                            "pack the pictures themselves")
        data = data[end:]
    return name, size


def harmless(name: str, where: str) -> str:
    """A member's name without `./`. Raises WrongData for a name that leads out of the archive or does not print."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or ".." in parts or "\\" in name or not name.isprintable():
        raise WrongData(f"{where} has a member named {name!r}; expected a plain name below the archive's top")
    return "/".join(parts)
