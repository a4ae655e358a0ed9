"""Population statistics: what passes as mini-batches, and that all else is left as it was found."""

import copy
import logging

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from bncourse.nn import population_statistics
from tests.nn.like_torch import assert_close, randomize
from tests.nn.models import INPUT, Linked, batchnorms, every_lib, every_model


def state(model):
    """All that population_statistics could leave changed."""
    return {
        "tensors": {name: value.clone() for name, value in model.state_dict().items()},
        "training": [module.training for module in model.modules()],
        "momentum": [layer.momentum for layer in batchnorms(model).values()],
        "hooks": [len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules()],
        "requires_grad": [p.requires_grad for p in model.parameters()],
        "grad": torch.is_grad_enabled(),
    }


def assert_same_state(actual, expected):
    assert_close(actual.pop("tensors"), expected.pop("tensors"), 0)
    assert actual == expected


@pytest.mark.parametrize(
    "pack",
    [
        lambda x, t: x.split(4),
        lambda x, t: iter(x.split(4)),
        lambda x, t: zip(x.split(4), t.split(4), strict=True),
        lambda x, t: [[a, b] for a, b in zip(x.split(4), t.split(4), strict=True)],
        lambda x, t: DataLoader(TensorDataset(x, t), batch_size=4),
        lambda x, t: DataLoader(x, batch_size=4),
    ],
    ids=["tensors", "generator", "pairs", "lists", "loader of pairs", "loader of tensors"],
)
def test_mini_batches_come_as_tensors_or_pairs_from_anything_iterable(pack, randn):
    x, t = randn(10, 3), torch.arange(10)
    expected = population_statistics(nn.BatchNorm1d(3).double(), x.split(4)).state_dict()
    assert_close(population_statistics(nn.BatchNorm1d(3).double(), pack(x, t)).state_dict(), expected, 0)


@pytest.mark.parametrize(
    "batches, error, says",
    [
        ([], ValueError, "batches is empty; expected one mini-batch or more"),
        (torch.ones(4, 3), TypeError, r"batches is one tensor, of shape \(4, 3\); expected a series"),
        ([[[1.0, 2.0]]], TypeError, "mini-batch 1 is list; expected a tensor x, or a pair"),
        ([torch.ones(2, 3), {"x": 1}], TypeError, "mini-batch 2 is dict"),
        ([()], TypeError, "mini-batch 1 is tuple"),
        ([torch.ones(0, 3)], ValueError, "no value reached any of the model's batch norms: 0"),
        ([torch.ones(1, 3)], ValueError, "Expected more than 1 value per channel"),
    ],
    ids=["none", "a tensor", "numbers", "a dict", "an empty pair", "no values", "one value"],
)
@every_lib
def test_unfit_mini_batches_are_refused_and_change_nothing(lib, batches, error, says):
    model = randomize(nn.Sequential(lib.BatchNorm1d(3)))[0]
    before = state(model)
    with pytest.raises(error, match=says):
        population_statistics(model, batches)
    assert_same_state(state(model), before)


def test_a_model_without_running_statistics_is_refused():
    for model in (nn.Linear(3, 3), nn.Sequential(nn.BatchNorm1d(3, track_running_stats=False))):
        with pytest.raises(ValueError, match=r"has [01] batch norms, none with running statistics"):
            population_statistics(model, [torch.ones(2, 3)])


def test_a_lazy_batch_norm_is_refused_until_it_knows_its_channels(randn):
    model = nn.Sequential(nn.LazyBatchNorm1d())
    with pytest.raises(ValueError, match="0 is lazy, with no channels yet"):
        population_statistics(model, [torch.ones(2, 3)])
    model(torch.ones(2, 3))
    population_statistics(model, [randn(4, 3, dtype=torch.float32)])


@every_lib
@every_model
def test_all_but_the_running_statistics_is_as_before(build, lib, randn):
    model = randomize(build(lib).double())[0]
    for i, module in enumerate(model.modules()):
        module.training = i % 3 == 0
    for i, p in enumerate(model.parameters()):
        p.requires_grad_(i % 2 == 0)
    before = state(model)
    population_statistics(model, [randn(3, *INPUT[build])], include_frozen=True)
    after = state(model)
    for name in list(after["tensors"]):
        if "running" in name or "tracked" in name:
            assert not torch.equal(after["tensors"].pop(name), before["tensors"].pop(name))
    assert_same_state(after, before)


class Fault(Exception):
    pass


class Faulty(nn.Module):
    """Lets x pass so many times, and then raises."""

    def __init__(self, times):
        super().__init__()
        self.left = times

    def forward(self, x):
        self.left -= 1
        if self.left < 0:
            raise Fault
        return x


@every_lib
@pytest.mark.parametrize("times", [0, 1, 2])
def test_after_an_error_inside_the_model_everything_is_as_before(lib, times, randn):
    layers = [lib.BatchNorm1d(3), nn.Dropout(0.5), Faulty(times), nn.Linear(3, 4), lib.BatchNorm1d(4)]
    model = randomize(nn.Sequential(*layers).double())[0]
    model[1].eval()
    model[4].register_forward_hook(lambda *_: None)
    before = state(model)
    with pytest.raises(Fault):
        population_statistics(model, [randn(4, 3) for _ in range(3)])
    assert_same_state(state(model), before)


@every_lib
def test_after_an_error_between_mini_batches_everything_is_as_before(lib, randn):
    def batches():
        yield randn(4, 3)
        raise Fault

    model = randomize(nn.Sequential(lib.BatchNorm1d(3)).double())[0]
    before = state(model)
    with pytest.raises(Fault):
        population_statistics(model, batches())
    assert_same_state(state(model), before)


@every_lib
def test_a_layer_that_no_value_reaches_is_left_and_named(lib, randn, caplog):
    model = randomize(Linked(lib).double())[0]
    before = copy.deepcopy(model.unused.state_dict())
    with caplog.at_level(logging.WARNING, logger="bncourse.nn.population"):
        population_statistics(model, [randn(3, 4)])
    assert [record.getMessage() for record in caplog.records] == [
        "not reached by these mini-batches, and left as before: unused"
    ]
    assert_close(model.unused.state_dict(), before, 0)


@every_lib
def test_the_buffers_stay_the_same_tensors(lib, randn):
    model = nn.Sequential(lib.BatchNorm1d(3)).double()
    before = [id(buffer) for buffer in model.buffers()]
    population_statistics(model, [randn(4, 3)])
    assert [id(buffer) for buffer in model.buffers()] == before
