"""How much training depends on the learning rate and on the scale of the initial weights: sections 1 and 3.3.

Section 4.1's network, with sigmoids or with ReLUs of the same number, learns digits from every initial standard
deviation of a grid at every rate of the grid, with batch norm before the activations or without. One run is a whole
grid with one seed.

Batch norm makes a network independent of the scale of the weights in front of it, and of these alone. So there are
two kinds of grid. In one, "all", rate and scale are those of every parameter, as in the paper. In the other,
"hidden weights", they are those of the hidden layers' weights; all other parameters keep the rate `REST`, and the
weights of the output layer the standard deviation `REST`.

    run(Config(activation="relu", batchnorm=False, seed=3)).columns["accuracy"]
"""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from bncourse import datasets, runs
from bncourse.experiments.digits import Digits, binary_images, check_size, evenly_spaced, minibatches
from bncourse.experiments.protocol import Progress, from_record, recorded_run, tell, unusual
from bncourse.kernels import mlp
from bncourse.kernels.steps import ACTIVATIONS, BATCH_NORM

MOVED = ("all", "hidden weights")
REST = 0.1  # rate and initial standard deviation of what is not moved
RATES = tuple(float(f"{10 ** (half / 2):.6g}") for half in range(-4, 5))  # half a decade apart: 0.01, 0.0316228, ...
SCALES = tuple(float(f"{10 ** (half / 2):.6g}") for half in range(-6, 3))
LOOKS = (1, 2, 5, 10, 20, 50, 100, 200, 300, 400, 500)  # steps
FLAT = 0.01  # an activation with a smaller slope passes hardly any gradient
TOLERANCE = {"accuracy": 0.01, "flat": 0.02, "worst": 0.02} | {f"loss {step}": 0.02 for step in LOOKS}  # of a replay


@dataclass(frozen=True)
class Config:
    """One grid of trainings. Raises ValueError naming the field that is not one of its values or out of range.

    moved:          which parameters have the rates and the scales of the grid, one of `MOVED`
    rates, scales:  learning rates, and standard deviations of the initial weights
    test_images:    how many, spread evenly over the test set
    """

    dataset: str = "glyphs"
    activation: str = "sigmoid"
    batchnorm: bool = True
    moved: str = "all"
    steps: int = 500
    seed: int = 0
    rates: tuple[float | int, ...] = RATES
    scales: tuple[float | int, ...] = SCALES
    batch: int = 60
    sizes: tuple[int, ...] = (784, 100, 100, 100, 10)
    test_images: int = 2000
    population_batches: int = 20

    def __post_init__(self):
        datasets.check_dataset("dataset", self.dataset)
        for name, known in {"activation": tuple(ACTIVATIONS), "moved": MOVED}.items():
            if getattr(self, name) not in known:
                raise ValueError(f"{name} is {getattr(self, name)!r}; expected one of {', '.join(known)}")
        for name, least in {"steps": 1, "seed": 0, "batch": 2, "test_images": 1, "population_batches": 1}.items():
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}; expected {least} or more")
        for name in ("rates", "scales"):
            if not getattr(self, name) or not all(0 < value < math.inf for value in getattr(self, name)):
                raise ValueError(f"{name} is {getattr(self, name)!r}; expected positive numbers")

    def variant(self) -> str:
        """A name for the run's file: data, activation, batch norm or not, what moves, what is not usual, the seed."""
        named = ("dataset", "activation", "batchnorm", "moved", "seed")
        return "-".join([self.dataset, self.activation, "batchnorm" if self.batchnorm else "plain",
                         self.moved.replace(" ", "_"), *unusual(self, *named), f"seed{self.seed}"])

    def looks(self) -> list[int]:
        """The steps up to which a loss is recorded, the last step among them."""
        return sorted({*(step for step in LOOKS if step < self.steps), self.steps})


# What the course has recorded. The second kind of grid has whole decades only.
PLAN = {
    "all": tuple(Config("mnist", activation, batchnorm, seed=seed)
                 for seed, activation, batchnorm in product(range(5), ACTIVATIONS, (False, True))),
    "hidden weights": tuple(Config("mnist", activation, batchnorm, "hidden weights", seed=seed, rates=RATES[::2],
                                   scales=SCALES[::2])
                            for seed, activation, batchnorm in product(range(5), ACTIVATIONS, (False, True))),
}


def run(config: Config, progress: Progress | None = None) -> runs.Run:
    """Train a network for each scale and rate of the grid, scale by scale; nothing is written. Columns:

    `std`, `lr`    where in the grid
    `accuracy`     on the test images, by population statistics where there is batch norm
    `flat`         share of the test images' activations whose slope is below `FLAT`, in the hidden layer with the most
    `worst`        the largest loss of a mini-batch
    `steps`        how many were made: a training ends early where a loss is not a finite number
    `loss k`       for some steps k, the median loss of the mini-batches up to k and after the column before; NaN where
                   the training had ended
    """
    return measure(config, list(product(config.scales, config.rates)), progress)


