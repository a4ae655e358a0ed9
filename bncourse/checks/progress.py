"""Which exercises a learner has passed: one small JSON file beside the notebooks' folder.

`BNCOURSE_PROGRESS` names another file, or is `off`; under continuous integration nothing is written.
"""

import datetime
import json
import os
from pathlib import Path

from bncourse.paths import ROOT


def file() -> Path | None:
    """The learner's file, or None when passing is not to be remembered."""
    where = os.environ.get("BNCOURSE_PROGRESS", "off" if os.environ.get("CI") else str(ROOT / ".progress.json"))
    return None if where == "off" else Path(where)


def passed() -> dict[str, str]:
    """The exercises passed so far, each with the day on which it was first passed.

    Raises ValueError, naming the file, if it is not what `remember` writes.
    """
    path = file()
    if path is None or not path.exists():
        return {}
    try:
        days = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        days = None
    if not isinstance(days, dict):
        raise ValueError(f"{path} is not a record of passed exercises (one JSON object); repair or delete it")
    return days


def remember(exercise: str) -> None:
    """Add an exercise, keeping the day of those already passed. The file is written whole."""
    path = file()
    if path is None:
        return
    days = passed()
    days.setdefault(exercise, datetime.date.today().isoformat())
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".new")
    draft.write_text(json.dumps(dict(sorted(days.items())), indent=1) + "\n", encoding="utf-8")
    os.replace(draft, path)
