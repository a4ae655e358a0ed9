"""Time callables against one another in one process, turn by turn.

What else the machine does then falls on all of them alike, and a ratio within one round means
more than two separate averages. The benchmarks beside this file import it:

    timings = interleave({"ours": ours, "theirs": theirs})
    print(timings.ratio("ours", "theirs"))          # 0.71 (0.69 to 0.74)
"""

import os
import platform
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bncourse.machine import caches, processor

THP = Path("/sys/kernel/mm/transparent_hugepage/enabled")


class Ratio(NamedTuple):
    """The median over rounds, between its quartiles."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.low:.2f} to {self.high:.2f})"


@dataclass(frozen=True)
class Timings:
    """Seconds per call, one figure a round, for each contender."""

    seconds: Mapping[str, np.ndarray]

    def median(self, name: str) -> float:
        """Seconds per call of one contender in the median round."""
        return float(np.median(self.seconds[name]))

    def ratio(self, name: str, reference: str) -> Ratio:
        """How many times as long `name` takes as `reference`, compared within each round."""
        low, median, high = np.quantile(self.seconds[name] / self.seconds[reference], [0.25, 0.5, 0.75])
        return Ratio(float(median), float(low), float(high))


def interleave(calls: Mapping[str, Callable[[], object]], before: Mapping[str, Callable[[], object]] | None = None,
               rounds: int = 21, turn: float = 0.01, clock: Callable[[], float] = time.perf_counter,
               told: str = "") -> Timings:
    """Give every callable one turn a round, of about `turn` seconds or a single call if that is longer.

    `clock` may be `time.process_time` where all are on one thread: waiting for a busy core then does not count.
    `before[name]` is called untimed ahead of each turn of that contender (to set a thread count, say);
    then one untimed call brings its own data into the caches. The order turns by one each round. Where the turns take
    long, `told` names them on stderr as they pass.
    """
    before = before or {}
    names = list(calls)
    repeats = {name: _repeats(calls[name], before.get(name), turn, clock) for name in names}
    seconds = {name: np.empty(rounds) for name in names}
    turns = [(i, name) for i in range(rounds) for name in names[i % len(names) :] + names[: i % len(names)]]
    for i, name in counted(turns, told) if told else turns:
        seconds[name][i] = _turn(calls[name], before.get(name), repeats[name], clock)
    return Timings(seconds)


def counted(steps: Collection, what: str) -> Iterator:
    """The steps of something long; after each of them a line on stderr says how many are done."""
    for k, step in enumerate(steps, start=1):
        yield step
        print(f"{what}: {k} of {len(steps)}", file=sys.stderr, flush=True)


def _turn(call: Callable, prepare: Callable | None, repeats: int, clock: Callable[[], float]) -> float:
    if prepare is not None:
        prepare()
    call()
    start = clock()
    for _ in range(repeats):
        call()
    return (clock() - start) / repeats


def _repeats(call: Callable, prepare: Callable | None, turn: float, clock: Callable[[], float]) -> int:
    if turn == 0:
        return 1
    once = min(_turn(call, prepare, 1, clock) for _ in range(3))
    return max(1, round(turn / once))


def machine() -> str:
    """Where and with what a benchmark ran: processor, caches, system, versions, thread variables, huge pages."""
    threads = [f"{k}={os.environ[k]}" for k in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS") if k in os.environ]
    pages = THP.read_text().strip() if THP.exists() else "not known on this system"
    sizes = ", ".join(f"L{level} {size}" for level, size in caches().items()) or "caches not known on this system"
    return "\n".join(
        [
            f"{processor()}, {os.cpu_count()} cores, {sizes}; {platform.system()} {platform.release()}",
            f"Python {platform.python_version()}, NumPy {np.__version__}; {' '.join(threads) or 'default threads'}",
            f"transparent huge pages: {pages}; "
            f"THP_MEM_ALLOC_ENABLE={os.environ.get('THP_MEM_ALLOC_ENABLE', 'unset')}",
        ]
    )


def table(header: list[str], rows: list[list[str]]) -> str:
    """Columns padded to their widest cell, the first to the left, the others to the right; Markdown."""
    cells = [header, *rows]
    width = [max(len(row[k]) for row in cells) for k in range(len(header))]
    rule = ["-" * width[0], *("-" * (w - 1) + ":" for w in width[1:])]
    lines = [header, rule, *rows]
    pads = [str.ljust, *[str.rjust] * (len(header) - 1)]
    return "\n".join(
        "| " + " | ".join(pad(c, w) for pad, c, w in zip(pads, row, width, strict=True)) + " |"
        for row in lines
    )
