"""The command line: what can be asked of the course, and the words for it.

Only the parser is made when this is imported; each command imports what it needs when it runs.
`start` and `test` are described here and carried out by bncourse/bootstrap.py.
"""

import argparse
import sys
import time
from pathlib import Path

from bncourse.paths import ROOT


def parse(arguments: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """The options of a command line, and what is left over for JupyterLab or pytest.

    Prints help, or what was misunderstood, and exits (status 0 or 2) where that is all there is to do.
    """
    options, more = parser().parse_known_args(arguments)
    if options.command is None:
        parser().print_help()
        sys.exit(2)
    if more and options.command not in ("start", "test"):
        parser().error(f"unknown: {' '.join(more)}; see python3 -m bncourse {options.command} --help")
    return options, more


def run(options: argparse.Namespace) -> int:
    """Carries out the command of `parse`. Returns the exit status.

    What the house or the system refuses (a file that is not there, a malformed run, a cell that fails) is
    one sentence on stderr and status 1; anything else is a defect of this code, and shows its traceback.
    """
    try:
        return options.do(options)
    except Exception as error:
        if not (isinstance(error, OSError) or type(error).__module__.startswith("bncourse.")):
            raise
        print(f"bncourse {options.command}: {error}", file=sys.stderr)
        return 1


def parser() -> argparse.ArgumentParser:
    """The whole command line; its help fits a screen."""
    whole = argparse.ArgumentParser(
        prog="python3 -m bncourse", description="A course to understand batch normalization.", allow_abbrev=False,
        epilog="The environment is made in .venv when first needed; BNCOURSE_VENV names another folder.")
    commands = whole.add_subparsers(dest="command", metavar="command")

    start = commands.add_parser("start", help="open the course in JupyterLab", allow_abbrev=False,
                                epilog="Any other option is handed to JupyterLab.")
    start.add_argument("--port", type=port, help="the port to serve at (default: the first free one from 8888 on)")
    start.add_argument("--no-browser", dest="browser", action="store_false", help="print the address, open nothing")

    commands.add_parser("test", help="run every test and every notebook", allow_abbrev=False,
                        epilog="Any option or path is handed to pytest; paths take the place of everything.")

    data = commands.add_parser("data", help="say which data is there; fetch what is not")
    data.add_argument("fetch", nargs="?", choices=["mnist"], help="fetch this data set, and check it")
    data.set_defaults(do=show_data)

    runs = commands.add_parser("runs", help="list the recorded measurements")
    runs.add_argument("experiment", nargs="?", help="only the runs of this experiment")
    runs.set_defaults(do=list_runs)

    notebooks = commands.add_parser("notebooks", help="execute the notebooks anew, or check them as stored")
    notebooks.add_argument("what", choices=["refresh", "check"], help="refresh executes and writes; check runs nothing")
    notebooks.add_argument("paths", nargs="*", type=Path, help="notebooks (default: all of the course)")
    notebooks.set_defaults(do=care_for_notebooks)
    return whole


def port(text: str) -> int:
    if not (text.isdecimal() and 1 <= int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port; expected a number from 1 to 65535")
    return int(text)


def show_data(options: argparse.Namespace) -> int:
    """Where real data is looked for, what is there, and what the notebooks run on; fetches first where asked."""
    from bncourse import datasets
    from bncourse.datasets import files, mnist

    if options.fetch == "mnist":
        for split in ("train", "test"):
            images, _ = mnist.load(split)
            print(f"mnist {split}: {len(images):,} images, checksums and headers as expected")
    print(f"folder   {files.folder()} (BNCOURSE_DATA names another)")
    print("glyphs   made from a seed, always there")
    print("mnist    " + ("there" if mnist.available() else "not there; fetch it: python3 -m bncourse data mnist"))
    print(f"chosen   {datasets.chosen()} (BNCOURSE_DATASET names another)")
    return 0


def list_runs(options: argparse.Namespace) -> int:
    """One line for each recorded run, with what it ran on, its seed, its seconds and its day."""
    from bncourse import runs

    experiments = [options.experiment] if options.experiment else sorted(path.name for path in runs.RUNS.glob("[!.]*"))
    found = [run for experiment in experiments for run in runs.find(experiment)]
    for run in found:
        told = run.provenance
        print(f"{run.experiment + '/' + run.variant:<40} {told['data']:<8} seed {told['seed']:<4} "
              f"{told['seconds']:>9.1f} s  {told['date'][:10]}")
    if not found:
        print(f"No runs are recorded in {runs.RUNS / (options.experiment or '')}")
    return 0


def care_for_notebooks(options: argparse.Namespace) -> int:
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
