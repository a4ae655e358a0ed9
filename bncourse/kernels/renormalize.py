"""Batch renormalization (Ioffe 2017): batch norm that is corrected towards the moving statistics.

With the batch's mu_B and sigma_B, and mu and sigma of the moving averages,

    (x - mu) / sigma = (x - mu_B) / sigma_B * r + d,   r = sigma_B / sigma,   d = (mu_B - mu) / sigma,

so training computes what inference will. r and d are clipped, and the gradient takes them for constants.
With r_max = 1 and d_max = 0 this is batch norm; the paper starts there and then opens the two bounds.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from bncourse.kernels import fast
from bncourse.kernels.arguments import (
    Array,
    Batch,
    PerChannel,
    check_bounds,
    check_gradient,
    check_input,
    check_per_channel,
    check_variance,
)
from bncourse.kernels.fast import quiet, short_numpy_buffer
from bncourse.kernels.layouts import as_columns, at_least_float32, broadcastable


class BatchrenormCache(NamedTuple):
    """What `batchrenorm_backward` needs: the cache of `fast.backward`, r and d, and shape and dtype of x."""

    columns: fast.Cache
    r: Array
    d: Array
    shape: tuple[int, ...]
    dtype: np.dtype


@quiet
def batchrenorm_forward(x: Batch, gamma: PerChannel, beta: PerChannel, mean: PerChannel, var: PerChannel,
                        r_max: float | int, d_max: float | int, eps: float | int = 1e-5
                        ) -> tuple[Float[Array, "N C *spatial"], BatchrenormCache]:
    """`y = gamma * (x_hat * r + d) + beta`, r within `[1/r_max, r_max]`, d within `[-d_max, d_max]`.

    x is `(N, C)` or `(N, C, *spatial)`. gamma and beta are the scale and the shift of each channel, mean and var its
    moving averages, all `(C,)`; sigma is `sqrt(var + eps)`. r_max and d_max bound r and d: 1 and 0 give batch norm.
    Returns y, shaped and typed like x, and the cache that `batchrenorm_backward` takes. The moving averages are not
    updated here; that is for the caller to do. Raises as `batchnorm_inference` does, and ValueError for r_max < 1 or
    d_max < 0.
    """
    check_input(x, eps)
    check_per_channel(x, gamma=gamma, beta=beta, mean=mean, var=var)
    check_variance(at_least_float32(var), eps)
    check_bounds(r_max, d_max)
    columns = as_columns(x)
    gamma, beta, mean, var = broadcastable(columns, gamma, beta, mean, var)
    sigma = np.sqrt(var + float(eps))
    with short_numpy_buffer(x):
        moments = fast.moments(columns)
        r = np.clip(np.sqrt(moments.var + float(eps)) / sigma, 1 / r_max, r_max)
        d = np.clip((moments.rough_mean - mean + moments.correction) / sigma, -d_max, d_max)
        y, cache = fast.forward(moments, gamma * r, gamma * d + beta, eps)
    return y.reshape(x.shape).astype(x.dtype, copy=False), BatchrenormCache(cache, r, d, x.shape, x.dtype)


@quiet
def batchrenorm_backward(dy: Batch, cache: BatchrenormCache
                         ) -> tuple[Float[Array, "N C *spatial"], Float[Array, "C"], Float[Array, "C"]]:
    """dx, shaped and typed like x, and dgamma and dbeta of shape `(C,)`.

    dy is the gradient of the loss for y. r and d count as constants, so dx is batch norm's with gamma * r in place of
    gamma. gamma multiplies x_hat * r + d, so `dgamma = r * sum(dy * x_hat) + d * sum(dy)`. Raises ValueError for a
    dy that is not shaped like y.
    """
    check_gradient(dy, cache.shape)
    with short_numpy_buffer(dy):
        dx, dy_x_hat, dbeta = fast.backward(as_columns(dy, cache.columns.centred.dtype), cache.columns)
    dgamma = cache.r * dy_x_hat + cache.d * dbeta
    return dx.reshape(cache.shape).astype(cache.dtype, copy=False), dgamma.reshape(-1), dbeta.reshape(-1)
