"""The lessons to work in, where only the package is installed: copied out of it, and never over what the learner did.

A small record beside the copies, `.lessons.json`, has the SHA-256 of each lesson as it was copied. A newer course
replaces a copy that is still as it was; one that was worked in, or is the learner's own, stays. Standard library only.
"""

import hashlib
import json
import os
from pathlib import Path

RECORD = ".lessons.json"


def lay_out(lessons: Path, folder: Path) -> list[str]:
    """Copies each notebook of `lessons` into `folder`, except over the learner's own work.

    Returns the names of those that stay though the course has a newer form of them. Each file is written whole. Raises
    OSError where the folder cannot be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    copied, outdated = read_record(folder), []
    for lesson in sorted(lessons.glob("*.ipynb")):
        place, new, old = folder / lesson.name, checksum(lesson), copied.get(lesson.name)
        found = checksum(place) if place.exists() else None
        if found in (None, old, new):
            if found != new:
                write_whole(place, lesson.read_bytes())
            copied[lesson.name] = new
        elif old != new:
            outdated.append(lesson.name)
    write_whole(folder / RECORD, json.dumps(copied, indent=1).encode() + b"\n")
    return outdated


def read_record(folder: Path) -> dict[str, str]:
    """The checksum of each lesson as it was copied; empty where there is no record that can be read."""
    try:
        found = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def checksum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file under a temporary name and renames it, so that an interruption leaves no half of it."""
    draft = path.with_name(path.name + ".new")
    try:
        draft.write_bytes(content)
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)
