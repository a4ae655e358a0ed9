"""How arrays become the sets that are normalized: by channel for batch norm, by axes for everything else.

A view of contiguous input is no copy. Statistics want at least float32, so narrower input is widened on the way.
"""

from math import prod
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy.lib.array_utils import normalize_axis_tuple

Array = np.ndarray


def batch_axes(x: Array) -> tuple[int, ...]:
    """All axes but the channels', which is the second: `(0,)` dense, `(0, 2, 3)` for images."""
    return (0, *range(2, x.ndim))


def per_channel(vector: Float[Array, "C"], x: Float[Array, "N C *spatial"]) -> Float[Array, "C *ones"]:
    """The vector in the shape that broadcasts along the channels of x: `(C,)`, or `(C, 1, 1)` for images."""
    return vector if x.ndim == 2 else vector.reshape(vector.shape + (1,) * (x.ndim - 2))


def widen(x: Array) -> Array:
    """x in at least float32, the narrowest type for statistics; itself if it is."""
    return x if x.dtype.itemsize >= 4 else x.astype(np.float32)


def by_channel(x: Array, dtype: np.dtype | None = None) -> Float[Array, "N C *S"]:
    """x `(N, C, *spatial)` as sets: `(N, C, S)`, or `(N, C)` where S is 1; contiguous, in at least float32."""
    x = np.ascontiguousarray(x.astype(dtype, copy=False) if dtype else widen(x))
    return x if x.ndim == 2 else x.reshape(_size(*x.shape[:2], prod(x.shape[2:])))


def against(columns: Float[Array, "N C *S"], *vectors: Float[Array, "C"]) -> list[Array]:
    """The vectors in the dtype of the columns, in the shape that broadcasts along their channels."""
    return [per_channel(v.astype(columns.dtype, copy=False), columns) for v in vectors]


class Layout(NamedTuple):
    """Where the sets of a standardization over chosen axes lie: the order of axes that gathers them."""

    shape: tuple[int, ...]
    order: tuple[int, ...]
    size: tuple[int, ...]

    def gather(self, x: Array) -> Float[Array, "L K *S"]:
        """x as sets; a view where the axes that stay are neighbours, else a copy."""
        return np.ascontiguousarray(x.transpose(self.order)).reshape(self.size)

    def scatter(self, sets: Float[Array, "L K *S"]) -> Array:
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
    return Layout(shape, (*front, *stay, *behind), _size(L, K, S))


def _size(L: int, K: int, S: int) -> tuple[int, ...]:
    return (L, K) if S == 1 else (L, K, S)
