"""Folding confirms its result on the example: where the outputs would change, nothing is folded and the report says so.

Also: what counts as an example, what is looked through on the way from a layer to its batch norm, and which models hold
nothing that could be folded.
"""

from collections import UserDict
from dataclasses import dataclass

import pytest
import torch
from torch import nn

from bncourse.nn import FoldReport, fold_batchnorm
from bncourse.nn.dataflow import watch
from tests.nn.folding import both_ways, fold, made, unchecked_fold
from tests.nn.like_torch import assert_close


class Net(nn.Module):
    """A layer and a batch norm of four channels each, put together by `way(net, x)`."""

    def __init__(self, way, layer=None, bn=None):
        super().__init__()
        self.layer, self.bn, self.way = layer or nn.Conv2d(4, 4, 3, padding=1), bn or nn.BatchNorm2d(4), way

    def forward(self, x):
        return self.way(self, x)


def plain(net, x):
    return net.bn(net.layer(x))


# what the flow of tensors does not show

HIDDEN = {
    "whether there is a bias": lambda n, x: plain(n, x) + (3 if n.layer.bias is None else 0),
    "the class of a layer": lambda n, x: plain(n, x) + (3 if isinstance(n.bn, nn.BatchNorm2d) else 0),
    "the number of parameters": lambda n, x: plain(n, x) + len(list(n.parameters())),
    "the shape of gamma": lambda n, x: plain(n, x) + len(n.bn.weight),
}


@pytest.mark.parametrize("way", HIDDEN.values(), ids=HIDDEN)
def test_nothing_is_folded_where_the_outputs_would_change(way, randn):
    model, x = made(Net(way, nn.Conv2d(4, 4, 3, bias=False))).eval(), randn(2, 4, 5, 5)
    folded = fold_batchnorm(model, x)
    assert folded.fold_report.folded == {}
    assert folded.fold_report.left["bn"].endswith("so nothing was folded")
    assert_close(folded(x), model(x), 0)


class Choosy(nn.Module):
    """Returns the largest values of a network, with their places, and asks for float32."""

    def __init__(self):
        super().__init__()
        self.conv, self.bn = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)

    def forward(self, x):
        if x.dtype != torch.float32:
            raise TypeError("float32 alone")
        return self.bn(self.conv(x)).flatten(1).topk(3)


def test_a_model_that_runs_in_one_type_is_confirmed_in_that(randn):
    model, x = made(Choosy()).float().eval(), randn(2, 3, 5, 5, dtype=torch.float32)
    folded = fold_batchnorm(model, x)
    assert folded.fold_report.folded == {"bn": "conv"}
    assert_close(folded(x).values, model(x).values, 1e-4)


def test_in_half_precision_the_result_is_confirmed_in_double(randn):
    model, x = made(Net(plain)).bfloat16().eval(), randn(2, 4, 5, 5).bfloat16()
    assert fold_batchnorm(model, x).fold_report.folded == {"bn": "layer"}


def test_what_returns_no_tensor_cannot_be_confirmed(randn):
    model, x = made(Net(lambda n, x: plain(n, x).sum().item())).eval(), randn(2, 4, 5, 5)
    reason = "the model returns no tensor by which to confirm the result, so nothing was folded"
    assert fold_batchnorm(model, x).fold_report.left == {"bn": reason}


def test_outputs_that_are_not_finite_are_compared_too(randn):
    model, x = made(Net(lambda n, x: (n.bn(n.layer(x)) / 0, torch.zeros(0)))).eval(), randn(2, 4, 5, 5)
    x[0, 0] = torch.nan
    assert fold_batchnorm(model, x).fold_report.folded == {"bn": "layer"}


def test_the_example_is_not_written_to_and_hooks_are_taken_off(randn):
    model, x = made(Net(lambda n, x: plain(n, x.relu_()))).eval(), randn(2, 4, 5, 5)
    before = x.clone()
    assert fold_batchnorm(model, x).fold_report.folded == {"bn": "layer"}
    assert_close(x, before, 0)
    watch(model, x)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


# examples


@dataclass
class Outputs:
    scores: torch.Tensor


class Many(nn.Module):
    """Takes images and a mask by name, or a list of images as its one argument."""

    def __init__(self):
        super().__init__()
        self.conv, self.bn = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)

    def forward(self, images, mask=None, *, scale=1.0):
        images = torch.stack(images) if isinstance(images, list) else images
        h = self.bn(self.conv(images * scale))
        return Outputs(h if mask is None else h * mask)


@pytest.mark.parametrize(
    "pack",
    [
        lambda x, mask: x,
        lambda x, mask: (x, mask),
        lambda x, mask: list(x),
        lambda x, mask: (list(x), mask),
        lambda x, mask: {"images": x, "scale": 2.0},
        lambda x, mask: UserDict(images=x, mask=mask),
    ],
    ids=["tensor", "several", "list of images", "list and another", "dict", "like a dict"],
)
def test_an_example_is_one_argument_or_a_tuple_or_dict_of_several(pack, randn):
    model = made(Many()).float().eval()
    folded = fold_batchnorm(model, pack(*(randn(2, *shape, dtype=torch.float32) for shape in ((3, 5, 5), (1, 3, 3)))))
    assert folded.fold_report.folded == {"bn": "conv"}
    x = randn(4, 3, 6, 6, dtype=torch.float32)
    assert_close(folded(x).scores, model(x).scores, 1e-4)


# what only arranges values is looked through

