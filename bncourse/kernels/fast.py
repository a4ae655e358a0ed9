"""The arithmetic of all normalizations: the same four lines as algorithms.py, five things faster or more exact.

Normalizations differ in their sets, the values that share one mean and one variance. Here every set is a column. The
letters of the shapes: K sets, and L rows; where x has a third axis, each row has S values of each set. So a set is a
column of x `(L, K)` with m = L values, or a slice `x[:, k, :]` of x `(L, K, S)` with m = L S values. Dense batch norm
has columns `(N, C)`, convolutional batch norm `(N, C, H W)`, layer norm `(1, N, D)`; `layouts.py` makes them.
A vector over the sets has the shape that broadcasts, `(K,)` or `(K, 1)`.

What differs from the page:

- x is centred by a rounded mean, and the rounding error is taken off later. That error, the mean of the centred x, is
  the `correction`; it enters the shift of the last line, so that no second pass over x is needed. In float32, where
  the mean is 1e4 standard deviations, the error of y falls from 7e-3 to 1e-6.
- Since it will be corrected, the first mean may be rough: it is that of every eighth row. It is never more than
  sqrt(8) standard deviations off, whatever the data are. For if it is off by d, the m/8 sampled values contribute at
  least m d²/8 to the sum of squares, which is m times the variance.
- A mean is a product with a vector of 1/m, which BLAS computes several times faster than `np.mean`.
- Large arrays are worked through by blocks of rows (`blocks_of_rows`): a block is still in the processor's cache when
  the next line needs it.
- `short_numpy_buffer` keeps NumPy from copying each broadcast vector into a buffer.

Where the spread of a set is so large that its square overflows (above 1e19 in float32, 1e154 in float64), the variance
is inf, x_hat and dx are 0 and y is beta, as in PyTorch; where x - mean overflows too, they are nan. No warning is
given of it (`quiet`), nor of inf and nan in x.
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

SAMPLE = 8  # one of so many rows goes into the rough mean
BLOCK = 1 << 18  # elements, a megabyte in float32
LONGEST_SUM = 2048  # rows added up one by one in float32; longer sums lose digits
LONGEST_ROW = 1 << 14  # the same along a row, where BLAS adds dozens of sums side by side
NUMPY_BUFFER = 8192  # elements, NumPy's default
SHORT_BUFFER = 512
NO_CHANGE = nullcontext()

quiet = np.errstate(all="ignore")  # a decorator: numbers that overflow become inf or nan, without NumPy's warning


class Moments(NamedTuple):
    """Mean and biased variance of each set, and the centred values.

    `centred` is x - rough_mean, shaped like x. `correction` is the mean of `centred`, so the mean of x is
    `rough_mean + correction`. `one_over_m` is a vector `(L,)` whose every entry is 1/m.
    """

    centred: Array
    rough_mean: Array
    correction: Array
    var: Array
    one_over_m: Array


class Cache(NamedTuple):
    """What the gradient needs: from `Moments`, and `std = sqrt(var + eps)` and `scale = gamma / std`.

    No array of the cache belongs to the caller, so x and y may be written to before the backward pass.
    """

    centred: Array
    correction: Array
    std: Array
    scale: Array
    one_over_m: Array


def moments(x: Float[Array, "L K *S"]) -> Moments:
    """Mean and biased variance of each set of x, and x centred. An empty set has mean 0 and variance 0."""
    one_over_m, sample = _one_over_m(x.shape, x.dtype), x[::SAMPLE]
    weights = _one_over_m(sample.shape, x.dtype)
    rough_mean = _add_up([_sum(part, w) for part, w in blocks_of_rows(sample, weights)])
    centred = np.empty_like(x)
    sums = []
    for part, c, w in blocks_of_rows(x, centred, one_over_m):
        np.subtract(part, rough_mean, out=c)
        sums.append((_sum(c, w), _sum_of_product(c, c, w)))
    correction, square = _add_up(sums)
    largest = np.finfo(x.dtype).max  # where both are inf, so is the variance
    var = np.abs(square - np.minimum(correction * correction, largest))  # rounding may have taken it below 0
    return Moments(centred, rough_mean, correction, var, one_over_m)


def forward(measured: Moments, gamma: Vector | float, beta: Vector | float, eps: float | int) -> tuple[Array, Cache]:
    """`y = gamma * x_hat + beta` with `x_hat = (x - mean) / sqrt(var + eps)`, and the cache for `backward`.

    x_hat is not formed: y is `scale * centred + shift`. Raises ValueError where eps is 0 and a set is constant.
    """
    centred, _, correction, var, one_over_m = measured
    if eps == 0:
        _check_variance(measured)
    std = np.sqrt(var + float(eps))
    scale = gamma / std
    shift = beta - correction * scale
    y = np.empty_like(centred)
    for c, out in blocks_of_rows(centred, y):
        np.multiply(c, scale, out=out)
        out += shift
    return y, Cache(centred, correction, std, scale, one_over_m)


def backward(dy: Float[Array, "L K *S"], cache: Cache) -> tuple[Float[Array, "L K *S"], Vector, Vector]:
    """`dx = scale * (dy - mean(dy) - x_hat * mean(dy * x_hat))`, and the gradients of gamma and beta.

    x_hat is not formed: it is `(centred - correction) / std`, and dx is `scale * (dy - offset - slope * centred)`.
    """
    centred, correction, std, scale, one_over_m = cache
    sums = [(_sum(g, w), _sum_of_product(g, c, w)) for g, c, w in blocks_of_rows(dy, centred, one_over_m)]
    mean_dy, mean_dy_centred = _add_up(sums)
    mean_dy_x_hat = (mean_dy_centred - correction * mean_dy) / std
    slope = mean_dy_x_hat / std
    offset = mean_dy - correction * slope
    dx = np.empty_like(centred)
    for g, c, out in blocks_of_rows(dy, centred, dx):
        np.multiply(c, slope, out=out)
        np.subtract(g, out, out=out)
        out -= offset
        out *= scale
    m = np.asarray(_set_size(dy.shape), dy.dtype)
    return dx, m * mean_dy_x_hat, m * mean_dy


def blocks_of_rows(*arrays: Array) -> list[tuple[Array, ...]]:
    """The arrays cut into consecutive blocks of rows, the same rows of each.

    A block has at most `BLOCK` elements of the first array and at most `LONGEST_SUM` rows, but at least one row.
    What one line has written is then still in the processor's cache for the next line, and no sum is so long that
    float32 loses digits. Arrays that fit into one block are returned whole.
    """
    first = arrays[0]
    if first.size <= BLOCK and len(first) <= LONGEST_SUM:
        return [arrays]
    rows = min(max(BLOCK * len(first) // max(first.size, 1), 1), LONGEST_SUM)
    return [tuple(a[i : i + rows] for a in arrays) for i in range(0, len(first), rows)]


@lru_cache(maxsize=8)
def _one_over_m(shape: tuple[int, ...], dtype: np.dtype) -> Float[Array, "L"]:
    """A vector of 1/m, one entry for each row of an array `(L, K, *S)`: weighted by it, a sum over a set is a mean.

    The vector is made once for all mini-batches of one shape, and is read-only.
    """
    one_over_m = np.full(shape[0], 1 / max(_set_size(shape), 1), dtype)
    one_over_m.flags.writeable = False
    return one_over_m


def _set_size(shape: tuple[int, ...]) -> int:
    """m, the number of values in each set of an array `(L, K, *S)`."""
    return shape[0] * prod(shape[2:])


def _check_variance(measured: Moments) -> None:
    """Raises ValueError where a variance is no larger than rounding alone makes that of a constant set."""
    rounding = np.finfo(measured.var.dtype).eps * (measured.rough_mean + measured.correction)
    if (np.sqrt(measured.var) <= np.abs(rounding)).any():
        raise ValueError("eps is 0 and so is a variance; expected eps > 0, or values that are not all equal")


def _add_up(sums: list) -> Array | tuple[Array, ...]:
    """The sum of what each block contributes. There is most often one block, whose sums are returned as they are."""
    return sums[0] if len(sums) == 1 else np.sum(sums, axis=0)


def _sum(x: Float[Array, "L K *S"], weights: Float[Array, "L"]) -> Vector:
    """The sum over each set of x times the weight of its row: a matrix-vector product along S, then one along L."""
    if x.ndim == 2:
        return weights.dot(x)
    rows = [part @ np.ones(part.shape[2], x.dtype) for part in _short_rows(x)]
    return weights.dot(_add_up(rows))[:, None]


def _sum_of_product(x: Float[Array, "L K *S"], y: Float[Array, "L K *S"], weights: Float[Array, "L"]) -> Vector:
    """The sum over each set of x times y times the weight of the row."""
    if x.ndim == 2:
        return weights.dot(x * y)
    rows = [np.vecdot(*parts) for parts in zip(_short_rows(x), _short_rows(y), strict=True)]
    return weights.dot(_add_up(rows))[:, None]


def _short_rows(x: Float[Array, "L K S"]) -> list[Array]:
    """x cut along its last axis into pieces of at most `LONGEST_ROW` values."""
    return [x[:, :, i : i + LONGEST_ROW] for i in range(0, max(x.shape[2], 1), LONGEST_ROW)]


def short_numpy_buffer(x: Array) -> AbstractContextManager:
    """A context in which elementwise work on x and a vector `(K,)` or `(K, 1)` takes half the time.

    NumPy copies a broadcast operand into its buffer over and over, unless the rows of x are longer than the buffer.
    The buffer has 8192 elements by default; in the context it has 512, which most rows exceed. An x that is smaller
    than the default buffer gains less than the switch costs, so for it the context changes nothing.
    """
    return _short_buffer() if x.size > NUMPY_BUFFER else NO_CHANGE


@contextmanager
def _short_buffer() -> Iterator[None]:
    """NumPy's buffer is short inside, and as before outside, after an error too."""
    with np.errstate():  # on leaving, it restores the buffer too
        np.setbufsize(SHORT_BUFFER)
        yield
