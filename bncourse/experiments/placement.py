"""Section 3.2's choice, measured: batch norm before the activation, z = g(BN(Wu)), or after it, z = BN(g(Wu + b)).

The network is that of `kernels.mlp`, on digits, with its steps in the one order or the other. Both places start from
the same weights and see the same mini-batches, so that seeds can be compared in pairs. After the activation a bias is
kept, since no mean cancels it there.

    run(Config(place="after", activation="relu", seed=3)).columns["accuracy"]
"""

import time
from dataclasses import dataclass

import numpy as np

from bncourse import datasets, runs
from bncourse.experiments.digits import binary_images, minibatches
from bncourse.experiments.protocol import Progress, recorded_run, tell, unusual
from bncourse.kernels import mlp
from bncourse.kernels.steps import ACTIVATIONS, BATCH_NORM

PLACES = ("before", "after")


@dataclass(frozen=True)
class Config:
    """One training. Raises ValueError naming the field that is not one of its values or out of range."""

    dataset: str = "glyphs"
    place: str = "before"
    activation: str = "sigmoid"
    steps: int = 150
    seed: int = 0
    lr: float | int = 0.2
    batch: int = 60
    sizes: tuple[int, ...] = (784, 100, 100, 10)
    population_batches: int = 20

    def __post_init__(self):
        datasets.check_dataset("dataset", self.dataset)
        for name, known in {"place": PLACES, "activation": tuple(ACTIVATIONS)}.items():
            if getattr(self, name) not in known:
                raise ValueError(f"{name} is {getattr(self, name)!r}; expected one of {', '.join(known)}")
        for name, least in {"steps": 0, "seed": 0, "batch": 2, "population_batches": 1}.items():
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}; expected {least} or more")
        if not 0 < self.lr < np.inf:
            raise ValueError(f"lr is {self.lr}; expected a positive number")

    def variant(self) -> str:
        """A name for the run's file: data, place, activation, rate, every other field that is not usual, the seed."""
        named = ("dataset", "place", "activation", "lr", "seed")
        return "-".join([self.dataset, self.place, self.activation, f"lr{float(self.lr)}", *unusual(self, *named),
                         f"seed{self.seed}"])


def init(config: Config) -> mlp.Network:
    """The network of section 4.1 with the steps of its hidden layers in the order that config asks for.

    Weights have variance 1 / D, for D inputs of a layer; gamma is 1 and beta 0; a bias of 0 stands wherever batch norm
    does not cancel it.
    """
    network = mlp.init(config.sizes, batchnorm=True, std=1.0, rng=generators(config)[0])
    activation = ACTIVATIONS[config.activation]
    for layer in network:
        layer.w /= np.sqrt(len(layer.w))
        layer.steps = (BATCH_NORM, activation) if config.place == "before" else (activation, BATCH_NORM)
        if config.place == "after" and layer.gamma is not None:
            layer.b = np.zeros_like(layer.beta)
    return network


def generators(config: Config) -> list[np.random.Generator]:
    """The generators of the initial weights and of the mini-batches: two streams, so that neither follows the other."""
    return np.random.default_rng(config.seed).spawn(2)


def train(config: Config, progress: Progress | None = None) -> mlp.Network:
    """The network after `config.steps` steps of SGD."""
    (x, t), _, _ = binary_images(config.dataset, threshold=127)
    network, order = init(config), minibatches(len(x), config.batch, generators(config)[1])
    for step in range(1, config.steps + 1):
        i = next(order)
        _, gradients, _ = mlp.loss_and_gradients(network, x[i], t[i])
        mlp.sgd_step(network, gradients, config.lr)
        tell(progress, step, config.steps)
    return network


def population(config: Config, network: mlp.Network) -> list[mlp.Statistics]:
    """Mean and variance of what each batch norm is given, over training mini-batches (Algorithm 2)."""
    (x, _), _, _ = binary_images(config.dataset, threshold=127)
    starts = range(0, config.population_batches * config.batch, config.batch)
    return mlp.population(network, (x[i : i + config.batch] for i in starts))


def skewness_and_kurtosis(values: np.ndarray) -> tuple[float, float]:
    """How far the values `(N, units)` are from a Gaussian: |skewness| and |excess kurtosis| of the median unit.

    Both are 0 for a Gaussian. Units that are constant over the examples have neither and are left out.
    """
    values = values[:, values.std(0) > 1e-12]
    x_hat = (values - values.mean(0)) / values.std(0)
    squares = x_hat * x_hat  # products: a power of an array takes ten times as long
    skewness, kurtosis = (squares * x_hat).mean(0), (squares * squares).mean(0) - 3
    return float(np.median(np.abs(skewness))), float(np.median(np.abs(kurtosis)))


def run(config: Config, progress: Progress | None = None) -> runs.Run:
    """Train one network and test it with population statistics. Columns, of one row:

    `accuracy` on 2000 test images; in the second hidden layer, over those images, `skewness u`, `kurtosis u`,
    `skewness Wu`, `kurtosis Wu` (see `skewness_and_kurtosis`), and `zeros Wu`, `zeros g`, the shares of exact zeros
    before and after the activation.
    """
    start = time.perf_counter()
    network = train(config, progress)
    _, (x, t), sha256 = binary_images(config.dataset, threshold=127)
    logits, tape = mlp.forward(network, x[:2000], population(config, network))
    trace, row = tape.hidden[1], {"accuracy": float(np.mean(logits.argmax(1) == t[:2000]))}
    row["skewness u"], row["kurtosis u"] = skewness_and_kurtosis(trace.u)
    row["skewness Wu"], row["kurtosis Wu"] = skewness_and_kurtosis(trace.x)
    row["zeros Wu"], row["zeros g"] = (float(np.mean(values == 0)) for values in (trace.x, trace.activated))
    return recorded_run(config, {name: [value] for name, value in row.items()}, data=config.dataset, sha256=sha256,
                        seconds=time.perf_counter() - start)
