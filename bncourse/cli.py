"""The command line: what can be asked of the course, and the words for it.

`start` and `test` are described here and carried out by bncourse/bootstrap.py; every other command is
a file of bncourse/commands, which imports what it needs when it runs.
"""

import argparse
import pkgutil
import sys
from importlib import import_module

from bncourse import commands as folder

NAMES = sorted(module.name for module in pkgutil.iter_modules(folder.__path__))


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
        prog="python3 -m bncourse", allow_abbrev=False, description="A course to understand batch normalization. "
        "Its environment is made in .venv; BNCOURSE_VENV names another folder.")
    commands = whole.add_subparsers(dest="command", metavar="command [options]")

    start = commands.add_parser("start", help="open the course in JupyterLab", allow_abbrev=False,
                                epilog="Any other option is handed to JupyterLab.")
    start.add_argument("--port", type=port, help="the port to serve at (default: the first free one from 8888 on)")
    start.add_argument("--no-browser", dest="browser", action="store_false", help="print the address, open nothing")

    commands.add_parser("test", help="run every test and every notebook", allow_abbrev=False,
                        epilog="Any option or path is handed to pytest; paths take the place of everything.")

    for name in NAMES:
        import_module(f"bncourse.commands.{name}").add(commands)
    return whole


def port(text: str) -> int:
    if not (text.isdecimal() and 1 <= int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port; expected a number from 1 to 65535")
    return int(text)
