"""What batch norms have stored: healthy networks are silent, and each fault is named with its layers, worst first."""

import copy

import pytest
import torch
from torch import nn

from bncourse import nn as ours
from bncourse.doctor.checkpoint import examine_checkpoint, examine_held
from bncourse.doctor.probes.lag import remains
from bncourse.doctor.repairs import repair
from bncourse.doctor.report import Report
from bncourse.doctor.stored import stored_in, stored_of
from bncourse.nn import population_statistics
from tests.doctor.networks import BATCHNORMS, Small, images, trained

pytestmark = pytest.mark.usefixtures("seeded")


def found(model, optimizer=None):
    """The findings in a model: name and severity, and the layers."""
    return {(f.name, f.severity): f.layers for f in examine_held(model, optimizer)}


def found_in(state):
    return {(f.name, f.severity): f.layers for f in examine_checkpoint(state).findings}


# What is found, and how it is called.


def test_a_model_and_its_state_dict_hold_the_same_and_only_the_model_knows_momentum_and_eps(model):
    for one, other in zip(stored_of(model), stored_in(model.state_dict()), strict=True):
        assert one.name == other.name and one.count == other.count == 40
        assert all(torch.equal(getattr(one, a), getattr(other, a)) for a in ("mean", "var", "gamma", "beta"))
        assert (one.momentum, one.eps, one.saved) == (0.1, 1e-5, False)
        assert (other.momentum, other.eps, other.saved) == (None, None, True)
    assert [layer.name for layer in stored_of(model)] == list(BATCHNORMS)


class ByHand(nn.Module):
    """A batch norm as in a textbook: its statistics are attributes, and its momentum that of the old value."""

    def __init__(self, channels):
        super().__init__()
        self.gamma, self.beta = nn.Parameter(torch.ones(1, channels)), nn.Parameter(torch.zeros(1, channels))
        self.moving_mean, self.moving_var = torch.zeros(1, channels), torch.ones(1, channels)
        self.momentum, self.epsilon = 0.9, 1e-3


def test_layers_of_other_hands_and_of_this_package_are_found_and_instance_norms_are_not():
    model = nn.Sequential(ByHand(3), ours.BatchNorm1d(3, momentum=None), nn.InstanceNorm1d(3, track_running_stats=True),
                          nn.LazyBatchNorm1d(), nn.BatchNorm1d(3, device="meta"), nn.LayerNorm(3))  # fmt: skip
    by_hand, averaging = stored_of(model)
    assert by_hand.mean.shape == by_hand.gamma.shape == (3,)
    assert (by_hand.momentum, by_hand.eps) == (None, 1e-3)
    assert (averaging.name, averaging.momentum, averaging.eps) == ("1", None, 1e-5)


@pytest.mark.parametrize("mean, var", [("running_mean", "running_var"), ("moving_mean", "moving_variance"),
                                       ("exp_mean", "exp_var"), ("avg_mean", "avg_var")])
def test_keys_of_other_frameworks_and_containers_are_read(mean, var):
    inner = {f"module.bn.{mean}": torch.ones(2), f"module.bn.{var}": torch.ones(2)}
    optimizer = {"state": {0: {"exp_avg": torch.ones(2)}}, "param_groups": [{"lr": 0.1}]}
    assert [la.name for la in stored_in(inner)] == ["module.bn"]
    assert [la.name for la in stored_in({"epoch": 3, "state_dict": inner, "optimizer": optimizer})] == ["module.bn"]
    both = stored_in({"model": inner, "ema": inner})
    assert [la.name for la in both] == ["model.module.bn", "ema.module.bn"]
    tree = {"params": {"bn": {mean: torch.ones(2), var: torch.ones(2)}}}
    assert [la.name for la in stored_in(tree)] == ["bn"]


def test_the_kernel_of_a_fused_convolution_is_not_taken_for_gamma():
    state = {"weight": torch.ones(2, 3, 1, 1), "running_mean": torch.ones(2), "running_var": torch.ones(2)}
    assert stored_in(state)[0].gamma is None


# Silence on the healthy.


