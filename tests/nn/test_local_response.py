"""Local response normalization: PyTorch's values and gradients, and a network with it can be traced."""

import pytest
import torch
from torch import nn

from bncourse.nn.local_response import LocalResponseNorm


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 9])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_values_and_gradients_are_those_of_pytorch(size, layout, rng):
    ours, theirs = (module(size, alpha=0.3, beta=0.6, k=1.5) for module in (LocalResponseNorm, nn.LocalResponseNorm))
    x, dy = (torch.from_numpy(rng.normal(size=(2, 6, 3, 4))).to(memory_format=layout) for _ in range(2))
    x.requires_grad_()
    torch.testing.assert_close(ours(x), theirs(x))
    torch.testing.assert_close(torch.autograd.grad(ours(x), x, dy), torch.autograd.grad(theirs(x), x, dy))


def test_a_network_with_it_is_traced(rng):
    net = nn.Sequential(nn.Conv2d(3, 4, 1), LocalResponseNorm(5))
    x = torch.from_numpy(rng.normal(size=(2, 3, 2, 2))).float()
    torch.testing.assert_close(torch.fx.symbolic_trace(net)(x), net(x))
