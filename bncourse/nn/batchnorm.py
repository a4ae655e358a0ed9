"""Batch normalization as PyTorch modules: Algorithm 1 in training, population statistics at inference.

`BatchNorm1d`, `BatchNorm2d` and `BatchNorm3d` stand in for their namesakes in `torch.nn`: the same
arguments, buffers, `state_dict`, errors and modes. The transform and its gradient are in `Normalize`,
from the paper's equations; a module adds what is remembered: gamma (`weight`, as `torch.nn` names it),
beta (`bias`) and the moving statistics of section 3.1.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn


def values_per_channel(x: Tensor) -> int:
    """m of Algorithm 1; m' = m p q where x has spatial axes."""
    return x.shape[0] * x.shape[2:].numel()


def per_channel(v: Tensor, x: Tensor) -> Tensor:
    """A vector `(C,)` shaped to broadcast along the second axis of x."""
    return v.reshape(1, -1, *[1] * (x.dim() - 2))


def channel_means(x: Float[Tensor, "N C *spatial"]) -> Float[Tensor, " C"]:
    """The mean of each channel, in at least float32; 0 where there are no values.

    Over examples and locations together (section 3.2); over locations first, since short sums round less.
    """
    dtype = torch.promote_types(x.dtype, torch.float32)
    sums = x.sum(tuple(range(2, x.dim())), dtype=dtype) if x.dim() > 2 else x  # (N, C)
    return sums.sum(0, dtype=dtype) / max(values_per_channel(x), 1)


def center(x: Float[Tensor, "N C *spatial"]) -> tuple[Tensor, Tensor, Tensor]:
    """x less its mean, then less the mean of what is left; and the two means, each `(C,)`.

    The second mean undoes the rounding of the first, which for float32 values near 10,000 is 0.001.
    """
    mean = channel_means(x)
    x_c = x - per_channel(mean, x)
    rest = channel_means(x_c)
    return x_c.sub_(per_channel(rest, x)), mean, rest


def batch_statistics(x: Float[Tensor, "N C *spatial"]) -> tuple[Tensor, Tensor]:
    """Mean and biased variance of each channel (Algorithm 1), `(C,)`, in at least float32."""
    x_c, mean, rest = center(x)
    return mean + rest, channel_means(x_c.square())


class Normalize(torch.autograd.Function):
    """Algorithm 1: y, and what was measured on the way: the mean, its rest (see `center`), the variance.

    Keeps x alone for the way back, where autograd would keep every intermediate. When the gradient is
    to be differentiated again, the statistics are measured again, as functions of x.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(x, gamma, beta, eps):
        x_c, mean, rest = center(x)
        var = channel_means(x_c.square())
        scale = (var + eps).rsqrt() if gamma is None else gamma * (var + eps).rsqrt()
        y = x_c.mul_(per_channel(scale, x))
        y = y if beta is None else y.add_(per_channel(beta, x))
        return y.to(x.dtype), mean, rest, var

    @staticmethod
    def setup_context(ctx, inputs, output):
        x, gamma, beta, ctx.eps = inputs
        ctx.mark_non_differentiable(*output[1:])
        ctx.save_for_backward(x, gamma, beta, *output[1:])

    @staticmethod
    def backward(ctx, dy, *_):
        """Section 3's six equations combined: `dx = scale (dy - mean(dy) - x_hat mean(dy x_hat))`."""
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
    """y at inference: `gamma (x - mean) / sqrt(var + eps) + beta` with statistics `(C,)` (Algorithm 2)."""
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
    """What `BatchNorm1d`, `BatchNorm2d` and `BatchNorm3d` share; they say how many axes x may have.

    momentum weighs the new mini-batch in the moving statistics, and None averages all mini-batches
    alike. `affine=False` leaves out gamma and beta, `bias=False` beta alone. With
    `track_running_stats=False` the mini-batch's own statistics serve at inference too.

    Calling it raises ValueError where x has another number of axes, where a mini-batch has a single
    value per channel (C30), and where eps is not positive; RuntimeError where channels or types disagree.
    """

    _version = 2  # as torch.nn's: from version 2 on, a state_dict holds num_batches_tracked
    dims: tuple[int, ...]

    def __init__(
        self,
        num_features: int,
        eps: float | int = 1e-5,
        momentum: float | int | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device=None,
        dtype=None,
        *,
        bias: bool = True,
    ):
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
        """Mean 0, variance 1, no mini-batch seen."""
        if self.track_running_stats:
            self.running_mean.zero_()
            self.running_var.fill_(1)
            self.num_batches_tracked.zero_()

    def reset_parameters(self) -> None:
        """gamma 1, beta 0, and fresh running statistics."""
        self.reset_running_stats()
        if self.weight is not None:
            nn.init.ones_(self.weight)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        """y, shaped and typed like x (which is called `input` because `torch.nn` calls it so)."""
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
    """Batch norm of `(N, C)` or `(N, C, L)`: of units (section 3), or along a sequence (section 3.2)."""

    dims = (2, 3)


class BatchNorm2d(BatchNorm):
    """Batch norm of `(N, C, H, W)`: a mean and a variance for each feature map (section 3.2)."""

    dims = (4,)


class BatchNorm3d(BatchNorm):
    """Batch norm of `(N, C, D, H, W)`: a mean and a variance for each feature map (section 3.2)."""

    dims = (5,)


BATCHNORMS = (BatchNorm, nn.modules.batchnorm._BatchNorm)  # ours, and all of torch.nn's
