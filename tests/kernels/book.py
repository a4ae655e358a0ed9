"""Batch norm by the book: Algorithm 1 and its gradient, slow and in the widest float there is, to compare with.

Also the batches that the tests take, and the three functions that make a batch norm.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

SHAPES = [(7, 3), (5, 3, 4), (4, 3, 5, 2), (2, 3, 4, 3, 2)]
EPS = 1e-5


class Implementation(NamedTuple):
    """The three functions of a batch norm: `forward(x, gamma, beta, eps) -> (y, cache)`,
    `backward(dy, cache) -> (dx, dgamma, dbeta)`, `inference(x, gamma, beta, mean, var, eps) -> y`."""

    forward: Callable
    backward: Callable
    inference: Callable


def batch(rng, shape, dtype=np.float64, mean=0.0, std=1.0):
    """x, gamma, beta, dy; every channel with a mean and a scale of its own."""
    columns = (shape[1],) + (1,) * (len(shape) - 2)
    x = rng.normal(size=shape) * rng.uniform(0.5, 2, columns) + rng.normal(size=columns)
    gamma, beta = rng.normal(size=shape[1]), rng.normal(size=shape[1])
    return tuple(a.astype(dtype) for a in (mean + std * x, gamma, beta, rng.normal(size=shape)))


def by_the_book(x, gamma, beta, eps):
    """Algorithm 1, channel by channel, in the widest float there is."""
    y = np.empty(x.shape, np.longdouble)
    for c in range(x.shape[1]):
        u = x[:, c].astype(np.longdouble)
        mu = u.sum() / u.size
        var = ((u - mu) ** 2).sum() / u.size
        y[:, c] = gamma[c].astype(np.longdouble) * (u - mu) / np.sqrt(var + eps) + beta[c]
    return y


def gradient_by_the_book(dy, x, gamma, eps):
    """dx from section 3's equations combined, channel by channel, in the widest float there is."""
    ones = np.ones(x.shape[1])
    x_hat = by_the_book(x, ones, 0 * ones, eps)
    dx = np.empty(x.shape, np.longdouble)
    for c in range(x.shape[1]):
        g, h = dy[:, c].astype(np.longdouble), x_hat[:, c]
        var = np.var(x[:, c].astype(np.longdouble))
        dx[:, c] = gamma[c] / np.sqrt(var + eps) * (g - g.mean() - h * (g * h).mean())
    return dx


def assert_close(actual, expected, tolerance):
    """No entry is off by more than the tolerance, in units of the largest one and of 1."""
    assert actual.shape == expected.shape
    error = np.max(np.abs(actual.astype(np.longdouble) - expected), initial=0)
    assert error <= tolerance * max(1, np.max(np.abs(expected), initial=0)), f"off by {error:.1e}"
