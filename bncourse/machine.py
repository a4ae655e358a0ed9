"""The facts of this machine that a measurement must tell: revision, versions, processor, threads.

No host name and no path: what is found here is printed under figures and kept in data/runs.
"""

import importlib.metadata
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

from bncourse.paths import PACKAGE

CHECKOUT = PACKAGE.parent
CACHES = Path("/sys/devices/system/cpu/cpu0/cache")


def revision() -> tuple[str | None, bool | None]:
    """The commit of this checkout, and whether anything but the recorded runs differs from it."""
    if not (CHECKOUT / ".git").exists():
        return None, None
    commit = git("rev-parse", "HEAD")
    changes = git("status", "--porcelain", "--", ".", ":(exclude)data/runs")
    return commit, None if changes is None else bool(changes)


def git(*arguments: str) -> str | None:
    """What git says, or None where there is no git or it refuses."""
    try:
        answer = subprocess.run(["git", "-C", str(CHECKOUT), *arguments], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None


def versions() -> dict[str, str]:
    """Versions of Python, NumPy, and PyTorch where it is loaded."""
    packages = ["numpy"] + (["torch"] if "torch" in sys.modules else [])
    return {"python": platform.python_version(), **{name: importlib.metadata.version(name) for name in packages}}


def processor() -> str:
    """The processor's name as its maker gives it, where the system tells; else its architecture."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        models = re.findall(r"^model name\s*: (.+)$", cpuinfo.read_text(errors="replace"), flags=re.MULTILINE)
        return models[0].strip() if models else platform.machine()
    if sys.platform == "darwin":
        asked = ["sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    return platform.processor() or platform.machine()


def caches() -> dict[int, str]:
    """The sizes of a core's caches for data by level, `{1: "48K", 2: "1024K"}`; empty where Linux does not tell."""
    told = [[(cache / name).read_text().strip() for name in ("level", "type", "size")]
            for cache in sorted(CACHES.glob("index*"))]
    return {int(level): size for level, kind, size in told if kind != "Instruction"}


def threads() -> int:
    """The number of threads of the linear algebra: as the environment says, else as PyTorch does where it is loaded,
    else the number of cores."""
    for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        if os.environ.get(variable, "").isdigit():
            return int(os.environ[variable])
    if "torch" in sys.modules:
        return sys.modules["torch"].get_num_threads()
    return os.cpu_count() or 1
