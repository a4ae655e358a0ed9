"""Section 3.1's experiment: how good is the network at inference, by which statistics?

One network trains; at chosen steps it is tested with population statistics measured then (Algorithm 2) and with
moving averages that have followed the training, one for each alpha.

    run(Config(seed=3)).columns["alpha 0.9"]
"""

import math
import time
from dataclasses import asdict, dataclass

import numpy as np

from bncourse import datasets, runs
from bncourse.experiments.activations import binary_images, minibatches
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


def run(config: Config) -> runs.Run:
    """Train one network; returns the test accuracy at the recorded steps, a column for each kind of statistics."""
    start = time.perf_counter()
    (x, t), test, sha256 = binary_images(config.dataset, threshold=127)
    for_weights, for_batches = np.random.default_rng(config.seed).spawn(2)
    network = mlp.init(std=config.std, rng=for_weights)
    order = minibatches(len(x), config.batch, for_batches)
    averages = {alpha: [MovingAverage(alpha) for _ in network[:-1]] for alpha in config.alphas}
    recorded = config.recorded_steps()
    columns = {"step": recorded, "Algorithm 2": [], **{f"alpha {alpha}": [] for alpha in config.alphas}}
    for step in range(1, config.steps + 1):
        i = next(order)
        _, gradients, tape = mlp.loss_and_gradients(network, x[i], t[i])
        follow(averages, tape)
        mlp.sgd_step(network, gradients, config.lr)
        if step in recorded:
            measured = mlp.population(network, [x[next(order)] for _ in range(config.population_batches)])
            columns["Algorithm 2"].append(accuracy(network, test, measured))
            for alpha, kept in averages.items():
                columns[f"alpha {alpha}"].append(accuracy(network, test, [(k.mean, k.var) for k in kept]))
    return runs.Run(
        experiment="inference",
        variant=f"{config.dataset}-seed{config.seed}",
        config=asdict(config) | {"alphas": list(config.alphas)},
        provenance=runs.provenance(command=f'python -c "from bncourse.experiments.inference import Config, run; '
                                           f'run({config}).save()"', seed=config.seed, data=config.dataset,
                                   sha256=sha256, seconds=time.perf_counter() - start),
        columns=columns,
    )


def follow(averages: dict[float, list[MovingAverage]], tape: mlp.Tape) -> None:
    """Move every average towards the statistics of the mini-batch on the tape, the variance times m/(m-1)."""
    for k, trace in enumerate(tape.hidden):
        mean, var = trace.x.mean(axis=0), trace.x.var(axis=0, ddof=1)
        for kept in averages.values():
            kept[k].update(mean, var)


def accuracy(network: mlp.Network, test: tuple, population: list) -> float:
    """The share of the test images that the network, with these statistics, labels rightly."""
    x, t = test
    return float(np.mean(mlp.predict(network, x, population) == t))
