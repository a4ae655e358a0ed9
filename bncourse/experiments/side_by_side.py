"""Several trainings at once, each in a process and on a thread of its own.

Two networks on two cores take as long as the slower of them; threads within one would only wait for each other, its
arrays are so small. It works from a notebook, from a script, and on any system, because each process is a new
Python that is told on its standard input what to train:

    plain, normalized = side_by_side([Config(batchnorm=False), Config()])

The caller keeps the standard input of a process open for as long as it wants the result. When the caller is interrupted
or killed, that input closes, and the process ends at once.
"""

import ast
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict

from bncourse import runs
from bncourse.experiments.recording import module
from bncourse.paths import PACKAGE

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
COMMAND = "from bncourse.experiments.side_by_side import train_as_told; train_as_told()"
POLL = 0.2  # seconds after which a waiting caller can notice that it was interrupted, on Windows


class TrainingFailed(RuntimeError):
    """One of the trainings ended without a result; the message says which, and what it said."""


def side_by_side(configs: Sequence, progress: Callable[[int, int, int], object] | None = None) -> list[runs.Run]:
    """Run all configurations of one experiment at once; returns their runs, in order. Nothing is written.

    `progress(which, done, total)` is called as each of them advances, `which` counting from 0. An interrupt
    ends all of them. Raises TrainingFailed, and ends the others, where one is refused or breaks.
    """
    processes, messages = [], queue.SimpleQueue()
    try:
        for which, config in enumerate(configs):
            processes.append(start(config))
            threading.Thread(target=listen, args=(which, processes[-1], messages), daemon=True).start()
        return collect(configs, messages, progress)
    finally:
        for process in processes:
            process.kill()
        for process in processes:
            process.wait()
            process.stdin.close()


def start(config) -> subprocess.Popen:
    """Starts a process that trains the configuration, and that writes messages to its standard output."""
    paths = [str(PACKAGE.parent), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    variables = os.environ | dict.fromkeys(THREADS, "1") | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
    process = subprocess.Popen([sys.executable, "-c", COMMAND], env=variables, text=True, encoding="utf-8",
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    told = {"experiment": type(config).__module__.rpartition(".")[2], "config": repr(asdict(config))}
    process.stdin.write(json.dumps(told) + "\n")
    process.stdin.flush()
    return process


def listen(which: int, process: subprocess.Popen, messages: queue.SimpleQueue) -> None:
    """Puts (which, message) for each message of a process, and how it ended if it ended without a result."""
    for line in process.stdout:
        messages.put((which, json.loads(line)))
    messages.put((which, {"failed": process.stderr.read().strip().rpartition("\n")[2] or "it was ended from outside"}))
    process.stdout.close()
    process.stderr.close()


def collect(configs: Sequence, messages: queue.SimpleQueue, progress: Callable | None) -> list[runs.Run]:
    """The runs, once all are there. Raises TrainingFailed at the first that will not be."""
    results = {}
    while len(results) < len(configs):
        try:
            which, message = messages.get(timeout=POLL)
        except queue.Empty:
            continue
        if "run" in message:
            results[which] = runs.Run(**runs.from_json(message["run"]))
        elif "failed" in message and which not in results:
            raise TrainingFailed(f"{configs[which].variant()}: {message['failed']}")
        elif "done" in message and progress:
            progress(which, message["done"], message["total"])
    return [results[which] for which in range(len(configs))]


# In the process that trains.

def train_as_told() -> None:
    """Reads one configuration from standard input, trains, and writes progress and the run to standard output."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the caller too, who closes standard input
    told = json.loads(sys.stdin.readline())
    threading.Thread(target=end_with_the_caller, daemon=True).start()
    experiment = module(told["experiment"])
    try:
        config = experiment.Config(**ast.literal_eval(told["config"]))
        result = experiment.run(config, lambda done, total: tell(done=done, total=total))
    except (ValueError, OSError) as reason:
        tell(failed=str(reason))
    else:
        tell(run=runs.to_json(result))


def end_with_the_caller() -> None:
    """Waits until standard input closes, which means that the caller is gone, and then ends the process."""
    sys.stdin.read()
    os._exit(1)


def tell(**message) -> None:
    """Writes a message to the caller as one line of JSON."""
    print(json.dumps(message), flush=True)
