"""Section 4.1's experiment (Figure 1): the sigmoid network with batch norm and without.

While the network trains, test accuracy (Figure 1a) and the {15, 50, 85}th percentiles of the input to one
typical sigmoid of the last hidden layer (Figures 1b and 1c) are recorded. The paper gives three hidden layers
of 100, mini-batches of 60 binary images and 50,000 steps; it does not give the learning rate, the standard
deviation of the initial weights, the threshold that makes an image binary, or which unit is typical.

    run(Config(dataset="glyphs", batchnorm=False, steps=300)).columns["accuracy"]

What the course has recorded of it is `PLAN`, at the end of this file.
"""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice, product
from typing import NamedTuple

import numpy as np

from bncourse import datasets, runs
from bncourse.experiments.digits import Examples, binary_images, check_size, evenly_spaced, minibatches
from bncourse.experiments.protocol import Progress, from_record, recorded_run, room_for_rounding, tell
from bncourse.kernels import mlp
from bncourse.paper import PERCENTILES

TOLERANCE = {"accuracy": 0.002, "p15": 1e-3, "p50": 1e-3, "p85": 1e-3, "spread": 1e-3}  # of a replay
FIRST_STEPS = sorted(k * 10**n for n in range(9) for k in (1, 3))
UNNAMED_DEFAULTS = {"batch": 60, "threshold": 127, "dtype": "float64"}  # in Config, and left out of a run's name
MINIMUM = {"steps": 0, "seed": 0, "batch": 1, "threshold": 0, "records": 1, "test_images": 1, "population_batches": 1}


@dataclass(frozen=True)
class Config:
    """One training. Raises ValueError naming the field that is out of range.

    lr, std:             learning rate of SGD; standard deviation of the initial weights
    sizes:               784 inputs, the hidden layers, 10 outputs
    threshold:           a pixel is 1 where its value (0 to 255) is greater
    dtype:               of all arithmetic; "float32" takes half as long, and no difference is seen in a figure
    records, spacing:    how often to record between the first step and the last; "even", "log" for steps in
                         constant ratio, or "early" for "even" and in front of it steps 1, 3, 10, 30, 100 and
                         so on. The start, step 0, is recorded too.
    test_images:         how many, spread evenly over the test set; None for all
    population_batches:  training mini-batches for Algorithm 2 at each record
    """

    dataset: str = "glyphs"
    batchnorm: bool = True
    steps: int = 600
    seed: int = 0
    lr: float | int = 0.5
    std: float | int = 0.1
    batch: int = 60
    sizes: tuple[int, ...] = (784, 100, 100, 100, 10)
    threshold: int = 127
    dtype: str = "float64"
    records: int = 20
    spacing: str = "even"
    test_images: int | None = 2000
    population_batches: int = 20

    def __post_init__(self):
        datasets.check_dataset("dataset", self.dataset)
        for name, least in MINIMUM.items():
            value = getattr(self, name)
            if not (name == "test_images" and value is None) and (type(value) is not int or value < least):
                raise ValueError(f"{name} is {value!r}; expected an int of {least} or more")
        for name in ("lr", "std"):
            value = getattr(self, name)
            if type(value) not in (int, float) or not 0 < value < math.inf:
                raise ValueError(f"{name} is {value!r}; expected a positive number")
        if self.threshold > 254:
            raise ValueError(f"threshold is {self.threshold}; expected an int from 0 to 254, as pixels go to 255")
        if self.batchnorm and self.batch == 1:
            raise ValueError("batch is 1; expected 2 or more, as batch norm turns a single example into beta")
        if len(self.sizes) < 3 or self.sizes[0] != 784 or self.sizes[-1] != 10 or min(self.sizes) < 1:
            raise ValueError(f"sizes is {self.sizes!r}; expected 784, one or more hidden layers, 10")
        for name, known in (("spacing", ("even", "log", "early")), ("dtype", ("float32", "float64"))):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} is {getattr(self, name)!r}; expected one of {', '.join(known)}")

    def recorded_steps(self) -> list[int]:
        """The steps after which the network is observed, 0 and the last among them."""
        if self.steps == 0:
            return [0]
        grid = np.geomspace if self.spacing == "log" else np.linspace
        first = 1 if self.spacing == "log" else self.steps / self.records
        steps = grid(first, self.steps, self.records).round().astype(int).tolist()
        early = [step for step in FIRST_STEPS if step < steps[0]] if self.spacing == "early" else []
        return sorted({0, *early, *steps, self.steps})

    def variant(self) -> str:
        """A name for the run's file, which distinguishes any two trainings.

        A field of `UNNAMED_DEFAULTS` is in the name only where its value is another one. How often the network was
        looked at, and with which images, does not change the training, and is in the file alone.
        """
        hidden = self.sizes[1:-1]
        alike = len(set(hidden)) == 1
        names = [
            self.dataset,
            "batchnorm" if self.batchnorm else "plain",
            f"{len(hidden)}x{hidden[0]}" if alike else "_".join(map(str, hidden)),
            f"{self.steps}steps",
            *(f"{name}{getattr(self, name)}" for name in ("batch", "threshold")
              if getattr(self, name) != UNNAMED_DEFAULTS[name]),
            f"lr{float(self.lr)}",
            f"std{float(self.std)}",
            *([self.dtype] if self.dtype != UNNAMED_DEFAULTS["dtype"] else []),
            f"seed{self.seed}",
        ]
        return "-".join(names).replace("+", "")


