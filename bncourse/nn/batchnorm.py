"""Batch normalization as PyTorch modules: Algorithm 1 in training, population statistics at inference.

`BatchNorm1d`, `BatchNorm2d` and `BatchNorm3d` stand in for their namesakes in `torch.nn`: the same
arguments, buffers, `state_dict`, errors and modes. The transform and its gradient are in `Normalize`,
from the paper's equations; a module adds what is remembered: gamma (`weight`, as `torch.nn` names it),
beta (`bias`) and the moving statistics of section 3.1.

    bn = BatchNorm2d(64)
    y = bn(x)                     training: x is (N, 64, H, W); normalized by the mini-batch, statistics tracked
    y = bn.eval()(x)              inference: normalized by the moving statistics

Letters in shapes: N examples, C channels (section 3's features, section 3.2's feature maps), and spatial axes such
as H and W. A channel has m values: N of them, times H W where there are spatial axes.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn


def values_per_channel(x: Tensor) -> int:
    """How many values of each channel a mini-batch x `(N, C, *spatial)` holds: N times its number of locations.

    That is m in Algorithm 1, and m' = m p q in section 3.2, for feature maps of p x q locations.
    """
    return x.shape[0] * x.shape[2:].numel()


def per_channel(v: Tensor, x: Tensor) -> Tensor:
    """A vector v `(C,)`, with as many axes as x, so that it broadcasts along the second axis of x."""
    return v.reshape(1, -1, *[1] * (x.dim() - 2))


def channel_means(x: Float[Tensor, "N C *spatial"]) -> Float[Tensor, " C"]:
    """The mean of each channel over examples and locations together (section 3.2).

    Returns `(C,)` in at least float32; the mean of no values is 0. Locations are summed first and examples
    afterwards, since short sums round less than one long sum.
    """
    dtype = torch.promote_types(x.dtype, torch.float32)
    sums = x.sum(tuple(range(2, x.dim())), dtype=dtype) if x.dim() > 2 else x  # (N, C)
    return sums.sum(0, dtype=dtype) / max(values_per_channel(x), 1)


def center(x: Float[Tensor, "N C *spatial"]) -> tuple[Tensor, Tensor, Tensor]:
    """x with mean 0 in each channel, and that mean in two parts.

    The mean of float32 values near 10,000 is rounded to about 0.001, which would spoil a small variance. So the
    rounded mean is subtracted first, and then `rest`, the mean of the differences, which is small. Returns
    x - mean - rest, shaped like x, in at least float32; then mean and rest, each `(C,)`.
    """
    mean = channel_means(x)
    x_c = x - per_channel(mean, x)
    rest = channel_means(x_c)
    return x_c.sub_(per_channel(rest, x)), mean, rest


def batch_statistics(x: Float[Tensor, "N C *spatial"]) -> tuple[Tensor, Tensor]:
    """Mean and variance of each channel of one mini-batch: the first two lines of Algorithm 1.

    The variance divides by m, as the paper's does, and is therefore biased. Both are `(C,)`, in at least float32.
    """
    x_c, mean, rest = center(x)
    return mean + rest, channel_means(x_c.square())


class Normalize(torch.autograd.Function):
    """The batch-normalizing transform with its gradient by hand: Algorithm 1 and section 3's equations.

    `Normalize.apply(x, gamma, beta, eps)` takes x `(N, C, *spatial)`, gamma and beta `(C,)` or None, and eps, which is
    added to the variance. Of all intermediates only x is kept for the gradient, where autograd would keep each.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(x, gamma, beta, eps):
        """y, shaped and typed like x; and the statistics `(C,)`: the mean in two parts (see `center`), the variance."""
        x_c, mean, rest = center(x)
        var = channel_means(x_c.square())
        scale = (var + eps).rsqrt() if gamma is None else gamma * (var + eps).rsqrt()
        y = x_c.mul_(per_channel(scale, x))
        y = y if beta is None else y.add_(per_channel(beta, x))
        return y.to(x.dtype), mean, rest, var

    @staticmethod
    def setup_context(ctx, inputs, output):
        """Keeps x, gamma, beta and the statistics. The statistics are not outputs that can be differentiated."""
        x, gamma, beta, ctx.eps = inputs
        ctx.mark_non_differentiable(*output[1:])
        ctx.save_for_backward(x, gamma, beta, *output[1:])

    @staticmethod
    def backward(ctx, dy, *_):
        """Gradients by x, gamma and beta: section 3's six equations combined.

        dx = gamma / sqrt(var + eps) (dy - mean(dy) - x_hat mean(dy x_hat)), with means over the m values of a channel;
        dgamma = sum(dy x_hat) and dbeta = sum(dy). Where the gradient itself is to be differentiated, the statistics
        are computed again from x, so that they count as functions of x.
        """
        x, gamma, beta, mean, rest, var = ctx.saved_tensors
        if torch.is_grad_enabled():
            x_c, mean, rest = center(x)
            var = channel_means(x_c.square())
        else:
            x_c = (x - per_channel(mean, x)).sub_(per_channel(rest, x))
        inv_std = (var + ctx.eps).rsqrt()
        scale = inv_std if gamma is None else gamma * inv_std
        mean_dy, mean_dy_x_hat = channel_means(dy), channel_means(dy * x_c) * inv_std
        dx = (dy * per_channel(scale, x)).sub_(per_channel(scale * mean_dy, x))
        dx = torch.addcmul(dx, x_c, per_channel(scale * inv_std * mean_dy_x_hat, x), value=-1)
        m = values_per_channel(x)
        dgamma = None if gamma is None else (m * mean_dy_x_hat).to(gamma.dtype)
        dbeta = None if beta is None else (m * mean_dy).to(beta.dtype)
        return dx.to(x.dtype), dgamma, dbeta, None


