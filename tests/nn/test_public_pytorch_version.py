"""BN-Inception beside a public PyTorch version: the same layers in the same order, and the same numbers out of each,
once the poolings are the same.

public_bn_inception.csv was written once, in float64 on PyTorch 2.13.0, by

    write(filled(pretrainedmodels.bninception(pretrained=None).double()))

of the package pretrainedmodels 0.7.4 (R. Cadene, github.com/Cadene/pretrained-models.pytorch; its package declares the
MIT licence), whose file bninception.py follows the Caffe network and has the SHA-256 5b6f98bdb2e8160419a80bb131c21f97
3614cfc0a838ba32223432e574307f3e. Nothing of its code is here: the table holds the names and settings of its layers,
and the norm of what each returned for the weights and the picture that `filled` and `wave` make, its biases of
convolutions 0.
"""

import csv
from copy import deepcopy
from pathlib import Path

import pytest
import torch
from torch import nn

from bncourse.nn import BNInception

TABLE = Path(__file__).with_name("public_bn_inception.csv")
SETTINGS = ("in_channels", "out_channels", "num_features", "in_features", "out_features", "kernel_size", "stride",
            "padding", "ceil_mode", "count_include_pad", "eps")
FIRST_FIVE = [436.710307, 102.387363, 102.01234, 262.523282, 340.677367]  # scores of the public network


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
    """The network with the public version's poolings: maxima of stride 2 without padding, means that count it."""
    for module in net.modules():
        if isinstance(module, nn.MaxPool2d | nn.AvgPool2d):
            module.ceil_mode = True
        if isinstance(module, nn.MaxPool2d) and module.stride != 1:
            module.padding = 0
        if isinstance(module, nn.AvgPool2d):
            module.count_include_pad = True
    return net


def layers(net):
    """Rows for the layers in the order of the calls, with the shape and norm of what each returns; and the scores.

    The mean over the last grid is left out, which is a layer of one network and not of the other.
    """
    rows = []

    def note(name):
        def hook(layer, _, y):
            settings = {key: getattr(layer, key) for key in SETTINGS if hasattr(layer, key)}
            told = (f"{key}={value[0] if isinstance(value, tuple) else value}" for key, value in settings.items())
            rows.append({"name": name, "kind": type(layer).__name__, "settings": " ".join(told),
                         "shape": "x".join(map(str, y.shape[1:])), "norm": f"{y.norm().item():.9g}"})
        return hook

    hooks = [layer.register_forward_hook(note(name)) for name, layer in net.named_modules()
             if not any(layer.children()) and not isinstance(layer, nn.Dropout) and name != "global_pool"]
    scores = answer(net)
    for hook in hooks:
        hook.remove()
    return rows, scores


def write(net):
    """Writes the table of a network; see the top of this file."""
    rows, _ = layers(net)
    with TABLE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def answer(net):
    with torch.no_grad():
        return net(wave((1, 3, 224, 224), 0))[0]


def first_difference(net):
    """The name of the first layer of the public version that is another here, or returns other numbers; else None."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        public = list(csv.DictReader(file))
    found, _ = layers(net)
    for theirs, ours in zip(public, found, strict=False):
        same = all(theirs[key] == ours[key] for key in ("kind", "settings", "shape"))
        if not same or float(ours["norm"]) != pytest.approx(float(theirs["norm"]), rel=1e-7):
            return theirs["name"]
    return None if len(public) == len(found) else "the number of layers"


@pytest.fixture(scope="module")
def network():
    return filled(BNInception().double())


@pytest.fixture(scope="module")
def aligned(network):
    return with_public_poolings(deepcopy(network))


def test_with_other_poolings_the_answers_are_others_from_the_first_pooling_on(network):
    assert first_difference(network) == "pool1_3x3_s2"
    assert answer(network)[:5].tolist() != pytest.approx(FIRST_FIVE, rel=1e-2)


def test_with_the_public_poolings_every_layer_is_the_public_one_and_returns_its_numbers(aligned):
    assert first_difference(aligned) is None
    assert answer(aligned)[:5].tolist() == pytest.approx(FIRST_FIVE, abs=1e-4)


def stride_in_the_first_of_two(net):
    """The convolution before the last halves the grid of module 3c."""
    double = net.modules_3[2].branches["double3x3"]
    double[1].conv.stride, double[2].conv.stride = (2, 2), (1, 1)


def branches_in_another_order(net):
    branches = net.modules_4[3].branches
    branches["pool"] = branches.pop("pool")
    branches["double3x3"] = branches.pop("double3x3")


def relu_before_batch_norm(net):
    layer = net.modules_5[0].branches["conv3x3"][1]
    layer.norm, layer.activation = layer.activation, layer.norm


def another_eps(net):
    net.modules_3[0].branches["conv1x1"].norm.eps = 1e-3


@pytest.mark.parametrize(("spoil", "where"), [
    (stride_in_the_first_of_two, "inception_3c_double_3x3_1"),
    (branches_in_another_order, "inception_4d_double_3x3_reduce"),
    (relu_before_batch_norm, "inception_5a_3x3_bn"),
    (another_eps, "inception_3a_1x1_bn"),
])
def test_a_network_that_is_wrong_in_one_place_is_told_by_the_layer(aligned, spoil, where):
    wrong = deepcopy(aligned)
    spoil(wrong)
    assert first_difference(wrong) == where
