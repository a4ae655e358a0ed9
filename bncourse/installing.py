"""Running pip for someone who is waiting: what it does, for how long, and its failures as one sentence.

Standard library only, because nothing else is there yet.
"""

import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

STEPS = re.compile(r"\s*(Obtaining|Collecting|Downloading|Installing|WARNING: Retrying)\b")


ROOT = Path(__file__).resolve().parents[1]
OTHERS = ("PYTHONPATH", "PYTHONHOME", "PYTHONSAFEPATH")  # which lead a Python to other packages than its own


class Stop(Exception):
    """An expected failure, in one sentence that says what to do."""


def watched(python: str, arguments: list[str], lock: int | None = None) -> tuple[int, str]:
    """Runs a module by `python -m` in the clone, showing its present step and the seconds.

    `arguments` are the module and its own. It ends with this process, however that ends (bncourse/leash.py), and until
    then holds the lock with this file descriptor as well. Returns its status and all it said.
    """
    lines, began, live = [], time.monotonic(), sys.stdout.isatty()
    held = {"pass_fds": [lock]} if lock is not None and os.name == "posix" else {}
    variables = {name: value for name, value in os.environ.items() if name not in OTHERS}
    with subprocess.Popen([python, "-m", "bncourse.leash", *arguments], cwd=str(ROOT), stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", errors="replace",
                          env={**variables, "PIP_USER": "0"}, start_new_session=True, **held) as process:
        reader = threading.Thread(target=keep, args=(process.stdout, lines), daemon=True)
        reader.start()
        try:
            while reader.is_alive():
                reader.join(0.5 if live else 10)
                if live or reader.is_alive():
                    show(lines, time.monotonic() - began, live)
            return process.wait(), "".join(lines)
        finally:
            process.stdin.close()
            print(end="\n" if live else "", flush=True)


def keep(stream, lines: list[str]):
    for line in stream:
        lines.append(line)


def show(lines: list[str], seconds: float, live: bool):
    """One line, such as `  12 s  Downloading torch-2.13.0 (84.4 MB)`; on a terminal, over the line before."""
    step = next((line for line in reversed(lines) if STEPS.match(line)), "Starting pip")
    step = re.split(r" \(from |: ", re.sub(r"-(cp|py)\d\S*", "", step))[0].strip()
    width = shutil.get_terminal_size().columns - 1
    text = f"{seconds:4.0f} s  {step}"[:width]
    print(f"\r{text:<{width}}" if live else text, end="" if live else "\n", flush=True)


# What failed, by what pip or the system said of it: the first that matches is the cause.
CAUSES = [
    (r"No space left on device|not enough space on the disk|[Qq]uota exceeded|Errno 28\b|WinError 112\b",
     "The disk is full: free some space (2 GB are needed, 6 where PyTorch brings CUDA), or put the environment "
     "elsewhere with BNCOURSE_VENV and temporary files with TMPDIR. {space}"),
    (r"Long Path|\[WinError 206\]|File ?name too long",
     "A path became too long for this system: clone into a short folder such as C:\\bncourse, "
     "or set BNCOURSE_VENV to one."),
    (r"CERTIFICATE_VERIFY_FAILED|certificate verify failed",
     "The package index showed a certificate that this Python does not trust: behind a proxy that inspects "
     "traffic, set PIP_CERT to the file of its certificate."),
    (r"NewConnectionError|NameResolutionError|ConnectTimeout|ReadTimeout|Max retries exceeded|ProxyError"
     r"|HTTP error [45]|Connection (?:broken|reset|refused|aborted)|getaddrinfo failed|Network is unreachable"
     r"|from versions: none",
     "The package index cannot be reached: connect to the network (or set PIP_INDEX_URL or HTTPS_PROXY to what "
     "yours needs), and run the same command again."),
    (r"No matching distribution found for ([^\s;]+)|ResolutionImpossible|Could not find a version",
     "There is no {package} for Python {python} on {system}: use Python 3.11, 3.12 or 3.13 on 64-bit Linux, "
     "Windows or an Apple silicon Mac, or a conda environment made from environment.yml."),
    (r"No module named '?ensurepip",
     "This Python ({executable}) cannot make environments, because ensurepip is missing; "
     "on Debian or Ubuntu, run: apt-get install python3-venv"),
    (r"Permission denied|Access is denied|Read-only file system|Errno (?:13|30)\b|WinError (?:5|32)\b",
     "{folder} cannot be written: close what is using it, or set BNCOURSE_VENV to a folder that is yours."),
]


def diagnosis(said: str, folder: Path) -> str:
    """The sentence for a failure, from the words of pip or of the system; their last lines where it is unknown."""
    for pattern, sentence in CAUSES:
        found = re.search(pattern, said)
        if found:
            package = found.group(1) if found.re.groups and found.group(1) else "set of packages that fit together"
            return sentence.format(package=package, folder=folder, space=free_space(folder),
                                   python=platform.python_version(), executable=sys.executable,
                                   system=f"{platform.system()} ({platform.machine()})")
    last = "\n".join("  " + line for line in said.strip().splitlines()[-12:])
    return f"The environment in {folder} could not be made; the last words were:\n{last or '  (none)'}"


def free_space(folder: Path) -> str:
    """Where files are written, and what is free there."""
    there = next(parent for parent in [folder, *folder.parents] if parent.exists())
    free = [f"{shutil.disk_usage(str(place)).free / 1e9:.1f} GB in {place}"
            for place in (there, Path(tempfile.gettempdir()))]
    return f"Free: {' and '.join(free)}."
