"""Population statistics of models as people have them: frozen layers, other inputs, odd numbers, chance."""

import copy

import pytest
import torch
from torch import nn

from bncourse.nn import population_statistics
from tests.nn.like_torch import assert_close, randomize
from tests.nn.models import every_lib


def two(lib):
    layers = nn.Linear(3, 4), lib.BatchNorm1d(4), nn.Linear(4, 5), lib.BatchNorm1d(5)
    return randomize(nn.Sequential(*layers).double())[0]


def statistics(layer):
    return torch.cat([layer.running_mean, layer.running_var])


# frozen


class StaysFrozen(nn.BatchNorm1d):
    """A batch norm that train() leaves in eval mode."""

    def train(self, mode=True):
        return super().train(False)


def by_mode(model):
    model[1].eval()


def by_mode_and_gradient(model):
    model.eval()
    model[1].requires_grad_(False)


def by_class(model):
    model[1].__class__ = StaysFrozen


@pytest.mark.parametrize("freeze", [by_mode, by_mode_and_gradient, by_class])
def test_a_frozen_batch_norm_is_left_alone_unless_told(freeze, randn, caplog):
    model, batches = two(nn), [randn(6, 3) for _ in range(2)]
    freeze(model)
    before, whole = statistics(model[1]), copy.deepcopy(model)
    population_statistics(model, batches)
    assert_close(statistics(model[1]), before, 0)
    assert [record.getMessage() for record in caplog.records] == ["frozen, and left as before: 1"]
    with torch.no_grad():  # the layer behind it is measured on what inference will give it
        seen = model[:3].eval()(torch.cat(batches))
    assert_close(model[3].running_mean, seen.mean(0), 1e-12)
    population_statistics(whole, batches, include_frozen=True)
    assert (statistics(whole[1]) - before).abs().max() > 0.1


@every_lib
@pytest.mark.parametrize("state", ["eval", "train", "fixed"])
def test_a_model_in_one_mode_and_without_gradients_is_not_frozen(state, lib, randn):
    model = two(lib)
    model.train(state == "train").requires_grad_(state != "fixed")
    before = [statistics(layer) for layer in model[1::2]]
    population_statistics(model, [randn(6, 3)])
    assert all((statistics(layer) - b).abs().max() > 0.1 for layer, b in zip(model[1::2], before, strict=True))


def test_where_all_are_frozen_the_way_out_is_named(randn):
    model = two(nn)
    model[1].eval(), model[3].eval()
    with pytest.raises(ValueError, match="batch norms are frozen: 1, 3; include_frozen=True measures them"):
        population_statistics(model, [randn(6, 3)])


# inputs


class Several(nn.Module):
    """Two arguments, or a list of images as the first."""

    def __init__(self):
        super().__init__()
        self.bn = nn.BatchNorm2d(3)

    def forward(self, images, shift=None):
        x = torch.stack(images) if isinstance(images, list) else images
        return self.bn(x if shift is None else x + shift)


PACKS = {
    "dicts": lambda x: ({"images": part, "shift": 1.0} for part in x.split(3)),
    "pairs of a dict and labels": lambda x: (({"images": part, "shift": 1.0}, [0] * 3) for part in x.split(3)),
    "pairs of several inputs and labels": lambda x: (((part, 1.0), [0] * 3) for part in x.split(3)),
    "lists of images and their targets": lambda x: ((list(part + 1), [{}] * 3) for part in x.split(3)),
    "lists of images alone": lambda x: ((list(part + 1),) for part in x.split(3)),
}


@pytest.mark.parametrize("pack", PACKS.values(), ids=PACKS)
def test_mini_batches_may_be_dicts_lists_of_images_and_several_inputs(pack, randn):
    x = randn(6, 3, 4, 4)
    expected = population_statistics(nn.BatchNorm2d(3).double(), (x + 1).split(3)).state_dict()
    assert_close(population_statistics(Several().double(), pack(x)).bn.state_dict(), expected, 0)


def test_inputs_makes_a_mini_batch_of_anything(randn):
    x = randn(6, 3, 4, 4)
    expected = population_statistics(nn.BatchNorm2d(3).double(), (x + 1).split(3)).state_dict()
    rows = [{"picture": part, "label": 0, "shift": 1.0} for part in x.split(3)]
    model = population_statistics(Several().double(), rows, inputs=lambda row: (row["picture"], row["shift"]))
    assert_close(model.bn.state_dict(), expected, 0)
    model = population_statistics(Several().double(), rows, lambda row: list(row["picture"] + row["shift"]))
    assert_close(model.bn.state_dict(), expected, 0)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_compiled_model_is_refused(randn):
    compiled = torch.jit.trace(two(nn).eval(), randn(6, 3))
    with pytest.raises(TypeError, match="whose layers are compiled; measure it before scripting"):
        population_statistics(compiled, [randn(6, 3)])


# numbers


@every_lib
@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_a_mini_batch_that_is_not_finite_is_named_with_its_layer_and_changes_nothing(value, lib, randn):
    model, batches = two(lib), [randn(4, 3) for _ in range(3)]
    batches[1][2, 0] = value
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(ValueError, match=r"mini-batch 2 cannot be measured: in 1, x, of shape \(4, 4\), is not finite"):
        population_statistics(model, batches)
    assert_close(model.state_dict(), before, 0)


@every_lib
def test_numbers_too_large_to_be_squared_are_named(lib, randn):
    model = nn.Sequential(lib.BatchNorm1d(3))
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(ValueError, match=r"mini-batch 1 .* in 0, x, .* is too large to be squared in torch\.float32"):
        population_statistics(model, [1e30 * randn(4, 3, dtype=torch.float32)])
    assert_close(model.state_dict(), before, 0)


# random depth


class RandomDepth(nn.Module):
    """A block that is skipped half of the time: in training alone, or always."""

    def __init__(self, always):
        super().__init__()
        self.first, self.block, self.last = nn.BatchNorm1d(3), nn.BatchNorm1d(3), nn.BatchNorm1d(3)
        self.always = always

    def forward(self, x):
        x = self.first(x)
        skipped = (self.always or self.training) and torch.rand(()) < 0.5
        return self.last(x if skipped else x + self.block(x + 1))


def test_random_depth_of_training_is_off_and_the_numbers_do_not_vary(randn):
    batches = [randn(8, 3) for _ in range(4)]
    runs = [population_statistics(RandomDepth(always=False).double(), batches).state_dict() for _ in range(2)]
    assert_close(*runs, 0)
    assert runs[0]["block.num_batches_tracked"] == 4


def test_random_depth_in_eval_mode_counts_the_mini_batches_that_reach_a_layer(randn):
    """Its numbers vary as a mean over so many mini-batches does."""
    batches, means = [1e3 * i + randn(8, 3) for i in range(20)], []
    for _ in range(30):
        model = RandomDepth(always=True).double()
        model.first = model.last = nn.Identity()
        population_statistics(model, batches)
        assert 2 < model.block.num_batches_tracked < 18
        means.append((model.block.running_mean[0] - 1) / 1e3)
    spread = torch.stack(means).std() / torch.arange(20.0).double().std()
    assert 0.4 < spread * 10**0.5 < 1  # a sample of about 10 out of 20: 1 / sqrt(10), times sqrt(1 - 10 / 20)
