"""python -m bncourse.leash MODULE ARGUMENT...: `python -m MODULE ARGUMENT...`, which ends as soon as its parent does.

The parent holds the other end of its standard input. When the parent ends, killed or not, that end closes, and the
module is killed with all that it started: no pip goes on writing into an environment that somebody else now makes.
Standard library only, and any system: where there are no process groups, the module alone is killed.
"""

import os
import runpy
import signal
import sys
import threading


def main():
    """Runs the module that the command line names, with the rest as its arguments."""
    inherited = os.dup(0)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # the module has nothing to read
    threading.Thread(target=end_with_the_parent, args=(inherited,), daemon=True).start()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


def end_with_the_parent(inherited: int):
    """Waits until the file that the parent holds open ends, and kills this process and its group."""
    while os.read(inherited, 1):
        pass
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


if __name__ == "__main__":
    main()
