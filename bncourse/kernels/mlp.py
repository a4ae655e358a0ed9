"""Section 4.1's network: fully connected sigmoid layers, with batch norm before each sigmoid or without.

A network is a list of `Layer`s; the last one gives the logits. A hidden layer is an affine map, `x = u w + b`, and
then its steps in their order, which are values (steps.py): a norm, an activation, each a pair of functions, forward
and backward. The network of the paper has the steps `(BATCH_NORM, SIGMOID)`. Another network is made by giving its
hidden layers other steps:

    for layer in network[:-1]:
        layer.steps = (RELU, BATCH_NORM)

`forward` keeps what the gradients need on a `Tape`, `loss_and_gradients` follows the tape back, `sgd_step` moves the
parameters. One training step is

    loss, gradients, tape = loss_and_gradients(network, x, t)
    sgd_step(network, gradients, lr)

For inference, `population` measures the statistics of Algorithm 2, which `forward` and `predict` take.

The letters of the shapes: N examples; D inputs and M outputs of a layer; K classes.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Shaped

from bncourse.kernels import layers
from bncourse.kernels.statistics import Population
from bncourse.kernels.steps import BATCH_NORM, SIGMOID, Activation, Norm, Pair, Skip

Array = np.ndarray


class Statistics(NamedTuple):
    """Mean and variance `(M,)` of what one batch norm is given."""

    mean: Array
    var: Array


@dataclass
class Layer:
    """The parameters of one layer, or their gradients; and for a hidden layer, what follows its affine map.

    w is `(D, M)`. A layer with batch norm right after the affine map has gamma and beta `(M,)` and no b, which the
    mean would cancel and beta replaces (section 3.2). Where batch norm stands elsewhere a layer has all three; without
    batch norm it has b `(M,)` alone. `steps` are applied in their order; those of the last layer, which gives the
    logits, are not.
    """

    w: Array
    b: Array | None = None
    gamma: Array | None = None
    beta: Array | None = None
    steps: tuple[Activation | Norm | Skip, ...] = (BATCH_NORM, SIGMOID)

    def parameters(self) -> list[Array]:
        """The arrays that this layer has, in a fixed order."""
        return [p for p in (self.w, self.b, self.gamma, self.beta) if p is not None]


Network = list[Layer]


class Trace(NamedTuple):
    """One hidden layer's pass: its values from the input u to the output, the steps between, and the caches.

    `values` are u, x = Wu (+ b), and what each step gave; `caches` are the affine map's and each step's.
    """

    steps: tuple
    values: list[Array]
    caches: list

    @property
    def u(self) -> Array:
        """The layer's input, `(N, D)`."""
        return self.values[0]

    @property
    def x(self) -> Array:
        """What the affine map gives, `x = Wu` (+ b), `(N, M)`."""
        return self.values[1]

    @property
    def y(self) -> Array:
        """The input of the activation, `(N, M)`; in a linear layer, its output."""
        return self.values[self._place(Activation, default=-1)]

    @property
    def activated(self) -> Array:
        """The output of the activation, `(N, M)`; in a linear layer, its output."""
        return self.values[self._place(Activation, default=-2) + 1]

    @property
    def normalized_input(self) -> Array:
        """The input of the norm, `(N, M)`; in a layer without one, x."""
        return self.values[self._place(Norm, default=1)]

    @property
    def z(self) -> Array:
        """The layer's output, `(N, M)`."""
        return self.values[-1]

    def _place(self, kind: type, default: int) -> int:
        """The index in `values` of what the first step of this kind was given; default where there is no such step."""
        return next((k for k, step in enumerate(self.steps, start=1) if isinstance(step, kind)), default)


class Tape(NamedTuple):
    """A forward pass: a `Trace` for each hidden layer, and the cache of the affine map that gives the logits."""

    hidden: list[Trace]
    output: layers.AffineCache


def init(sizes: Sequence[int] = (784, 100, 100, 100, 10), batchnorm: bool = True, std: float | int = 0.1, *,
         rng: np.random.Generator, dtype: type = np.float64) -> Network:
    """A new network of section 4.1: W from a Gaussian of standard deviation std, b = 0, gamma = 1, beta = 0.

    sizes are the numbers of inputs, of units in each hidden layer, and of classes. With batchnorm, hidden layers have
    gamma and beta in place of b. rng draws the weights: the same rng gives the same W with batch norm and without,
    and in every dtype. dtype is that of all parameters, and of all that is computed from them. Raises ValueError for
    fewer than two sizes and for a size below 1.
    """
    if len(sizes) < 2 or min(sizes) < 1:
        raise ValueError(f"sizes is {tuple(sizes)}; expected two or more positive numbers, inputs first")
    weights = [(std * rng.standard_normal(shape)).astype(dtype) for shape in pairwise(sizes)]
    *hidden, output = [Layer(w, b=np.zeros(w.shape[1], dtype)) for w in weights]
    if batchnorm:
        hidden = [Layer(layer.w, gamma=np.ones_like(layer.b), beta=layer.b) for layer in hidden]
    return [*hidden, output]


