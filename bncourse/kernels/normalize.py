"""Batch normalization for use: the same four lines as algorithms.py, these things faster, and arguments checked.

Read `algorithms.py` first. Beside it, and by the same laws, the functions here

- compute in the dtype of x, in at least float32, where the page converts x to float64; x is centred twice, which
  keeps six digits of float32 even where the mean is 1e4 times the standard deviation;
- take means as products with a vector of 1/m, which BLAS computes several times faster than `np.mean`;
- work through large arrays a block of rows at a time, so that each block stays in the cache of the processor;
- never form x_hat: scale and shift of the normalization and of the parameters become one product and one sum.

That arithmetic is in `fast.py`. For all functions here: y and dx have the dtype of x; x may have any strides and is
never written to; a cache serves its own forward call, whatever is called after it. Batch renormalization and the
gradient's six equations have files of their own and can be imported from here too.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from bncourse.kernels import fast
from bncourse.kernels.arguments import (
    Array,
    Checked,
    check_floating,
    check_gradient,
    check_groups,
    check_input,
    check_per_channel,
    check_per_value,
    check_variance,
)
from bncourse.kernels.fast import rows_in_place
from bncourse.kernels.gradient_steps import GradientSteps, batchnorm_backward_steps
from bncourse.kernels.layouts import Layout, against, batch_axes, by_axes, by_channel, per_channel, widen
from bncourse.kernels.renormalize import batchrenorm_backward, batchrenorm_forward

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
    """What `batchnorm_backward` needs: the sets' cache, and what x looked like."""

    sets: fast.Cache
    shape: tuple[int, ...]
    dtype: np.dtype


class Standardized(NamedTuple):
    """What `standardize_backward` needs: the sets' cache, their place among the axes, and x's dtype."""

    sets: fast.Cache
    layout: Layout
    dtype: np.dtype


class ScaledCache(NamedTuple):
    """What the gradients of layer and group norm need: x_hat, gamma as it broadcasts, and how to go on back."""

    x_hat: Array
    gamma: Array
    standardized: Standardized


def batch_statistics(x: Checked) -> tuple[Float[Array, "C"], Float[Array, "C"]]:
    """Mean and biased variance of each channel of x `(N, C, *spatial)`: the first lines of Algorithm 1.

    They are in at least float32; without any values, both are 0.
    """
    check_input(x)
    with rows_in_place(x):
        moments = fast.moments(by_channel(x))
    return (moments.guess + moments.rest).reshape(-1), moments.var.reshape(-1)


def batchnorm_forward(
    x: Checked, gamma: Checked, beta: Checked, eps: float | int = 1e-5
) -> tuple[Float[Array, "N C *spatial"], BatchnormCache]:
    """Batch-normalizing transform (Algorithm 1; section 3.2 where x has spatial axes).

    x is `(N, C)` or `(N, C, *spatial)`, gamma and beta `(C,)`. Returns y, shaped and typed like x, and the
    cache that `batchnorm_backward` takes. Of one value a channel (N = 1, dense) y is beta, and its gradient
    zero: nothing is left of x. Of none, y is empty. Raises TypeError for an x that is not floating
    point, ValueError for shapes that do not fit and for an eps below 0, or 0 with a constant feature.
    """
    check_input(x, eps)
    check_per_channel(x, gamma=gamma, beta=beta)
    columns = by_channel(x)
    gamma, beta = against(columns, gamma, beta)
    with rows_in_place(x):
        y, cache = fast.forward(fast.moments(columns), gamma, beta, eps)
    return y.reshape(x.shape).astype(x.dtype, copy=False), BatchnormCache(cache, x.shape, x.dtype)


def batchnorm_backward(
    dy: Checked, cache: BatchnormCache
) -> tuple[Float[Array, "N C *spatial"], Float[Array, "C"], Float[Array, "C"]]:
    """Gradients of the batch-normalizing transform, in closed form.

    Section 3's six equations combine, for each channel and with means over its m values, to
    `dx = gamma / sqrt(var + eps) * (dy - mean(dy) - x_hat * mean(dy * x_hat))`.
    Returns dx, shaped and typed like x, and dgamma, dbeta of shape `(C,)`. Raises ValueError for a dy
    that is not shaped like y.
    """
    check_gradient(dy, cache.shape)
    with rows_in_place(dy):
        dx, dgamma, dbeta = fast.backward(by_channel(dy, cache.sets.centred.dtype), cache.sets)
    return dx.reshape(cache.shape).astype(cache.dtype, copy=False), dgamma.reshape(-1), dbeta.reshape(-1)


def batchnorm_inference(
    x: Checked, gamma: Checked, beta: Checked, mean: Checked, var: Checked, eps: float | int = 1e-5
) -> Float[Array, "N C *spatial"]:
    """Batch norm with the population's mean and variance, an affine map (Algorithm 2, line 11).

    Returns `gamma * (x - mean) / sqrt(var + eps) + beta`, shaped and typed like x. The other arguments are
    `(C,)`; a mean of more digits than x has is used to its last. Raises as `batchnorm_forward` does,
    and ValueError for a negative variance.
    """
    check_input(x, eps)
    check_per_channel(x, gamma=gamma, beta=beta, mean=mean, var=var)
    gamma, beta, mean, var = map(widen, (gamma, beta, mean, var))
    check_variance(var, eps)
    columns = by_channel(x)
    rounded = mean.astype(columns.dtype)
    scale = gamma / np.sqrt(var + float(eps))
    shift = beta - (mean - rounded) * scale
    rounded, scale, shift = against(columns, rounded, scale, shift)
    with rows_in_place(x):
        y = columns - rounded
        y *= scale
        y += shift
    return y.reshape(x.shape).astype(x.dtype, copy=False)


