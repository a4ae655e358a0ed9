"""Section 3.1's experiment: how good is the network at inference, by which statistics?

One network trains; at chosen steps it is tested with population statistics measured then (Algorithm 2) and with
moving averages that have followed the training, one for each alpha.

    run(Config(seed=3)).columns["alpha 0.9"]
"""

import math
import time
from dataclasses import dataclass

import numpy as np

from bncourse import datasets, runs
from bncourse.experiments.digits import binary_images, minibatches
from bncourse.experiments.protocol import Progress, recorded_run, tell, unusual
from bncourse.kernels import mlp
from bncourse.kernels.statistics import MovingAverage


@dataclass(frozen=True)
class Config:
    """One training of section 4.1's network, and the weights of the old value in the moving averages.

    Raises ValueError naming the field that is out of range.
    """

    dataset: str = "glyphs"
    steps: int = 300
    seed: int = 0
    lr: float | int = 0.5
    std: float | int = 0.1
    batch: int = 60
    alphas: tuple[float, ...] = (0.9, 0.99, 0.999)
    records: int = 10
    population_batches: int = 20

    def __post_init__(self):
        datasets.check_dataset("dataset", self.dataset)
        for name, least in {"steps": 1, "seed": 0, "batch": 2, "records": 1, "population_batches": 1}.items():
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}; expected {least} or more")
        for name in ("lr", "std"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} is {getattr(self, name)}; expected a positive number")

    def recorded_steps(self) -> list[int]:
        """Steps in about constant ratio, the last among them: what happens, happens early."""
        spaced = np.geomspace(self.steps, min(5, self.steps), self.records)
        return sorted(set(spaced.round().astype(int).tolist()))

    def variant(self) -> str:
        """A name for the run's file: the data, every field that differs from the usual one, the seed."""
        return "-".join([self.dataset, *unusual(self, "dataset", "seed"), f"seed{self.seed}"])


def run(config: Config, progress: Progress | None = None) -> runs.Run:
    """Train one network and return its test accuracy at the recorded steps; nothing is written.

    Columns: `step`; `Algorithm 2`, with population statistics that are measured at that step; for each alpha
    `alpha <value>`, with its moving averages. The seed decides the weights, the mini-batches of the training and
    those of Algorithm 2 by three generators of their own. So how often the network is looked at does not change what
    it learns.
    """
    start = time.perf_counter()
    (x, t), test, sha256 = binary_images(config.dataset, threshold=127)
    for_weights, for_batches, for_population = np.random.default_rng(config.seed).spawn(3)
    network = mlp.init(std=config.std, rng=for_weights)
    order, population = (minibatches(len(x), config.batch, rng) for rng in (for_batches, for_population))
    averages = {alpha: [MovingAverage(alpha) for _ in network[:-1]] for alpha in config.alphas}
    recorded = config.recorded_steps()
    columns = {"step": recorded, "Algorithm 2": [], **{f"alpha {alpha}": [] for alpha in config.alphas}}
    for step in range(1, config.steps + 1):
        i = next(order)
        _, gradients, tape = mlp.loss_and_gradients(network, x[i], t[i])
        follow(averages, tape)
        mlp.sgd_step(network, gradients, config.lr)
        if step in recorded:
            measured = mlp.population(network, [x[next(population)] for _ in range(config.population_batches)])
            columns["Algorithm 2"].append(accuracy(network, test, measured))
            for alpha, kept in averages.items():
                columns[f"alpha {alpha}"].append(accuracy(network, test, [(k.mean, k.var) for k in kept]))
        tell(progress, step, config.steps)
    return recorded_run(config, columns, data=config.dataset, sha256=sha256, seconds=time.perf_counter() - start)


def follow(averages: dict[float, list[MovingAverage]], tape: mlp.Tape) -> None:
    """Update every moving average with the statistics of one mini-batch, in place; the variance is times m/(m-1).

    `averages` has for each alpha an average for each hidden layer; the tape is the mini-batch's forward pass.
    """
    for k, trace in enumerate(tape.hidden):
        mean, var = trace.x.mean(axis=0), trace.x.var(axis=0, ddof=1)
        for kept in averages.values():
            kept[k].update(mean, var)


def accuracy(network: mlp.Network, test: tuple, population: list) -> float:
    """The share of the test images that the network labels rightly, with a (mean, var) for each hidden layer."""
    x, t = test
    return float(np.mean(mlp.predict(network, x, population) == t))