def forward(network: Network, x: Shaped[Array, "N D"], statistics: Sequence[Pair] | None = None,
            eps: float | int = 1e-5) -> tuple[Float[Array, "N K"], Tape]:
    """Logits `(N, K)` and the tape.

    x are the examples, `(N, D)` of any dtype; they are converted to the network's. Without statistics, batch norm
    uses those of this very batch (Algorithm 1). With statistics, a mean and a variance `(M,)` for each hidden layer
    such as `population` returns, it uses these (Algorithm 2, line 11). The inputs of the activations are
    `tape.hidden[k].y`. Raises ValueError for an x of another width, and for another number of statistics.
    """
    *hidden, output = network
    _check_input(network, x, statistics)
    u, traces = x.astype(output.w.dtype, copy=False), []
    for k, layer in enumerate(hidden):
        traces.append(_hidden_forward(layer, u, statistics[k] if statistics else None, eps))
        u = traces[-1].z
    logits, cache = layers.affine_forward(u, output.w, output.b)
    return logits, Tape(traces, cache)


def _hidden_forward(layer: Layer, u: Array, statistics: Pair | None, eps: float | int) -> Trace:
    """The affine map, then each step: `g(BN(Wu))` in section 4.1's network, or `g(Wu + b)` without batch norm."""
    x, cache = layers.affine_forward(u, layer.w, layer.b)
    values, caches = [u, x], [cache]
    for step in layer.steps:
        value, cache = step.apply(layer, values, statistics, eps)
        values.append(value)
        caches.append(cache)
    return Trace(layer.steps, values, caches)


def backward(network: Network, dlogits: Float[Array, "N K"], tape: Tape) -> list[Layer]:
    """The gradient of every parameter, as one `Layer` of gradients for each layer.

    dlogits is the gradient of the loss for the logits. Raises ValueError for a tape that was made with given
    statistics: the gradient of training goes through the statistics of the batch.
    """
    dx, affine, skipped = dlogits, tape.output, None
    gradients = [Layer(*layers.affine_parameters_backward(dx, affine))]
    for layer, trace in zip(reversed(network[:-1]), reversed(tape.hidden), strict=True):
        dz = layers.affine_input_backward(dx, affine)
        if skipped is not None:
            dz += skipped
        affine = trace.caches[0]
        dx, found = _steps_backward(layer, dz, trace.caches)
        skipped = found.pop("u", None)
        gradients.append(Layer(*layers.affine_parameters_backward(dx, affine), **found))
    return gradients[::-1]


def _steps_backward(layer: Layer, dz: Array, caches: list) -> tuple[Array, dict[str, Array]]:
    """The gradient for the affine map's output, and what the steps found for gamma, beta and the layer's input u."""
    dx, found = dz, {}
    for step, cache in zip(reversed(layer.steps), reversed(caches[1:]), strict=True):
        dx = step.apply_backward(layer, dx, cache, found)
    return dx, found


def loss_and_gradients(network: Network, x: Shaped[Array, "N D"], t: Int[Array, "N"], eps: float | int = 1e-5
                       ) -> tuple[np.floating, list[Layer], Tape]:
    """Mean cross-entropy of one mini-batch in nats, its gradient for every parameter, and the tape.

    x are the examples, `(N, D)`, and t their labels, `(N,)`, integers from 0 to K - 1. The gradients come as one
    `Layer` for each layer. Raises ValueError as `forward` and `softmax_cross_entropy_forward` do.
    """
    logits, tape = forward(network, x, eps=eps)
    loss, cache = layers.softmax_cross_entropy_forward(logits, t)
    return loss, backward(network, layers.softmax_cross_entropy_backward(cache), tape), tape


def sgd_step(network: Network, gradients: list[Layer], lr: float | int) -> None:
    """One step of stochastic gradient descent: `p <- p - lr dp` for every parameter p, in place.

    gradients are those of `loss_and_gradients`, a `Layer` for each layer, and lr is the learning rate. The dtype of
    the parameters stays what it is.
    """
    lr = np.asarray(lr, network[0].w.dtype)  # NumPy multiplies by an array without axes faster than by a number
    for p, d in zip(network, gradients, strict=True):
        for parameter, gradient in ((p.w, d.w), (p.b, d.b), (p.gamma, d.gamma), (p.beta, d.beta)):
            if parameter is not None:
                parameter -= lr * gradient


def population(network: Network, batches: Iterable[Shaped[Array, "N D"]], eps: float | int = 1e-5) -> list[Statistics]:
    """Mean and variance `(M,)` of what each hidden layer's norm is given, over training mini-batches (Algorithm 2).

    In section 4.1's network that is `x = Wu`. While a layer is measured, the layers below normalize by the statistics
    of each mini-batch, as in training: the paper leaves this open, and one pass then serves every layer. Raises
    ValueError where there is no mini-batch, or none of two examples.
    """
    measured = [Population() for _ in network[:-1]]
    for x in batches:
        _, tape = forward(network, x, eps=eps)
        for of_layer, trace in zip(measured, tape.hidden, strict=True):
            of_layer.update(trace.normalized_input)
    return [Statistics(of_layer.mean, of_layer.var) for of_layer in measured]


def predict(network: Network, x: Shaped[Array, "N D"], statistics: Sequence[Pair] | None = None,
            eps: float | int = 1e-5) -> Int[Array, "N"]:
    """The most probable label of each example; x, statistics and eps are those of `forward`."""
    logits, _ = forward(network, x, statistics, eps)
    return logits.argmax(1)


def _check_input(network: Network, x: Array, statistics: Sequence[Pair] | None) -> None:
    """Raises ValueError for an x of another width than the first layer's, and for another number of statistics."""
    if x.shape[1] != len(network[0].w):
        raise ValueError(f"x has shape {x.shape}, but the network takes (N, {len(network[0].w)})")
    if statistics is not None and len(statistics) != len(network) - 1:
        raise ValueError(
            f"statistics has {len(statistics)} pairs (mean, var), but the network has "
            f"{len(network) - 1} hidden layers; expected one pair for each"
        )