class Observation(NamedTuple):
    """The network at one moment: test accuracy, and percentiles `(3, units)` of the last sigmoids' inputs."""

    accuracy: float
    percentiles: np.ndarray


def run(config: Config, progress: Progress | None = None) -> runs.Run:
    """Train one network and return what was recorded; nothing is written, so an interrupt leaves nothing.

    Columns, a row for each of `config.recorded_steps()`: `step`; `accuracy` on the test images, by population
    statistics where there is batch norm; `p15`, `p50`, `p85` of the input to the typical unit over those images;
    `unit`, its index; `spread`, the median over all units of p85 - p15. The result depends on the configuration
    alone, and the same seed gives both networks the same weights and mini-batches. `progress(done, total)`
    is called about a hundred times. Raises ValueError when the data are fewer than config asks for.
    """
    return measure(config, config.recorded_steps(), progress=progress)


def replay(recorded: runs.Run, steps: int = 300, progress: Progress | None = None) -> runs.Run:
    """A recorded run's training again, from its start to the last row within so many steps: the same rows.

    It is trained twice, the second time from weights that are moved by a rounding error: for each column, `room of X`
    says how far rounding may have taken X in each row on another processor. At a high learning rate that is far.
    """
    rows = [step for step in recorded.columns["step"] if step <= steps]
    again, moved = (measure(configuration(recorded), rows, recorded.columns["unit"][0], progress, moved=moved)
                    for moved in (False, True))
    room = {f"room of {name}": room_for_rounding(again.columns[name], moved.columns[name], least, least)
            for name, least in TOLERANCE.items()}
    return replace(again, columns=again.columns | room)


def configuration(recorded: runs.Run) -> Config:
    """The configuration of a recorded run. Raises RecordError."""
    return from_record(Config, recorded.config)


def measure(config: Config, rows: list[int], unit: int | None = None, progress: Progress | None = None,
            moved: bool = False) -> runs.Run:
    """Train one network, and return the run with a row for each of these steps.

    rows   the steps after which to observe the network, in ascending order; the training ends with the last
    unit   whose input to record, by its index in the last hidden layer; the typical one unless given
    moved  whether each initial weight is one unit in its last place larger
    """
    start = time.perf_counter()
    train, test, sha256 = binary_images(config.dataset, config.threshold)
    check_size("batch", config.batch, len(train[0]), "training")
    check_size("test_images", config.test_images or 0, len(test[0]), "test")
    test = evenly_spaced(test, config.test_images)
    history = list(train_and_observe(config, train, test, rows, progress, moved))
    return recorded_run(config, {"step": rows, **columns(history, unit)}, data=config.dataset, sha256=sha256,
                        seconds=time.perf_counter() - start)


