"""Local response normalization (Krizhevsky et al. 2012), which the original Inception has and section 4.2.1 removes.

PyTorch's own pools over five dimensions; a sum over neighbouring feature maps is a product with a band of ones, which
takes a quarter of the time.
"""

import torch
import torch.fx
from torch import nn
from torch.nn import functional as F


class LocalResponseNorm(nn.LocalResponseNorm):
    """`torch.nn.LocalResponseNorm`, its arguments and its values, for images `(N, C, H, W)`."""

    def forward(self, x):
        return respond(x, self.size, self.alpha, self.beta, self.k)


def respond(x, size: int, alpha: float | int, beta: float | int, k: float | int):
    """y_c = x_c / (k + alpha / size * the sum of x_d^2 over the `size` feature maps d around c) ^ beta."""
    band = torch.ones(2 * (x.shape[1],), dtype=x.dtype, device=x.device).triu(-(size // 2)).tril((size - 1) // 2)
    energy = F.conv2d(x * x, band[:, :, None, None])
    return x * (k + alpha / size * energy).pow(-beta)


torch.fx.wrap("respond")  # a trace of a network records the call, and does not look inside
