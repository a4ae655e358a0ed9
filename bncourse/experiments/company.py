"""Section 3.4 and small mini-batches, measured: what the company of an example does to training and to the test.

The network of `kernels.mlp` on digits, with one of several norms, in mini-batches of any size and order, with Dropout
or without, at several learning rates and from several seeds. For a seed all of them start from the same weights and
draw the same mini-batches.

    run(Config(norm="ghost", batch=512, part=16)).columns["test"]
    run(Config(batch=2, rates=(0.01, 0.1))).columns["in order"]     the accuracy that better statistics would give
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bncourse import datasets, runs
from bncourse.experiments.digits import Examples, binary_images, evenly_spaced, minibatches, right, scale_by_inputs
from bncourse.experiments.protocol import Progress, check_rates_and_seeds, recorded_run, tell, unusual
from bncourse.kernels import mlp
from bncourse.kernels.noise import Dropout, ghost_norm, group_norm, noisy_norm, renorm
from bncourse.kernels.steps import ACTIVATIONS, BATCH_NORM, LAYER_NORM

NORMS = ("none", "batch", "ghost", "noisy", "renorm", "layer", "group")
ORDERS = ("shuffled", "fixed", "sorted")
PLACES = ("before", "after")


@dataclass(frozen=True)
class Config:
    """Trainings of one kind, one for each of the learning rates and each of the seeds.

    part     examples in a ghost batch, or in a mini-batch that has the noise which "noisy" draws
    order    "shuffled": new mini-batches in each epoch. "fixed": the same mini-batches in each epoch, in a new order.
             "sorted": fixed, and made of examples sorted by their labels
    dropout  the probability of a zero, and where it is: "before" the norm, on Wu, or "after" the activation
    images   training images, evenly spaced over the set; None for all

    Raises ValueError naming the field that is not one of its values or out of range.
    """

    dataset: str = "glyphs"
    norm: str = "batch"
    activation: str = "relu"
    batch: int = 60
    part: int = 16
    order: str = "shuffled"
    dropout: float | int = 0.0
    place: str = "after"
    images: int | None = None
    steps: int = 1000
    rates: tuple[float | int, ...] = (0.1,)
    seeds: tuple[int, ...] = (0,)
    sizes: tuple[int, ...] = (784, 100, 100, 10)
    groups: int = 10

    def __post_init__(self):
        datasets.check_dataset("dataset", self.dataset)
        known = {"norm": NORMS, "activation": tuple(ACTIVATIONS), "order": ORDERS, "place": PLACES}
        for name, values in known.items():
            if getattr(self, name) not in values:
                raise ValueError(f"{name} is {getattr(self, name)!r}; expected one of {', '.join(values)}")
        for name, least in {"steps": 0, "batch": 2, "part": 2, "groups": 1}.items():
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}; expected {least} or more")
        if self.images is not None and self.images < self.batch:
            raise ValueError(f"images is {self.images}, but batch is {self.batch}; expected at least as many")
        check_rates_and_seeds(self.rates, self.seeds)
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout is {self.dropout}; expected 0 or more and below 1")

    def variant(self) -> str:
        """A name for the run's file: data, norm, batch, and every other field that is not usual."""
        named = ("dataset", "norm", "batch")
        return "-".join([self.dataset, self.norm, f"batch{self.batch}", *unusual(self, *named)])


