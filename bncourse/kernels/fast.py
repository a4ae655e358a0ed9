"""What all normalizations share: centre, divide by the standard deviation, scale and shift; and the way back.

Normalizations differ in their sets, the values that share one mean and one variance. Here K sets are
the columns of x `(L, K)` or the slices `x[:, k, :]` of x `(L, K, S)`. Dense batch norm is `(N, C)`,
convolutional batch norm `(N, C, H*W)`, layer norm `(1, N, D)`; `layouts.py` brings arrays into that form.
A vector over the sets has the shape that broadcasts, `(K,)` or `(K, 1)`.

Five things are not in the textbook's four lines:

- x is centred twice, because the first mean is rounded. `rest`, the mean of what is left, need not be
  subtracted: it goes into the constants. In float32, at a mean of 1e4, the error falls from 7e-3 to 1e-6.
- So the first mean may be a guess, that of every eighth row. Whatever the data, it is at most sqrt(8)
  standard deviations off: the m/8 values around it add at least m/8 squares of that distance to m var.
- A mean is a product with a vector of 1/m, which BLAS takes several times faster than `np.mean`.
- Work goes slab by slab (`slabs`), so that large arrays are not fetched from memory for every line.
- `rows_in_place` keeps NumPy from copying each broadcast vector into a buffer.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import lru_cache
from math import prod
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

Array = np.ndarray
Vector = Float[Array, "K"] | Float[Array, "K 1"]

SAMPLE = 8  # of so many rows, one goes into the guess of the mean
SLAB = 1 << 18  # elements, a megabyte in float32
LONGEST_SUM = 2048  # rows added up one by one in float32; longer sums lose digits
LONGEST_ROW = 1 << 14  # the same along a row, where BLAS adds dozens of sums side by side
NUMPY_BUFFER = 8192  # elements, NumPy's default
SHORT_BUFFER = 512
AS_IT_IS = nullcontext()


class Moments(NamedTuple):
    """x around a guess of its mean, the guess, the mean of that, the biased variance, and the weights 1/m.

    The mean of x is `guess + rest`.
    """

    centred: Array
    guess: Array
    rest: Array
    var: Array
    weights: Array


class Cache(NamedTuple):
    """What the gradient needs. The arrays are its own: x and y may change before the backward pass."""

    centred: Array
    rest: Array
    std: Array
    scale: Array
    weights: Array


def moments(x: Float[Array, "L K *S"]) -> Moments:
    """Mean and biased variance of each set of x, and x centred. An empty set has mean 0 and variance 0."""
    weights, sample = _weights(x.shape, x.dtype), x[::SAMPLE]
    guess = _total([_sum(part, w) for part, w in slabs(sample, _weights(sample.shape, x.dtype))])
    centred = np.empty_like(x)
    sums = []
    for part, c, w in slabs(x, centred, weights):
        np.subtract(part, guess, out=c)
        sums.append((_sum(c, w), _sum_of_product(c, c, w)))
    rest, square = _total(sums)
    var = np.abs(square - rest * rest)  # rounding may have taken it below 0
    return Moments(centred, guess, rest, var, weights)


def forward(
    moments: Moments, gamma: Vector | float, beta: Vector | float, eps: float | int
) -> tuple[Array, Cache]:
    """`y = gamma * x_hat + beta` with `x_hat = (x - mean) / sqrt(var + eps)`, and the cache.

    Raises ValueError where eps is 0 and a set is constant.
    """
    centred, _, rest, var, weights = moments
    if eps == 0:
        _check_variance(moments)
    std = np.sqrt(var + float(eps))
    scale = gamma / std
    shift = beta - rest * scale
    y = np.empty_like(centred)
    for c, out in slabs(centred, y):
        np.multiply(c, scale, out=out)
        out += shift
    return y, Cache(centred, rest, std, scale, weights)


def backward(dy: Float[Array, "L K *S"], cache: Cache) -> tuple[Float[Array, "L K *S"], Vector, Vector]:
    """`dx = scale * (dy - mean(dy) - x_hat * mean(dy * x_hat))`, and the gradients of gamma and beta."""
    centred, rest, std, scale, weights = cache
    sums = [(_sum(g, w), _sum_of_product(g, c, w)) for g, c, w in slabs(dy, centred, weights)]
    mean_dy, mean_dy_centred = _total(sums)
    mean_dy_x_hat = (mean_dy_centred - rest * mean_dy) / std
    slope = mean_dy_x_hat / std
    offset = mean_dy - rest * slope
    dx = np.empty_like(centred)
    for g, c, out in slabs(dy, centred, dx):
        np.multiply(c, slope, out=out)
        np.subtract(g, out, out=out)
        out -= offset
        out *= scale
    m = np.asarray(_set_size(dy.shape), dy.dtype)
    return dx, m * mean_dy_x_hat, m * mean_dy


def slabs(*arrays: Array) -> list[tuple[Array, ...]]:
    """Matching runs of rows of the arrays.

    They are short: one step leaves in the cache what the next one needs, and sums keep their digits.
    """
    first = arrays[0]
    if first.size <= SLAB and len(first) <= LONGEST_SUM:
        return [arrays]
    rows = min(max(SLAB * len(first) // first.size, 1), LONGEST_SUM)
    return [tuple(a[i : i + rows] for a in arrays) for i in range(0, len(first), rows)]


@lru_cache(maxsize=8)
def _weights(shape: tuple[int, ...], dtype: np.dtype) -> Float[Array, "L"]:
    """1/m for each row of an array `(L, K, *S)`: with them, a sum over a set is its mean.

    They are made once for all mini-batches of a size, and never written to.
    """
    weights = np.full(shape[0], 1 / max(_set_size(shape), 1), dtype)
    weights.flags.writeable = False
    return weights


def _set_size(shape: tuple[int, ...]) -> int:
    return shape[0] * prod(shape[2:])


def _check_variance(moments: Moments) -> None:
    rounding = np.finfo(moments.var.dtype).eps * (moments.guess + moments.rest)
    if (moments.var <= rounding**2).any():
        raise ValueError("eps is 0 and so is a variance; expected eps > 0, or values that are not all equal")


def _total(sums: list) -> Array | tuple[Array, ...]:
    """What the parts add up to; most often there is one."""
    return sums[0] if len(sums) == 1 else np.sum(sums, axis=0)


def _sum(x: Float[Array, "L K *S"], weights: Float[Array, "L"]) -> Vector:
    """The weighted sum over each set, a matrix-vector product for each of its axes."""
    if x.ndim == 2:
        return weights.dot(x)
    rows = [part @ np.ones(part.shape[2], x.dtype) for part in _short_rows(x)]
    return weights.dot(_total(rows))[:, None]


def _sum_of_product(
    x: Float[Array, "L K *S"], y: Float[Array, "L K *S"], weights: Float[Array, "L"]
) -> Vector:
    """The weighted sum of x * y over each set."""
    if x.ndim == 2:
        return weights.dot(x * y)
    rows = [np.vecdot(*parts) for parts in zip(_short_rows(x), _short_rows(y), strict=True)]
    return weights.dot(_total(rows))[:, None]


def _short_rows(x: Float[Array, "L K S"]) -> list[Array]:
    return [x[:, :, i : i + LONGEST_ROW] for i in range(0, max(x.shape[2], 1), LONGEST_ROW)]


def rows_in_place(x: Array) -> AbstractContextManager:
    """Inside, elementwise work on x and a vector `(K,)` or `(K, 1)` takes half the time.

    NumPy copies a broadcast operand into a buffer, of 8192 elements, over and over, unless the rows of
    x are longer than the buffer. With a buffer of 512 elements, those that matter are. Where x is
    smaller than the buffer, the switch would cost more than it brings.
    """
    return _short_buffer() if x.size > NUMPY_BUFFER else AS_IT_IS


@contextmanager
def _short_buffer() -> Iterator[None]:
    with np.errstate():  # on leaving, it restores the buffer too
        np.setbufsize(SHORT_BUFFER)
        yield
