"""Ghost batch norm (Hoffer et al. 2017): a large mini-batch, normalized in small parts by their own statistics.

    bn = GhostBatchNorm1d(100, virtual_batch_size=32)
    y = bn(x)               training: x is (1024, 100); 32 parts of 32 examples, each normalized by itself
    y = bn.eval()(x)        inference: as batch norm, by the moving statistics of the parts
"""

import torch
from torch import Tensor, nn

from bncourse.nn.batchnorm import BatchNorm


class GhostBatchNorm(BatchNorm):
    """The common part of `GhostBatchNorm1d`, `GhostBatchNorm2d` and `GhostBatchNorm3d`.

    In training mode x is divided, in its order, into N // virtual_batch_size parts (one, if N is smaller), whose sizes
    differ by one at most. Each part is a mini-batch of its own: it is normalized by its own mean and variance, and the
    moving statistics are updated once for each, first part first. In eval mode it is batch norm.

    `virtual_batch_size` is the least number of examples in a part, 2 or more; all other arguments, the state and the
    errors are those of `BatchNorm`. Raises ValueError for a smaller virtual_batch_size.
    """

    def __init__(self, num_features: int, virtual_batch_size: int, *args, **settings):
        super().__init__(num_features, *args, **settings)
        if virtual_batch_size < 2:
            raise ValueError(f"virtual_batch_size is {virtual_batch_size}; expected 2 or more examples: one, less "
                             "its mean, is 0")
        self.virtual_batch_size = virtual_batch_size

    def forward(self, input: Tensor) -> Tensor:
        """y, shaped and typed like x."""
        if not self.training:
            return super().forward(input)
        parts = input.tensor_split(max(len(input) // self.virtual_batch_size, 1))
        return torch.cat([BatchNorm.forward(self, part) for part in parts])

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, virtual_batch_size={self.virtual_batch_size}"


class GhostBatchNorm1d(GhostBatchNorm, nn.BatchNorm1d):
    """Ghost batch norm of C units, x `(N, C)`, or of C feature maps along a sequence, x `(N, C, L)`."""


class GhostBatchNorm2d(GhostBatchNorm, nn.BatchNorm2d):
    """Ghost batch norm of images, x `(N, C, H, W)`."""


class GhostBatchNorm3d(GhostBatchNorm, nn.BatchNorm3d):
    """Ghost batch norm of volumes or films, x `(N, C, D, H, W)`."""
