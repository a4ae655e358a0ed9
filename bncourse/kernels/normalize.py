"""Batch normalization and its relatives: forward, backward, inference.

Batch, layer, instance and group norm differ only in the axes over which they average.
`standardize` does the averaging over any axes; everything else here chooses them and
applies gamma and beta. Input is `(N, C)` or `(N, C, *spatial)`: with no spatial axes the
one body is section 3's batch norm, with them section 3.2's.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

Array = np.ndarray


class Standardized(NamedTuple):
    """What the gradient of `standardize` needs."""

    x_hat: Array
    inv_std: Array
    axes: tuple[int, ...]


def batch_axes(x: Array) -> tuple[int, ...]:
    """All axes but the channels', which is the second: `(0,)` dense, `(0, 2, 3)` for images."""
    return (0, *range(2, x.ndim))


def per_channel(v: Array, x: Array) -> Array:
    """A vector `(C,)` shaped to broadcast along the second axis of x."""
    return v.reshape(-1, *[1] * (x.ndim - 2))


def batch_statistics(x: Float[Array, "N C *spatial"]) -> tuple[Float[Array, "C"], Float[Array, "C"]]:
    """Mean and biased variance of each channel (Algorithm 1), in at least float32."""
    x, mean, var = _moments(x, batch_axes(x))
    return mean.reshape(-1), var.reshape(-1)


def standardize(x: Array, axes: tuple[int, ...], eps: float = 1e-5) -> tuple[Array, Standardized]:
    """`(x - mean) / sqrt(var + eps)` over the axes, and the cache that `standardize_backward` takes."""
    centred, _, var = _moments(x, axes)
    inv_std = 1 / np.sqrt(var + np.asarray(eps, var.dtype))
    x_hat = centred * inv_std
    return x_hat, Standardized(x_hat, inv_std, axes)


def standardize_backward(dx_hat: Array, cache: Standardized) -> Array:
    """Gradient of `standardize`: `(g - mean(g) - x_hat mean(g x_hat)) / sqrt(var + eps)`."""
    x_hat, inv_std, axes = cache
    mean = dx_hat.mean(axes, keepdims=True)
    along = (dx_hat * x_hat).mean(axes, keepdims=True)
    return inv_std * (dx_hat - mean - x_hat * along)


def _moments(x: Array, axes: tuple[int, ...]) -> tuple[Array, Array, Array]:
    """x centred twice, its mean and its variance: the second pass removes the first one's rounding."""
    x = x.astype(np.promote_types(x.dtype, np.float32), copy=False)
    mean = x.mean(axes, keepdims=True)
    centred = x - mean
    rest = centred.mean(axes, keepdims=True)
    centred -= rest
    return centred, mean + rest, np.square(centred).mean(axes, keepdims=True)


def batchnorm_forward(
    x: Float[Array, "N C *spatial"], gamma: Array, beta: Array, eps: float = 1e-5
) -> tuple[Float[Array, "N C *spatial"], tuple]:
    """Batch-normalizing transform (Algorithm 1; section 3.2 when x has spatial axes).

    Returns y, shaped and typed like x, and the cache that `batchnorm_backward` takes.
    """
    x_hat, cache = standardize(x, batch_axes(x), eps)
    y = per_channel(gamma, x) * x_hat + per_channel(beta, x)
    return y.astype(x.dtype, copy=False), (cache, gamma)


def batchnorm_backward(dy: Float[Array, "N C *spatial"], cache: tuple) -> tuple[Array, Array, Array]:
    """Gradients of the batch-normalizing transform, section 3's six equations combined.

    For each channel, with means over its m values,
    `dx = gamma / sqrt(var + eps) * (dy - mean(dy) - x_hat * mean(dy * x_hat))`.
    Returns dx like dy, and dgamma, dbeta of shape `(C,)`.
    """
    normalized, gamma = cache
    dx = standardize_backward(per_channel(gamma, dy) * dy, normalized)
    dgamma = (dy * normalized.x_hat).sum(normalized.axes)
    return dx.astype(dy.dtype, copy=False), dgamma, dy.sum(normalized.axes)


def batchnorm_inference(
    x: Float[Array, "N C *spatial"], gamma: Array, beta: Array, mean: Array, var: Array, eps: float = 1e-5
) -> Float[Array, "N C *spatial"]:
    """The affine map of Algorithm 2, line 11: population mean and variance in place of the batch's."""
    scale = gamma / np.sqrt(var + eps)
    y = per_channel(scale, x) * (x - per_channel(mean, x)) + per_channel(beta, x)
    return y.astype(x.dtype, copy=False)
