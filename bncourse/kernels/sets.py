"""What all normalizations share: centre, divide by the standard deviation, scale and shift; and the way back.

Normalizations differ in their sets, the values that share one mean and one variance. Here K sets are
the columns of x `(L, K)` or the slices `x[:, k, :]` of x `(L, K, S)`. Dense batch norm is `(N, C)`,
convolutional batch norm `(N, C, H*W)`, layer norm `(1, N, D)`: `by_channel` and `by_axes` make the view.
A vector over the sets has the shape that broadcasts, `(K,)` or `(K, 1)`.

Three things are not in the textbook's four lines:

- x is centred twice, because the first mean is rounded. `rest`, the mean of what is left, need not be
  subtracted: it goes into the constants. In float32, at a mean of 1e4, the error falls from 7e-3 to 1e-6.
- A mean is a product with a vector of 1/m, which BLAS takes several times faster than `np.mean`.
- `rows_in_place` keeps NumPy from copying each broadcast vector into a buffer.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from math import prod
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy.lib.array_utils import normalize_axis_tuple

Array = np.ndarray
Vector = Float[Array, "K"] | Float[Array, "K 1"]

LONGEST_SUM = 2048  # rows added up in one float32 sum; longer ones lose digits
NUMPY_BUFFER = 8192  # elements, NumPy's default
SHORT_BUFFER = 512


class Moments(NamedTuple):
    """x around its mean, the mean, what rounding left of it, the biased variance, and the weights 1/m."""

    centred: Array
    mean: Array
    rest: Array
    var: Array
    weights: Array


class Cache(NamedTuple):
    """What the gradient needs. The arrays are its own: x may change before the backward pass."""

    centred: Array
    rest: Array
    inv_std: Array
    scale: Array
    weights: Array


def moments(x: Float[Array, "L K *S"]) -> Moments:
    """Mean and biased variance of each set of x, and x centred. An empty set has mean 0 and variance 0."""
    weights = np.full(len(x), 1 / max(_set_size(x), 1), x.dtype)
    mean = _sum(x, weights)
    centred = x - mean
    rest = _sum(centred, weights)
    var = _sum_of_product(centred, centred, weights) - rest * rest
    return Moments(centred, mean, rest, np.maximum(var, 0, out=var), weights)


def forward(
    moments: Moments, gamma: Vector | float, beta: Vector | float, eps: float | int
) -> tuple[Array, Cache]:
    """`y = gamma * x_hat + beta` with `x_hat = (x - mean) / sqrt(var + eps)`, and the cache.

    Raises ValueError where eps is 0 and so is a variance.
    """
    centred, _, rest, var, weights = moments
    if eps == 0 and not var.all():
        raise ValueError("eps is 0 and so is a variance; expected eps > 0, or values that are not all equal")
    inv_std = 1 / np.sqrt(var + float(eps))
    scale = gamma * inv_std
    y = centred * scale
    y += beta - rest * scale
    return y, Cache(centred, rest, inv_std, scale, weights)


def backward(dy: Float[Array, "L K *S"], cache: Cache) -> tuple[Float[Array, "L K *S"], Vector, Vector]:
    """`dx = scale * (dy - mean(dy) - x_hat * mean(dy * x_hat))`, and the gradients of gamma and beta."""
    centred, rest, inv_std, scale, weights = cache
    mean_dy = _sum(dy, weights)
    mean_dy_x_hat = (_sum_of_product(dy, centred, weights) - rest * mean_dy) * inv_std
    slope = mean_dy_x_hat * inv_std
    dx = centred * slope
    np.subtract(dy, dx, out=dx)
    dx -= mean_dy - rest * slope
    dx *= scale
    m = _set_size(dy)
    return dx, m * mean_dy_x_hat, m * mean_dy


def _set_size(x: Float[Array, "L K *S"]) -> int:
    return len(x) * prod(x.shape[2:])


def _sum(x: Float[Array, "L K *S"], weights: Float[Array, "L"]) -> Vector:
    """The weighted sum over each set, a matrix-vector product for each of its axes."""
    if x.ndim == 2:
        return _down(weights, x)
    L, K, S = x.shape
    rows = x.reshape(L * K, S).dot(np.ones(S, x.dtype))
    return _down(weights, rows.reshape(L, K))[:, None]


def _sum_of_product(
    x: Float[Array, "L K *S"], y: Float[Array, "L K *S"], weights: Float[Array, "L"]
) -> Vector:
    """The weighted sum of x * y over each set, without x * y in memory where rows are long."""
    if x.ndim == 2:
        return _down(weights, x, y)
    return _down(weights, np.vecdot(x, y))[:, None]


def _down(weights: Float[Array, "L"], *factors: Float[Array, "L K"]) -> Float[Array, "K"]:
    """`weights @ x`, or `weights @ (x * y)`; a long sum is a sum of shorter ones."""
    if len(weights) <= LONGEST_SUM:
        return weights.dot(factors[0] if len(factors) == 1 else factors[0] * factors[1])
    starts = range(0, len(weights), LONGEST_SUM)
    parts = [[a[i : i + LONGEST_SUM] for a in (weights, *factors)] for i in starts]
    return np.sum([_down(*part) for part in parts], axis=0)


def batch_axes(x: Array) -> tuple[int, ...]:
    """All axes but the channels', which is the second: `(0,)` dense, `(0, 2, 3)` for images."""
    return (0, *range(2, x.ndim))


