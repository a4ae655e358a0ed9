"""What a report, or an error, says is true of this model, and what it advises can be done to it."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from bncourse.doctor import examine
from tests.doctor.bodies import RESIDUAL_NORMS, Functional, healthy, loader, pictures, small, some
from tests.doctor.of_modes import Recomputed


def test_batch_norms_that_are_no_modules_are_counted():
    report = examine(healthy("inline"), some())
    assert report.clean and report.summary == "2 batch norms examined: nothing found."
    assert examine(small(Functional), some()).examined == 2


class Lent(nn.Module):
    """Normalizes with the tensors of a batch norm that it holds and never runs, by the mini-batch or as it says."""

    def __init__(self, norm, always):
        super().__init__()
        self.norm, self.always = norm, always

    def forward(self, x):
        norm = self.norm
        statistics = (None, None) if self.always else (norm.running_mean, norm.running_var)
        return F.batch_norm(x, *statistics, norm.weight, norm.bias, self.always or self.training, 0.1, norm.eps)


@pytest.mark.parametrize("always", [True, False])
def test_a_batch_norm_whose_tensors_another_module_uses_is_counted_once(always):
    model = healthy("small")
    model.norm2 = Lent(model.norm2, always)
    assert examine(model, some()).examined == examine(model.train(), some()).examined == 2


def test_a_batch_norm_that_never_runs_is_counted_beside_those_that_do():
    model = healthy("small")
    model.head.spare = nn.BatchNorm1d(8)
    assert examine(model, some()).examined == examine(model).examined == 3


def recomputed(momentum):
    model = healthy("residual").train()
    model.__class__ = Recomputed
    for path in RESIDUAL_NORMS:
        model.get_submodule(path).momentum = momentum
    return {each.name: (each.severity, set(each.layers)) for each in examine(model, some()).findings}


@pytest.mark.parametrize("momentum, severity", [(1 - 0.9**0.5, "note"), (0.0513, "note"), (1 - 0.99**0.5, "note"),
                                                (None, "note"), (0.1, "fault"), (0.01, "fault"), (0.005, "fault"),
                                                (0.0015, "fault"), (0.0001, "fault")])  # fmt: skip
def test_a_momentum_that_allows_for_two_updates_makes_them_a_note(momentum, severity):
    assert recomputed(momentum)["counted-twice"] == (severity, set(RESIDUAL_NORMS[1:]))


def test_the_paths_of_a_repair_are_those_of_the_model_as_it_was_handed_over():
    model = nn.DataParallel(healthy("small").eval())
    model.module.norm2.train()
    (found,) = examine(model, some()).findings
    exec(found.repair, {"model": model})
    assert examine(model, some()).clean
    model.train().module.norm1.requires_grad_(False)
    for batch in (some(), None):
        found = {each.name: each for each in examine(model, batch).findings}["frozen-layer-moves"]
        assert found.layers == ("module.norm1",) and 'for path in ["module.norm1"]' in found.repair


def test_many_frozen_layers_are_put_into_eval_without_naming_each_and_those_without_parameters_stay():
    model = nn.Sequential(nn.Linear(3, 3), *(nn.BatchNorm1d(3) for _ in range(9)), nn.BatchNorm1d(3, affine=False))
    for layer in model[1:10]:
        layer.requires_grad_(False)
    (found,) = examine(model.train()).findings
    assert found.layers == tuple(map(str, range(1, 10))) and "modules()" in found.repair
    exec(found.repair, {"model": model, "torch": torch})
    assert [layer.training for layer in model] == [True, *[False] * 9, True]


def test_an_offset_without_a_use_is_called_by_its_name():
    class Offset(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.norm = nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8)
            self.level = nn.Parameter(torch.zeros(8, 1, 1))

        def forward(self, x):
            return self.norm(self.conv(x) + self.level).relu()

    (found,) = examine(nn.Sequential(Offset()), some()).findings
    assert found.name == "wasted-bias" and "0.level" in found.evidence and "level" in found.repair


def test_what_is_measured_nowhere_or_cannot_be_used_is_refused_in_a_sentence():
    model, x = healthy("small"), some()
    for given, batch in ((healthy("small").to("meta"), x), (model, x.to("meta")), (healthy("small").to("meta"), None)):
        with pytest.raises(ValueError, match="on the device meta"):
            examine(given, batch, loader=loader(*pictures()))
    assert examine(healthy("small").to("meta")).clean
    with pytest.raises(TypeError, match="optimizer is a str; expected a torch"):
        examine(model, x, optimizer="adam")
    (remark,) = examine(model, x, optimizer=torch.optim.SGD(small().parameters(), 0.1)).remarks
    assert "no parameter of the model" in remark
