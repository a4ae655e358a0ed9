"""The two commands for a bare clone: `python3 -m bncourse start` and `python3 -m bncourse test`.

Both see to the environment first (bncourse/environment.py), then start JupyterLab on the first
notebook, or run every test and every notebook. All other commands are handed to bncourse/cli.py,
inside the environment. Standard library only.
"""

import atexit
import importlib.util
import io
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from bncourse import environment, working_copy
from bncourse.installing import Stop
from bncourse.paths import COURSE, INSTALLED, ROOT

FIRST_NOTEBOOK = "notebooks/00_start_here.ipynb"
QUIET = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False}}


def main(arguments: list[str] | None = None) -> int:
    """Runs a command line. Returns the exit status: 1 for a failure, 2 for misuse."""
    from bncourse import cli

    write_whatever_comes()
    arguments = sys.argv[1:] if arguments is None else arguments
    options, more = cli.parse(arguments)  # help and misuse end here, before anything is installed
    try:
        if options.command == "start":
            return start(options.port, options.browser, more)
        if options.command == "test":
            return test(more)
        complete = getattr(options, "complete", False)  # whether the command needs the packages of the extras too
        where = None if environment.serves(complete) else environment.find(complete)
        if where is None or where.folder == Path(sys.prefix):
            return cli.run(options)
        return run([where.python, "-m", "bncourse", *arguments], dict(os.environ))
    except (Stop, OSError) as sentence:  # the system's, where a file of the environment cannot be used
        print(f"bncourse: {sentence}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bncourse: interrupted", file=sys.stderr)
        return 130


def write_whatever_comes():
    """Lets every text be printed: a name that is no UTF-8, an umlaut on an ASCII terminal, to a stream that is closed.

    What cannot be shown becomes an escape such as \\xe4. What cannot be written any more, to a pipe that nobody reads
    or on a full disk, is let go at the end, where Python would complain.
    """
    atexit.register(let_go)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def let_go():
    """Writes out what is left for stdout, or nowhere."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except ValueError:  # it was closed
        return


def start(port: int | None, browser: bool, more: list[str]) -> int:
    """JupyterLab on the first notebook, in a browser unless told otherwise. Raises Stop."""
    chosen = free_port(port)
    where = environment.find()
    if INSTALLED:
        lay_lessons_out()
    else:
        switch_news_off(where.folder)
    print("Starting JupyterLab. Stop it with Ctrl-C, twice.", flush=True)
    return run([
        where.python, "-m", "jupyterlab", f"--ServerApp.root_dir={ROOT}",
        f"--LabApp.default_url=/lab/tree/{FIRST_NOTEBOOK}",
        f"--ServerApp.port={chosen}", "--ServerApp.port_retries=0", "--Application.log_level=WARN",
        "--KernelManager.transport_encryption=auto",  # else each kernel warns about it
        *([] if browser else ["--no-browser"]),
        *(["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []),
        *more], variables(where, private=not os.access(os.path.expanduser("~"), os.W_OK)))


def test(more: list[str]) -> int:
    """All tests and all notebooks, or what pytest's own arguments `more` say. Raises Stop."""
    if INSTALLED:
        raise Stop("The tests are in a clone of the course, and not in the installed package.")
    where = environment.find(test=True)
    return run([where.python, "-m", "pytest", "--nbval", "--nbval-current-env", "--nbval-cell-timeout=120",
                "--numprocesses=logical", "--maxprocesses=4", "--no-loadscope-reorder", *more],
               variables(where, private=True))


def variables(where: environment.Environment, private: bool) -> dict[str, str]:
    """The variables for a command: matplotlib's settings are the course's own, with fonts already listed.

    `private` keeps the user's Jupyter and IPython settings out too, or does without a home that cannot be written.
    """
    own = (ROOT if INSTALLED else where.folder) / "bncourse-home"
    folders = {"MPLCONFIGDIR": "matplotlib"}
    if private:
        folders |= {"JUPYTER_CONFIG_DIR": "config", "JUPYTER_DATA_DIR": "data", "JUPYTER_RUNTIME_DIR": "runtime",
                    "IPYTHONDIR": "ipython"}
    found = {**{name: str(own / folder) for name, folder in folders.items()}, **os.environ}
    if not any(Path(found["MPLCONFIGDIR"]).glob("fontlist-*.json")):  # else the first figure of all warns that it waits
        subprocess.run([where.python, "-c", "import matplotlib.font_manager"], env=found, capture_output=True)
    return found


def lay_lessons_out():
    """A working copy of the lessons in the learner's own folder, which the kernels' processes then use. Raises Stop."""
    from bncourse.cli import absent

    if importlib.util.find_spec("jupyterlab") is None:
        raise Stop(absent("jupyterlab"))
    try:
        outdated = working_copy.lay_out(COURSE / "notebooks", ROOT / "notebooks")
    except OSError as error:
        raise Stop(f"{ROOT} cannot be written to ({error.strerror}): let BNCOURSE_HOME name another folder") from error
    print(f"The lessons lie in {ROOT / 'notebooks'}; what you write there stays.", flush=True)
    for name in outdated:
        print(f"{name} is as you left it. The course has a newer one: move yours away to be given that.", flush=True)


def switch_news_off(folder: Path):
    """Keeps JupyterLab from asking at every first start whether it may fetch news."""
    settings = folder / "share" / "jupyter" / "lab" / "settings" / "overrides.json"
    if not settings.exists():
        settings.parent.mkdir(parents=True, exist_ok=True)
        settings.write_text(json.dumps(QUIET, indent=2) + "\n", encoding="utf-8")


def free_port(asked: int | None = None) -> int:
    """The port asked for, or the first free one from 8888 on. Raises Stop where the one asked for is taken."""
    if asked is not None:
        if not is_free(asked):
            raise Stop(f"Port {asked} is taken or not allowed: "
                       "choose another with --port, or leave --port away to be given a free one.")
        return asked
    free = next((port for port in range(8888, 8988) if is_free(port)), None)
    if free is None:
        raise Stop("All ports from 8888 to 8987 are taken: choose another with --port.")
    if free != 8888:
        print(f"Port 8888 is taken, by another Jupyter perhaps; this one uses {free}.", flush=True)
    return free


def is_free(port: int) -> bool:
    """Whether a server of this machine's own could listen at the port."""
    with socket.socket() as probe:
        if os.name != "nt":  # where this option would allow a port in use
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def run(command: list[str], variables: dict[str, str]) -> int:
    """Runs a command in the course's folder until it ends, and returns its exit status. Ctrl-C is the command's."""
    with subprocess.Popen(command, cwd=str(ROOT), env=variables) as process:
        signal.signal(signal.SIGTERM, lambda *_: process.terminate())
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                continue
