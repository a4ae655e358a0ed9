"""Layer, instance and group norm: as batch norm, but with the mean taken over other axes.

`standardize` normalizes over any axes. Layer norm (Ba et al. 2016) takes those of one example, instance norm (Ulyanov
et al. 2016) the spatial axes of one channel of one example, group norm (Wu & He 2018) the spatial axes and a group of
channels. None of them looks at another example of the mini-batch, so training and inference are the same.

x has N examples, C channels and any spatial axes. y and dx have the dtype of x; means, variances and products are in
at least float32. `normalize` has these functions too.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from bncourse.kernels import fast
from bncourse.kernels.arguments import (
    AnyShape,
    Batch,
    PerChannel,
    PerValue,
    check_floating,
    check_gradient,
    check_groups,
    check_input,
    check_per_channel,
    check_per_value,
)
from bncourse.kernels.fast import quiet, short_numpy_buffer
from bncourse.kernels.layouts import Layout, at_least_float32, batch_axes, layout_over, per_channel

Array = np.ndarray


class StandardizeCache(NamedTuple):
    """What `standardize_backward` needs: the cache of `fast.backward`, the layout of the columns, and x's dtype."""

    columns: fast.Cache
    layout: Layout
    dtype: np.dtype


class AffineCache(NamedTuple):
    """What the gradients of layer and group norm need: x_hat, gamma as it broadcasts, and how x_hat was made."""

    x_hat: Array
    gamma: Array
    standardized: StandardizeCache


@quiet
def standardize(x: AnyShape, axes: tuple[int, ...], eps: float | int = 1e-5
                ) -> tuple[Float[Array, "..."], StandardizeCache]:
    """`x_hat = (x - mean) / sqrt(var + eps)`, mean and biased variance taken over the axes.

    x has any number of axes. Returns x_hat, shaped and typed like x, and the cache that `standardize_backward`
    takes. Raises TypeError for an x that is not floating point, ValueError for axes that x does not have.
    """
    check_floating(x, eps)
    x_hat, cache = _standardize(x, axes, eps)
    return x_hat.astype(x.dtype, copy=False), cache


@quiet
def standardize_backward(dx_hat: AnyShape, cache: StandardizeCache) -> Float[Array, "..."]:
    """`dx = (dx_hat - mean(dx_hat) - x_hat * mean(dx_hat * x_hat)) / sqrt(var + eps)`, shaped and typed like x.

    dx_hat is the gradient of the loss for x_hat. Raises ValueError where dx_hat has another shape than x.
    """
    check_gradient(dx_hat, cache.layout.shape)
    columns = cache.layout.gather(dx_hat.astype(cache.columns.centred.dtype, copy=False))
    with short_numpy_buffer(dx_hat):
        dx, _, _ = fast.backward(columns, cache.columns)
    return cache.layout.scatter(dx).astype(cache.dtype, copy=False)


def _standardize(x: Array, axes: tuple[int, ...], eps: float | int) -> tuple[Array, StandardizeCache]:
    """The same as `standardize`, but x_hat stays in at least float32."""
    layout = layout_over(x.shape, axes)
    with short_numpy_buffer(x):
        x_hat, cache = fast.forward(fast.moments(layout.gather(at_least_float32(x))), 1.0, 0.0, eps)
    return layout.scatter(x_hat), StandardizeCache(cache, layout, x.dtype)


@quiet
def layernorm_forward(x: Batch, gamma: PerValue, beta: PerValue, eps: float | int = 1e-5
                      ) -> tuple[Float[Array, "N *values"], AffineCache]:
    """Layer norm (Ba et al. 2016): each example on its own, over all axes but the first.

    gamma and beta have the shape of one example, `x.shape[1:]`, as `torch.nn.LayerNorm(x.shape[1:])` has
    them. Returns y, shaped and typed like x, and the cache that `layernorm_backward` takes. Raises TypeError for
    an x that is not floating point, ValueError for shapes that do not fit.
    """
    check_input(x, eps)
    check_per_value(x, gamma=gamma, beta=beta)
    return _affine(x, _standardize(x, tuple(range(1, x.ndim)), eps), gamma, beta)


@quiet
def layernorm_backward(dy: Batch, cache: AffineCache) -> tuple[Float[Array, "N *values"], Array, Array]:
    """dx, shaped and typed like x, and dgamma and dbeta of the shape of one example.

    Raises ValueError for a dy that is not shaped like y.
    """
    check_gradient(dy, cache.x_hat.shape)
    return _affine_backward(dy, cache, axes=(0,))


@quiet
def groupnorm_forward(x: Batch, gamma: PerChannel, beta: PerChannel, groups: int, eps: float | int = 1e-5
                      ) -> tuple[Float[Array, "N C *spatial"], AffineCache]:
    """Group norm (Wu & He 2018): each example on its own, over the spatial axes and a group of channels.

    groups is the number of groups, a divisor of C. With one group it is layer norm and with C groups instance norm,
    except that gamma and beta are `(C,)` here. Returns y, shaped and typed like x, and the cache that
    `groupnorm_backward` takes. Raises as `batchnorm_forward` does, and ValueError for groups that do not divide C.
    """
    check_input(x, eps)
    check_per_channel(x, gamma=gamma, beta=beta)
    check_groups(x, groups)
    grouped = x.reshape(x.shape[0], groups, x.shape[1] // groups, *x.shape[2:])
    x_hat, cache = _standardize(grouped, tuple(range(2, grouped.ndim)), eps)
    return _affine(x, (x_hat.reshape(x.shape), cache), per_channel(gamma, x), per_channel(beta, x))


@quiet
def groupnorm_backward(dy: Batch, cache: AffineCache
                       ) -> tuple[Float[Array, "N C *spatial"], Float[Array, "C"], Float[Array, "C"]]:
    """dx, shaped and typed like x, and dgamma and dbeta of shape `(C,)`.

    Raises ValueError for a dy that is not shaped like y.
    """
    check_gradient(dy, cache.x_hat.shape)
    return _affine_backward(dy, cache, axes=batch_axes(dy))


def instancenorm_forward(x: Batch, gamma: PerChannel, beta: PerChannel, eps: float | int = 1e-5
                         ) -> tuple[Float[Array, "N C *spatial"], AffineCache]:
    """Instance norm (Ulyanov et al. 2016): group norm with each channel a group; gamma and beta are `(C,)`."""
    check_input(x, eps)
    return groupnorm_forward(x, gamma, beta, max(x.shape[1], 1), eps)


instancenorm_backward = groupnorm_backward


def _affine(x: Array, standardized: tuple[Array, StandardizeCache], gamma: Array, beta: Array
            ) -> tuple[Array, AffineCache]:
    """`y = gamma * x_hat + beta` in the dtype of x, and the cache of both steps."""
    x_hat, cache = standardized
    y = gamma * x_hat + beta
    return y.astype(x.dtype, copy=False), AffineCache(x_hat, gamma.copy(), cache)


def _affine_backward(dy: Array, cache: AffineCache, axes: tuple[int, ...]) -> tuple[Array, Array, Array]:
    """dx, dgamma, dbeta; the axes are those along which gamma was broadcast."""
    x_hat, gamma, standardized = cache
    wide = dy.astype(x_hat.dtype, copy=False)
    dx_hat = (gamma * wide).reshape(standardized.layout.shape)
    dx = standardize_backward(dx_hat, standardized)
    return dx.reshape(dy.shape), (wide * x_hat).sum(axes), wide.sum(axes)
