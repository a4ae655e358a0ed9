"""The environment of the course: made once in `.venv`, and known to be whole by its stamp.

Standard library only, because nothing else is there yet. One pip resolve installs what
pyproject.toml asks for, at the versions of constraints.txt. The stamp is written last and holds
a fingerprint of both files: an environment that was interrupted while it was made is made again,
one that was made from other requirements is brought up to date, and any other is used at once.
`BNCOURSE_VENV` names another folder than `.venv`.
"""

import contextlib
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import time
import tomllib
from collections import namedtuple
from pathlib import Path

from bncourse.installing import Stop, diagnosis, watched
from bncourse.paths import INSTALLED, ROOT

VERSION = "{}.{}".format(*sys.version_info)
STAMP, LOCK = "bncourse.json", "bncourse.lock"
TESTS_OF_OTHERS = r"site-packages.*[/\\]tests[/\\]"  # a sixth of all files, which nobody imports

Environment = namedtuple("Environment", "python folder")


def find(test: bool = False) -> Environment:
    """The environment to use, made or brought up to date first where that is needed.

    `test` asks for the test extra as well. A Python into which the package was installed from a wheel, or this clone
    by hand (conda, say), is taken as it is. Raises Stop.
    """
    if INSTALLED or (serves(test) and installed_here()):
        return Environment(sys.executable, Path(sys.prefix))
    folder = Path(os.path.expanduser(os.environ.get("BNCOURSE_VENV") or ROOT / ".venv")).absolute()
    try:
        if not is_whole(folder, test):
            build(folder, test)
    except OSError as error:
        raise Stop(diagnosis(str(error), folder)) from error
    return Environment(str(python_of(folder)), folder)


# What is there already.

def serves(test: bool = False) -> bool:
    """Whether the Python that runs this has every requirement, new enough, and is not half-made.

    What was installed from a wheel is pip's to keep whole.
    """
    if INSTALLED:
        return True
    if not read_stamp(Path(sys.prefix)).get("whole", True):
        return False
    try:
        return all(numbers(importlib.metadata.version(name)) >= numbers(oldest)
                   for name, oldest in requirements(test))
    except importlib.metadata.PackageNotFoundError:
        return False


def installed_here() -> bool:
    """Whether this clone is installed, by hand, into the Python that runs this."""
    if read_stamp(Path(sys.prefix)):
        return False
    installed = importlib.metadata.distributions(name="bncourse", path=[sysconfig.get_path("purelib")])
    return any(ROOT.as_uri() in (each.read_text("direct_url.json") or "") for each in installed)


def requirements(test: bool = False) -> list[tuple[str, str]]:
    """Name and lower bound of each requirement in pyproject.toml, which are all of the form `name>=version`."""
    project = read_project()["project"]
    wanted = sum((project["optional-dependencies"][extra] for extra in extras(test)), project["dependencies"])
    return [tuple(requirement.split(">=")) for requirement in wanted]


def extras(test: bool) -> list[str]:
    """The extras of pyproject.toml that an environment of the course has: all that lessons need, and the tests' own."""
    return ["course", "test"] if test else ["course"]


def numbers(version: str) -> tuple[int, ...]:
    """`2.13.0+cpu` as (2, 13, 0), to be compared."""
    return tuple(int(number) for number in re.findall(r"\d+", version.split("+")[0]))


def is_whole(folder: Path, test: bool) -> bool:
    """Whether the environment was finished, by this Python, from the present requirements."""
    stamp = read_stamp(folder)
    return (stamp.get("whole") is True and stamp.get("python") == VERSION and stamp.get("fingerprint") == fingerprint()
            and stamp.get("test") in (True, test) and os.access(python_of(folder), os.X_OK))


def fingerprint() -> str:
    """What an environment is made from: the requirements, their pins, and where the clone lies."""
    made_from = [str(ROOT), read_project()["project"], (ROOT / "constraints.txt").read_text(encoding="utf-8")]
    return hashlib.sha256(json.dumps(made_from).encode()).hexdigest()


