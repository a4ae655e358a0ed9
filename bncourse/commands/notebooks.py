"""`python3 -m bncourse notebooks`: execute the notebooks anew, or check them as stored."""

import time
from pathlib import Path

from bncourse.paths import ROOT


def add(commands):
    """Describes the command."""
    notebooks = commands.add_parser("notebooks", help="execute the notebooks anew, or check them as stored")
    notebooks.add_argument("what", choices=["refresh", "check"], help="refresh executes and writes; check runs nothing")
    notebooks.add_argument("paths", nargs="*", type=Path, help="notebooks (default: all of the course)")
    notebooks.set_defaults(do=care)


def care(options) -> int:
    """Executes the notebooks and writes them, or says what is wrong with them as stored (then status 1).

    The README's map and picture come from the ledger and a notebook, and go with them.
    """
    from bncourse import notebooks, readme

    paths = options.paths or sorted((ROOT / "notebooks").glob("*.ipynb"))
    if options.what == "refresh":
        for path in paths:
            began = time.monotonic()
            notebooks.refresh(path)
            print(f"{time.monotonic() - began:5.0f} s  {path.name}", flush=True)
        readme.refresh()
        return 0
    complaints = [f"{path.name}: {complaint}" for path in paths for complaint in notebooks.check(path)] + readme.stale()
    print("\n".join(complaints) or f"{len(paths)} notebook(s) are as their code made them")
    return 1 if complaints else 0
