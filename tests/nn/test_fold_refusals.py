"""Where a batch norm has to stay: the outputs are untouched, and the report says why."""

import re
from dataclasses import dataclass

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune

from bncourse.nn import fold_batchnorm
from tests.nn.folding import Optional, both_ways, fold, made
from tests.nn.like_torch import assert_close
from tests.nn.models import batchnorms


class Net(nn.Module):
    """A convolution and a batch norm of four channels each, put together by `way(net, x)`."""

    def __init__(self, way, **modules):
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)
        self.bn = nn.BatchNorm2d(4)
        for name, module in modules.items():
            self.add_module(name, module)
        self.way = way

    def forward(self, x):
        return self.way(self, x)


def plain(net, x):
    return net.bn(net.conv(x))


def with_(change, way=plain, **modules):
    net = Net(way, **modules)
    change(net)
    return net


def look(*_):
    """A hook that changes nothing."""


class Standardized(nn.Conv2d):
    """A convolution that standardizes its weight."""

    def forward(self, x):
        return self._conv_forward(x, self.weight - self.weight.mean(), self.bias)


class Shifted(nn.BatchNorm2d):
    """A batch norm that adds one."""

    def forward(self, x):
        return super().forward(x) + 1


class Untiring(nn.BatchNorm2d):
    """A batch norm that normalizes by the mini-batch in eval mode too."""

    def train(self, mode=True):
        return super().train(True)


@dataclass
class Both:
    before: torch.Tensor
    after: torch.Tensor


def tie(net):
    net.twin.weight = net.conv.weight


def residual_sum(net, x):
    h = net.conv(x)
    return net.bn(h) + h


def changed_in_place(net, x):
    return net.bn(net.conv(x).mul_(2))


def taken_twice(net, x):
    h = net.conv(x)
    return net.bn(h) + net.bn2(h)


def read_weight(net, x):
    return plain(net, x) + net.conv.weight.sum()


def read_statistics(net, x):
    return plain(net, x) + net.bn.running_mean.sum()


STAY = {
    "convolution used twice": (
        Net(lambda n, x: n.bn(n.conv(n.conv(x)))),
        "a forward pass calls conv 2 times",
    ),
    "batch norm used twice": (Net(lambda n, x: n.bn(n.bn(n.conv(x)))), "a forward pass calls it 2 times"),
    "block used twice": (Net(lambda n, x: plain(n, plain(n, x))), "a forward pass calls it 2 times"),
    "batch norm never used": (Net(lambda n, x: n.conv(x)), "a forward pass calls it 0 times"),
    "batch norm first": (
        Net(lambda n, x: n.conv(n.bn(x))),
        "its input comes from the model's input, not from",
    ),
    "after an activation": (
        Net(lambda n, x: n.bn(torch.relu(n.conv(x)))),
        r"its input comes from relu\(\), not",
    ),
    "after a batch norm": (
        Net(lambda n, x: n.bn(n.bn2(n.relu(x))), bn2=nn.BatchNorm2d(4), relu=nn.ReLU()),
        "its input comes from bn2, not",
    ),
    "after a function": (
        Net(lambda n, x: n.bn(nn.functional.conv2d(x, n.conv.weight))),
        r"its input comes from conv\w+\(\)",
    ),
    "output used elsewhere": (Net(residual_sum), r"the output of conv is used by add\(\) as well"),
    "output normalized twice": (Net(taken_twice, bn2=nn.BatchNorm2d(4)), "the output of conv is used by bn"),
    "output returned": (
        Net(lambda n, x: (h := n.conv(x), n.bn(h))),
        "the output of conv is used by the model's output",
    ),
    "output changed in place": (Net(changed_in_place), r"its input comes from mul_\(\)"),
    "weight read": (Net(read_weight), r"sum\(\) reads what conv or bn holds"),
    "statistics read": (Net(read_statistics), r"sum\(\) reads what conv or bn holds"),
    "weight tied": (
        with_(tie, lambda n, x: n.twin(plain(n, x)), twin=nn.Conv2d(4, 4, 3)),
        "conv shares its parameters",
    ),
    "no statistics": (
        Net(plain, bn=nn.BatchNorm2d(4, track_running_stats=False)),
        "it has no running statistics",
    ),
    "hook on the convolution": (with_(lambda n: n.conv.register_forward_hook(look)), "conv has hooks"),
    "hook before the convolution": (
        with_(lambda n: n.conv.register_forward_pre_hook(look)),
        "conv has hooks",
    ),
    "hook on the batch norm": (with_(lambda n: n.bn.register_forward_hook(look)), "bn has hooks"),
    "backward hook": (with_(lambda n: n.bn.register_full_backward_hook(look)), "bn has hooks"),
    "pruned": (with_(lambda n: prune.l1_unstructured(n.conv, "weight", 0.5)), "conv has hooks"),
    "weight norm": (with_(lambda n: parametrizations.weight_norm(n.conv)), "conv computes its parameters"),
    "convolution of another kind": (
        Net(plain, conv=Standardized(4, 4, 3)),
        r"its input comes from conv( \(Standardized\)|olution\(\)), not",
    ),
    "batch norm of another kind": (Net(plain, bn=Shifted(4)), "Shifted has a forward of its own"),
    "training mode after eval": (Net(plain, bn=Untiring(4)), "it stays in training mode after eval"),
    "patched forward": (with_(lambda n: vars(n.bn).update(forward=lambda x: x)), "has a forward of its own"),
}