def standardize(
    x: Checked, axes: tuple[int, ...], eps: float | int = 1e-5
) -> tuple[Float[Array, "..."], Standardized]:
    """`x_hat = (x - mean) / sqrt(var + eps)`, mean and biased variance taken over the axes.

    x has any number of axes. Returns x_hat, shaped and typed like x, and the cache that
    `standardize_backward` takes. Raises TypeError for an x that is not floating point, ValueError for
    axes that x does not have.
    """
    check_floating(x, eps)
    x_hat, cache = _standardize(x, axes, eps)
    return x_hat.astype(x.dtype, copy=False), cache


def standardize_backward(dx_hat: Checked, cache: Standardized) -> Float[Array, "..."]:
    """`dx = (dx_hat - mean(dx_hat) - x_hat * mean(dx_hat * x_hat)) / sqrt(var + eps)`, typed like x.

    Raises ValueError where dx_hat has another shape than x.
    """
    check_gradient(dx_hat, cache.layout.shape)
    columns = cache.layout.gather(dx_hat.astype(cache.sets.centred.dtype, copy=False))
    with rows_in_place(dx_hat):
        dx, _, _ = fast.backward(columns, cache.sets)
    return cache.layout.scatter(dx).astype(cache.dtype, copy=False)


def _standardize(x: Array, axes: tuple[int, ...], eps: float | int) -> tuple[Array, Standardized]:
    """`standardize`, x_hat in at least float32."""
    layout = by_axes(x.shape, axes)
    with rows_in_place(x):
        x_hat, cache = fast.forward(fast.moments(layout.gather(widen(x))), 1.0, 0.0, eps)
    return layout.scatter(x_hat), Standardized(cache, layout, x.dtype)


def layernorm_forward(
    x: Checked, gamma: Checked, beta: Checked, eps: float | int = 1e-5
) -> tuple[Float[Array, "N *values"], ScaledCache]:
    """Layer norm (Ba et al. 2016): each example on its own, over all axes but the first.

    gamma and beta have the shape of one example, `x.shape[1:]`, as `torch.nn.LayerNorm(x.shape[1:])` has
    them. Returns y, shaped and typed like x, and the cache that `layernorm_backward` takes.
    """
    check_input(x, eps)
    check_per_value(x, gamma=gamma, beta=beta)
    return _scaled(x, _standardize(x, tuple(range(1, x.ndim)), eps), gamma, beta)


def layernorm_backward(dy: Checked, cache: ScaledCache) -> tuple[Float[Array, "N *values"], Array, Array]:
    """dx, shaped and typed like x, and dgamma, dbeta of the shape of one example."""
    return _scaled_backward(dy, cache, axes=(0,))


def groupnorm_forward(
    x: Checked, gamma: Checked, beta: Checked, groups: int, eps: float | int = 1e-5
) -> tuple[Float[Array, "N C *spatial"], ScaledCache]:
    """Group norm (Wu & He 2018): each example on its own, over the spatial axes and a group of channels.

    One group is layer norm, C groups are instance norm, but for gamma and beta, which are `(C,)` here.
    Returns y, shaped and typed like x, and the cache that `groupnorm_backward` takes.
    """
    check_input(x, eps)
    check_per_channel(x, gamma=gamma, beta=beta)
    check_groups(x, groups)
    grouped = x.reshape(x.shape[0], groups, x.shape[1] // groups, *x.shape[2:])
    x_hat, cache = _standardize(grouped, tuple(range(2, grouped.ndim)), eps)
    return _scaled(x, (x_hat.reshape(x.shape), cache), per_channel(gamma, x), per_channel(beta, x))


def groupnorm_backward(
    dy: Checked, cache: ScaledCache
) -> tuple[Float[Array, "N C *spatial"], Float[Array, "C"], Float[Array, "C"]]:
    """dx, shaped and typed like x, and dgamma, dbeta of shape `(C,)`."""
    dx, dgamma, dbeta = _scaled_backward(dy, cache, axes=batch_axes(dy))
    return dx, dgamma, dbeta


def instancenorm_forward(
    x: Checked, gamma: Checked, beta: Checked, eps: float | int = 1e-5
) -> tuple[Float[Array, "N C *spatial"], ScaledCache]:
    """Instance norm (Ulyanov et al. 2016): group norm with each channel a group; gamma and beta are `(C,)`."""
    check_input(x, eps)
    return groupnorm_forward(x, gamma, beta, x.shape[1], eps)


instancenorm_backward = groupnorm_backward


def _scaled(
    x: Array, standardized: tuple[Array, Standardized], gamma: Array, beta: Array
) -> tuple[Array, ScaledCache]:
    x_hat, cache = standardized
    y = gamma * x_hat + beta
    return y.astype(x.dtype, copy=False), ScaledCache(x_hat, gamma.copy(), cache)


def _scaled_backward(dy: Array, cache: ScaledCache, axes: tuple[int, ...]) -> tuple[Array, Array, Array]:
    x_hat, gamma, standardized = cache
    check_gradient(dy, x_hat.shape)
    wide = dy.astype(x_hat.dtype, copy=False)
    dx_hat = (gamma * wide).reshape(standardized.layout.shape)
    dx = standardize_backward(dx_hat, standardized)
    return dx.reshape(dy.shape), (wide * x_hat).sum(axes), wide.sum(axes)