@pytest.mark.parametrize("steps", [0, 1, 40])
def test_a_model_that_is_new_has_only_begun_or_is_trained_is_healthy(steps):
    assert found(trained(steps=steps)) == {}


def test_a_trained_checkpoint_is_healthy_and_is_not_changed(model):
    state = model.state_dict()
    before = copy.deepcopy(state)
    assert examine_checkpoint(state).clean and examine_checkpoint({"state_dict": state}).examined == 5
    assert all(torch.equal(before[name], state[name]) for name in before)


def test_new_networks_with_random_gammas_or_a_last_gamma_of_0_are_healthy():
    model = Small()
    for name, module in model.named_modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.02)
            if name.endswith("bn2"):
                nn.init.zeros_(module.weight)
    assert found(model) == {}


# Faults.


def test_statistics_that_are_not_finite_or_negative_are_named_with_their_channels(model):
    model.bn.running_var[3] = -1e-3
    model.blocks[1].bn1.running_mean[[0, 5]] = float("nan")
    model.blocks[1].bn1.running_var[7] = float("inf")
    (finding,) = [f for f in examine_held(model) if f.name == "statistics-not-finite"]
    assert finding.severity == "fault" and finding.layers == ("blocks.1.bn1", "bn")
    assert "channels 0, 5" in finding.evidence and "channel 7" in finding.evidence
    assert ("statistics-not-finite", "fault") in found_in(model.state_dict())


def test_a_negative_variance_for_which_eps_makes_up_is_a_risk_with_finite_outputs_and_a_repair_that_keeps_them(model):
    """Trained with eps 1e-5 and given 1e-3: what eps gains the variance has to lose (exercise 15.4)."""
    layer, x = model.eval().blocks[0].bn2, images()
    layer.running_var[2], layer.eps = 2e-4 + 1e-5 - 1e-3, 1e-3
    layer.running_var[[0, 1, *range(3, 8)]] += 1e-5 - 1e-3
    before = model(x)
    (finding,) = [f for f in examine_held(model) if f.name == "statistics-not-finite"]
    assert (finding.severity, finding.layers) == ("risk", ("blocks.0.bn2",)) and torch.isfinite(before).all()
    assert "channel 2, down to -0.00079; its eps of 0.001 makes up for that" in finding.evidence
    (told,) = repair(model, Report((finding,)), [images(8)])
    assert "not measured; eps makes up for its negative variance" in told and torch.equal(model(x), before)
    (saved,) = [f for f in examine_checkpoint(model.state_dict()).findings if f.name == "statistics-not-finite"]
    assert saved.severity == "risk" and "NaN, unless eps, which a checkpoint does not hold" in saved.evidence
    exec(finding.repair, {"layer": layer})
    torch.testing.assert_close(model(x), before, rtol=1e-4, atol=1e-4)
    assert layer.eps == 1e-5 and found(model) == {}
    layer.running_var[2] = -2e-5
    assert found(model) == {("statistics-not-finite", "fault"): ("blocks.0.bn2",)} and not model(x).isfinite().any()


def test_a_layer_whose_statistics_were_reset_among_trained_ones_is_a_fault(model):
    model.blocks[0].bn2.reset_running_stats()
    assert found(model) == {("never-trained", "fault"): ("blocks.0.bn2",)}
    model.blocks[0].bn2.num_batches_tracked.fill_(40)
    assert found_in(model.state_dict()) == {("never-trained", "fault"): ("blocks.0.bn2",)}


def test_new_statistics_everywhere_are_a_fault_once_a_mini_batch_was_counted_and_otherwise_a_risk_as_a_new_head(model):
    fresh = Small()
    fresh.load_state_dict(dict(model.named_parameters()), strict=False)
    assert found(fresh) == found_in(fresh.state_dict()) == {("never-trained", "risk"): BATCHNORMS}
    fresh.bn.num_batches_tracked.fill_(40)
    assert found(fresh) == found_in(fresh.state_dict()) == {("never-trained", "fault"): BATCHNORMS}
    model.blocks[1].bn1 = nn.BatchNorm2d(8)
    assert found(model) == {("never-trained", "risk"): ("blocks.1.bn1",)}
    assert found_in(model.state_dict()) == {("never-trained", "fault"): ("blocks.1.bn1",)}
    new = examine_checkpoint(Small().state_dict())
    assert new.clean and new.examined == 5 and "new network" in new.remarks[0]


