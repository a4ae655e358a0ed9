"""The other layers of section 4.1's network, each with its gradient by hand.

Affine map, sigmoid, tanh, ReLU, and the softmax cross-entropy loss. A forward function returns its output and a
cache. The backward function takes the gradient of the loss for that output, and the cache. No argument is written
to. The cache refers to arrays that were passed in or returned, so these must not change before the backward pass.

The letters of the shapes: N examples, D inputs and M outputs of an affine map, K classes; `*shape` is any shape.

With mini-batches of 60 examples, calling a NumPy function often takes longer than its arithmetic. So the functions
here use what NumPy calls fastest: `dot` for `@`, `take` and `put` at flat positions for `z[rows, t]`, `argmax` for
`max`, an array without axes for a Python number.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Integer

from bncourse.kernels.arguments import AnyShape, PerUnit, Rows, Weights

Array = np.ndarray


class AffineCache(NamedTuple):
    """What `affine_backward` needs: the input `(N, D)`, the weights `(D, M)`, and whether there was a bias."""

    x: Array
    w: Array
    has_bias: bool


class SoftmaxCache(NamedTuple):
    """What `softmax_cross_entropy_backward` needs: the probabilities p `(N, K)`, and where the labels' are among them.

    `of_label` has for each example the position of its label's probability in the flattened p.
    """

    p: Array
    of_label: Array


def affine_forward(x: Rows, w: Weights, b: PerUnit | None) -> tuple[Float[Array, "N M"], AffineCache]:
    """`y = x w + b`, and the cache that `affine_backward` takes.

    x has an example in each row, `(N, D)`; w are the weights, `(D, M)`; b is the bias, `(M,)`. b is None where batch
    norm follows, since its mean would cancel b and its beta replaces b (section 3.2). Raises ValueError for shapes
    that do not fit.
    """
    if x.ndim != 2 or w.ndim != 2 or x.shape[1] != w.shape[0]:
        raise ValueError(f"x has shape {x.shape} and w {w.shape}; expected (N, D) and (D, M)")
    if b is not None and b.shape != w.shape[1:]:
        raise ValueError(f"b has shape {b.shape}, but w has {w.shape[1]} columns; expected {w.shape[1:]}")
    y = x.dot(w)
    if b is not None:
        y += b
    return y, AffineCache(x, w, b is not None)


def affine_backward(dy: Float[Array, "N M"], cache: AffineCache
                    ) -> tuple[Float[Array, "N D"], Float[Array, "D M"], Float[Array, "M"] | None]:
    """`dx = dy wᵀ`, `dw = xᵀ dy`, and db, the sum of dy over the examples; db is None without a bias."""
    return affine_input_backward(dy, cache), *affine_parameters_backward(dy, cache)


def affine_input_backward(dy: Float[Array, "N M"], cache: AffineCache) -> Float[Array, "N D"]:
    """`dx = dy wᵀ`, the part of `affine_backward` that a first layer can save: nothing below it learns.

    In section 4.1's network it would be a quarter of the work.
    """
    return dy.dot(cache.w.T)


def affine_parameters_backward(dy: Float[Array, "N M"], cache: AffineCache
                               ) -> tuple[Float[Array, "D M"], Float[Array, "M"] | None]:
    """`dw = xᵀ dy`, and db, the sum of dy over the examples; db is None without a bias."""
    return cache.x.T.dot(dy), dy.sum(axis=0) if cache.has_bias else None


def sigmoid_forward(x: AnyShape) -> tuple[Float[Array, "*shape"], Float[Array, "*shape"]]:
    """`y = 1 / (1 + exp(-x))`, twice: as the output and as the cache, since the gradient needs y alone.

    It is computed as `tanh(x / 2) / 2 + 1 / 2`, which does not overflow. Raises TypeError for integers.
    """
    if x.dtype.kind != "f":
        raise TypeError(f"x has dtype {x.dtype}; expected floating point, as x.astype(float) makes it")
    half = np.asarray(0.5, x.dtype)
    y = np.tanh(half * x)
    y *= half
    y += half
    return y, y


def sigmoid_backward(dy: Float[Array, "*shape"], y: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """`dx = dy y (1 - y)`: at most a quarter of dy, and close to zero where the sigmoid saturates."""
    dx = dy * y
    dx *= 1 - y
    return dx


def tanh_forward(x: Float[Array, "*shape"]) -> tuple[Float[Array, "*shape"], Float[Array, "*shape"]]:
    """`y = tanh(x)`, twice: as the output and as the cache, since the gradient needs y alone."""
    y = np.tanh(x)
    return y, y


def tanh_backward(dy: Float[Array, "*shape"], y: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """`dx = dy (1 - y²)`: at most dy, and close to zero where tanh saturates."""
    return dy * (1 - y * y)


def relu_forward(x: Float[Array, "*shape"]) -> tuple[Float[Array, "*shape"], Bool[Array, "*shape"]]:
    """`y = max(x, 0)`, and the cache: where x is positive."""
    return np.maximum(x, 0), x > 0


def relu_backward(dy: Float[Array, "*shape"], positive: Bool[Array, "*shape"]) -> Float[Array, "*shape"]:
    """`dx = dy` where x was positive, and 0 elsewhere; x = 0, where the slope jumps, counts as not positive."""
    return np.where(positive, dy, dy.dtype.type(0))


def softmax_cross_entropy_forward(z: Float[Array, "N K"], t: Integer[Array, "N"]) -> tuple[np.floating, SoftmaxCache]:
    """The mean over the examples of `-log softmax(z)[t]`, in nats, and the cache for the gradient.

    z are the logits, `(N, K)`; t are the labels, `(N,)`, integers from 0 to K - 1. The largest logit of each example is
    subtracted first, which changes no probability and keeps exp from overflowing. Raises TypeError for labels that
    are not integers. Raises ValueError for an empty batch, whose mean is not defined, for a number of labels other
    than N, and for a label out of range.
    """
    _check_labels(z, t)
    rows = np.arange(0, z.size, z.shape[1])  # where each begins in the flattened z
    of_label = rows + t.astype(rows.dtype, copy=False)
    shifted = z - z.take(rows + z.argmax(axis=1))[:, None]
    p = np.exp(shifted)
    total = p.sum(axis=1, keepdims=True)
    p /= total
    losses = np.log(total[:, 0]) - shifted.take(of_label)
    return losses.sum() / len(t), SoftmaxCache(p, of_label)


def softmax_cross_entropy_backward(cache: SoftmaxCache) -> Float[Array, "N K"]:
    """`dz = (softmax(z) - onehot(t)) / N`, the gradient of the mean loss for the logits, `(N, K)`.

    onehot(t) is 1 at the label of each example and 0 elsewhere, so each row of dz sums to zero.
    """
    p, of_label = cache
    dz = p / len(p)
    dz.put(of_label, dz.take(of_label) - 1 / len(p))
    return dz


def _check_labels(z: Array, t: Array) -> None:
    if t.dtype.kind not in "iu":
        raise TypeError(f"t has dtype {t.dtype}; expected integers, the numbers of the classes")
    if t.shape != z.shape[:1]:
        raise ValueError(f"t has shape {t.shape}, but z has {len(z)} rows; expected ({len(z)},)")
    if len(t) == 0:
        raise ValueError("z has no rows; expected at least one example")
    K = z.shape[1]
    if t[t.argmin()] < 0 or t[t.argmax()] >= K:
        i = int(np.argmax((t < 0) | (t >= K)))
        raise ValueError(f"t[{i}] is {t[i]}, but z has {K} columns; expected labels from 0 to {K - 1}")
