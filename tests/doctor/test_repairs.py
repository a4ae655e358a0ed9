"""Repairs: each makes the report clean, changes nothing but what it says, and says what it does not do."""

import copy

import pytest
import torch
from torch import nn

from bncourse.doctor import examine
from bncourse.doctor.checkpoint import examine_held
from bncourse.doctor.handbook import HANDBOOK
from bncourse.doctor.repairs import repair
from bncourse.doctor.report import Report, finding
from tests.doctor.networks import BATCHNORMS, Small, images, trained

pytestmark = pytest.mark.usefixtures("seeded")


@pytest.fixture
def batches(seeded):
    return [(images(32), torch.zeros(32)) for _ in range(6)]


def named(name, *layers, severity="fault"):
    return Report((finding(name, layers, severity, "as given"),), (), 5)


def held(model):
    return [(f.name, f.layers) for f in examine_held(model)]


def differences(model, before):
    """The names of parameters and buffers that are not what they were."""
    now = model.state_dict()
    assert now.keys() <= before.keys()
    return {name for name in before if name not in now or not torch.equal(before[name], now[name])}


def state_of(model):
    return copy.deepcopy(model.state_dict())


# Modes.


def test_a_layer_left_in_training_mode_is_put_into_eval_mode(model):
    model.eval().blocks[0].bn1.train()
    (sentence,) = repair(model, examine(model, images()))
    assert sentence.startswith("blocks.0.bn1: put into eval mode") and not model.blocks[0].bn1.training
    assert examine(model, images()).clean


def test_what_has_no_statistics_or_ignores_its_mode_is_not_repaired(model):
    model.eval().bn = nn.BatchNorm2d(8, track_running_stats=False).eval()
    report = named("batch-statistics-at-inference", "bn", "blocks.0.bn1", "nowhere")
    sentences = repair(model, report)
    assert "bn: not repaired; it stores no statistics" in sentences[0]
    assert "blocks.0.bn1: not repaired; it is in eval mode" in sentences[1]
    assert "nowhere: not repaired; there is no such module" in sentences[2]


# Statistics.


@pytest.mark.parametrize("spoil", [
    lambda layer: layer.running_var.fill_(float("nan")),
    lambda layer: layer.running_var.neg_(),
    lambda layer: layer.reset_running_stats(),
])  # fmt: skip
def test_statistics_are_measured_again_in_the_named_layer_alone(model, batches, spoil):
    model.eval()
    spoil(model.blocks[0].bn2)
    before = state_of(model)
    (sentence,) = repair(model, Report(tuple(examine_held(model))), batches)
    assert sentence == "blocks.0.bn2: statistics measured over the loader's mini-batches"
    assert differences(model, before) <= {f"blocks.0.bn2.{name}" for name in
                                          ("running_mean", "running_var", "num_batches_tracked")}  # fmt: skip
    assert held(model) == [] and not any(module.training for module in model.modules())


def test_stale_statistics_become_those_of_the_loader(model, batches):
    model.eval()
    for name in BATCHNORMS:
        model.get_submodule(name).running_mean += 3
    report = examine(model, loader=batches)
    assert [f.name for f in report.findings if f.severity == "fault"] == ["stale-statistics"]
    repair(model, report, batches)
    assert not [f for f in examine(model, loader=batches).findings if f.name == "stale-statistics"]


def test_a_frozen_layer_keeps_the_statistics_that_others_were_trained_on(model, batches):
    model.bn.requires_grad_(False)
    before = state_of(model)
    report = named("stale-statistics", "bn", "blocks.0.bn1")
    first, second = repair(model, report, batches)
    assert first.startswith("bn: not measured; it is frozen") and second.startswith("blocks.0.bn1: statistics measured")
    assert not any(name.startswith("bn.") for name in differences(model, before))
    repair(model, named("never-trained", "bn"), batches)
    assert "bn.running_mean" in differences(model, before)


def test_without_a_loader_nothing_is_measured_and_that_is_said(model):
    before = state_of(model)
    (sentence,) = repair(model, named("never-trained", "bn"))
    assert "needs a loader" in sentence and differences(model, before) == set()


def test_an_empty_loader_is_refused_and_leaves_the_statistics(model):
    before = state_of(model)
    with pytest.raises(ValueError, match="batches is empty"):
        repair(model, named("never-trained", "bn"), [])
    assert differences(model, before) == set()


def test_momentum_is_turned_round_or_made_usual_and_statistics_measured(batches):
    for momentum, repaired in ((0.9, 0.1), (0.99, 0.01), (1.0, 0.1), (0.001, 0.1)):
        model = Small()
        model.blocks[0].bn1.momentum = momentum
        trained(model, steps=10)
        sentences = repair(model, Report(tuple(examine_held(model))), batches)
        assert sentences == [f"blocks.0.bn1: momentum {momentum:g} is now {repaired:g}",
                             "blocks.0.bn1: statistics measured over the loader's mini-batches"]  # fmt: skip
        assert model.blocks[0].bn1.momentum == repaired and held(model) == []


# Biases.


