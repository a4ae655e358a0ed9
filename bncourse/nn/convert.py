"""Batch norms of `torch.nn` and of this package, exchanged in a model.

    convert_batchnorm(model)                  torch.nn's become ours
    convert_batchnorm(model, to="torch")      ours become torch.nn's

The second serves code that recognizes batch norms by their exact class, which no subclass passes: PyTorch's fusers
(`torch.fx.experimental.optimization.fuse`, `torch.ao.quantization.fuse_modules` and `fuse_fx`) are such code.
"""

from torch import nn

from bncourse.nn.batchnorm import (
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    LazyBatchNorm1d,
    LazyBatchNorm2d,
    LazyBatchNorm3d,
)

OURS = (BatchNorm1d, BatchNorm2d, BatchNorm3d, LazyBatchNorm1d, LazyBatchNorm2d, LazyBatchNorm3d)
CONVERSIONS = {
    "bncourse": {getattr(nn, ours.__name__): ours for ours in OURS},
    "torch": {ours: getattr(nn, ours.__name__) for ours in OURS},
}


def convert_batchnorm(model: nn.Module, to: str = "bncourse") -> nn.Module:
    """Makes the batch norms of a model this package's, or with `to="torch"` those of `torch.nn`, and returns the model.

    The model itself is changed. Each batch norm stays the same object, with its parameters, buffers, settings, mode and
    hooks: it changes its class. `BatchNorm1d`, `2d` and `3d` and their lazy variants are converted, also where `model`
    itself is one. Layers of other classes that derive from these may compute something else, and stay as they are:
    `SyncBatchNorm`, ghost batch norm, or a batch norm with an activation of its own.

    Raises ValueError for another `to`.
    """
    if to not in CONVERSIONS:
        raise ValueError(f"to is {to!r}; expected {' or '.join(map(repr, CONVERSIONS))}")
    for module in model.modules():
        if type(module) in CONVERSIONS[to]:
            module.__class__ = CONVERSIONS[to][type(module)]
    return model