def test_what_is_left_of_the_initial_statistics_decides_with_a_small_momentum(model):
    for steps, momentum, expected in ((40, 0.001, True), (40, 0.04, True), (40, 0.05, False), (200, 0.04, False),
                                      (1, 0.1, False), (0, 0.001, False)):  # fmt: skip
        bn = nn.BatchNorm2d(8, momentum=momentum)
        bn.running_var.mul_(3)
        bn.num_batches_tracked.fill_(steps)
        model.bn = bn
        assert (found(model) == {("momentum-too-small", "fault"): ("bn",)}) == expected, (steps, momentum)
    assert remains(stored_of(nn.BatchNorm2d(2, momentum=0.001))[0]) == 0


def test_a_training_with_a_small_momentum_is_found_and_population_statistics_clear_it():
    model = Small()
    model.blocks[0].bn1.momentum = 0.001
    trained(model)
    assert found(model) == {("momentum-too-small", "fault"): ("blocks.0.bn1",)}
    model.blocks[0].bn1.running_var[2] = 0.5  # below 0.999^40, so that it cannot have begun as 1
    assert found(model) == {}


def test_a_checkpoint_after_few_steps_is_a_risk_and_says_what_it_assumes():
    short = examine_checkpoint(trained(steps=5).state_dict())
    assert {f.name for f in short.findings} == {"momentum-too-small"} and short.findings[0].severity == "risk"
    assert "59% of the initial" in short.findings[0].evidence and "assumed" in short.findings[0].evidence
    assert found_in(population_statistics(Small(), [images() for _ in range(5)]).state_dict()) == {}


def test_a_momentum_of_another_convention_is_a_fault_and_one_mini_batch_alone_a_risk(model):
    assert found(model) == {}
    model.bn.momentum, model.blocks[0].bn1.momentum, model.blocks[0].bn2.momentum = 0.9, 0.99, 1.0
    model.blocks[1].bn1.momentum, model.blocks[1].bn2.momentum = None, 0.5
    assert found(model) == {("momentum-of-another-convention", "fault"): ("blocks.0.bn1", "bn"),
                            ("momentum-of-another-convention", "risk"): ("blocks.0.bn2",)}  # fmt: skip


def test_layers_that_disagree_on_eps_are_a_risk_and_a_large_eps_matters_only_beside_small_variances(model):
    model.blocks[1].bn2.eps = 1e-8
    assert found(model) == {}
    model.blocks[1].bn2.eps = 1e-3
    assert found(model) == {("eps-of-another-convention", "risk"): ("blocks.1.bn2",)}
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = 1e-3
            module.running_var.clamp_(min=0.02)
    assert found(model) == {}
    model.blocks[0].bn1.running_var[:5] = 1e-3
    assert found(model) == {("eps-of-another-convention", "note"): ("blocks.0.bn1",)}


def test_what_half_precision_cannot_hold_is_a_risk(model):
    model.bn.running_mean[0] = -65504
    model.blocks[0].bn1.running_var[1] = 1e-30
    assert found(model) == {}
    model.bn.running_mean[0] = -65536
    assert found(model) == {("overflows-half", "risk"): ("bn",)}
    model.bn.running_mean[0] = 0
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = 1e-8
    assert found(model) == {("overflows-half", "risk"): ("blocks.0.bn1",)}


def test_dead_channels_are_counted_even_where_they_are_the_majority(model):
    with torch.no_grad():
        model.bn.weight[:1] = 1e-5
        model.blocks[0].bn1.weight[:5] = 0
        model.blocks[0].bn2.weight.zero_()
        for module in (model.bn, model.blocks[0].bn1, model.blocks[0].bn2):
            module.bias.fill_(-0.1)
        model.blocks[1].bn1.weight[0], model.blocks[1].bn1.bias[0] = 0, 0.1
    (finding,) = [f for f in examine_held(model) if f.name == "dead-channels"]
    assert finding.layers == ("blocks.0.bn1", "bn") and "62%" in finding.evidence
