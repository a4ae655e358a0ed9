"""The limits of the process that runs strangers' code, set by the process itself before that code is there.

What a system lacks is left out, and said: Windows has none of these, macOS no limit of memory and no way to give up the
network.
"""

import ctypes
import sys

MEMORY = 2 * 2**30  # bytes of data, beside the libraries
LARGEST_FILE = 2**24  # bytes
NEWNET, NEWUSER = 0x40000000, 0x10000000  # of Linux's unshare(2)


def confine(seconds: int) -> list[str]:
    """Sets the limits, with `seconds` of processor time. Returns those that could not be set, in words."""
    lacking = [] if give_up_network() else ["network"]
    try:
        import resource
    except ImportError:  # Windows
        return [*lacking, "memory", "files"]
    limits = {"memory": ("RLIMIT_DATA", MEMORY), "files": ("RLIMIT_FSIZE", LARGEST_FILE),
              "processor time": ("RLIMIT_CPU", seconds), "core dumps": ("RLIMIT_CORE", 0)}
    for name, (limit, most) in limits.items():
        try:
            resource.setrlimit(getattr(resource, limit), (most, most))
        except (OSError, ValueError):
            lacking.append(name)
    return [*lacking, "memory"] if sys.platform == "darwin" else lacking


def give_up_network() -> bool:
    """Moves this process into a network of its own that has no connections, where the system allows it."""
    if sys.platform != "linux":
        return False
    unshare = getattr(ctypes.CDLL(None), "unshare", None)
    return unshare is not None and (unshare(NEWNET) == 0 or unshare(NEWUSER | NEWNET) == 0)