class Wired(nn.Module):
    """A bias before batch norm, wired in `forward`, and one whose layer feeds a sum as well."""

    def __init__(self):
        super().__init__()
        self.norm, self.conv = nn.BatchNorm2d(4), nn.Conv2d(3, 4, 3)
        self.both, self.norm2 = nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)

    def forward(self, x):
        y = self.both(self.norm(self.conv(x)).relu())
        return self.norm2(y) + y


def test_a_bias_is_folded_away_and_outputs_stay_in_both_modes():
    model = trained(Wired(), steps=10)
    with torch.no_grad():
        model.conv.bias.add_(torch.randn(4))
    before, x = copy.deepcopy(model), images()
    (sentence,) = repair(model, named("wasted-bias", "conv"))
    assert sentence == "conv: bias folded into the running mean of norm; the outputs are the same"
    assert model.conv.bias is None and differences(model, before.state_dict()) == {"conv.bias", "norm.running_mean"}
    for mode in (False, True, False):  # after a step in training mode the statistics agree as well
        torch.testing.assert_close(model.train(mode)(x), before.train(mode)(x), rtol=1e-4, atol=1e-5)
    assert not [f for f in examine(model, x).findings if f.name == "wasted-bias"]



@pytest.mark.parametrize("path, spoil, reason", [
    ("both", lambda model: None, "the output of both is used by add() as well"),
    ("norm", lambda model: None, "it is no linear layer"),
    ("conv", lambda model: model.conv.register_forward_hook(lambda *_: None), "conv has hooks"),
    ("conv", lambda model: setattr(model, "norm", nn.BatchNorm2d(4, track_running_stats=False)), "running statistics"),
    ("conv", lambda model: setattr(model, "norm", nn.InstanceNorm2d(4)), "is no batch norm"),
    ("nowhere", lambda model: None, "it is no linear layer"),
])  # fmt: skip
def test_a_bias_that_something_else_reads_stays(path, spoil, reason):
    model = Wired()
    spoil(model)
    before = state_of(model)
    (sentence,) = repair(model, named("wasted-bias", path))
    assert sentence.startswith(f"{path}: bias not folded away; ") and reason in sentence
    assert differences(model, before) == set()


class Untraced(Wired):
    """The same behind Python that asks for a value."""

    def forward(self, x):
        return super().forward(x if x.sum() > 0 else -x)


def test_a_model_that_cannot_be_traced_is_watched_on_the_loader(batches):
    model = Untraced()
    (sentence,) = repair(model, named("wasted-bias", "conv"))
    assert "conv: bias not folded away; Untraced cannot be traced" in sentence and model.conv.bias is not None
    (sentence,) = repair(model, named("wasted-bias", "conv"), batches)
    assert "bias folded into the running mean of norm" in sentence and model.conv.bias is None


class TwoBranches(nn.Module):
    """The batch norm is behind one layer in training and behind another one at inference."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.norm = nn.Linear(3, 4), nn.Linear(3, 4), nn.BatchNorm1d(4)

    def forward(self, x):
        return self.norm(self.a(x) if self.training else self.b(x))


def test_a_batch_norm_behind_another_layer_in_the_other_mode_keeps_both_biases():
    (sentence,) = repair(TwoBranches(), named("wasted-bias", "a"))
    assert "norm has other inputs as well" in sentence


# Everything else.


@pytest.mark.parametrize("name", sorted(set(HANDBOOK) - {
    "batch-statistics-at-inference", "frozen-layer-moves", "wasted-bias", "stale-statistics", "statistics-not-finite",
    "never-trained", "momentum-too-small", "momentum-of-another-convention", "averaged-weights"}))  # fmt: skip
def test_what_is_not_safe_is_left_to_the_owner_with_the_sentence_of_the_handbook(name, model, batches):
    before = state_of(model)
    (sentence,) = repair(model, named(name, "bn"), batches)
    assert HANDBOOK[name].repair in sentence and differences(model, before) == set()


def test_layers_of_other_hands_reveal_their_statistics_and_others_are_not_measured(model, batches):
    first, second = repair(model, named("momentum-too-small", "head"), batches)
    assert "momentum not changed" in first and "head: not measured; it is no batch norm" in second
    assert repair(model, Report()) == []
    model.bn = ByHand()
    (sentence,) = repair(model.eval(), named("stale-statistics", "bn"), batches)
    assert sentence == "bn: mu and var measured over the loader's mini-batches"
    x = torch.cat([model.conv(x) for x, _ in batches])
    torch.testing.assert_close(model.bn.mu, x.mean((0, 2, 3), keepdim=True))
    torch.testing.assert_close(model.bn.var, x.var((0, 2, 3), keepdim=True))


class ByHand(nn.Module):
    """A batch norm of eight feature maps, with names of its own."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mu", torch.zeros(1, 8, 1, 1))
        self.register_buffer("var", torch.ones(1, 8, 1, 1))

    def forward(self, x):
        mu, var = self.mu, self.var
        if self.training:
            mu, var = x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), keepdim=True)
            self.mu, self.var = self.mu.lerp(mu.detach(), 0.1), self.var.lerp(var.detach(), 0.1)
        return (x - mu) / (var + 1e-5).sqrt()
