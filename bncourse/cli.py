"""The command line: what can be asked of the course, and the words for it.

`start` and `test` are described here and carried out by bncourse/bootstrap.py; every other command is
a file of bncourse/commands, which imports what it needs when it runs.
"""

import argparse
import pkgutil
import re
import sys
from importlib import import_module
from pathlib import Path

import bncourse
from bncourse import commands as folder
from bncourse.paths import INSTALLED, ROOT

WRITES = (f"What is written goes into {ROOT}; BNCOURSE_HOME names another folder." if INSTALLED else
          "The environment is made in .venv; BNCOURSE_VENV names another folder.")
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
        parser().error(f"unknown: {' '.join(more)}; see {program()} {options.command} --help")
    return options, more


def run(options: argparse.Namespace) -> int:
    """Carries out the command of `parse`. Returns the exit status.

    What the house or the system refuses (a file that is not there, a malformed run, a cell that fails) is
    one sentence on stderr and status 1, and so is a package that an installed course does without; anything else is a
    defect of this code, and shows its traceback. Where nobody reads the output any more (`| head`), the command ends
    without a word.
    """
    try:
        status = options.do(options)
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        return 1
    except Exception as error:
        if not is_expected(error):
            raise
        print(f"bncourse {options.command}: {told(error)}", file=sys.stderr)
        return 1


def is_expected(error: Exception) -> bool:
    """Whether an exception is a refusal, of the house or of the system, and no defect."""
    refused = isinstance(error, OSError) or type(error).__module__.startswith("bncourse.")
    return refused or out_of_memory(error) or is_absent(error)


def is_absent(error: Exception) -> bool:
    """Whether what is missing is a package that an installed course does without."""
    return INSTALLED and isinstance(error, ModuleNotFoundError) and not error.name.startswith("bncourse")


def out_of_memory(error: Exception) -> bool:
    """Whether NumPy, or PyTorch in its two ways, could not get memory."""
    return isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and bool(
        re.search(r"can't allocate memory|not enough memory|CUDA out of memory", str(error))))


def told(error: Exception) -> str:
    """The sentence for an expected exception."""
    if is_absent(error):
        return absent(error.name)
    if out_of_memory(error):
        return "the memory does not suffice; expected a smaller network, mini-batch or number of processes"
    return str(error) or type(error).__name__


def absent(package: str) -> str:
    """A sentence on a package of the extra `course` that is not installed."""
    return (f"the package {package} is not installed; lessons and lectures need the extra `course`: "
            'python3 -m pip install "bncourse[course]"')


def program() -> str:
    """How this command line was called: by the name of the installed script, or as a module of Python."""
    return "bncourse" if Path(sys.argv[0]).stem == "bncourse" else "python3 -m bncourse"


def parser() -> argparse.ArgumentParser:
    """The whole command line; its help fits a screen."""
    whole = argparse.ArgumentParser(prog=program(), usage="%(prog)s [--help] [--version] command [options]",
                                    description="A course to understand batch normalization.", epilog=WRITES,
                                    allow_abbrev=False, add_help=False)
    whole.add_argument("-h", "--help", action="help", help=argparse.SUPPRESS)
    whole.add_argument("--version", action="version", version=f"bncourse {bncourse.__version__}",
                       help=argparse.SUPPRESS)
    commands = whole.add_subparsers(dest="command", metavar="command [options]", prog=program(),
                                    parser_class=AnyOrder)

    start = commands.add_parser("start", help="open the course in JupyterLab", allow_abbrev=False,
                                epilog="Any other option is handed to JupyterLab.")
    start.add_argument("--port", type=port, help="the port to serve at (default: the first free one from 8888 on)")
    start.add_argument("--no-browser", dest="browser", action="store_false", help="print the address, open nothing")

    commands.add_parser("test", help="run every test and every notebook", allow_abbrev=False,
                        epilog="Any option or path is handed to pytest; paths take the place of everything.")

    for name in NAMES:
        import_module(f"bncourse.commands.{name}").add(commands)
    return whole


class AnyOrder(argparse.ArgumentParser):
    """The parser of one command, whose options may stand before, between and behind its other arguments."""

    mixing = False

    def parse_known_args(self, args=None, namespace=None):
        if self.mixing or self._subparsers is not None:
            return super().parse_known_args(args, namespace)
        self.mixing = True  # as what follows calls this method
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self.mixing = False


def port(text: str) -> int:
    if not (text.isdecimal() and len(text) <= 5 and 1 <= int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port; expected a number from 1 to 65535")
    return int(text)
