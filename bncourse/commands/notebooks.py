"""`python3 -m bncourse notebooks`: execute the notebooks anew, check them as stored, or find what rounding moves."""

import time
from pathlib import Path

from bncourse.paths import ROOT

HELP = {
    "refresh": "executes and writes",
    "check": "runs nothing",
    "jitter": "executes with initial weights moved by a rounding error, and as other processors would, and writes "
              "nothing",
}


def add(commands):
    """Adds `notebooks` to the commands of an argparse parser."""
    notebooks = commands.add_parser("notebooks", help="execute the notebooks anew, check them, or find what moves")
    notebooks.add_argument("what", choices=HELP, help="; ".join(f"{what} {text}" for what, text in HELP.items()))
    notebooks.add_argument("paths", nargs="*", type=Path, help="notebooks (default: all of the course)")
    notebooks.add_argument("--draws", type=int, default=3, help="jitter: how often weights are moved (default 3)")
    notebooks.add_argument("--processors", action="store_true", help="jitter: imitate other processors too")
    notebooks.add_argument("--processes", type=int, default=1, help="jitter: notebooks at a time (default 1)")
    notebooks.set_defaults(do=care)


def care(options) -> int:
    """Does what is asked with the notebooks named, or with all. Status 1 if something is wrong with one."""
    paths = options.paths or sorted((ROOT / "notebooks").glob("*.ipynb"))
    return {"refresh": refresh, "check": check, "jitter": jitter}[options.what](paths, options)


def refresh(paths: list[Path], _options) -> int:
    """Executes the notebooks and writes them; what README.md and TEACHING.md take from them goes with them."""
    from bncourse import notebooks, readme
    from bncourse.lectures import plans

    for path in paths:
        began = time.monotonic()
        notebooks.refresh(path)
        print(f"{time.monotonic() - began:5.0f} s  {path.name}", flush=True)
    plans.refresh()
    readme.refresh()
    return 0


def check(paths: list[Path], _options) -> int:
    """Says what is wrong with the notebooks as stored."""
    from bncourse import notebooks, readme
    from bncourse.lectures import plans

    complaints = [f"{path.name}: {complaint}" for path in paths for complaint in notebooks.check(path)]
    complaints += readme.stale() + plans.stale()
    print("\n".join(complaints) or f"{len(paths)} notebook(s) are as their code made them")
    return 1 if complaints else 0


def jitter(paths: list[Path], options) -> int:
    """Says which numbers and pictures move when rounding does, by how much, and which of them too far."""
    from concurrent.futures import ThreadPoolExecutor

    from bncourse import rounding

    variants = rounding.variants(options.draws, options.processors)
    todo = [(path, name) for name in variants for path in paths]
    failed = 0
    with ThreadPoolExecutor(options.processes) as pool:
        tried = pool.map(lambda job: rounding.differences(job[0], variants[job[1]]), todo)
        for (path, name), found in zip(todo, tried, strict=True):
            failed += any(each.far for each in found)
            print(f"{path.name}, {name}: " + (f"{len(found)} moved" if found else "nothing moves"), flush=True)
            for each in found:
                print(f"  {'TOO FAR' if each.far else 'within '}  {each.cell}: {each.what}", flush=True)
    print(f"{len(todo)} runs, {failed} with something that moves too far")
    return 1 if failed else 0