ROWS = {
    "flatten": lambda n, x: n.bn(n.layer(x).flatten(0, 1)),
    "flatten and back": lambda n, x: n.bn((h := n.layer(x)).flatten(0, 1)).reshape_as(h),
    "all but the last": lambda n, x: n.bn(torch.flatten(n.layer(x), 0, -2)),
    "view": lambda n, x: n.bn(n.layer(x).view(-1, 4)),
    "reshape": lambda n, x: n.bn(n.layer(x).contiguous().reshape((-1, 4))),
}
ARRANGED = {
    "channels to the second axis": (lambda n, x: n.bn(n.layer(x).transpose(1, 2)), nn.Linear(3, 4)),
    "cut off behind a causal convolution": (
        lambda n, x: n.bn(n.layer(x.mT)[:, :, :-2]), nn.Conv1d(3, 4, 3, padding=2)),
    "another axis added": (lambda n, x: n.bn(n.layer(x.mT).unsqueeze(-1).squeeze(-1)), nn.Conv1d(3, 4, 1)),
    "copied": (lambda n, x: n.bn(n.layer(x).permute(0, 2, 1).reshape(2, 4, 5)), nn.Linear(3, 4)),
}  # fmt: skip
MISPLACED = {
    "channels in rows": (lambda n, x: n.bn(n.layer(x).transpose(1, 2).reshape(-1, 4)), nn.Linear(3, 4)),
    "channels mixed": (lambda n, x: n.bn(n.layer(x).view(-1, 4)), nn.Linear(3, 8)),
    "not the last axis": (lambda n, x: n.bn(n.layer(x).transpose(0, 1).flatten(0, 1)[:4].T), nn.Linear(3, 4)),
}


@both_ways
@pytest.mark.parametrize("way", ROWS.values(), ids=ROWS)
def test_a_linear_layer_takes_the_batch_norm_of_its_rows(way, shown, randn):
    model, x = made(Net(way, nn.Linear(3, 4), nn.BatchNorm1d(4)).eval()), randn(2, 5, 3)
    folded = fold(model, x, shown)
    assert folded.fold_report.folded == {"bn": "layer"}
    assert_close(folded(x), model(x), 1e-10)


@both_ways
def test_dropout_and_identity_are_looked_through(shown, randn):
    model = made(nn.Sequential(nn.Linear(3, 4), nn.Dropout(), nn.Identity(), nn.BatchNorm1d(4))).eval()
    folded = fold(model, x := randn(5, 3), shown)
    assert folded.fold_report.folded == {"3": "0"}
    assert_close(folded(x), model(x), 1e-10)


@pytest.mark.parametrize("way, layer", ARRANGED.values(), ids=ARRANGED)
def test_an_example_shows_that_channels_come_to_the_second_axis(way, layer, randn):
    model, x = made(Net(way, layer, nn.BatchNorm1d(4)).eval()), randn(2, 5, 3)
    folded = fold_batchnorm(model, x)
    assert folded.fold_report.folded == {"bn": "layer"}
    assert_close(folded(x), model(x), 1e-10)


@pytest.mark.parametrize("way, layer", MISPLACED.values(), ids=MISPLACED)
def test_values_that_are_arranged_otherwise_stay(way, layer, randn):
    model, x = made(Net(way, layer, nn.BatchNorm1d(4)).eval()), randn(4, 5, 3)
    folded = fold_batchnorm(model, x)
    assert folded.fold_report.left == {"bn": "it normalizes another axis than layer writes"}
    assert_close(folded(x), model(x), 0)


@both_ways
def test_what_reads_a_view_of_the_output_is_seen(shown, randn):
    ways = lambda n, x: n.bn(h := n.layer(x).flatten(0, 1)) + h, lambda n, x: n.bn(n.layer(x).flatten(0, 1).mul_(2))
    for way in ways:
        model, x = made(Net(way, nn.Linear(3, 4), nn.BatchNorm1d(4)).eval()), randn(2, 5, 3)
        folded = fold(model, x, shown)
        assert folded.fold_report.folded == {}
        assert_close(folded(x), model(x), 0)


@both_ways
def test_a_hook_on_an_identity_between_the_two_keeps_the_batch_norm(shown, randn):
    model, x = made(nn.Sequential(nn.Conv2d(4, 4, 1), nn.Identity(), nn.BatchNorm2d(4))).eval(), randn(1, 4, 2, 2)
    assert fold(model, x, shown).fold_report.left == {}
    model[1].register_forward_hook(lambda *_: None)
    assert "2" in fold(model, x, shown).fold_report.left


# models without layers


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_compiled_models_are_refused_with_the_advice_to_fold_before(randn):
    model, x = made(nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))).eval(), randn(5, 3)
    with pytest.raises(TypeError, match="model is a TopLevelTracedModule, whose layers are compiled: fold the model"):
        fold_batchnorm(torch.jit.trace(model, x), x)
    exported = torch.export.export(model, (x,))
    with pytest.raises(TypeError, match=r"has the type ExportedProgram; expected an nn\.Module: fold the model"):
        unchecked_fold().fold_batchnorm(exported)
    with pytest.raises(TypeError, match=r"a graph of functions, as torch\.export makes it"):
        fold_batchnorm(exported.module(), x)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:The .grad attribute:UserWarning")
def test_a_compiled_part_of_a_model_is_named(randn):
    part = torch.jit.trace(made(nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))).eval(), randn(5, 3))
    folded = fold_batchnorm(nn.Sequential(part, nn.ReLU()), randn(5, 3))
    assert folded.fold_report.left == {"0.1": "it is compiled (ScriptModule): fold before scripting"}


def test_an_empty_report_is_false():
    assert not FoldReport() and not fold_batchnorm(nn.ReLU()).fold_report
    assert FoldReport({"bn": "conv"}) and FoldReport({}, {"bn": "it has hooks"})
