"""The other layers of section 4.1's network, each with its gradient by hand.

Affine map, sigmoid, tanh, ReLU, and the softmax cross-entropy loss. A forward function returns its
output and a cache; the backward function takes the upstream gradient and that cache.
"""

import numpy as np
from jaxtyping import Float, Int

Array = np.ndarray


def affine_forward(x: Float[Array, "N D"], w: Float[Array, "D M"], b: Array | None) -> tuple[Array, tuple]:
    """`y = x w + b`, shape `(N, M)`; b is None where batch norm's beta follows (section 3.2)."""
    y = x @ w
    if b is not None:
        y += b
    return y, (x, w, b is not None)


def affine_backward(dy: Float[Array, "N M"], cache: tuple) -> tuple[Array, Array, Array | None]:
    """`dx = dy wᵀ`, `dw = xᵀ dy`, `db` the sum of dy over the batch (None without a bias)."""
    x, w, has_bias = cache
    return dy @ w.T, x.T @ dy, dy.sum(0) if has_bias else None


def sigmoid_forward(x: Array) -> tuple[Array, Array]:
    """`y = 1 / (1 + exp(-x))`, computed as `(1 + tanh(x / 2)) / 2`, which cannot overflow."""
    y = 0.5 * np.tanh(0.5 * x) + 0.5
    return y, y


def sigmoid_backward(dy: Array, y: Array) -> Array:
    """`dx = dy y (1 - y)`."""
    return dy * y * (1 - y)


def tanh_forward(x: Array) -> tuple[Array, Array]:
    """`y = tanh(x)`."""
    y = np.tanh(x)
    return y, y


def tanh_backward(dy: Array, y: Array) -> Array:
    """`dx = dy (1 - y²)`."""
    return dy * (1 - y * y)


def relu_forward(x: Array) -> tuple[Array, Array]:
    """`y = max(x, 0)`."""
    return np.maximum(x, 0), x > 0


def relu_backward(dy: Array, positive: Array) -> Array:
    """`dx = dy` where x > 0, else 0."""
    return dy * positive


def softmax_cross_entropy_forward(z: Float[Array, "N K"], t: Int[Array, "N"]) -> tuple[np.floating, tuple]:
    """Mean over the batch of `-log softmax(z)[t]`: logits z, labels t; in natural units."""
    shifted = z - z.max(1, keepdims=True)
    exp = np.exp(shifted)
    total = exp.sum(1, keepdims=True)
    rows = np.arange(len(t))
    loss = np.mean(np.log(total[:, 0]) - shifted[rows, t])
    return loss, (exp / total, t)


def softmax_cross_entropy_backward(cache: tuple) -> Array:
    """`dz = (softmax(z) - onehot(t)) / N`."""
    p, t = cache
    dz = p / len(t)
    dz[np.arange(len(t)), t] -= 1 / len(t)
    return dz
