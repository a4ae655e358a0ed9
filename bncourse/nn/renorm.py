"""Batch renormalization (Ioffe 2017) as PyTorch modules: training computes what inference will.

With the mini-batch's mu_B and sigma_B, and mu and sigma of the moving statistics,

    y = gamma ((x - mu_B) / sigma_B r + d) + beta,    r = sigma_B / sigma,    d = (mu_B - mu) / sigma,

r and d are clipped, and count as constants in the gradient. Without clipping y is the layer's output at inference.

    bn = BatchRenorm2d(64)                               in place of BatchNorm2d(64)
    bn = BatchRenorm2d(64, bounds=lambda step: (2, 1))   r within [1/2, 2] and d within [-1, 1] from the first step on
"""

from collections.abc import Callable

from torch import Tensor, nn

from bncourse.nn.batchnorm import BatchNorm, track
from bncourse.nn.normalize import normalize, per_channel, values_per_channel


def paper_bounds(step: int) -> tuple[float, float]:
    """r_max and d_max after so many mini-batches, as the paper opens them.

    Batch norm, 1 and 0, for 5,000 steps; then r_max grows to 3 at step 40,000 and d_max to 5 at step 25,000.
    """
    opened = max(step - 5_000, 0)
    return min(1 + 2 * opened / 35_000, 3.0), min(5 * opened / 20_000, 5.0)


class BatchRenorm(BatchNorm):
    """The common part of `BatchRenorm1d`, `BatchRenorm2d` and `BatchRenorm3d`.

    In training mode batch renormalization, in eval mode batch norm. The moving statistics that correct a mini-batch
    are those from before it. `momentum` is 0.01 as in the paper: r and d are of use only where the moving statistics
    are steadier than the mini-batch's. `bounds(step)` gives (r_max, d_max) after so many mini-batches, `paper_bounds`
    unless given. The other arguments, the state and the errors are those of `BatchNorm`, which always tracks here.
    Calling it raises ValueError for an r_max below 1 or a d_max below 0.
    """

    def __init__(self, num_features: int, eps: float | int = 1e-5, momentum: float | int | None = 0.01,
                 affine: bool = True, device=None, dtype=None, *, bias: bool = True,
                 bounds: Callable[[int], tuple[float, float]] = paper_bounds):
        super().__init__(num_features, eps, momentum, affine, True, device, dtype, bias=bias)
        self.bounds = bounds

    def forward(self, input: Tensor) -> Tensor:
        """y, shaped and typed like x."""
        if not self.training:
            return super().forward(input)
        self._check_input_dim(input)
        self._check_type_and_channels(input)
        self._check_normalizable(input, by_batch=True)
        x_hat, mean, rest, var = normalize(input, None, None, self.eps)
        r, d = self.correction(mean, rest, var)
        scale, shift = (r, d) if self.weight is None else (self.weight * r, self.weight * d)
        shift = shift if self.bias is None else shift + self.bias
        track(self, mean + rest, var, values_per_channel(input))
        return (x_hat * per_channel(scale, input) + per_channel(shift, input)).to(input.dtype)

    def correction(self, mean: Tensor, rest: Tensor, var: Tensor) -> tuple[Tensor, Tensor]:
        """r and d `(C,)`, clipped; mean + rest and var are the statistics of the mini-batch, without gradients."""
        r_max, d_max = self.bounds(int(self.num_batches_tracked))
        if not (r_max >= 1 and d_max >= 0):
            raise ValueError(f"bounds gives r_max {r_max} and d_max {d_max}; expected at least 1 and at least 0")
        sigma = (self.running_var + self.eps).sqrt()
        r = ((var + self.eps).sqrt() / sigma).clamp(1 / r_max, r_max)
        return r, ((mean - self.running_mean + rest) / sigma).clamp(-d_max, d_max)


class BatchRenorm1d(BatchRenorm, nn.BatchNorm1d):
    """Batch renormalization of C units, x `(N, C)`, or of C feature maps along a sequence, x `(N, C, L)`."""


class BatchRenorm2d(BatchRenorm, nn.BatchNorm2d):
    """Batch renormalization of images, x `(N, C, H, W)`."""


class BatchRenorm3d(BatchRenorm, nn.BatchNorm3d):
    """Batch renormalization of volumes or films, x `(N, C, D, H, W)`."""