@both_ways
@pytest.mark.parametrize("model, reason", STAY.values(), ids=STAY)
def test_what_cannot_be_folded_stays_and_the_report_says_why(model, reason, shown, randn):
    model, x = made(model).eval(), randn(2, 4, 5, 5)
    with torch.no_grad():
        expected = model(x)
        folded = fold(model, x, shown)
        assert_close(folded(x), expected, 0)
    assert "bn" in batchnorms(folded)
    assert re.search(reason, folded.fold_report.left["bn"]), folded.fold_report.left["bn"]


def test_a_linear_layer_along_another_axis_than_the_batch_norms_is_left(randn):
    sequences = nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5))
    pictures = nn.Sequential(nn.Linear(4, 5), nn.BatchNorm2d(5))
    unequal = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(5))
    for model, example in (
        (sequences, randn(2, 5, 4)),
        (pictures, None),
        (pictures, randn(2, 5, 5, 4)),
        (unequal, None),
        (unequal, randn(2, 5, 4)),
    ):
        folded = fold_batchnorm(made(model), example)
        assert folded.fold_report.left == {"1": "it normalizes another axis than 0 writes"}
        if example is not None:
            assert_close(folded(example), model.eval()(example), 0)


def test_a_fold_that_took_the_wrong_axes_for_granted_raises_when_called(randn):
    folded = fold_batchnorm(made(nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5))))
    folded(randn(2, 4))
    with pytest.raises(ValueError, match="x has 3 axes, but this was folded into 0 for x of 2"):
        folded(randn(2, 5, 4))


def test_an_unbatched_sequence_is_not_mistaken_for_a_mini_batch(randn):
    model, x = made(nn.Sequential(nn.Conv1d(4, 5, 1), nn.BatchNorm1d(5))).eval(), randn(4, 5)
    assert_close(fold_batchnorm(model, x)(x), model(x), 0)
    with pytest.raises(ValueError, match="x has 2 axes"):
        fold_batchnorm(model)(x)


def test_an_example_decides_about_optional_arguments(randn):
    model, inputs = made(Optional()).eval(), (randn(2, 4, 3, 3), randn(1), randn(1))
    folded = fold_batchnorm(model, inputs)
    assert folded.fold_report.left == {
        "bn": "its input comes from add(), not from a linear layer or convolution"
    }
    assert_close(folded(*inputs), model(*inputs), 0)


@both_ways
def test_a_hook_on_a_container_that_sees_the_convolutions_output_keeps_it(shown, randn):
    stem, x = nn.Sequential(nn.ReLU(), nn.Conv2d(4, 4, 1)), randn(1, 4, 2, 2)
    model = made(nn.Sequential(nn.Sequential(stem, nn.BatchNorm2d(4))))
    stem.register_forward_hook(look)
    assert fold(model, x, shown).fold_report.left == {"0.1": "0.0 has hooks"}
    stem._forward_hooks.clear()
    model[0].register_forward_hook(look)
    assert fold(model, x, shown).fold_report.left == {}


def test_an_output_that_is_returned_in_a_dataclass_is_seen(randn):
    net = Net(lambda n, x: Both(h := n.conv(x), n.bn(h))).double().eval()
    x = randn(2, 4, 5, 5)
    folded = fold_batchnorm(net, x)
    assert "the output of conv is used by" in str(folded.fold_report)
    torch.testing.assert_close(folded(x).before, net(x).before)
