"""A batch norm of ours beside its namesake in torch.nn, and the comparison of all that they do."""

import torch
from torch import nn

from bncourse.nn import BatchNorm1d, BatchNorm2d, BatchNorm3d

NAMESAKE = {BatchNorm1d: nn.BatchNorm1d, BatchNorm2d: nn.BatchNorm2d, BatchNorm3d: nn.BatchNorm3d}


def randomize(*modules):
    """Random gamma, beta and running statistics, the same in each: no mistake hides behind 0 or 1."""
    with torch.no_grad():
        for tensors in zip(*(m.state_dict().values() for m in modules), strict=True):
            if tensors[0].is_floating_point():
                drawn = 0.5 + torch.rand_like(tensors[0])
                for tensor in tensors:
                    tensor.copy_(drawn)
    return modules


def assert_close(actual, expected, tolerance=1e-7):
    torch.testing.assert_close(actual, expected, rtol=tolerance, atol=tolerance)


def gradients(module, x, dy=None):
    """y, dx and the parameters' gradients, for the sum of y dy."""
    x = x.detach().clone(memory_format=torch.preserve_format).requires_grad_()
    y = module(x)
    return y, *torch.autograd.grad(y, (x, *module.parameters()), torch.ones_like(y) if dy is None else dy)


def assert_same_step(ours, theirs, x, tolerance=1e-7):
    """y, dx, dgamma, dbeta and every buffer agree, for a random dy."""
    dy = torch.randn_like(x)
    assert_close(gradients(ours, x, dy), gradients(theirs, x, dy), tolerance)
    assert_close(ours.state_dict(), theirs.state_dict(), tolerance)
