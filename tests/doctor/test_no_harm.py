"""Whatever happens during an examination, the patient, its data and the process are as they were, bit for bit."""

import contextlib
import random
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

from bncourse.doctor import examine
from bncourse.paths import ROOT
from tests.doctor.bodies import healthy, loader, pictures, sequences, some, some_sequences
from tests.doctor.cases import Case
from tests.doctor.traces import left_behind, traces


class Fault(Exception):
    """What a patient of these tests raises."""


class Raising(nn.Module):
    """A network whose forward pass raises at one of its calls, inside, and works at the others."""

    def __init__(self, kind, at, error):
        super().__init__()
        self.inside, self.at, self.error = healthy(kind), at, error
        self.calls = []

    def forward(self, x):
        self.calls.append(None)
        y = self.inside(x)
        if len(self.calls) == self.at:
            raise self.error
        return y


RANDOM = """
import random
from bncourse.doctor import examine
from tests.doctor.bodies import healthy, loader, pictures, some
before = random.getstate()
examine(healthy("small"), some(), loader=loader(*pictures()))
assert random.getstate() == before
"""


def test_pythons_random_state_stays():
    """In a process of its own, where nothing checks types."""
    subprocess.run([sys.executable, "-c", RANDOM], cwd=ROOT, check=True)


def disturbed(case):
    """The case in a state that no default would restore: mixed modes, gradients, hooks, frozen parts, a used RNG."""
    for place, module in enumerate(case.model.modules()):
        module.training = place % 3 == 0
        module.register_forward_hook(lambda *_: None)
        module.register_full_backward_hook(lambda *_: None)
    for place, parameter in enumerate(case.model.parameters()):
        parameter.requires_grad_(place % 4 != 0)
        parameter.grad = torch.full_like(parameter, place) if place % 2 else None
    random.random(), np.random.rand(), torch.rand(3)  # noqa: NPY002
    return case


def everything(kind):
    data = sequences() if kind == "tokens" else pictures()
    model = healthy(kind)
    optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)
    return Case(model, data[0][:32], loader(*data), optimizer)


kinds = pytest.mark.parametrize("kind", ["small", "residual", "tokens", "functional", "channels last"])
errors = pytest.mark.parametrize("error", [Fault(), KeyboardInterrupt()], ids=["an error", "Ctrl-C"])


def examine_despite(case):
    """Examines, whether an error comes out, or is told in the report."""
    with contextlib.suppress(Exception, KeyboardInterrupt):
        examine(case.model, case.batch, loader=case.loader, optimizer=case.optimizer)


@kinds
def test_mixed_modes_gradients_and_hooks_stay(kind):
    case = disturbed(everything(kind))
    before = traces(case)
    examine(case.model, case.batch, loader=case.loader, optimizer=case.optimizer)
    assert left_behind(before, traces(case)) == []


@errors
@kinds
@pytest.mark.parametrize("at", [1, 2, 3, 5, 8])
def test_a_forward_pass_that_raises_changes_nothing(kind, at, error):
    model = Raising(kind, at, error)
    case = disturbed(Case(model, some_sequences() if kind == "tokens" else some()))
    before = traces(case)
    examine_despite(case)
    assert [name for name in left_behind(before, traces(case)) if name != ": calls"] == []


@errors
@pytest.mark.parametrize("after", [0, 1, 4])
def test_a_loader_that_raises_midway_changes_nothing(after, error):
    class Batches:
        def __iter__(self):
            yield from list(zip(*(part.split(32) for part in pictures()), strict=True))[:after]
            raise error

    case = disturbed(Case(healthy("residual"), some(), Batches()))
    before = traces(case)
    examine_despite(case)
    assert left_behind(before, traces(case)) == []


def test_a_backward_pass_that_raises_changes_nothing():
    class NoWayBack(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.clone()

        @staticmethod
        def backward(ctx, dy):
            raise Fault

    model = nn.Sequential(healthy("small"), nn.Module())
    model[1].forward = NoWayBack.apply
    case = disturbed(Case(model, some()))
    before = traces(case)
    examine_despite(case)
    assert left_behind(before, traces(case)) == []


@pytest.mark.parametrize("switch", ["no gradient", "inference mode", "float64 by default", "deterministic"])
def test_the_callers_switches_are_obeyed_and_kept(switch):
    """Examined inside the caller's own context, the report is the same, and so is the context afterwards."""
    expected = examine(healthy("small"), some())
    case = Case(healthy("small"), some())
    if switch == "deterministic":
        torch.use_deterministic_algorithms(True)
    elif switch == "float64 by default":
        torch.set_default_dtype(torch.float64)
    mode = {"no gradient": torch.no_grad, "inference mode": torch.inference_mode}.get(switch, torch.enable_grad)
    try:
        with mode():
            before = traces(case)
            report = examine(case.model, case.batch)
            assert left_behind(before, traces(case)) == []
    finally:
        torch.use_deterministic_algorithms(False)
        torch.set_default_dtype(torch.float32)
    assert [(each.name, each.layers) for each in report.findings] == [
        (each.name, each.layers) for each in expected.findings]


def test_an_examination_says_the_same_each_time_whatever_the_random_state():
    case = everything("residual")
    case.model.blocks[0].norm2.train()
    first = examine(case.model, case.batch)
    torch.rand(7)
    assert examine(case.model, case.batch) == first
