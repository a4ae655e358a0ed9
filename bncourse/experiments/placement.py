"""Section 3.2's choice, measured: batch norm before the activation, z = g(BN(Wu)), or after it, z = BN(g(Wu + b)).

A fully connected network on digits. Both places start from the same weights and see the same mini-batches, so that
seeds can be compared in pairs. After the activation a bias is kept, since no mean cancels it there.

    run(Config(place="after", activation="relu", seed=3)).columns["accuracy"]
"""

import time
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from bncourse import datasets, runs
from bncourse.experiments.activations import binary_images, minibatches
from bncourse.experiments.protocol import Progress, recorded_run, tell, unusual
from bncourse.kernels import layers, mlp
from bncourse.kernels.normalize import batchnorm_backward, batchnorm_forward, batchnorm_inference
from bncourse.kernels.statistics import Population

PLACES = ("before", "after")
ACTIVATIONS = {
    "sigmoid": (layers.sigmoid_forward, layers.sigmoid_backward),
    "relu": (layers.relu_forward, layers.relu_backward),
}


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


class Trace(NamedTuple):
    """One hidden layer's pass: its input u, `x = Wu` (+ b), what batch norm was given, the activation's
    value g, z, which goes on, and the caches."""

    u: np.ndarray
    x: np.ndarray
    given: np.ndarray
    g: np.ndarray
    z: np.ndarray
    caches: tuple


def init(config: Config) -> mlp.Network:
    """Weights of variance 1 / D, gamma 1, beta 0; a bias wherever batch norm does not cancel it."""
    rng = np.random.default_rng(config.seed)
    network = mlp.init(config.sizes, batchnorm=True, std=1.0, rng=rng)
    for layer in network:
        layer.w /= np.sqrt(len(layer.w))
        if config.place == "after" and layer.gamma is not None:
            layer.b = np.zeros_like(layer.beta)
    return network


def forward(config: Config, network: mlp.Network, u: np.ndarray, population: list | None = None):
    """Logits `(N, 10)`, a `Trace` for each hidden layer, and the cache of the last layer.

    Without population, mini-batch statistics; with it, the given (mean, var) of each hidden layer.
    """
    traces = []
    for k, layer in enumerate(network[:-1]):
        traces.append(_hidden(config, layer, u, population and population[k]))
        u = traces[-1].z
    logits, cache = layers.affine_forward(u, network[-1].w, network[-1].b)
    return logits, traces, cache


def _hidden(config: Config, layer: mlp.Layer, u: np.ndarray, statistics: tuple | None) -> Trace:
    act, _ = ACTIVATIONS[config.activation]
    x, affine = layers.affine_forward(u, layer.w, layer.b)
    if config.place == "before":
        y, norm = _batchnorm(x, layer, statistics)
        z, activation = act(y)
        return Trace(u, x, x, z, z, (affine, norm, activation))
    given, activation = act(x)
    z, norm = _batchnorm(given, layer, statistics)
    return Trace(u, x, given, given, z, (affine, norm, activation))


def _batchnorm(x: np.ndarray, layer: mlp.Layer, statistics: tuple | None) -> tuple[np.ndarray, tuple | None]:
    if statistics is None:
        return batchnorm_forward(x, layer.gamma, layer.beta)
    return batchnorm_inference(x, layer.gamma, layer.beta, *statistics), None


def gradients(config: Config, network: mlp.Network, u: np.ndarray, t: np.ndarray) -> list[mlp.Layer]:
    """The gradient of the mean cross-entropy of one mini-batch, as one `Layer` of gradients for each layer."""
    logits, traces, cache = forward(config, network, u)
    _, loss = layers.softmax_cross_entropy_forward(logits, t)
    dz, dw, db = layers.affine_backward(layers.softmax_cross_entropy_backward(loss), cache)
    found = [mlp.Layer(dw, db)]
    for trace in reversed(traces):
        dz, gradient = _hidden_backward(config, dz, trace.caches)
        found.append(gradient)
    return found[::-1]


def _hidden_backward(config: Config, dz: np.ndarray, caches: tuple) -> tuple[np.ndarray, mlp.Layer]:
    _, act_backward = ACTIVATIONS[config.activation]
    affine, norm, activation = caches
    if config.place == "before":
        dx, dgamma, dbeta = batchnorm_backward(act_backward(dz, activation), norm)
    else:
        dgiven, dgamma, dbeta = batchnorm_backward(dz, norm)
        dx = act_backward(dgiven, activation)
    du, dw, db = layers.affine_backward(dx, affine)
    return du, mlp.Layer(dw, db, dgamma, dbeta)


def train(config: Config, progress: Progress | None = None) -> mlp.Network:
    """The network after `config.steps` steps of SGD."""
    (x, t), _, _ = binary_images(config.dataset, threshold=127)
    network, order = init(config), minibatches(len(x), config.batch, np.random.default_rng(config.seed))
    for step in range(1, config.steps + 1):
        i = next(order)
        mlp.sgd_step(network, gradients(config, network, x[i].astype(float), t[i]), config.lr)
        tell(progress, step, config.steps)
    return network


def population(config: Config, network: mlp.Network) -> list[tuple[np.ndarray, np.ndarray]]:
    """Mean and variance of what each batch norm is given, over training mini-batches (Algorithm 2)."""
    (x, _), _, _ = binary_images(config.dataset, threshold=127)
    found = [Population() for _ in network[:-1]]
    for i in range(config.population_batches):
        _, traces, _ = forward(config, network, x[i * config.batch : (i + 1) * config.batch].astype(float))
        for statistics, trace in zip(found, traces, strict=True):
            statistics.update(trace.given)
    return [(p.mean, p.var) for p in found]


def shape(values: np.ndarray) -> tuple[float, float]:
    """Median over the units of |skewness| and of |excess kurtosis|; values is `(N, units)`, constant units left out."""
    values = values[:, values.std(0) > 1e-12]
    x_hat = (values - values.mean(0)) / values.std(0)
    return float(np.median(np.abs((x_hat**3).mean(0)))), float(np.median(np.abs((x_hat**4).mean(0) - 3)))


def run(config: Config, progress: Progress | None = None) -> runs.Run:
    """Train one network and test it with population statistics. Columns, of one row:

    `accuracy` on 2000 test images; in the second hidden layer, over those images, `skewness u`, `kurtosis u`,
    `skewness Wu`, `kurtosis Wu` (see `shape`), and `zeros Wu`, `zeros g`, the shares of exact zeros before and after
    the activation.
    """
    start = time.perf_counter()
    network = train(config, progress)
    _, (x, t), sha256 = binary_images(config.dataset, threshold=127)
    logits, traces, _ = forward(config, network, x[:2000].astype(float), population(config, network))
    trace, row = traces[1], {"accuracy": float(np.mean(logits.argmax(1) == t[:2000]))}
    row["skewness u"], row["kurtosis u"] = shape(trace.u)
    row["skewness Wu"], row["kurtosis Wu"] = shape(trace.x)
    row["zeros Wu"], row["zeros g"] = (float(np.mean(values == 0)) for values in (trace.x, trace.g))
    return recorded_run(config, {name: [value] for name, value in row.items()}, data=config.dataset, sha256=sha256,
                        seconds=time.perf_counter() - start)
