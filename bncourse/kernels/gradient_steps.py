"""Section 3's six gradient equations, one after the other, each intermediate kept.

This is the chain rule as the paper prints it, for reading beside the paper and for checking a derivation of
one's own line by line. `algorithms.batchnorm_backward` is what the six combine to: the sum of x - mean is zero, so
half of the equation for the mean vanishes, and the rest can be written with x_hat.

The letters of the shapes: N examples, C channels, `*spatial` the places of a map; m values in each channel.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from bncourse.kernels.arguments import Array, Batch, PerChannel, check_gradient, check_input, check_per_channel
from bncourse.kernels.fast import quiet
from bncourse.kernels.layouts import at_least_float32, batch_axes, per_channel


class GradientSteps(NamedTuple):
    """The gradients of section 3, in the order of the paper.

    dx_hat and dx are shaped like x; the gradients of variance, mean, gamma and beta are `(C,)`.
    """

    dx_hat: Array
    dvar: Array
    dmean: Array
    dx: Array
    dgamma: Array
    dbeta: Array


@quiet
def batchnorm_backward_steps(dy: Batch, x: Batch, gamma: PerChannel, eps: float | int = 1e-5) -> GradientSteps:
    """The six equations of section 3, from dy and the inputs of the forward pass.

    x is the mini-batch and dy the gradient of the loss for y, both `(N, C)` or `(N, C, *spatial)`; gamma is `(C,)`.
    Sums run over the m values of a channel. All six results are in at least float32, so dx is float32 even where x
    is float16. Raises as `normalize.batchnorm_forward` and `normalize.batchnorm_backward` do.
    """
    check_input(x, eps)
    check_per_channel(x, gamma=gamma)
    check_gradient(dy, x.shape)
    x, dy, gamma = map(at_least_float32, (x, dy, gamma))
    axes, m = batch_axes(x), max(x.size // max(x.shape[1], 1), 1)
    x_mu = _centred(x, axes, m)
    var = np.square(x_mu).sum(axes) / m
    inv_std = 1 / np.sqrt(var + float(eps))

    dx_hat = dy * per_channel(gamma, x)
    dvar = (dx_hat * x_mu).sum(axes) * -0.5 * inv_std**3
    dmean = -(dx_hat.sum(axes) * inv_std) + dvar * -2 * x_mu.sum(axes) / m
    dx = dx_hat * per_channel(inv_std, x) + per_channel(dvar, x) * 2 * x_mu / m + per_channel(dmean, x) / m
    dgamma = (dy * x_mu).sum(axes) * inv_std
    dbeta = dy.sum(axes)
    return GradientSteps(dx_hat, dvar, dmean, dx, dgamma, dbeta)


def _centred(x: Float[Array, "N C *spatial"], axes: tuple[int, ...], m: int) -> Float[Array, "N C *spatial"]:
    """x minus its mean, and that minus its own mean, which is the rounding error of the first."""
    x_mu = x - x.sum(axes, keepdims=True) / m
    return x_mu - x_mu.sum(axes, keepdims=True) / m
