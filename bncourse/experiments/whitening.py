"""Section 2's "expensive", measured: seconds to whiten a mini-batch, forward and backward, beside batch norm.

All methods get the same numbers and one thread. Seconds are those of the processor, so that waiting for a busy
core does not count, and the methods take turns within each round, so that a slow moment falls on all of them.

    cost = run(Config())
    features, seconds = totals(cost)
    exponent(features, seconds["zca"])
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from threadpoolctl import threadpool_limits

from bncourse import runs
from bncourse.experiments.protocol import Progress, recorded_run, unusual
from bncourse.kernels import whiten
from bncourse.kernels.normalize import batchnorm_backward, batchnorm_forward

METHODS = ("batchnorm", "zca", "pca", "cholesky")
TURN = 0.02  # seconds that one method has in one round, or a single call if that is longer

Array = np.ndarray


@dataclass(frozen=True)
class Config:
    """One measurement. Raises ValueError naming the field that is out of range.

    batch:     examples in the mini-batch; more than features, or the covariance is singular
    features:  the numbers of features, increasing
    rounds:    how often everything is measured
    """

    batch: int = 2048
    features: tuple[int, ...] = (16, 32, 64, 128, 256, 512, 1024)
    rounds: int = 15
    seed: int = 0

    def __post_init__(self):
        if not self.features or min(self.features) < 1 or list(self.features) != sorted(set(self.features)):
            raise ValueError(f"features is {self.features!r}; expected positive numbers, each larger than the last")
        if self.batch <= self.features[-1]:
            raise ValueError(f"batch is {self.batch}; expected more than the {self.features[-1]} features")
        if self.rounds < 1:
            raise ValueError(f"rounds is {self.rounds}; expected 1 or more")

    def variant(self) -> str:
        """A name for the run's file: the batch, every other field that is not the usual one, the seed."""
        return "-".join([f"normal-batch{self.batch}", *unusual(self, "batch", "seed"), f"seed{self.seed}"])


PLAN = {"cost": (Config(),)}


def run(config: Config, progress: Progress | None = None) -> runs.Run:
    """Measure, and return a row for each round and number of features; nothing is written.

    Columns: `round`, `features`, and for each of METHODS `<method>_forward` and `<method>_backward`, in processor
    seconds a call. `progress(done, total)` is called after each row.
    """
    start = time.perf_counter()
    rng = np.random.default_rng(config.seed)
    x, dy = (rng.normal(size=(config.batch, config.features[-1])) for _ in range(2))
    rows, total = [], config.rounds * len(config.features)
    with threadpool_limits(1):
        for i in range(config.rounds):
            for d in config.features:
                rows.append({"round": i, "features": d, **seconds(x[:, :d].copy(), dy[:, :d].copy())})
                if progress:
                    progress(len(rows), total)
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    return recorded_run(config, columns, data="normal", sha256=runs.fingerprint(x, dy),
                        seconds=time.perf_counter() - start, threads=1)


def seconds(x: Float[Array, "N D"], dy: Float[Array, "N D"]) -> dict[str, float]:
    """Seconds a call of every method's two passes over one mini-batch."""
    one, zero = np.ones(x.shape[1]), np.zeros(x.shape[1])
    passes = {"batchnorm": (lambda: batchnorm_forward(x, one, zero), batchnorm_backward)}
    for method in METHODS[1:]:
        passes[method] = (lambda method=method: whiten.whiten_forward(x, method), whiten.whiten_backward)
    taken = {}
    for method, (forward, backward) in passes.items():
        _, cache = forward()
        taken[f"{method}_forward"] = a_call(forward)
        taken[f"{method}_backward"] = a_call(lambda backward=backward, cache=cache: backward(dy, cache))
    return taken


def a_call(call: Callable[[], object]) -> float:
    """Mean seconds a call over one turn, after a call that brings its data into the caches."""
    call()
    start, calls = time.process_time(), 0
    while (taken := time.process_time() - start) < TURN or not calls:
        call()
        calls += 1
    return taken / calls


def totals(run: runs.Run, directions: Sequence[str] = ("forward", "backward")
           ) -> tuple[Array, dict[str, Float[Array, "rounds D"]]]:
    """The numbers of features, and for each method its seconds in these directions together, round by round."""
    features = np.unique(run.columns["features"])
    columns = {name: np.reshape(values, (-1, len(features))) for name, values in run.columns.items()}
    return features, {m: sum(columns[f"{m}_{direction}"] for direction in directions) for m in METHODS}


def exponent(features: Array, seconds: Float[Array, "rounds D"], least: int = 1) -> float:
    """The p with which `features ** p` fits the medians over the rounds best, among numbers of features >= `least`."""
    far = features >= least
    return float(np.polyfit(np.log(features[far]), np.log(np.median(seconds, axis=0)[far]), 1)[0])