def train_and_observe(config: Config, train: Examples, test: Examples, rows: list[int],
                      progress: Progress | None = None, moved: bool = False) -> Iterator[Observation]:
    """Train a network to the last of the steps `rows`, and yield what is observed after each of them.

    The first of the rows must be 0, the network before any step. The weights, the mini-batches of the training and
    those of Algorithm 2 come from three generators: observing the network does not change its training. With `moved`
    each initial weight is one unit in its last place larger.
    """
    x, t = train
    for_weights, for_batches, for_population = np.random.default_rng(config.seed).spawn(3)
    dtype, last = np.dtype(config.dtype).type, rows[-1]
    network = mlp.init(config.sizes, config.batchnorm, config.std, rng=for_weights, dtype=dtype)
    for layer in network if moved else []:
        layer.w = np.nextafter(layer.w, np.inf, dtype=dtype)
    some_batches = islice(minibatches(len(x), config.batch, for_population), config.population_batches)
    population, test, rows = [x[i].astype(dtype) for i in some_batches], (test[0].astype(dtype), test[1]), set(rows)
    yield observe(network, test, population)
    for step, i in enumerate(islice(minibatches(len(x), config.batch, for_batches), last), start=1):
        _, gradients, _ = mlp.loss_and_gradients(network, x.take(i, axis=0), t[i])
        mlp.sgd_step(network, gradients, config.lr)
        if step in rows:
            yield observe(network, test, population)
        tell(progress, step, last)


def observe(network: mlp.Network, test: Examples, population: list[np.ndarray]) -> Observation:
    """Accuracy and percentiles over the test images, with the statistics of Algorithm 2 over `population`.

    `population` are mini-batches `(batch, 784)` of the training set; without batch norm they are not used.
    """
    x, t = test
    normalized = network[0].gamma is not None
    logits, tape = mlp.forward(network, x, mlp.population(network, population) if normalized else None)
    accuracy = float(np.mean(logits.argmax(1) == t))
    inputs = np.sort(tape.hidden[-1].y.T)  # sorted rows are fast to make, and fast to take percentiles of
    return Observation(accuracy, np.percentile(inputs, PERCENTILES, axis=1))


