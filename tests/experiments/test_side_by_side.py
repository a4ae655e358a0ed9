"""Trainings side by side: the same results as one after the other, and no process that outlives its caller."""

import signal
import subprocess
import sys
import time
from dataclasses import replace

import psutil
import pytest
from threadpoolctl import threadpool_limits

from bncourse.experiments import side_by_side as several
from bncourse.experiments.activations import Config, run
from bncourse.experiments.side_by_side import TrainingFailed, side_by_side
from bncourse.paths import ROOT

SMALL = Config(steps=30, sizes=(784, 12, 9, 10), records=3, test_images=150, population_batches=2, dtype="float32")
LONG = replace(SMALL, steps=200_000, records=1)
CALLER = f"""
from bncourse.experiments import side_by_side as several
from bncourse.experiments.activations import Config

def start(config, original=several.start):
    process = original(config)
    print(process.pid, flush=True)
    return process

several.start = start
several.side_by_side([{LONG}, {replace(LONG, batchnorm=False)}], lambda *_: print("going", flush=True))
"""


@pytest.fixture
def started(monkeypatch):
    """The processes that are started during the test."""
    processes, original = [], several.start
    monkeypatch.setattr(several, "start", lambda config: processes.append(original(config)) or processes[-1])
    return processes


def test_side_by_side_is_one_after_the_other_bit_for_bit(started):
    configs, calls = [SMALL, replace(SMALL, batchnorm=False, lr=0.1)], []
    both = side_by_side(configs, lambda *call: calls.append(call))
    with threadpool_limits(1):  # as each process has; two threads may add in another order
        assert [each.columns for each in both] == [run(config).columns for config in configs]
    assert [each.config["batchnorm"] for each in both] == [True, False]
    assert {each.provenance["threads"] for each in both} == {1}
    for which in (0, 1):
        steps = [done for who, done, total in calls if who == which and total == 30]
        assert steps == list(range(1, 31))
    assert all(process.poll() is not None for process in started)


def test_an_interrupt_ends_all_of_them(started):
    def interrupt(which, done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        side_by_side([LONG, replace(LONG, seed=1)], interrupt)
    assert len(started) == 2 and all(process.poll() is not None for process in started)


def test_what_one_refuses_is_said_and_ends_the_other(started):
    with pytest.raises(TrainingFailed, match="seed5: batch is 10001, but there are 10000 training images"):
        side_by_side([LONG, replace(SMALL, batch=10_001, seed=5)])
    assert all(process.poll() is not None for process in started)


def test_a_process_that_is_killed_is_said(started):
    with pytest.raises(TrainingFailed, match="was ended from outside"):
        side_by_side([LONG], lambda *_: started[0].kill())


@pytest.mark.skipif(sys.platform == "win32", reason="signals between processes are POSIX's")
@pytest.mark.parametrize("name", ["SIGINT", "SIGKILL"])
def test_no_process_outlives_a_caller_that_is_interrupted_or_killed(name):
    caller = subprocess.Popen([sys.executable, "-c", CALLER], cwd=ROOT, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True)
    with caller:
        pids = [int(caller.stdout.readline()) for _ in range(2)]
        assert caller.stdout.readline() == "going\n"
        caller.send_signal(getattr(signal, name))
    assert ended(pids)


def ended(pids, patience=20):
    """Whether all of these processes end while one can wait for them."""
    until = time.monotonic() + patience
    while any(runs(pid) for pid in pids) and time.monotonic() < until:
        time.sleep(0.02)
    return not any(runs(pid) for pid in pids)


def runs(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
