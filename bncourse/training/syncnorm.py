"""Batch norm over the mini-batches of all processes, as if they were one (synchronized batch norm).

Each process measures m_r, mu_r and var_r of each channel, and all combine them by the law of total variance:

    mu = sum m_r mu_r / m        var = sum m_r (var_r + (mu_r - mu)²) / m        with m = sum m_r

which, unlike E[x²] - E[x]², loses no digits where the mean is large; mu is kept in two parts, as `center` finds
them, since one float32 number is too coarse for it. In the backward pass the two sums in the gradient
of Algorithm 1, of dy and of dy x_hat, are taken over all processes too. `torch.nn.SyncBatchNorm` does the same on
GPUs alone; this runs wherever torch.distributed does.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import torch
import torch.distributed as dist
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from bncourse.nn.batchnorm import BATCHNORMS, BatchNorm, track
from bncourse.nn.normalize import center, channel_means, per_channel, values_per_channel


@contextmanager
def synchronized(model: nn.Module, wanted: bool = True) -> Iterator[None]:
    """A context in which every batch norm of a model, in training mode, normalizes over all processes.

    `model` may hold batch norms of this package and of `torch.nn`. With `wanted=False` nothing is changed. The modules
    stay the same objects, with their parameters and running statistics, and work as before after the context. The
    gradient cannot be differentiated again. A forward pass raises what the layers raise, and ValueError where all
    processes together have a single value per channel.
    """
    layers = [module for module in model.modules() if wanted and isinstance(module, BATCHNORMS)]
    before = [vars(layer).get("forward") for layer in layers]
    for layer in layers:
        layer.forward = partial(forward, layer)
    try:
        yield
    finally:
        for layer, own in zip(layers, before, strict=True):
            del layer.forward
            if own is not None:
                layer.forward = own


def forward(layer: nn.Module, input: Float[Tensor, "N C *spatial"]) -> Tensor:
    """The output y of a batch norm whose mini-batch is spread over all processes, shaped and typed like `input`.

    `input` is this process's part of the mini-batch. In eval mode y is what the layer itself returns.
    """
    if not layer.training:
        return type(layer).forward(layer, input)
    layer._check_input_dim(input)
    if isinstance(layer, BatchNorm):
        layer._check_type_and_channels(input)
    m, mean, rest, var = joint_statistics(input.detach())
    if (m <= 1).any():
        raise ValueError(f"all processes together have {m[0]:.0f} value per channel; expected several in training")
    if layer.running_mean is not None:
        track(layer, mean + rest, var, m)
    return JointNormalize.apply(input, layer.weight, layer.bias, m, mean, rest, var, layer.eps)


def joint_statistics(x: Float[Tensor, "N C *spatial"]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The statistics of each channel over all processes: m, the mean in two parts, and the biased variance.

    `x` is this process's part of the mini-batch. All four results are `(C,)` and the same in every process. m is the
    number of values of a channel.
    """
    x_c, mean, rest = center(x)
    own = torch.stack([torch.full_like(mean, values_per_channel(x)), mean, rest, channel_means(x_c.square())])  # (4, C)
    all_of_them = [torch.empty_like(own) for _ in range(dist.get_world_size())]
    dist.all_gather(all_of_them, own)
    ms, means, rests, variances = torch.stack(all_of_them, 1)  # each (processes, C)
    m = ms.sum(0)
    mean = (ms * means).sum(0) / m
    away = (means - mean) + rests
    rest = (ms * away).sum(0) / m
    var = (ms * (variances + (away - rest).square())).sum(0) / m
    return m, mean, rest, var


def centered(x: Tensor, mean: Tensor, rest: Tensor) -> Tensor:
    """x less a mean `(C,)` in two parts, as `center` finds them, in the type of the mean."""
    return (x - per_channel(mean, x)).sub_(per_channel(rest, x))


class JointNormalize(torch.autograd.Function):
    """Algorithm 1 by the statistics of all processes, with the gradient through them in every process."""

    @staticmethod
    def forward(ctx, x, gamma, beta, m, mean, rest, var, eps):
        """y of this process's part x, by the statistics that `joint_statistics` returns."""
        inv_std = (var + eps).rsqrt()
        ctx.save_for_backward(x, gamma, beta, m, mean, rest, inv_std)
        y = centered(x, mean, rest) * per_channel(inv_std if gamma is None else gamma * inv_std, x)
        y = y if beta is None else y + per_channel(beta, x)
        return y.to(x.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx, dy):
        """`dx = gamma inv_std (dy - mean(dy) - x_hat mean(dy x_hat))`, the means over all processes."""
        x, gamma, beta, m, mean, rest, inv_std = ctx.saved_tensors
        axes = [0, *range(2, x.dim())]
        x_hat = centered(x, mean, rest) * per_channel(inv_std, x)
        dy = dy.to(x_hat.dtype)
        sums = torch.stack([dy.sum(axes), (dy * x_hat).sum(axes)])  # (2, C)
        dbeta, dgamma = sums.clone()
        dist.all_reduce(sums)
        mean_dy, mean_dy_x_hat = sums / m
        scale = inv_std if gamma is None else gamma * inv_std
        dx = dy - per_channel(mean_dy, x) - x_hat * per_channel(mean_dy_x_hat, x)
        return (dx.mul_(per_channel(scale, x)).to(x.dtype), None if gamma is None else dgamma.to(gamma.dtype),
                None if beta is None else dbeta.to(beta.dtype), *[None] * 5)
