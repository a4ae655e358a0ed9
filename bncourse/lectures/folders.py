"""A folder of results that is written whole or not at all, and that keeps what somebody else put into it.

It is made beside its place under a temporary name and renamed at the end. What stands there already is replaced only
if it was made here. A file `.bncourse` in it says so: the command, and the SHA-256 and name of each file that it made.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MARK = ".bncourse"


class Refused(Exception):
    """The place of a result holds something that would be lost."""


@contextmanager
def whole_folder(place: Path, what: str, keep: bool = False) -> Iterator[Path]:
    """A folder to write into, which takes its place when the block ends without an error.

    what names the command that makes it. The folder is empty, or with `keep` holds what is there already. Files that
    the command did not make stay in the place. Raises Refused where the place holds anything but an earlier result of
    the same command, where a file of that was changed since, and where a new file would take the place of another's;
    nothing is touched then.
    """
    place = place.absolute()
    bring_back(place)
    refuse_strangers(place, what)
    others = not_made(place)
    place.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{place.name}-", dir=place.parent))
    try:
        draft.chmod(0o755)
        if keep and place.exists():
            shutil.copytree(place, draft, dirs_exist_ok=True)
        yield draft
        keep_others(place, others, draft)
        write_mark(draft, what, others)
        replace(place, draft)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def refuse_strangers(place: Path, what: str) -> None:
    """Raises Refused where the place holds something that this command did not make."""
    if not os.path.lexists(place) or (place.is_dir() and not any(place.iterdir())):
        return
    mark = place / MARK
    if not mark.is_file() or mark.read_text(encoding="utf-8", errors="replace").splitlines()[:1] != [what]:
        raise Refused(f"{place} was not made by `bncourse {what}`, and is left as it is; "
                      "name another folder with --to, or remove it")


def not_made(place: Path) -> list[str]:
    """The names of the files in the place that are not those that were made; none where the mark does not name them.

    Raises Refused where one that was made is another now.
    """
    if not (place / MARK).is_file():
        return []
    made = dict(line.split(" ", 1)[::-1] for line in (place / MARK).read_text(encoding="utf-8").splitlines()[1:])
    there = files(place)
    for name in there:
        if name in made and digest(place / name) != made[name]:
            raise Refused(f"{place / name} was changed after it was made, and would be written over; move it away, or "
                          "name another folder with --to")
    return [name for name in there if name not in made] if made else []


def keep_others(place: Path, others: list[str], draft: Path) -> None:
    """Copies these files of the place into the draft. Raises Refused where the draft has others of their names."""
    for name in others:
        if not (draft / name).exists():
            (draft / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(place / name, draft / name)
        elif digest(draft / name) != digest(place / name):
            raise Refused(f"{place / name} was not made here, and would be written over; move it away, or name another "
                          "folder with --to")


def write_mark(draft: Path, what: str, others: list[str]) -> None:
    """Writes the file that says what made the draft, and which of its files."""
    made = [f"{digest(draft / name)} {name}" for name in files(draft) if name not in others]
    (draft / MARK).write_text("\n".join([what, *made]) + "\n", encoding="utf-8", newline="\n")


def files(folder: Path) -> list[str]:
    """The names of the files below a folder, without the mark."""
    found = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file()]
    return [name for name in found if name != MARK]


def digest(path: Path) -> str:
    """The SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def replace(place: Path, draft: Path) -> None:
    """Move the draft to its place; an older folder there is removed last."""
    old = draft.with_name(draft.name + "-old")
    if place.exists():
        os.replace(place, old)
    os.replace(draft, place)
    shutil.rmtree(old, ignore_errors=True)


def bring_back(place: Path) -> None:
    """Puts an older folder back in its place, if a command was killed just after it had moved it out of the way."""
    for old in place.parent.glob(f".{place.name}-????????-old") if not os.path.lexists(place) else ():
        os.replace(old, place)
        return