def read_project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def read_stamp(folder: Path) -> dict:
    """What is known of the environment; empty where it is not ours, and unfinished where its stamp is damaged."""
    try:
        stamp = json.loads((folder / STAMP).read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        stamp = None
    except OSError:
        return {}
    return stamp if isinstance(stamp, dict) else {"whole": False}


def write_stamp(folder: Path, test: bool, whole: bool):
    stamp = {"whole": whole, "test": test, "python": VERSION, "fingerprint": fingerprint()}
    (folder / STAMP).write_text(json.dumps(stamp), encoding="utf-8")


def python_of(folder: Path) -> Path:
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


# Making it.

def build(folder: Path, test: bool):
    """Makes the environment, or brings it up to date. Raises Stop, or OSError where a file cannot be written."""
    refuse_to_delete(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / LOCK) as lock:
        if is_whole(folder, test):
            return
        stamp, began = read_stamp(folder), time.monotonic()
        test = test or stamp.get("test", False)
        print(f"Setting up the environment in {folder} (once, a minute or two)", flush=True)
        if stamp.get("whole", True) and stamp.get("python", VERSION) == VERSION and has_pip(folder):
            write_stamp(folder, test, whole=False)
        else:
            create(folder, test, lock)
        install(folder, test, lock)
        write_stamp(folder, test, whole=True)
        print(f"Ready after {time.monotonic() - began:.0f} s", flush=True)


def refuse_to_delete(folder: Path):
    """Raises Stop where the folder holds something that is not a Python environment."""
    ours = any((folder / name).exists() for name in (STAMP, LOCK, "pyvenv.cfg"))
    if folder.is_dir() and any(folder.iterdir()) and not ours:
        raise Stop(f"{folder} is not a Python environment and is not empty; "
                   "set BNCOURSE_VENV to a folder that may be made anew.")


def has_pip(folder: Path) -> bool:
    """Whether the environment's Python runs, is the same as this one, and has pip."""
    ask = [str(python_of(folder)), "-c", "import pip, sys; print('{}.{}'.format(*sys.version_info))"]
    try:
        return subprocess.run(ask, capture_output=True, text=True).stdout.strip() == VERSION
    except OSError:
        return False


def create(folder: Path, test: bool, lock: int):
    """A fresh environment with pip alone. The stamp stays throughout, and says that it is unfinished. Raises Stop."""
    if not (importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip")):
        raise Stop(f"This Python ({sys.executable}) cannot make environments, because its venv module is incomplete; "
                   "on Debian or Ubuntu, run: apt-get install python3-venv")
    import venv  # only now, because not every Python has it

    write_stamp(folder, test, whole=False)
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        elif entry.name not in (STAMP, LOCK):
            entry.unlink()
    venv.create(folder, symlinks=os.name != "nt")
    status, said = watched(str(python_of(folder)), ["ensurepip", "--upgrade", "--default-pip"], lock)
    if status:
        raise Stop(diagnosis(said, folder))


def install(folder: Path, test: bool, lock: int):
    """One resolve, with everything that will be needed. Raises Stop.

    A recent pip installs in half the time of the one that Python brings; where it cannot be had, that one will do. Byte
    code is made afterwards, by all cores at once, and without it everything works too, only later.
    """
    python = str(python_of(folder))
    pip = ["pip", "install", "--disable-pip-version-check", "--no-input", "--progress-bar=off"]
    watched(python, [*pip, "--retries=1", "--upgrade", "pip"], lock)
    status, said = watched(python, [*pip, "--no-compile", "--constraint", str(ROOT / "constraints.txt"),
                                    "--editable", f"{ROOT}[{','.join(extras(test))}]"], lock)
    if status:
        raise Stop(diagnosis(said, folder))
    watched(python, ["compileall", "-q", "-j", "0", "-x", TESTS_OF_OTHERS, str(folder)], lock)


@contextlib.contextmanager
def locked(path: Path):
    """Holds the environment to one process at a time; yields the lock's file descriptor.

    The lock is the system's: it ends with the process that holds it, and with those to which that has handed the
    descriptor, so that nobody waits for the dead, and nobody meets what they left running. The file says who it is.
    """
    with open(path, "a+", encoding="utf-8") as file:
        if not try_lock(file):
            print(f"Waiting for another bncourse{owner(file)}, which is setting up the environment", flush=True)
            while not try_lock(file):
                time.sleep(0.5)
        file.truncate(0)
        file.write(f"process {os.getpid()}, since {time.strftime('%H:%M:%S')}")
        file.flush()
        yield file.fileno()


def owner(file) -> str:
    """Who holds the lock, in words, as far as its file says it."""
    try:
        file.seek(0)
        told = file.read(100).strip()
    except (OSError, ValueError):
        told = ""
    return f" ({told})" if told else ""


def try_lock(file) -> bool:
    """Whether the lock is ours now. A file system that knows no locks counts as free."""
    try:
        if os.name == "nt":
            import msvcrt
            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:
        return True
    return True
