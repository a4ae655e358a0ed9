"""Folding: the same outputs with fewer layers, for each layer that can take a batch norm, for networks."""

import copy
import pickle

import pytest
import torch
from torch import nn

import bncourse.nn
from bncourse.nn import Untraceable, fold_batchnorm
from tests.nn.folding import Optional, both_ways, fold, made
from tests.nn.like_torch import assert_close
from tests.nn.models import INPUT, batchnorms, every_lib, every_model


def assert_folds_all(model, x, shown, tolerance=1e-10):
    """Every batch norm goes, the outputs stay, and so does the model that was passed."""
    names, before = list(batchnorms(model)), copy.deepcopy(model.state_dict())
    model.train()
    folded = fold(model, x, shown)
    assert not batchnorms(folded)
    assert list(folded.fold_report.folded) == names
    assert folded.fold_report.left == {}
    assert list(batchnorms(model)) == names
    assert all(module.training for module in model.modules())
    assert not any(module.training for module in folded.modules())
    assert_close(model.state_dict(), before, 0)
    assert_close(folded(x), model.eval()(x), tolerance)
    return folded


@every_lib
@every_model
@both_ways
def test_whole_networks_fold(build, lib, shown, randn):
    assert_folds_all(made(build(lib)), randn(4, *INPUT[build]), shown)


LAYERS = {
    "linear": (lambda bias: nn.Linear(4, 6, bias=bias), (5, 4)),
    "conv1d, groups, circular": (
        lambda bias: nn.Conv1d(4, 6, 3, padding=1, groups=2, bias=bias, padding_mode="circular"),
        (2, 4, 8),
    ),
    "conv2d, stride, dilation": (
        lambda bias: nn.Conv2d(4, 6, (3, 2), stride=2, dilation=2, bias=bias),
        (2, 4, 9, 9),
    ),
    "conv2d, depthwise, replicate": (
        lambda bias: nn.Conv2d(3, 6, 3, groups=3, padding=1, bias=bias, padding_mode="replicate"),
        (2, 3, 5, 5),
    ),
    "conv3d, groups": (lambda bias: nn.Conv3d(4, 6, 2, groups=2, bias=bias), (2, 4, 3, 3, 3)),
    "transposed 1d, groups": (
        lambda bias: nn.ConvTranspose1d(4, 6, 3, stride=2, groups=2, bias=bias),
        (2, 4, 5),
    ),
    "transposed 2d": (
        lambda bias: nn.ConvTranspose2d(4, 6, 3, stride=2, output_padding=1, bias=bias),
        (2, 4, 3, 3),
    ),
    "transposed 2d, depthwise": (lambda bias: nn.ConvTranspose2d(6, 6, 3, groups=6, bias=bias), (2, 6, 3, 3)),
    "transposed 3d, groups": (lambda bias: nn.ConvTranspose3d(4, 6, 2, groups=2, bias=bias), (2, 4, 2, 2, 2)),
}


@every_lib
@both_ways
@pytest.mark.parametrize("layer, shape", LAYERS.values(), ids=LAYERS)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("settings", [{}, {"affine": False}, {"bias": False, "eps": 0.1}], ids=str)
def test_every_linear_layer_takes_every_batch_norm(layer, shape, bias, settings, lib, shown, randn):
    norm = {2: lib.BatchNorm1d, 3: lib.BatchNorm1d, 4: lib.BatchNorm2d, 5: lib.BatchNorm3d}[len(shape)]
    model = made(nn.Sequential(layer(bias), norm(6, **settings)))
    folded = assert_folds_all(model, randn(*shape), shown)
    assert list(folded.state_dict()) == ["0.weight", "0.bias"]


@both_ways
def test_a_report_is_read_by_printing_it(shown, randn):
    model = made(nn.Sequential(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4), nn.ReLU(), nn.BatchNorm2d(4)))
    relu = "relu()" if shown else "2 (ReLU)"
    assert str(fold(model, randn(1, 4, 2, 2), shown).fold_report).splitlines() == [
        "1: folded into 0",
        f"3: left, its input comes from {relu}, not from a linear layer or convolution",
    ]
    assert str(fold(nn.ReLU(), randn(1), shown).fold_report) == "the model has no batch norm"


class Choosing(nn.Module):
    """Python asks for the shape of x and chooses."""

    def __init__(self):
        super().__init__()
        self.conv, self.bn, self.other = nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4), nn.BatchNorm2d(4)

    def forward(self, x):
        h = self.conv(x)
        return self.bn(h) if x.shape[-1] > 2 else self.other(h)


