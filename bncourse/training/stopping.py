"""Ctrl-C and SIGTERM end a training between two steps, with a checkpoint: all of its processes after the same step."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from bncourse.training.distributed import World

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(RuntimeError):
    """Raised by a training that was asked to stop, once its checkpoint is written; the message says how it goes on."""


class Stop:
    """Whether a training is asked to stop. `signal` is the name of the signal that this process received, or None.

    `world` is that of the training's processes, which stop together if one is asked to.
    """

    def __init__(self, world: World):
        self.world, self.signal = world, None
        self.asked = None

    def agreed(self) -> bool:
        """Whether to stop now. Every process calls this after each step, and all get the same answer.

        With several processes the answer is to the question of the step before, which has had time to travel. So no
        process has to wait for the others, and all stop one step after the first of them was asked to.
        """
        if self.world.size == 1:
            return self.signal is not None
        before, self.asked = self.asked, self.world.any_wants_to_stop(self.signal is not None)
        return before is not None and before()


@contextmanager
def on_signals(world: World, wanted: bool) -> Iterator[Stop]:
    """A context in which Ctrl-C and SIGTERM are noted in the `Stop` that it yields, instead of ending the process.

    The same signal a second time does what it did before. Where `wanted` is False, and in any thread but the main one,
    which alone receives signals, nothing is changed.
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