def normalize_with(x: Float[Tensor, "N C *spatial"], mean, var, gamma, beta, eps) -> Tensor:
    """y at inference, by statistics that do not depend on x: `gamma (x - mean) / sqrt(var + eps) + beta`.

    That is Algorithm 2, line 11. `mean`, `var`, and `gamma` and `beta` where they are not None, are vectors `(C,)`.
    Returns y, shaped and typed like x; half precision is computed in float32.
    """
    dtype = torch.promote_types(x.dtype, torch.float32)
    inv_std = (var.to(dtype) + eps).rsqrt()
    y = (x - per_channel(mean.to(dtype), x)) * per_channel(inv_std if gamma is None else gamma * inv_std, x)
    y = y if beta is None else y + per_channel(beta, x)
    return y.to(x.dtype)


@torch.no_grad()
def track(layer: nn.Module, mean: Float[Tensor, " C"], var: Float[Tensor, " C"], m: int | Tensor) -> None:
    """Moves the running statistics of a batch norm towards those of one mini-batch (section 3.1).

    `layer` is a batch norm of this package or of `torch.nn`. `mean` and `var` are the mini-batch's mean and biased
    variance; the variance is multiplied by m / (m - 1), which makes it unbiased. `m` is the number of values of each
    channel: an int, or a tensor (C,) of numbers above 1. An empty mini-batch is counted and changes nothing else.
    """
    layer.num_batches_tracked.add_(1)
    if isinstance(m, int) and m < 2:
        return
    new = 1 / layer.num_batches_tracked.to(mean.dtype) if layer.momentum is None else layer.momentum
    layer.running_mean.copy_((1 - new) * layer.running_mean + new * mean)
    layer.running_var.copy_((1 - new) * layer.running_var + new * (m / (m - 1)) * var)


