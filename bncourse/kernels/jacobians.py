"""Jacobians of a batch-normalized layer, and how much squared gradients grow in wide random ones (section 3.3).

The layer is `z_hat = BN(g(x_hat) w)` with gamma 1 and beta 0: from normalized values to normalized values, as in the
paper's conjecture. Its Jacobian here is exact and over the whole mini-batch: each z_hat depends on all examples.

The letters of the shapes: N examples; D inputs and M outputs of the layer. B is a number of examples too, of a
mini-batch that is not there.
"""

import numpy as np
from jaxtyping import Float

from bncourse.kernels.normalize import batchnorm_forward
from bncourse.kernels.steps import Activation

Array = np.ndarray

LINEAR = Activation(lambda x: (x, None), lambda dy, _: dy)


def batchnorm_jacobian(x: Float[Array, "N M"], eps: float | int = 1e-5) -> Float[Array, "M N N"]:
    """For each unit, the derivatives of its N normalized values for its N inputs: `[j, i, k]` is d x_hat_ij / d x_kj.

    They are `(I - 1/N - x_hat x_hat'/N) / sqrt(var + eps)` (lesson 04). Raises as `batchnorm_forward` does.
    """
    N, M = x.shape
    x_hat, _ = batchnorm_forward(x, np.ones(M), np.zeros(M), eps)
    inner = np.eye(N) - 1 / N - np.einsum("ij,kj->jik", x_hat, x_hat) / N
    return inner / np.sqrt(x.var(0) + eps)[:, None, None]


def layer_jacobian(x_hat: Float[Array, "N D"], w: Float[Array, "D M"], activation: Activation = LINEAR,
                   eps: float | int = 1e-5) -> Float[Array, "N*M N*D"]:
    """The Jacobian of `BN(g(x_hat) w)` over the mini-batch; its rows and columns go through the examples in order.

    Its singular values say how much a gradient can grow or shrink on its way down through the layer.
    """
    z, cache = activation.forward(x_hat)
    slope = activation.backward(np.ones_like(x_hat), cache)
    whole = np.einsum("jik,lj,kl->ijkl", batchnorm_jacobian(z @ w, eps), w, slope)
    return whole.reshape(x_hat.shape[0] * w.shape[1], x_hat.size)


def growth_limit(activation: Activation = LINEAR) -> float:
    """The factor a layer by which squared gradients grow in wide layers with random weights and large mini-batches.

    It is `E[g'(x)²] / Var[g(x)]` for a standard normal x: pi / (pi - 1) for ReLU, 1 for a linear layer, and above 1
    for every other activation. The integrals are sums over 20,000 points from -10 to 10.
    """
    x = (np.arange(20_000) + 0.5) / 1000 - 10
    weight = np.exp(-(x**2) / 2)
    weight /= weight.sum()
    y, cache = activation.forward(x)
    slope = activation.backward(np.ones_like(x), cache)
    return float(weight @ slope**2 / (weight @ y**2 - (weight @ y) ** 2))


def growth(activation: Activation, batch: int, rng: np.random.Generator, draws: int = 4000) -> float:
    """The factor of `growth_limit` for mini-batches of B = `batch` examples, in wide layers, estimated from draws.

    A unit's B normalized values are a random point v of the sphere of radius sqrt(B) around 0, at right angles to
    (1, ..., 1). With D the slopes of the activation at v, with G = I - 1/B and P = G - v v'/B, and with E the mean
    over v, the factor is `B E|P D G|² / ((B - 3) E|G g(v)|²)`. For a linear layer that is (B - 2) / (B - 3).
    Raises ValueError for a batch below 4, where the mean of 1 / var is infinite.
    """
    if batch < 4:
        raise ValueError(f"batch is {batch}; expected 4 or more, since the mean of 1 / var is infinite below")
    v = rng.normal(size=(draws, batch))
    v -= v.mean(1, keepdims=True)
    v *= np.sqrt(batch) / np.linalg.norm(v, axis=1, keepdims=True)
    y, cache = activation.forward(v)
    slope = activation.backward(np.ones_like(v), cache)
    of_all = (slope**2).sum(1)
    through = of_all - of_all / batch - ((v * slope) ** 2).sum(1) / batch
    through -= (of_all - slope.sum(1) ** 2 / batch - (v * slope).sum(1) ** 2 / batch) / batch
    return float(batch * through.mean() / ((batch - 3) * y.var(1).mean() * batch))