def typical_unit(percentiles: np.ndarray) -> int:
    """The unit that moves by the median amount: as many units move more as move less.

    The amount is the mean over records of how far the three percentiles `(records, 3, units)` are from
    where they began. Initial weights make units exchangeable, so nothing else about it is special.
    """
    moved = np.abs(percentiles - percentiles[0]).mean((0, 1))
    return int(np.argsort(moved, kind="stable")[moved.size // 2])


def columns(history: list[Observation], unit: int | None = None) -> dict[str, list]:
    """The observations of one training as columns of plain numbers.

    The percentiles are those of the unit with this index in the last hidden layer, or of the typical unit.
    """
    percentiles = np.stack([observation.percentiles for observation in history])  # (records, 3, units)
    unit = typical_unit(percentiles) if unit is None else unit
    p15, p50, p85 = percentiles[:, :, unit].T.tolist()
    return {
        "accuracy": [observation.accuracy for observation in history],
        "p15": p15,
        "p50": p50,
        "p85": p85,
        "unit": [unit] * len(history),
        "spread": np.median(percentiles[:, 2] - percentiles[:, 0], axis=1).tolist(),
    }


# What the course has recorded, by the part of lesson 10 that shows it; `python3 -m bncourse runs record activations`
# makes what is missing. The order is that of recording.

FIGURE_1 = Config(
    dataset="mnist", steps=50_000, dtype="float32", records=50, spacing="early", test_images=None, population_batches=50
)
NETWORKS, SEEDS = (True, False), range(3)  # with batch norm and without
RATES, STDS, DEPTHS = (0.02, 0.1, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0), (0.01, 0.03, 0.1, 0.2, 0.4, 0.8), range(1, 13)
GRID = (*product((0,), RATES, STDS), *product((1, 2), (0.5, 1.0, 2.0, 4.0, 8.0), (0.1, 0.2, 0.4)))  # seed, rate, std
BESIDE_THE_BEST = ((2.0, 0.2), (4.0, 0.1), (4.0, 0.2), (4.0, 0.4), (8.0, 0.2))  # rate, std; at the end of training
LONG = (*product((0,), RATES, (0.1, 0.2, 0.4)), *product((0,), (0.02, 0.1, 0.5), (0.8,)),
        *product((0, 1, 2), (0.02, 0.1, 0.5, 2.0), (0.01, 0.03, 0.1)),
        *((seed, *at) for seed, at in (*product((1, 2), BESIDE_THE_BEST), *product((3, 4), ((2.0, 0.1), (4.0, 0.2))))))
TURNS = ((False, 6, 0.2), (False, 8, 0.2), (False, 8, 0.3), (False, 12, 0.3), (False, 12, 0.4))
# By seed: with batch norm or not, depth, initial standard deviation.
STAIRS = {0: (*product((False,), (4, 6, 8, 12), (0.2, 0.3, 0.4, 0.6)), (True, 12, 0.01), (True, 12, 0.4)),
          1: (*TURNS, (True, 12, 0.01), (True, 12, 0.4)), 2: TURNS}
FASTER = (*product((2.0, 4.0), (5, 6, 7, 8), (0.1,)), (2.0, 8, 0.2), (2.0, 12, 0.2), (2.0, 12, 0.3))  # rate, depth, std


def deeper(depth: int, std: float = FIGURE_1.std) -> Config:
    """Figure 1's network with this many hidden layers of 100, trained for 8,000 steps; 16 records where std is 0.1."""
    records = 16 if std == FIGURE_1.std else 4
    return replace(FIGURE_1, sizes=(784, *[100] * depth, 10), std=std, steps=8000, records=records)


def tuned(lr: float, std: float) -> Config:
    """Figure 1's network with this learning rate and initial standard deviation, looked at 10 times.

    With the values of Figure 1 it is the configuration of Figure 1, which is recorded already.
    """
    config = replace(FIGURE_1, lr=lr, std=std)
    return config if config == FIGURE_1 else replace(config, records=10)


def begun(lr: float = FIGURE_1.lr, std: float = FIGURE_1.std) -> Config:
    """Figure 1's network with this learning rate and initial standard deviation, its first 2,000 steps alone."""
    return replace(FIGURE_1, lr=lr, std=std, steps=2000, records=2)


PLAN = {
    "figure 1": tuple(replace(FIGURE_1, batchnorm=bn, seed=seed) for seed, bn in product(range(5), NETWORKS)),
    "grid": tuple(
        replace(begun(lr, std), batchnorm=bn, seed=seed)
        for (seed, lr, std), bn in product(GRID, NETWORKS)
    ),
    "more seeds": tuple(replace(begun(), batchnorm=bn, seed=seed) for seed, bn in product(range(10), NETWORKS)),
    "staircase": tuple(
        replace(deeper(depth), batchnorm=bn, seed=seed) for seed, depth, bn in product(SEEDS, DEPTHS, NETWORKS)
    ),
    "staircase by std": tuple(
        replace(deeper(depth, std), batchnorm=bn, seed=seed)
        for seed in SEEDS for bn, depth, std in STAIRS[seed]
    ),
    "staircase by rate": tuple(
        replace(deeper(depth, std), batchnorm=False, seed=seed, lr=lr) for seed in SEEDS for lr, depth, std in FASTER
    ),
    "long grid": tuple(
        replace(tuned(lr, std), batchnorm=bn, seed=seed)
        for (seed, lr, std), bn in product(LONG, NETWORKS)
    ),
}
