"""Section 4.1's network: fully connected sigmoid layers, with batch norm before each sigmoid or without.

A network is a list of `Layer`s, the last one giving the logits. `forward` keeps what the gradients
need on a `Tape`, `loss_and_gradients` follows the tape back, `sgd_step` moves the parameters. One
training step is

    loss, gradients, tape = loss_and_gradients(network, x, t)
    sgd_step(network, gradients, lr)

For inference, `population` measures the statistics of Algorithm 2, which `forward` and `predict` take.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Shaped

from bncourse.kernels import layers, normalize
from bncourse.kernels.statistics import Population

Array = np.ndarray
Statistics = tuple[Array, Array]


@dataclass
class Layer:
    """The parameters of one layer, or their gradients.

    w is `(D, M)`. A layer with batch norm has gamma and beta `(M,)` and no b, which the mean would
    cancel and beta replaces (section 3.2); a layer without has b `(M,)` alone.
    """

    w: Array
    b: Array | None = None
    gamma: Array | None = None
    beta: Array | None = None

    def parameters(self) -> list[Array]:
        """The arrays that this layer has, in a fixed order."""
        return [p for p in (self.w, self.b, self.gamma, self.beta) if p is not None]


Network = list[Layer]


class Trace(NamedTuple):
    """One hidden layer's pass: `x = Wu` (+ b), `y` the sigmoid's input, and the caches for going back."""

    x: Array
    y: Array
    caches: tuple


class Tape(NamedTuple):
    """A forward pass: a `Trace` for each hidden layer, and the cache of the layer of logits."""

    hidden: list[Trace]
    output: tuple


def init(
    sizes: Sequence[int] = (784, 100, 100, 100, 10),
    batchnorm: bool = True,
    std: float | int = 0.1,
    *,
    rng: np.random.Generator,
    dtype: type = np.float64,
) -> Network:
    """A new network: W from a Gaussian of standard deviation std, b = 0, gamma = 1, beta = 0.

    The same rng gives the same W with batch norm and without, and in every dtype.
    """
    if len(sizes) < 2 or min(sizes) < 1:
        raise ValueError(f"sizes is {tuple(sizes)}; expected two or more positive numbers, inputs first")
    weights = [(std * rng.standard_normal(shape)).astype(dtype) for shape in pairwise(sizes)]
    *hidden, output = [Layer(w, b=np.zeros(w.shape[1], dtype)) for w in weights]
    if batchnorm:
        hidden = [Layer(layer.w, gamma=np.ones_like(layer.b), beta=layer.b) for layer in hidden]
    return [*hidden, output]


def forward(
    network: Network,
    x: Shaped[Array, "N D"],
    population: Sequence[Statistics] | None = None,
    eps: float | int = 1e-5,
) -> tuple[Float[Array, "N K"], Tape]:
    """Logits and the tape; x is taken in the network's dtype.

    Without population, batch norm uses the statistics of this very batch (Algorithm 1); with it, the
    given mean and variance of each hidden layer (Algorithm 2, line 11). The inputs of the sigmoids are
    `tape.hidden[k].y`.
    """
    *hidden, output = network
    _check_input(network, x, population)
    u, traces = x.astype(output.w.dtype, copy=False), []
    for k, layer in enumerate(hidden):
        u, trace = _hidden_forward(layer, u, population[k] if population else None, eps)
        traces.append(trace)
    logits, cache = layers.affine_forward(u, output.w, output.b)
    return logits, Tape(traces, cache)


def _hidden_forward(layer: Layer, u: Array, statistics: Statistics | None, eps: float | int) -> tuple[Array, Trace]:
    """`z = g(BN(Wu))`, or `g(Wu + b)` in a layer without batch norm."""
    x, affine = layers.affine_forward(u, layer.w, layer.b)
    y, norm = x, None
    if layer.gamma is not None and statistics is None:
        y, norm = normalize.batchnorm_forward(x, layer.gamma, layer.beta, eps)
    elif layer.gamma is not None:
        y = normalize.batchnorm_inference(x, layer.gamma, layer.beta, *statistics, eps)
    z, sigmoid = layers.sigmoid_forward(y)
    return z, Trace(x, y, (affine, norm, sigmoid))


def backward(network: Network, dlogits: Float[Array, "N K"], tape: Tape) -> list[Layer]:
    """The gradient of every parameter, as one `Layer` of gradients for each layer."""
    dx, affine = dlogits, tape.output
    gradients = [Layer(*layers.affine_parameters_backward(dx, affine))]
    for layer, trace in zip(reversed(network[:-1]), reversed(tape.hidden), strict=True):
        dz = layers.affine_input_backward(dx, affine)
        affine, norm, sigmoid = trace.caches
        dx, dgamma, dbeta = _normalization_backward(layer, layers.sigmoid_backward(dz, sigmoid), norm)
        gradients.append(Layer(*layers.affine_parameters_backward(dx, affine), dgamma, dbeta))
    return gradients[::-1]


def _normalization_backward(layer: Layer, dy: Array, norm: tuple | None) -> tuple[Array, Array | None, Array | None]:
    """From `y`, the sigmoid's input, to `x = Wu`: dx, and dgamma and dbeta where the layer has them."""
    if layer.gamma is None:
        return dy, None, None
    if norm is None:
        raise ValueError("the tape was made with population statistics; gradients need batch statistics")
    return normalize.batchnorm_backward(dy, norm)


