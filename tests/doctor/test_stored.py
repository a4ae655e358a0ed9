"""What batch norms have stored: healthy networks are silent, and each fault is named with its layers, worst first."""

import copy

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from bncourse import nn as ours
from bncourse.doctor.checkpoint import examine_checkpoint, examine_held
from bncourse.doctor.probes.lag import remains
from bncourse.doctor.stored import stored_in, stored_of, tensors_of
from bncourse.nn import population_statistics
from tests.doctor.networks import BATCHNORMS, Small, images, trained

pytestmark = pytest.mark.usefixtures("seeded")


def found(model, optimizer=None):
    """The findings in a model: name and severity, and the layers."""
    return {(f.name, f.severity): f.layers for f in examine_held(model, optimizer)}


def found_in(state):
    return {(f.name, f.severity): f.layers for f in examine_checkpoint(state).findings}


def changed(state, **values):
    """A copy of a state_dict with other values; `bn__running_var=None` takes the key away."""
    state = {**state, **{name.replace("__", "."): value for name, value in values.items()}}
    return {name: value for name, value in state.items() if value is not None}


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
    by_hand, cumulative = stored_of(model)
    assert by_hand.mean.shape == by_hand.gamma.shape == (3,)
    assert (by_hand.momentum, by_hand.eps, by_hand.cumulative) == (None, 1e-3, False)
    assert (cumulative.name, cumulative.momentum, cumulative.cumulative) == ("1", None, True)


@pytest.mark.parametrize("mean, var", [("running_mean", "running_var"), ("moving_mean", "moving_variance")])
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


def test_a_layer_whose_statistics_were_reset_among_trained_ones_is_a_fault(model):
    model.blocks[0].bn2.reset_running_stats()
    assert found(model) == {("never-trained", "fault"): ("blocks.0.bn2",)}
    model.blocks[0].bn2.num_batches_tracked.fill_(40)
    assert found_in(model.state_dict()) == {("never-trained", "fault"): ("blocks.0.bn2",)}


def test_trained_parameters_with_new_statistics_everywhere_are_a_fault_and_a_new_head_a_risk(model):
    fresh = Small()
    fresh.load_state_dict(dict(model.named_parameters()), strict=False)
    assert found(fresh) == {("never-trained", "fault"): BATCHNORMS}
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


# Names, weights and copies.


def test_one_statistic_without_the_other_is_missing_and_so_is_a_count_without_both(model):
    state = changed(model.state_dict(), bn__running_var=None)
    assert found_in(state) == {("statistics-missing", "fault"): ("bn",)}
    state = changed(model.state_dict(), bn__running_var=None, bn__running_mean=None)
    assert found_in(state) == {("statistics-missing", "fault"): ("bn",)}


def without_statistics(state, part=""):
    gone = {name for name in state if name.startswith(part) and ("running" in name or "num_batches" in name)}
    return {name: value for name, value in state.items() if name not in gone}


def test_layers_called_bn_without_statistics_are_missing_them(model):
    state = without_statistics(model.state_dict(), "blocks.1.bn2")
    assert found_in(state) == {("statistics-missing", "fault"): ("blocks.1.bn2",)}
    assert found_in(without_statistics(model.state_dict())) == {("statistics-missing", "risk"): BATCHNORMS}


def test_layer_and_group_norms_beside_batch_norms_are_not_accused():
    def block(second):
        return nn.ModuleDict({"norm1": nn.BatchNorm1d(4), "norm2": second, "norm": nn.LayerNorm(4)})

    hybrid = nn.ModuleList([block(nn.LayerNorm(4)), block(nn.GroupNorm(2, 4))])
    mixed = nn.Sequential(nn.BatchNorm1d(4), nn.LayerNorm(4), nn.GroupNorm(2, 4))
    for model in (hybrid, mixed, nn.ModuleDict({"a": hybrid, "subnet": nn.LayerNorm(4)})):
        assert {f.name for f in examine_checkpoint(model.state_dict()).findings} <= {"never-trained"}
    state = without_statistics(hybrid.state_dict(), "1.norm1")
    assert ("1.norm1",) in [f.layers for f in examine_checkpoint(state).findings if f.name == "statistics-missing"]


def test_averaged_weights_are_a_risk_until_the_statistics_were_measured_again(model):
    averaged = AveragedModel(model)
    assert found(averaged) == {}
    for _ in range(30):
        averaged.update_parameters(model)
    behind = tuple(f"module.{name}" for name in BATCHNORMS)
    assert found(averaged) == found_in(averaged.state_dict()) == {("averaged-weights", "risk"): behind}
    population_statistics(averaged, [images() for _ in range(25)])
    assert found(averaged) == found_in(averaged.state_dict()) == {}
    with_buffers = AveragedModel(model, use_buffers=True)
    with_buffers.update_parameters(model)
    assert found(with_buffers) == {}


def test_a_copy_with_other_statistics_is_a_fault_in_the_layers_that_lag(model):
    pair = nn.ModuleDict({"online": model, "target": copy.deepcopy(model)})
    assert found(pair) == found_in(pair.state_dict()) == {}
    with torch.no_grad():
        pair["online"](images())
    lagging = tuple(f"target.{name}" for name in BATCHNORMS)
    assert found(pair) == found_in(pair.state_dict()) == {("buffers-not-copied", "fault"): lagging}
    with torch.no_grad():
        for parameter in pair["online"].parameters():
            parameter *= 1.01
    assert found(pair) == {}


def test_one_batch_norm_for_each_domain_behind_the_same_weights_is_no_copy():
    conv = nn.Conv2d(3, 8, 3)
    domains = nn.ModuleDict({name: nn.Sequential(conv, nn.BatchNorm2d(8)) for name in ("photos", "drawings")})
    domains["photos"](images())
    domains["drawings"](-images())
    assert found(domains) == {}


# What trains a model.


def test_weight_decay_of_gamma_and_beta_is_a_note_and_two_groups_are_silent(model):
    decayed = torch.optim.AdamW(model.parameters(), weight_decay=0.05)
    assert found(model, decayed) == {("decayed-scale-and-shift", "note"): BATCHNORMS}
    vectors = [p for p in model.parameters() if p.dim() == 1]
    matrices = [p for p in model.parameters() if p.dim() > 1]
    groups = [{"params": vectors, "weight_decay": 0.0}, {"params": matrices}]
    assert found(model, torch.optim.SGD(groups, lr=0.1, weight_decay=0.05)) == {}
    assert found(model, torch.optim.SGD(model.parameters(), lr=0.1)) == {}


def test_several_devices_that_normalize_their_shares_are_a_risk(model):
    several = nn.DataParallel(model)
    assert list(examine_held(several, share=32)) == []
    assert [(each.name, each.severity) for each in examine_held(several)] == [("unsynchronized", "note")]
    several.device_ids = [0, 1]
    (finding,) = examine_held(several)
    assert finding.layers == tuple(f"module.{name}" for name in BATCHNORMS)
    assert (finding.name, finding.severity) == ("unsynchronized", "risk") and "2" in finding.evidence
    several.module = nn.SyncBatchNorm.convert_sync_batchnorm(model)
    assert found(several) == {}


def test_the_optimizer_in_a_checkpoint_keeps_its_keys(model):
    tensors = tensors_of({"model": model.state_dict(), "optimizer": {"state": {3: {"exp_avg": torch.ones(1)}}}})
    assert "bn.running_mean" in tensors and "optimizer.state.3.exp_avg" in tensors
