"""A model's batch norms become ours or torch.nn's, and nothing else about the model changes."""

import copy

import pytest
import torch
from torch import nn

import bncourse.nn
from bncourse.nn import GhostBatchNorm2d, convert_batchnorm
from tests.nn.like_torch import assert_close, gradients, randomize
from tests.nn.models import INPUT, batchnorms, every_model, residual

KINDS = {"bncourse": bncourse.nn, "torch": nn}

both_ways = pytest.mark.parametrize("to, start", [("bncourse", "torch"), ("torch", "bncourse")])


def classes(model, kind):
    return {type(norm) is getattr(KINDS[kind], type(norm).__name__) for norm in batchnorms(model).values()}


@both_ways
@every_model
def test_a_converted_model_computes_the_same_with_batch_norms_of_the_other_kind(build, to, start, randn):
    model = build(KINDS[start]).double()
    for norm in batchnorms(model).values():
        randomize(norm)
    before, x = copy.deepcopy(model), randn(4, *INPUT[build])
    assert convert_batchnorm(model, to) is model
    assert classes(model, to) == {True} and classes(before, start) == {True}
    for mode in (True, False):
        torch.manual_seed(0)
        expected = gradients(before.train(mode), x)
        torch.manual_seed(0)
        assert_close(gradients(model.train(mode), x), expected, 1e-9)
        assert_close(model.state_dict(), before.state_dict(), 1e-9)


@both_ways
def test_layers_parameters_buffers_modes_and_hooks_stay_what_they_are(to, start, randn):
    model = residual(KINDS[start])
    norm, seen = model[1], []
    norm.eval().weight.requires_grad_(False)
    norm.register_forward_hook(lambda *_: seen.append(1))
    before = [*model.modules(), *model.parameters(), *model.buffers()], vars(norm).copy()
    convert_batchnorm(model, to)
    model(randn(2, 3, 8, 8, dtype=torch.float32))
    assert all(
        now is then
        for now, then in zip([*model.modules(), *model.parameters(), *model.buffers()], before[0], strict=True)
    )
    assert vars(norm) == before[1]
    assert seen and not norm.training and norm.num_batches_tracked == 0


def test_there_and_back_is_where_it_began():
    model = residual(nn)
    kinds = [type(module) for module in model.modules()]
    convert_batchnorm(convert_batchnorm(model), to="torch")
    assert [type(module) for module in model.modules()] == kinds


def test_a_batch_norm_by_itself_and_a_lazy_one_are_converted(randn):
    assert type(convert_batchnorm(nn.BatchNorm1d(3))) is bncourse.nn.BatchNorm1d
    lazy = convert_batchnorm(nn.LazyBatchNorm2d())
    lazy(randn(2, 3, 4, 4, dtype=torch.float32))
    assert type(lazy) is bncourse.nn.BatchNorm2d


class WithActivation(nn.BatchNorm2d):
    """What other libraries have: a batch norm with an activation of its own."""

    def forward(self, input):
        return super().forward(input).relu()


@both_ways
@pytest.mark.parametrize(
    "layer",
    [WithActivation(3), nn.SyncBatchNorm(3), GhostBatchNorm2d(3, 4), nn.InstanceNorm2d(3)],
    ids=lambda layer: type(layer).__name__,
)
def test_subclasses_and_other_layers_are_left_alone(layer, to, start):
    kind = type(layer)
    assert type(convert_batchnorm(nn.Sequential(layer), to)[0]) is kind


def test_another_kind_is_refused():
    with pytest.raises(ValueError, match="to is 'jax'; expected 'bncourse' or 'torch'"):
        convert_batchnorm(residual(nn), to="jax")
