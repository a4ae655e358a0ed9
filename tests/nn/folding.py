"""What the tests of folding share: models with random state, folded with an example or without."""

import importlib.util
import sys

import pytest
from torch import nn

import bncourse.nn.fold
from bncourse.nn import fold_batchnorm
from tests.nn.like_torch import randomize
from tests.nn.models import batchnorms

both_ways = pytest.mark.parametrize("shown", [False, True], ids=["traced", "with an example"])


def made(model):
    """The model in float64, with random statistics, and gammas of both signs."""
    model = randomize(model.double())[0]
    for norm in batchnorms(model).values():
        if norm.weight is not None:
            norm.weight.data.sub_(1)
    return model


def fold(model, x, shown):
    return fold_batchnorm(model, x) if shown else fold_batchnorm(model)


def unchecked_fold():
    """`bncourse.nn.fold` without the run-time type checks of the tests, which TorchScript cannot read."""
    spec = importlib.util.spec_from_file_location("unchecked_fold", bncourse.nn.fold.__file__)
    sys.modules[spec.name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Optional(nn.Module):
    """Two inputs, and two optional arguments."""

    def __init__(self):
        super().__init__()
        self.conv, self.bn = nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)

    def forward(self, x, scale, shift=None, raw=False):
        h = self.conv(x * scale)
        if shift is not None:
            h = h + shift
        return h if raw else self.bn(h)