def per_channel(vector: Float[Array, "C"], x: Float[Array, "N C *spatial"]) -> Float[Array, "C *ones"]:
    """The vector in the shape that broadcasts along the channels of x: `(C,)`, or `(C, 1, 1)` for images."""
    return vector.reshape(vector.shape + (1,) * (x.ndim - 2))


def widen(x: Array) -> Array:
    """x in at least float32, the narrowest type for statistics; itself if it is."""
    return x if x.dtype.itemsize >= 4 else x.astype(np.float32)


def by_channel(x: Array, dtype: np.dtype | None = None) -> Float[Array, "N C *S"]:
    """x `(N, C, *spatial)` as sets: `(N, C, S)`, or `(N, C)` where S is 1; contiguous, in at least float32."""
    x = np.ascontiguousarray(x.astype(dtype, copy=False) if dtype else widen(x))
    S = prod(x.shape[2:])
    return x.reshape(x.shape[:2] if S == 1 else (*x.shape[:2], S))


class Layout(NamedTuple):
    """Where the sets of a standardization over chosen axes lie: the order of axes that gathers them."""

    shape: tuple[int, ...]
    order: tuple[int, ...]
    size: tuple[int, int, int]

    def gather(self, x: Array) -> Float[Array, "L K S"]:
        """x as sets; a view where the axes that stay are neighbours, else a copy."""
        return np.ascontiguousarray(x.transpose(self.order)).reshape(self.size)

    def scatter(self, sets: Float[Array, "L K S"]) -> Array:
        """The sets back in the shape and place of x."""
        gathered = [self.shape[a] for a in self.order]
        return sets.reshape(gathered).transpose(np.argsort(self.order))


def by_axes(shape: tuple[int, ...], axes: tuple[int, ...]) -> Layout:
    """The sets that share a mean over the axes: L over those in front of all that stay, S over the others."""
    axes = sorted(normalize_axis_tuple(axes, len(shape)))
    stay = [a for a in range(len(shape)) if a not in axes]
    front = [a for a in axes if a < min(stay, default=len(shape))]
    behind = [a for a in axes if a not in front]
    L, K, S = (prod(shape[a] for a in part) for part in (front, stay, behind))
    return Layout(shape, (*front, *stay, *behind), (L, K, S))


def rows_in_place(x: Array) -> AbstractContextManager:
    """Inside, elementwise work on x and a vector `(K,)` or `(K, 1)` takes half the time.

    NumPy copies a broadcast operand into a buffer, of 8192 elements, over and over, unless the rows of
    x are longer than the buffer. With a buffer of 512 elements, those that matter are. Where x is
    smaller than the buffer, the switch would cost more than it brings.
    """
    return _short_buffer() if x.size > NUMPY_BUFFER else nullcontext()


@contextmanager
def _short_buffer() -> Iterator[None]:
    with np.errstate():  # on leaving, it restores the buffer too
        np.setbufsize(SHORT_BUFFER)
        yield
