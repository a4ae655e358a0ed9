"""Ctrl-C and SIGTERM end a training between two steps, with a checkpoint: all of its processes after the same step."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from bncourse.training.distributed import World

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(RuntimeError):
    """A training that was asked to stop, and did; the message says how it goes on."""


class Stop:
    """The wish to stop: `signal` is the name of the signal that this process got, or None."""

    def __init__(self, world: World):
        self.world, self.signal = world, None
        self.asked = None

    def agreed(self) -> bool:
        """Whether to stop now; called after each step by every process, and the same in all of them.

        Several processes hear of a wish one step later: none waits for the others to have taken the step.
        """
        if self.world.size == 1:
            return self.signal is not None
        before, self.asked = self.asked, self.world.any_wants_to_stop(self.signal is not None)
        return before is not None and before()


@contextmanager
def on_signals(world: World, wanted: bool) -> Iterator[Stop]:
    """Within, if wanted: a signal is noted instead of obeyed. The same signal again does what it did before.

    Only a main thread can be interrupted; in any other, signals stay as they are.
    """
    stop, before = Stop(world), {}

    def note(number, _frame):
        stop.signal = signal.Signals(number).name
        signal.signal(number, before[number])

    if wanted and threading.current_thread() is threading.main_thread():
        for number in SIGNALS:
            before[number] = signal.signal(number, note)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