def test_a_model_that_cannot_be_traced_says_so_and_folds_with_an_example(randn):
    model, x = made(Choosing()).eval(), randn(2, 4, 3, 3)
    with pytest.raises(
        Untraceable, match=r"Choosing cannot be traced \(TraceError: .*pass an example of its input"
    ):
        fold_batchnorm(model)
    folded = fold_batchnorm(model, x)
    assert folded.fold_report.folded == {"bn": "conv"}
    assert folded.fold_report.left == {"other": "a forward pass calls it 0 times"}
    assert_close(folded(x), model(x), 1e-12)


class Curious(nn.Module):
    """Asks for the shape of what the convolution made, and does not let it decide."""

    def __init__(self):
        super().__init__()
        self.conv, self.bn = nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)

    def forward(self, x):
        h = self.conv(x)
        return self.bn(h).reshape(h.shape[0], h.size(1) * h.shape[2], -1).to(h.dtype)


@both_ways
def test_asking_for_a_shape_is_not_using_the_values(shown, randn):
    assert_folds_all(made(Curious()), randn(2, 4, 3, 3), shown)


def test_a_model_without_batch_norm_needs_no_tracing(randn):
    class Untouched(nn.Module):
        def forward(self, x):
            return x if x.sum() > 0 else -x

    assert fold_batchnorm(Untouched())(randn(3)).sum() > 0


class Listed(nn.Module):
    """The layers are also in a plain list, and it is the list that forward goes through."""

    def __init__(self):
        super().__init__()
        self.layers = [nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)]
        for i, layer in enumerate(self.layers):
            self.add_module(f"layer{i}", layer)

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


class Registered(nn.Module):
    """The layers have two names each, and are used once."""

    def __init__(self):
        super().__init__()
        self.conv, self.bn = nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)
        self.features = nn.Sequential(self.conv, self.bn)

    def forward(self, x):
        return self.features(x)


@both_ways
@pytest.mark.parametrize("model", [Listed, Registered])
def test_layers_that_are_held_in_two_places_fold(model, shown, randn):
    assert_folds_all(made(model()), randn(2, 4, 3, 3), shown)


@both_ways
def test_optional_arguments_keep_their_defaults(shown, randn):
    model, inputs = made(Optional()).eval(), (randn(2, 4, 3, 3), randn(1))
    folded = fold(model, inputs, shown)
    assert folded.fold_report.folded == {"bn": "conv"}
    assert_close(folded(*inputs), model(*inputs), 1e-12)


def test_types_devices_and_requires_grad_stay(randn):
    for dtype, tolerance in ((torch.float32, 1e-4), (torch.bfloat16, 0.1)):
        model = made(nn.Sequential(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4))).to(dtype)
        model[0].weight.requires_grad_(False)
        folded, x = fold_batchnorm(model), randn(2, 4, 3, 3).to(dtype)
        assert [(p.dtype, p.requires_grad) for p in folded.parameters()] == [(dtype, False)] * 2
        assert_close(folded(x), model.eval()(x), tolerance)


def test_folding_in_float32_rounds_once(randn):
    model = made(nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4)))
    exact, rounded = fold_batchnorm(model.float()).double(), None
    rounded = fold_batchnorm(model.double()).float().double()
    assert_close(exact.state_dict(), rounded.state_dict(), 0)


@every_model
def test_a_folded_network_can_be_copied_pickled_and_folded_again(build, randn):
    x = randn(2, *INPUT[build])
    folded = fold_batchnorm(made(build(bncourse.nn)))
    for twin in (copy.deepcopy(folded), pickle.loads(pickle.dumps(folded)), fold_batchnorm(folded)):
        assert_close(twin(x), folded(x), 0)
    assert "Folded(into " in repr(folded)


class Watched(nn.Identity):
    """Remembers whether gradients were on."""

    graph = False

    def forward(self, x):
        type(self).graph |= torch.is_grad_enabled()
        return x


def test_an_example_leaves_no_trace_on_the_model_or_its_fold(randn):
    model, x = made(nn.Sequential(Watched(), nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4))), randn(2, 4, 3, 3)
    for module in (*fold_batchnorm(model, x).modules(), *model.modules()):
        assert not module._forward_hooks
        assert not module._forward_pre_hooks
    assert torch.is_grad_enabled()
    assert not Watched.graph
