"""The other layers of section 4.1's network, each with its gradient by hand.

Affine map, sigmoid, tanh, ReLU, and the softmax cross-entropy loss. A forward function returns its output
and a cache; the backward function takes the upstream gradient and that cache. No argument is written to.
The cache refers to what was passed in or handed out: leave those arrays alone until the backward pass.

At mini-batches of 60 many a call costs more than its arithmetic. So NumPy's cheaper ones are taken: `dot` for `@`,
`take` and `put` at flat positions for `z[rows, t]`, `argmax` for `max`, an array without axes for a Python number.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Integer, Shaped

from bncourse.kernels.arguments import Checked

Array = np.ndarray
Given = Shaped[Array, "..."]  # its shape is looked at here, so that the message can say what to do


class AffineCache(NamedTuple):
    """What `affine_backward` needs: the input, the weights, and whether there was a bias."""

    x: Array
    w: Array
    has_bias: bool


class SoftmaxCache(NamedTuple):
    """What `softmax_cross_entropy_backward` needs: the probabilities `(N, K)` and where among them the labels' are."""

    p: Array
    of_label: Array


def affine_forward(x: Given, w: Given, b: Given | None) -> tuple[Float[Array, "N M"], AffineCache]:
    """`y = x w + b`: x is `(N, D)`, w `(D, M)`, b `(M,)`, or None where batch norm's beta follows (section 3.2).

    Raises ValueError for shapes that do not fit.
    """
    if x.ndim != 2 or w.ndim != 2 or x.shape[1] != w.shape[0]:
        raise ValueError(f"x has shape {x.shape} and w {w.shape}; expected (N, D) and (D, M)")
    if b is not None and b.shape != w.shape[1:]:
        raise ValueError(f"b has shape {b.shape}, but w has {w.shape[1]} columns; expected {w.shape[1:]}")
    y = x.dot(w)
    if b is not None:
        y += b
    return y, AffineCache(x, w, b is not None)


def affine_backward(
    dy: Float[Array, "N M"], cache: AffineCache
) -> tuple[Float[Array, "N D"], Float[Array, "D M"], Float[Array, "M"] | None]:
    """`dx = dy wᵀ`, and dw and db of `affine_parameters_backward`."""
    return affine_input_backward(dy, cache), *affine_parameters_backward(dy, cache)


def affine_input_backward(dy: Float[Array, "N M"], cache: AffineCache) -> Float[Array, "N D"]:
    """`dx = dy wᵀ`. A first layer has no use for it: nothing learns below, and it is a quarter of the work."""
    return dy.dot(cache.w.T)


def affine_parameters_backward(
    dy: Float[Array, "N M"], cache: AffineCache
) -> tuple[Float[Array, "D M"], Float[Array, "M"] | None]:
    """`dw = xᵀ dy`, and db, the sum of dy over the batch; None without a bias."""
    return cache.x.T.dot(dy), dy.sum(axis=0) if cache.has_bias else None


def sigmoid_forward(x: Checked) -> tuple[Float[Array, "*shape"], Float[Array, "*shape"]]:
    """`y = 1 / (1 + exp(-x))`, as `tanh(x / 2) / 2 + 1 / 2`, which does not overflow. Raises TypeError for integers."""
    if x.dtype.kind != "f":
        raise TypeError(f"x has dtype {x.dtype}; expected floating point, as x.astype(float) makes it")
    half = np.asarray(0.5, x.dtype)
    y = np.tanh(half * x)
    y *= half
    y += half
    return y, y


def sigmoid_backward(dy: Float[Array, "*shape"], y: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """`dx = dy y (1 - y)`: at most a quarter of dy, and next to nothing where the sigmoid saturates."""
    dx = dy * y
    dx *= 1 - y
    return dx


def tanh_forward(x: Float[Array, "*shape"]) -> tuple[Float[Array, "*shape"], Float[Array, "*shape"]]:
    """`y = tanh(x)`."""
    y = np.tanh(x)
    return y, y


def tanh_backward(dy: Float[Array, "*shape"], y: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """`dx = dy (1 - y²)`."""
    return dy * (1 - y * y)


def relu_forward(x: Float[Array, "*shape"]) -> tuple[Float[Array, "*shape"], Bool[Array, "*shape"]]:
    """`y = max(x, 0)`."""
    return np.maximum(x, 0), x > 0


def relu_backward(dy: Float[Array, "*shape"], positive: Bool[Array, "*shape"]) -> Float[Array, "*shape"]:
    """`dx = dy` where x > 0, and 0 elsewhere, at x = 0 too."""
    return np.where(positive, dy, dy.dtype.type(0))


def softmax_cross_entropy_forward(
    z: Float[Array, "N K"], t: Integer[Array, "N"]
) -> tuple[np.floating, SoftmaxCache]:
    """The mean over the batch of `-log softmax(z)[t]`, in nats; z are logits, t labels from 0 to K - 1.

    Raises ValueError for an empty batch, whose mean is not defined, and for a label out of range.
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
    """`dz = (softmax(z) - onehot(t)) / N`."""
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