def loss_and_gradients(
    network: Network, x: Shaped[Array, "N D"], t: Int[Array, "N"], eps: float | int = 1e-5
) -> tuple[np.floating, list[Layer], Tape]:
    """Mean cross-entropy of one mini-batch, its gradient for every parameter, and the tape."""
    logits, tape = forward(network, x, eps=eps)
    loss, cache = layers.softmax_cross_entropy_forward(logits, t)
    return loss, backward(network, layers.softmax_cross_entropy_backward(cache), tape), tape


def sgd_step(network: Network, gradients: list[Layer], lr: float | int) -> None:
    """`p <- p - lr dp` for every parameter, in place."""
    lr = np.asarray(lr, network[0].w.dtype)  # NumPy multiplies by an array without axes faster than by a number
    for p, d in zip(network, gradients, strict=True):
        for parameter, gradient in ((p.w, d.w), (p.b, d.b), (p.gamma, d.gamma), (p.beta, d.beta)):
            if parameter is not None:
                parameter -= lr * gradient


def population(network: Network, batches: Iterable[Shaped[Array, "N D"]], eps: float | int = 1e-5) -> list[Statistics]:
    """Mean and variance `(M,)` of each hidden layer's `x = Wu` over training mini-batches (Algorithm 2).

    The layers below are in training mode: the paper leaves this open, and one pass then serves every
    layer. Raises ValueError where there is no mini-batch, or none of two examples.
    """
    statistics = [Population() for _ in network[:-1]]
    for x in batches:
        _, tape = forward(network, x, eps=eps)
        for layer_statistics, trace in zip(statistics, tape.hidden, strict=True):
            layer_statistics.update(trace.x)
    return [(s.mean, s.var) for s in statistics]


def predict(
    network: Network,
    x: Shaped[Array, "N D"],
    population: Sequence[Statistics] | None = None,
    eps: float | int = 1e-5,
) -> Int[Array, "N"]:
    """The most probable label of each example, with batch or population statistics as in `forward`."""
    logits, _ = forward(network, x, population, eps)
    return logits.argmax(1)


def _check_input(network: Network, x: Array, population: Sequence[Statistics] | None) -> None:
    if x.shape[1] != len(network[0].w):
        raise ValueError(f"x has shape {x.shape}, but the network takes (N, {len(network[0].w)})")
    if population is not None and len(population) != len(network) - 1:
        raise ValueError(
            f"population has {len(population)} pairs (mean, var), but the network has "
            f"{len(network) - 1} hidden layers; expected one pair for each"
        )
