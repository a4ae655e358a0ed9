"""Algorithm 1, its gradient, and Algorithm 2 as the paper prints them: the page to read first.

x has N examples, C channels and any spatial axes. Section 3.2 gives each channel one mean, over the examples and all
places of the map. So x is taken as a table: C columns, and a row for each place of each example, m rows in all.
Without spatial axes the table is x itself, and m is N.

The arithmetic is in float64, and the arguments are not checked. `normalize` has the transform, its gradient and its
inference too, faster and with error messages; tests/kernels/laws.py holds both to the same laws.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

Array = np.ndarray


class Cache(NamedTuple):
    """What the gradient needs from the forward pass: x_hat `(m, C)`, gamma `(C,)`, `sqrt(var + eps)`, x's dtype."""

    x_hat: Array
    gamma: Array
    std: Array
    dtype: np.dtype


def batchnorm_forward(x: Float[Array, "N C *spatial"], gamma: Float[Array, "C"], beta: Float[Array, "C"],
                      eps: float | int = 1e-5) -> tuple[Float[Array, "N C *spatial"], Cache]:
    """Algorithm 1, the batch-normalizing transform.

    x is a mini-batch, gamma and beta the scale and the shift of each channel. Returns y, shaped and typed like x, and
    the cache that `batchnorm_backward` takes.
    """
    rows = to_rows(x.astype(np.float64))  # (m, C)
    mu = batch_mean(rows)
    var = batch_mean((rows - mu) ** 2)
    x_hat = (rows - mu) / np.sqrt(var + eps)
    y = gamma * x_hat + beta
    return from_rows(y, x.shape).astype(x.dtype), Cache(x_hat, gamma, np.sqrt(var + eps), x.dtype)


def batchnorm_backward(dy: Float[Array, "N C *spatial"], cache: Cache
                       ) -> tuple[Float[Array, "N C *spatial"], Float[Array, "C"], Float[Array, "C"]]:
    """The gradients of Algorithm 1: section 3's six equations in three; `gradient_steps` has all six.

    dy is the gradient of the loss for y. Returns dx, shaped and typed like x, and dgamma and dbeta. The two means that
    dx subtracts are the paths through mu and through var, which depend on every value of the channel.
    """
    x_hat, gamma, std, dtype = cache
    rows = to_rows(dy.astype(np.float64))  # (m, C)
    dx = gamma / std * (rows - batch_mean(rows) - x_hat * batch_mean(rows * x_hat))
    dgamma = (rows * x_hat).sum(0)
    dbeta = rows.sum(0)
    return from_rows(dx, dy.shape).astype(dtype), dgamma, dbeta


def population_statistics(batches: Iterable[Float[Array, "N C *spatial"]]
                          ) -> tuple[Float[Array, "C"], Float[Array, "C"]]:
    """Algorithm 2, line 10: the mean and the variance of each channel over many mini-batches of one size.

    The mean is that of the mini-batches' means. The variance is that of their variances times m/(m-1), because each of
    them is measured around its own mean. `statistics.Population` does the same for mini-batches of any sizes.
    """
    tables = [to_rows(x.astype(np.float64)) for x in batches]  # each (m, C)
    m = len(tables[0])
    mean = np.mean([batch_mean(rows) for rows in tables], axis=0)
    var = m / (m - 1) * np.mean([batch_mean((rows - batch_mean(rows)) ** 2) for rows in tables], axis=0)
    return mean, var


def batchnorm_inference(x: Float[Array, "N C *spatial"], gamma: Float[Array, "C"], beta: Float[Array, "C"],
                        mean: Float[Array, "C"], var: Float[Array, "C"], eps: float | int = 1e-5
                        ) -> Float[Array, "N C *spatial"]:
    """Algorithm 2, line 11: with the population's mean and variance, batch norm is one scale and one shift.

    mean and var are those of the population, as `population_statistics` gives them. Returns y, shaped and typed like
    x. Each example gets the same y whatever else is in the batch.
    """
    scale = gamma / np.sqrt(var.astype(np.float64) + eps)
    y = scale * to_rows(x) + (beta - scale * mean)
    return from_rows(y, x.shape).astype(x.dtype)


def batch_mean(rows: Float[Array, "m C"]) -> Float[Array, "C"]:
    """The mean of each channel over its m values; 0 where there are none."""
    return rows.sum(0) / max(len(rows), 1)


def to_rows(x: Float[Array, "N C *spatial"]) -> Float[Array, "m C"]:
    """x as a table: a column for each channel, a row for each place of each example."""
    return np.moveaxis(x, 1, -1).reshape(-1, x.shape[1])


def from_rows(rows: Float[Array, "m C"], shape: tuple[int, ...]) -> Float[Array, "N C *spatial"]:
    """The table back in the shape `(N, C, *spatial)` that it came from."""
    N, C, *spatial = shape
    return np.moveaxis(rows.reshape(N, *spatial, C), -1, 1)