def replay(recorded: runs.Run, steps: int = 300, progress: Progress | None = None) -> runs.Run:
    """The first cells of a recorded grid again: as many as take so many steps together, but at least one."""
    config = from_record(Config, recorded.config)
    cells = list(product(config.scales, config.rates))
    return measure(config, cells[: max(1, steps // config.steps)], progress)


def measure(config: Config, cells: list[tuple], progress: Progress | None = None) -> runs.Run:
    """The run of a configuration with a row for each of these pairs of a scale and a rate."""
    start = time.perf_counter()
    digits = binary_images(config.dataset, threshold=127)
    check_size("test_images", config.test_images, len(digits.test[0]), "test")
    rows = []
    for std, lr in cells:
        rows.append({"std": std, "lr": lr, **row(config, std, lr, digits)})
        tell(progress, len(rows), len(cells))
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    return recorded_run(config, columns, data=config.dataset, sha256=digits.sha256,
                        seconds=time.perf_counter() - start)


def row(config: Config, std: float | int, lr: float | int, digits: Digits) -> dict[str, float]:
    """One training, as the columns of `run` hold it, without `std` and `lr`."""
    network, losses = init(config, std), []
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        losses = list(descend(config, network, lr, digits.train))
        accuracy, flat = look(config, network, digits)
    worst = short(max(losses)) if np.isfinite(losses).all() else math.inf
    return {"accuracy": accuracy, "flat": short(flat), "worst": worst, "steps": len(losses),
            **losses_at(config, losses)}


def init(config: Config, std: float | int) -> mlp.Network:
    """The network before training, in float32: weights of standard deviation std, and of `REST` where nothing moves."""
    for_weights, _, _ = generators(config)
    network = mlp.init(config.sizes, config.batchnorm, std, rng=for_weights, dtype=np.float32)
    for layer in network[:-1]:
        layer.steps = (BATCH_NORM, ACTIVATIONS[config.activation])
    if config.moved != "all":
        network[-1].w *= np.float32(REST / std)
    return network


def generators(config: Config) -> list[np.random.Generator]:
    """The generators of the weights, of the mini-batches and of those of Algorithm 2: three streams."""
    return np.random.default_rng(config.seed).spawn(3)


def descend(config: Config, network: mlp.Network, lr: float | int, train: tuple) -> Iterator[float]:
    """Train the network in place, and yield the loss of each mini-batch; the last is the first that is not finite."""
    (x, t), (_, for_batches, _) = train, generators(config)
    rest = lr if config.moved == "all" else REST
    for _, i in zip(range(config.steps), minibatches(len(x), config.batch, for_batches), strict=False):
        loss, gradients, _ = mlp.loss_and_gradients(network, x.take(i, axis=0), t[i])
        yield float(loss)
        if not np.isfinite(loss):
            return
        for gradient in gradients[:-1]:
            gradient.w *= np.float32(lr / rest)
        mlp.sgd_step(network, gradients, rest)


def look(config: Config, network: mlp.Network, digits: Digits) -> tuple[float, float]:
    """The accuracy on the test images, and the share of flat activations in the hidden layer that has most of them."""
    (x, _), (_, _, for_population) = digits.train, generators(config)
    order = minibatches(len(x), config.batch, for_population)
    some = [x[next(order)] for _ in range(config.population_batches)] if config.batchnorm else []
    test, answers = evenly_spaced(digits.test, config.test_images)
    logits, tape = mlp.forward(network, test, mlp.population(network, some) if some else None)
    slopes = [trace.steps[-1].backward(np.ones_like(trace.z), trace.caches[-1]) for trace in tape.hidden]
    return float(np.mean(logits.argmax(1) == answers)), max(float(np.mean(~(slope >= FLAT))) for slope in slopes)


def losses_at(config: Config, losses: list[float]) -> dict[str, float]:
    """The median losses up to each look, by the names of their columns."""
    looks = config.looks()
    parts = {end: losses[start:end] for start, end in zip([0, *looks], looks, strict=False)}
    return {f"loss {end}": short(np.median(part)) if part else math.nan for end, part in parts.items()}


def grid(recorded: Sequence[runs.Run], name: str) -> np.ndarray:
    """A column of several runs of one grid as an array `(seeds, scales, rates)`."""
    shape = [len(recorded[0].config[axis]) for axis in ("scales", "rates")]
    return runs.stack(recorded, name).reshape(-1, *shape)


def diverged(recorded: Sequence[runs.Run]) -> np.ndarray:
    """Where training diverged, as truth values `(seeds, scales, rates)`.

    The last recorded loss is more than a tenth above that of the first mini-batch, or is not a number.
    """
    last = list(recorded[0].columns)[-1]
    return ~(grid(recorded, last) <= 1.1 * grid(recorded, "loss 1"))


def short(value: float) -> float:
    """The number with four digits; what is recorded needs no more."""
    return float(f"{value:.4g}")
