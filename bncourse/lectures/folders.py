"""A folder of results that is written whole or not at all.

It is made beside its place under a temporary name and renamed at the end. What stands there already is replaced only
if it was made here: a file `.bncourse` in it says so.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MARK = ".bncourse"


class Refused(Exception):
    """The place of a result is taken by something that was not made by this command."""


@contextmanager
def whole_folder(place: Path, what: str, keep: bool = False) -> Iterator[Path]:
    """A folder to write into, which takes its place when the block ends without an error.

    what names the command that makes it. The folder is empty, or with `keep` holds what is there already. Raises
    Refused where the place holds anything but an earlier result of the same command; nothing is touched then.
    """
    place = place.absolute()
    refuse_strangers(place, what)
    place.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{place.name}-", dir=place.parent))
    try:
        draft.chmod(0o755)
        if keep and place.exists():
            shutil.copytree(place, draft, dirs_exist_ok=True)
        (draft / MARK).write_text(what + "\n", encoding="utf-8", newline="\n")
        yield draft
        replace(place, draft)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def refuse_strangers(place: Path, what: str) -> None:
    """Raises Refused where the place holds something that this command did not make."""
    if not os.path.lexists(place) or (place.is_dir() and not any(place.iterdir())):
        return
    mark = place / MARK
    if not mark.is_file() or mark.read_text(encoding="utf-8").strip() != what:
        raise Refused(f"{place} was not made by `bncourse {what}`, and is left as it is; "
                      "name another folder with --to, or remove it")


def replace(place: Path, draft: Path) -> None:
    """Move the draft to its place; an older folder there is removed last."""
    old = draft.with_name(draft.name + "-old")
    if place.exists():
        os.replace(place, old)
    os.replace(draft, place)
    shutil.rmtree(old, ignore_errors=True)
