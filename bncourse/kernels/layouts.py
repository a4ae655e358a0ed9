"""How arrays become columns: each column is a set of values that share one mean and one variance.

For batch norm a set is a channel, for other normalizations it is what lies along the chosen axes. `fast.py` computes
on columns alone, in two forms: `(L, K)`, which is K sets of L values, and `(L, K, S)`, which is K sets of L times S
values. The columns of a contiguous array are a view, not a copy. Statistics need at least float32, so float16 is
converted on the way.

Shapes of arrays that come in: N examples, C channels, `*spatial` any number of further axes.
"""

from math import prod
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy.lib.array_utils import normalize_axis_tuple

Array = np.ndarray


def batch_axes(x: Array) -> tuple[int, ...]:
    """All axes of x but the channels', which is the second: `(0,)` dense, `(0, 2, 3)` for images."""
    return (0, *range(2, x.ndim))


def per_channel(vector: Float[Array, "C"], x: Float[Array, "N C *spatial"]) -> Float[Array, "C *ones"]:
    """The vector in the shape that broadcasts along the channels of x: `(C,)`, or `(C, 1, 1)` for images."""
    return vector if x.ndim == 2 else vector.reshape(vector.shape + (1,) * (x.ndim - 2))


def at_least_float32(x: Array) -> Array:
    """x converted to float32 if it is float16; x itself otherwise."""
    return x if x.dtype.itemsize >= 4 else x.astype(np.float32)


def as_columns(x: Array, dtype: np.dtype | None = None) -> Float[Array, "N C *S"]:
    """x `(N, C, *spatial)` with a column for each channel: `(N, C, S)`, or `(N, C)` where S is 1.

    S is the number of places in the map of one channel of one example. The result is contiguous, and has the given
    dtype; without one, that of x, but at least float32.
    """
    x = np.ascontiguousarray(x.astype(dtype, copy=False) if dtype else at_least_float32(x))
    return x if x.ndim == 2 else x.reshape(_shape(*x.shape[:2], prod(x.shape[2:])))


def broadcastable(columns: Float[Array, "N C *S"], *vectors: Float[Array, "C"]) -> list[Array]:
    """The vectors in the dtype of the columns and in the shape that broadcasts along their channels."""
    return [per_channel(v.astype(columns.dtype, copy=False), columns) for v in vectors]


class Layout(NamedTuple):
    """The way from an array of a given shape to columns, and back.

    `shape` is that of the array, `order` its axes in the order that puts each set into a column, and
    `column_shape` the shape of the columns, `(L, K)` or `(L, K, S)`.
    """

    shape: tuple[int, ...]
    order: tuple[int, ...]
    column_shape: tuple[int, ...]

    def gather(self, x: Array) -> Float[Array, "L K *S"]:
        """x as columns: a view where the axes that are not averaged over are neighbours, else a copy."""
        return np.ascontiguousarray(x.transpose(self.order)).reshape(self.column_shape)

    def scatter(self, columns: Float[Array, "L K *S"]) -> Array:
        """The columns as an array of the shape that they were gathered from."""
        gathered = [self.shape[a] for a in self.order]
        return columns.reshape(gathered).transpose(np.argsort(self.order))


def layout_over(shape: tuple[int, ...], axes: tuple[int, ...]) -> Layout:
    """The layout in which all values along the axes are one set.

    K counts the sets: it is the product of the other axes. L is the product of those of the axes that come before
    all the others, S the product of the rest of the axes. Raises numpy's AxisError for an axis that an array of
    this shape does not have.
    """
    axes = sorted(normalize_axis_tuple(axes, len(shape)))
    others = [a for a in range(len(shape)) if a not in axes]
    before = [a for a in axes if a < min(others, default=len(shape))]
    after = [a for a in axes if a not in before]
    L, K, S = (prod(shape[a] for a in part) for part in (before, others, after))
    return Layout(shape, (*before, *others, *after), _shape(L, K, S))


def _shape(L: int, K: int, S: int) -> tuple[int, ...]:
    return (L, K) if S == 1 else (L, K, S)
