"""Beside the numbers: names in a checkpoint, averages, copies, wrappers and optimizers tell of faults too."""

import copy

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from bncourse.doctor.checkpoint import examine_checkpoint, examine_held
from bncourse.doctor.stored import tensors_of
from bncourse.nn import population_statistics
from tests.doctor.networks import BATCHNORMS, images
from tests.doctor.test_stored import found, found_in

pytestmark = pytest.mark.usefixtures("seeded")


def test_one_statistic_without_the_other_is_missing_and_so_is_a_count_without_both(model):
    state = model.state_dict()
    del state["bn.running_var"]
    assert found_in(state) == {("statistics-missing", "fault"): ("bn",)}
    del state["bn.running_mean"]
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
    assert found(several) == {("unsynchronized", "note"): tuple(f"module.{name}" for name in BATCHNORMS)}
    assert list(examine_held(several, share=32)) == []
    several.device_ids = [0, 1]
    (finding,) = examine_held(several)
    assert finding.layers == tuple(f"module.{name}" for name in BATCHNORMS)
    assert (finding.name, finding.severity) == ("unsynchronized", "risk") and "2" in finding.evidence
    several.module = nn.SyncBatchNorm.convert_sync_batchnorm(model)
    assert found(several) == {}


def test_the_optimizer_in_a_checkpoint_keeps_its_keys(model):
    tensors = tensors_of({"model": model.state_dict(), "optimizer": {"state": {3: {"exp_avg": torch.ones(1)}}}})
    assert "bn.running_mean" in tensors and "optimizer.state.3.exp_avg" in tensors
