"""BN-Inception beside a public PyTorch version: the same numbers, once the poolings are the same.

`PUBLIC` was computed once by `bninception` of the package pretrainedmodels 0.7.4, which follows the Caffe network, with
the weights and the picture that `filled` and `wave` make here, its biases of convolutions 0, in float64.
"""

import pytest
import torch
from torch import nn

from bncourse.nn import BNInception

PUBLIC = {"first five": [436.710307, 102.387363, 102.01234, 262.523282, 340.677367], "norm": 7989.937612}


def wave(shape, phase):
    """Numbers between -1 and 1 without a random generator, in float64."""
    count = torch.arange(torch.Size(shape).numel())
    return torch.sin((count * count % 1009).double() + phase).reshape(shape)


def filled(net):
    """The network in evaluation mode, its weights, statistics and classifier made by `wave` in the order of modules."""
    convolutions, norms, linears = ([module for module in net.modules() if isinstance(module, kind)]
                                    for kind in (nn.Conv2d, nn.BatchNorm2d, nn.Linear))
    with torch.no_grad():
        for k, layer in enumerate(convolutions):
            layer.weight.copy_(wave(layer.weight.shape, k) * (4 / layer.weight[0].numel()) ** 0.5)
            if layer.bias is not None:
                layer.bias.zero_()
        for k, layer in enumerate(norms):
            layer.weight.copy_(1 + 0.3 * wave(layer.weight.shape, k))
            layer.bias.copy_(0.2 * wave(layer.bias.shape, k + 0.5))
            layer.running_mean.copy_(0.1 * wave(layer.bias.shape, k + 0.25))
            layer.running_var.copy_(1 + 0.5 * wave(layer.bias.shape, k + 0.75))
        for layer in linears:
            layer.weight.copy_(wave(layer.weight.shape, 0))
            layer.bias.copy_(wave(layer.bias.shape, 1))
    return net.eval()


def with_public_poolings(net):
    """The network with the public version's poolings: maxima of whole windows without a border, means that count it."""
    for module in net.modules():
        if isinstance(module, nn.MaxPool2d) and module.stride != 1:
            module.padding, module.ceil_mode = 0, True
        if isinstance(module, nn.AvgPool2d):
            module.count_include_pad = True
    return net


@pytest.fixture(scope="module")
def network():
    return filled(BNInception().double())


def answer(net):
    with torch.no_grad():
        return net(wave((1, 3, 224, 224), 0))[0]


def test_with_other_poolings_the_answers_are_others(network):
    assert answer(network).norm().item() != pytest.approx(PUBLIC["norm"], rel=1e-3)


def test_with_the_public_poolings_the_answers_are_the_public_ones(network):
    found = answer(with_public_poolings(network))
    assert found[:5].tolist() == pytest.approx(PUBLIC["first five"], abs=1e-4)
    assert found.norm().item() == pytest.approx(PUBLIC["norm"], rel=1e-7)
