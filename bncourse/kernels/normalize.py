"""Batch normalization for use: the same four lines as algorithms.py, faster, and with their arguments checked.

Read `algorithms.py` first. Beside it, and by the same laws, the functions here

- compute in the dtype of x, in at least float32, where the page converts x to float64; x is centred twice, which
  keeps six digits of float32 even where the mean is 1e4 times the standard deviation;
- take means as products with a vector of 1/m, which BLAS computes several times faster than `np.mean`;
- work through large arrays a block of rows at a time, so that each block stays in the cache of the processor;
- never form x_hat: scale and shift of the normalization and of the parameters become one product and one sum.

That arithmetic is in `fast.py`. For all functions here: x has N examples, C channels and any spatial axes; y and dx
have the dtype of x; x may have any strides and is never written to; a cache serves its own forward call, whatever is
called after it. Layer, instance and group norm, batch renormalization and the gradient's six equations have files of
their own and can be imported from here too.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from bncourse.kernels import fast
from bncourse.kernels.arguments import (
    Batch,
    PerChannel,
    check_gradient,
    check_input,
    check_per_channel,
    check_variance,
)
from bncourse.kernels.fast import quiet, short_numpy_buffer
from bncourse.kernels.gradient_steps import GradientSteps, batchnorm_backward_steps
from bncourse.kernels.layouts import as_columns, at_least_float32, batch_axes, broadcastable, per_channel
from bncourse.kernels.other_norms import (
    groupnorm_backward,
    groupnorm_forward,
    instancenorm_backward,
    instancenorm_forward,
    layernorm_backward,
    layernorm_forward,
    standardize,
    standardize_backward,
)
from bncourse.kernels.renormalize import batchrenorm_backward, batchrenorm_forward

Array = np.ndarray

__all__ = [
    "GradientSteps",
    "batch_axes",
    "batch_statistics",
    "batchnorm_backward",
    "batchnorm_backward_steps",
    "batchnorm_forward",
    "batchnorm_inference",
    "batchrenorm_backward",
    "batchrenorm_forward",
    "groupnorm_backward",
    "groupnorm_forward",
    "instancenorm_backward",
    "instancenorm_forward",
    "layernorm_backward",
    "layernorm_forward",
    "per_channel",
    "standardize",
    "standardize_backward",
]


class BatchnormCache(NamedTuple):
    """What `batchnorm_backward` needs: the cache of `fast.backward`, and shape and dtype of x."""

    columns: fast.Cache
    shape: tuple[int, ...]
    dtype: np.dtype


@quiet
def batch_statistics(x: Batch) -> tuple[Float[Array, "C"], Float[Array, "C"]]:
    """Mean and biased variance of each channel of x: the first two lines of Algorithm 1.

    x is `(N, C)` or `(N, C, *spatial)`. Both results are in at least float32. They are 0 where x has no values.
    Raises as `batchnorm_forward` does for x.
    """
    check_input(x)
    with short_numpy_buffer(x):
        moments = fast.moments(as_columns(x))
    return (moments.rough_mean + moments.correction).reshape(-1), moments.var.reshape(-1)


@quiet
def batchnorm_forward(x: Batch, gamma: PerChannel, beta: PerChannel, eps: float | int = 1e-5
                      ) -> tuple[Float[Array, "N C *spatial"], BatchnormCache]:
    """Batch-normalizing transform (Algorithm 1; section 3.2 where x has spatial axes).

    x is a mini-batch, `(N, C)` or `(N, C, *spatial)`, of floating point. gamma and beta are the scale and the shift
    of each channel, `(C,)`. eps is added to the variance. Returns y, shaped and typed like x, and the cache that
    `batchnorm_backward` takes. Where a channel has a single value, as with N = 1 and no spatial axes, that value
    is its own mean: then y is beta, and the gradient for x is zero. An empty x gives an empty y.

    Raises TypeError for an x that is not floating point. Raises ValueError for shapes that do not fit, for a
    negative eps, and for an eps of 0 where a channel is constant.
    """
    check_input(x, eps)
    check_per_channel(x, gamma=gamma, beta=beta)
    columns = as_columns(x)
    gamma, beta = broadcastable(columns, gamma, beta)
    with short_numpy_buffer(x):
        y, cache = fast.forward(fast.moments(columns), gamma, beta, eps)
    return y.reshape(x.shape).astype(x.dtype, copy=False), BatchnormCache(cache, x.shape, x.dtype)


@quiet
def batchnorm_backward(dy: Batch, cache: BatchnormCache
                       ) -> tuple[Float[Array, "N C *spatial"], Float[Array, "C"], Float[Array, "C"]]:
    """Gradients of the batch-normalizing transform, in closed form.

    dy is the gradient of the loss for y, and shaped like it. Section 3's six equations combine, for each channel and
    with means over its m values, to
    `dx = gamma / sqrt(var + eps) * (dy - mean(dy) - x_hat * mean(dy * x_hat))`.
    Returns dx, shaped and typed like x, and dgamma and dbeta of shape `(C,)`. Raises ValueError for a dy that is
    not shaped like y.
    """
    check_gradient(dy, cache.shape)
    with short_numpy_buffer(dy):
        dx, dgamma, dbeta = fast.backward(as_columns(dy, cache.columns.centred.dtype), cache.columns)
    return dx.reshape(cache.shape).astype(cache.dtype, copy=False), dgamma.reshape(-1), dbeta.reshape(-1)


@quiet
def batchnorm_inference(x: Batch, gamma: PerChannel, beta: PerChannel, mean: PerChannel, var: PerChannel,
                        eps: float | int = 1e-5) -> Float[Array, "N C *spatial"]:
    """Batch norm with the population's mean and variance, an affine map (Algorithm 2, line 11).

    x is `(N, C)` or `(N, C, *spatial)`; gamma, beta, mean and var are `(C,)`. Returns
    `gamma * (x - mean) / sqrt(var + eps) + beta`, shaped and typed like x. A mean in float64 keeps all its digits
    even where x is float32. Raises as `batchnorm_forward` does, and ValueError for a negative variance.
    """
    check_input(x, eps)
    check_per_channel(x, gamma=gamma, beta=beta, mean=mean, var=var)
    gamma, beta, mean, var = map(at_least_float32, (gamma, beta, mean, var))
    check_variance(var, eps)
    columns = as_columns(x)
    rounded = mean.astype(columns.dtype)
    scale = gamma / np.sqrt(var + float(eps))
    shift = beta - (mean - rounded) * scale
    rounded, scale, shift = broadcastable(columns, rounded, scale, shift)
    with short_numpy_buffer(x):
        y = columns - rounded
        y *= scale
        y += shift
    return y.reshape(x.shape).astype(x.dtype, copy=False)
