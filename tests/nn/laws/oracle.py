"""The paper's formula, and modules with random state to hold against it."""

import torch

from tests.nn.like_torch import assert_close, randomize


def axes(x):
    return (0, *range(2, x.dim()))


def column(v, x):
    return v.reshape(1, -1, *[1] * (x.dim() - 2))


def channels_last(x):
    """The same values, laid out in memory with the channels last."""
    return x.movedim(1, -1).contiguous().movedim(-1, 1)


def paper(x, gamma, beta, eps):
    """Algorithm 1, word for word."""
    mean = x.mean(axes(x), keepdim=True)
    var = (x - mean).square().mean(axes(x), keepdim=True)
    return column(gamma, x) * (x - mean) / torch.sqrt(var + eps) + column(beta, x)


def made(cls, shape, **kwargs):
    """A module for x of this shape, with random gamma, beta and running statistics, in float64."""
    return randomize(cls(shape[1], dtype=kwargs.pop("dtype", torch.float64), **kwargs))[0]


def assert_normalizes(module, x, tolerance):
    """y is the paper's, computed in float64."""
    exact = paper(x.double(), module.weight.double(), module.bias.double(), module.eps)
    assert_close(module(x).double(), exact, tolerance)