SEEDS, RATES = (0, 1, 2, 3, 4), (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
FEW = dict(dataset="mnist", images=1000, seeds=SEEDS)
NOISES = (("none", 16), ("batch", 16), *((norm, part) for part in (4, 16, 64) for norm in ("ghost", "noisy")))
PLAN = {
    "dropout": tuple(Config(norm=norm, dropout=p, rates=(0.03, 0.1, 0.3, 1.0, 3.0, 10.0), **FEW)
                     for norm in ("none", "batch") for p in (0.0, 0.2, 0.5)),
    "small": tuple(Config(dataset="mnist", norm=norm, batch=batch, rates=RATES if batch > 2 else (0.003, *RATES),
                          seeds=SEEDS)
                   for batch in (2, 4, 8, 16, 64) for norm in ("none", "batch", "renorm", "layer", "group")),
    "orders": tuple(Config(norm=norm, order=order, batch=20, steps=500, rates=(0.03, 0.1, 0.3, 1.0, 3.0), **FEW)
                    for norm in ("batch", "none") for order in ORDERS),
    "noise": tuple(Config(norm=norm, part=part, batch=500, steps=400, rates=(0.1, 0.3, 1.0, 3.0, 10.0), **FEW)
                   for norm, part in NOISES),
}


def init(config: Config, rng: np.random.Generator) -> mlp.Network:
    """The network: weights of variance 2 / D for ReLU and 1 / D for a sigmoid, for D inputs of a layer; its steps."""
    network = mlp.init(config.sizes, config.norm != "none", std=1.0, rng=rng)
    scale_by_inputs(network, config.activation)
    for layer, noise in zip(network, rng.spawn(len(network)), strict=True):
        layer.steps = steps(config, noise)
    return network


def steps(config: Config, rng: np.random.Generator) -> tuple:
    """What a hidden layer does after its affine map; rng draws the noise and the Dropout of this layer."""
    made = {"none": None, "batch": BATCH_NORM, "layer": LAYER_NORM}
    makers = {"ghost": lambda: ghost_norm(config.part), "noisy": lambda: noisy_norm(config.part, rng),
              "renorm": renorm, "group": lambda: group_norm(config.groups)}
    norm = made[config.norm] if config.norm in made else makers[config.norm]()
    dropout = Dropout(config.dropout, rng) if config.dropout else None
    before, after = (dropout, None) if config.place == "before" else (None, dropout)
    return tuple(step for step in (before, norm, ACTIVATIONS[config.activation], after) if step is not None)


def orders(config: Config, t: np.ndarray, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yields the indices `(batch,)` of mini-batches without end, in the order that config asks for.

    t are the labels of the examples, `(N,)`.
    """
    if config.order == "shuffled":
        yield from minibatches(len(t), config.batch, rng)
    shuffled = rng.permutation(len(t))
    if config.order == "sorted":
        shuffled = shuffled[np.argsort(t[shuffled], kind="stable")]
    fixed = shuffled[: len(t) - len(t) % config.batch].reshape(-1, config.batch)
    while True:
        yield from fixed[rng.permutation(len(fixed))]


def train(config: Config, lr: float, seed: int) -> mlp.Network:
    """The network after `config.steps` steps of SGD at a learning rate, from a seed."""
    weights, order = np.random.default_rng(seed).spawn(2)
    x, t = examples(config)
    network, indices = init(config, weights), orders(config, t, order)
    for _ in range(config.steps):
        i = next(indices)
        _, gradients, _ = mlp.loss_and_gradients(network, x[i], t[i])
        mlp.sgd_step(network, gradients, lr)
    return network


def examples(config: Config) -> Examples:
    """The training images and labels that config asks for."""
    return evenly_spaced(binary_images(config.dataset, threshold=127).train, config.images)


def population(config: Config, network: mlp.Network, values: int = 6000) -> list[mlp.Statistics]:
    """Algorithm 2 over mini-batches of the training's size, as many as have so many examples together."""
    x, _ = examples(config)
    order, batches = minibatches(len(x), config.batch, np.random.default_rng(0)), -(-values // config.batch)
    return mlp.population(network, (x[next(order)] for _ in range(batches)))


def population_in_order(config: Config, network: mlp.Network, values: int = 6000) -> list[mlp.Statistics]:
    """Mean and variance of each layer's norm over so many training examples, the layers below at inference already.

    Algorithm 2 as `population` has it lets the layers below normalize by small mini-batches, whose outputs are
    distributed otherwise than those at inference.
    """
    x = evenly_spaced(examples(config), min(values, len(examples(config)[0])))[0]
    nothing = [mlp.Statistics(np.zeros(w.shape[1]), np.ones(w.shape[1])) for w in (layer.w for layer in network[:-1])]
    for k in range(len(nothing)):
        seen = mlp.forward(network, x, nothing)[1].hidden[k].normalized_input
        nothing[k] = mlp.Statistics(seen.mean(0), seen.var(0))
    return nothing


def run(config: Config, progress: Progress | None = None) -> runs.Run:
    """Train the networks and test them. Columns, with a row for each learning rate and seed:

    `lr`, `seed`, and what `measure` finds.
    """
    start = time.perf_counter()
    pairs = [(lr, seed) for seed in config.seeds for lr in config.rates]
    columns: dict[str, list] = {"lr": [], "seed": []}
    for done, (lr, seed) in enumerate(pairs, 1):
        with np.errstate(over="ignore", invalid="ignore"):
            row = {"lr": lr, "seed": seed} | measure(config, train(config, lr, seed))
        for name, value in row.items():
            columns.setdefault(name, []).append(value)
        tell(progress, done, len(pairs))
    sha256 = binary_images(config.dataset, threshold=127).sha256
    return recorded_run(config, columns, data=config.dataset, sha256=sha256, seconds=time.perf_counter() - start,
                        seed=config.seeds[0])


def measure(config: Config, network: mlp.Network) -> dict[str, float]:
    """Shares of right answers and mean losses of a trained network.

    `train` is on at most 6000 training images, `chosen` and `test` on 2000 test images each, the one to choose a
    learning rate by and the other to report: all three by `population`. `in order` is on the latter images by
    `population_in_order`, and `own` in mini-batches of the training's size, each normalized by itself and with Dropout
    as in training. `loss` and `test loss` are the mean cross-entropies, in nats, of the images of `train` and `test`.
    """
    x, t = evenly_spaced(binary_images(config.dataset, threshold=127).test, 4000)
    chosen, test = (x[::2], t[::2]), (x[1::2], t[1::2])
    some, statistics = evenly_spaced(examples(config), min(6000, len(examples(config)[0]))), population(config, network)
    return {"train": right(network, some, statistics), "chosen": right(network, chosen, statistics),
            "test": right(network, test, statistics),
            "in order": right(network, test, population_in_order(config, network)),
            "own": own(config, network, test),
            "loss": cross_entropy(network, some, statistics), "test loss": cross_entropy(network, test, statistics)}


def own(config: Config, network: mlp.Network, data: Examples) -> float:
    """The share of examples that are right in mini-batches of the training's size, each normalized by itself."""
    x, t = data
    shuffled = np.random.default_rng(0).permutation(len(x))
    whole = shuffled[: len(x) - len(x) % config.batch].reshape(-1, config.batch)
    return float(np.mean([right(network, (x[i], t[i]), None) for i in whole])) if len(whole) else float("nan")


def cross_entropy(network: mlp.Network, data: Examples, statistics: list[mlp.Statistics]) -> float:
    """The mean cross-entropy of the examples in nats; infinite where the network's numbers have overflowed."""
    x, t = data
    logits, _ = mlp.forward(network, x, statistics)
    logits = logits - logits.max(1, keepdims=True)
    loss = np.mean(np.log(np.exp(logits).sum(1)) - logits[np.arange(len(t)), t])
    return float(loss) if np.isfinite(loss) else float("inf")


def at_rate(run: runs.Run, column: str, rate: float) -> np.ndarray:
    """A column of a run at one of its learning rates, a value for each seed."""
    return np.array(run.columns[column])[np.array(run.columns["lr"]) == rate]


def chosen_rate(run: runs.Run) -> float:
    """The learning rate at which the median seed has most of the images `chosen` right."""
    return max(run.config["rates"], key=lambda rate: np.median(at_rate(run, "chosen", rate)))


def at_best(run: runs.Run, column: str) -> np.ndarray:
    """A column of a run at its `chosen_rate`, a value for each seed."""
    return at_rate(run, column, chosen_rate(run))