class BatchNorm(nn.Module):
    """The common part of `BatchNorm1d`, `BatchNorm2d` and `BatchNorm3d`, which differ in how many axes x may have.

    In training mode, y = gamma (x - mean) / sqrt(var + eps) + beta, with the mini-batch's own mean and variance of each
    channel; in eval mode, with the moving statistics (sections 3 and 3.1).

    `num_features` is C, the number of channels. `eps` is added to the variance under the root. `momentum` is the
    weight of the new mini-batch in the moving statistics, which is 1 - alpha for a moving average that keeps the share
    alpha; with None all mini-batches so far weigh the same. Without `affine` there are no gamma and beta, and without
    `bias` there is no beta. Without `track_running_stats` nothing is remembered, and the mini-batch's own statistics
    serve in eval mode too. `device` and `dtype` are those of the parameters and statistics.

    gamma is the parameter `weight`, beta the parameter `bias`, and the buffers are `running_mean`, `running_var` and
    `num_batches_tracked`: the names and shapes of `torch.nn`, so that a `state_dict` fits both ways.

    Calling the layer raises ValueError where x has another number of axes, where a mini-batch has a single
    value per channel (C30), and where eps is not positive; NotImplementedError where x holds integers; RuntimeError
    where channels or types disagree.
    """

    _version = 2  # as torch.nn's: from version 2 on, a state_dict holds num_batches_tracked
    dims: tuple[int, ...]

    def __init__(self, num_features: int, eps: float | int = 1e-5, momentum: float | int | None = 0.1,
                 affine: bool = True, track_running_stats: bool = True, device=None, dtype=None, *, bias: bool = True):
        super().__init__()
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats

        def vector(wanted, wrapped=lambda v: v):
            return wrapped(torch.empty(num_features, device=device, dtype=dtype)) if wanted else None

        self.register_parameter("weight", vector(affine, nn.Parameter))
        self.register_parameter("bias", vector(affine and bias, nn.Parameter))
        self.register_buffer("running_mean", vector(track_running_stats))
        self.register_buffer("running_var", vector(track_running_stats))
        count = torch.tensor(0, device=device) if track_running_stats else None
        self.register_buffer("num_batches_tracked", count)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Sets the moving statistics to mean 0 and variance 1, and the number of mini-batches seen to 0."""
        if self.track_running_stats:
            self.running_mean.zero_()
            self.running_var.fill_(1)
            self.num_batches_tracked.zero_()

    def reset_parameters(self) -> None:
        """Sets gamma to 1 and beta to 0, and resets the moving statistics."""
        self.reset_running_stats()
        if self.weight is not None:
            nn.init.ones_(self.weight)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        """The normalized mini-batch y, shaped and typed like x, which is called `input` as in `torch.nn`."""
        by_batch = self.training or self.running_mean is None
        self._check_shape_and_type(input)
        self._check_normalizable(input, by_batch)
        if not by_batch:
            mean, var = self.running_mean, self.running_var
            return normalize_with(input, mean, var, self.weight, self.bias, self.eps)
        y, mean, rest, var = Normalize.apply(input, self.weight, self.bias, self.eps)
        if self.track_running_stats and self.running_mean is not None:
            track(self, mean + rest, var, values_per_channel(input))
        return y

    def _check_shape_and_type(self, x: Tensor) -> None:
        """Raises ValueError, NotImplementedError or RuntimeError where x does not fit the layer."""
        if x.dim() not in self.dims:
            raise ValueError(
                f"expected {' or '.join(f'{n}D' for n in self.dims)} input (got {x.dim()}D input)"
            )
        if not x.is_floating_point():
            raise NotImplementedError(f"x has dtype {x.dtype}; expected floating point: try x.float()")
        state = self.running_mean if self.weight is None else self.weight
        if state is None:
            return
        if x.shape[1] != state.numel():
            raise RuntimeError(
                f"x has {x.shape[1]} channels (shape {tuple(x.shape)}); expected {state.numel()}"
            )
        if x.dtype != state.dtype and (x.dtype.itemsize, state.dtype) != (2, torch.float32):
            raise RuntimeError(
                f"x has dtype {x.dtype}, but this batch norm has {state.dtype}; expected the same, "
                f"or float32 where x is in half precision: try x.to({state.dtype})"
            )

    def _check_normalizable(self, x: Tensor, by_batch: bool) -> None:
        """Raises ValueError where x cannot be divided by a standard deviation, its own or the remembered one."""
        if by_batch and values_per_channel(x) == 1:
            raise ValueError(
                f"Expected more than 1 value per channel when training, got input size {tuple(x.shape)}: "
                f"one value less its mean is 0; use a larger mini-batch, or eval()"
            )
        if self.eps < 0 or (by_batch and self.eps == 0):
            expected = (
                "positive while mini-batches are normalized by themselves" if by_batch else "non-negative"
            )
            raise ValueError(f"eps must be {expected}, but got {self.eps}")

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, *rest) -> None:
        """A state_dict older than version 2 may lack num_batches_tracked: then the present count stays."""
        if (local_metadata.get("version") or 1) < 2 and self.num_batches_tracked is not None:
            state_dict.setdefault(prefix + "num_batches_tracked", self.num_batches_tracked)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )


class BatchNorm1d(BatchNorm):
    """Batch norm of C units, x `(N, C)` (section 3), or of C feature maps along a sequence, x `(N, C, L)`.

    The arguments are those of `BatchNorm`, and of `torch.nn.BatchNorm1d`.
    """

    dims = (2, 3)


class BatchNorm2d(BatchNorm):
    """Batch norm of images, x `(N, C, H, W)`: one mean and one variance for each feature map (section 3.2).

    The arguments are those of `BatchNorm`, and of `torch.nn.BatchNorm2d`.
    """

    dims = (4,)


class BatchNorm3d(BatchNorm):
    """Batch norm of volumes or films, x `(N, C, D, H, W)`: one mean and one variance for each feature map.

    The arguments are those of `BatchNorm`, and of `torch.nn.BatchNorm3d`.
    """

    dims = (5,)


BATCHNORMS = (BatchNorm, nn.modules.batchnorm._BatchNorm)  # ours, and all of torch.nn's
