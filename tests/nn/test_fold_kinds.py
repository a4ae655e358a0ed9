"""Folding batch norms of other classes: what they compute decides, found by trying, and not what they are called."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import fx, nn

import bncourse.nn
from bncourse.nn import fold_batchnorm, population_statistics
from bncourse.nn.dataflow import is_batchnorm
from tests.nn.folding import both_ways, fold, made, unchecked_fold
from tests.nn.like_torch import assert_close
from tests.nn.models import every_lib


def with_children(base):
    """A batch norm with a drop and an activation inside, which are modules of its own."""

    class WithChildren(base):
        def __init__(self, channels, act):
            super().__init__(channels)
            self.act, self.drop = act, nn.Dropout(0.5)

        def forward(self, x):
            x = F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps)
            return self.act(self.drop(x))

    return WithChildren


def with_function(function):
    class WithFunction(nn.BatchNorm2d):
        def forward(self, x):
            return function(super().forward(x))

    return WithFunction


class Frozen(nn.Module):
    """Batch norm with fixed statistics in buffers, as detectors have it; its eps is not to be seen from outside."""

    def __init__(self, channels, eps=1e-5, shape=(1, -1, 1, 1)):
        super().__init__()
        for name in ("weight", "bias", "running_mean", "running_var"):
            self.register_buffer(name, torch.ones(channels))
        self.hidden_eps, self.shape = eps, shape

    def forward(self, x):
        weight, bias, mean, var = (b.reshape(self.shape) for b in self.buffers())
        scale = weight * (var + self.hidden_eps).rsqrt()
        return x * scale + (bias - mean * scale)


def sandwich(norm, channels=4):
    return nn.Sequential(nn.Conv2d(3, channels, 3), norm, nn.Conv2d(channels, 2, 1))


FUNCTIONS = {
    "nothing": lambda x: x, "relu": F.relu, "relu6": F.relu6, "silu": F.silu, "gelu": F.gelu,
    "gelu by tanh": lambda x: F.gelu(x, approximate="tanh"), "hardswish": F.hardswish, "hardsigmoid": F.hardsigmoid,
    "sigmoid": torch.sigmoid, "tanh": torch.tanh, "elu": F.elu, "selu": F.selu, "mish": F.mish,
    "softplus": F.softplus, "leaky relu": F.leaky_relu, "steep leaky relu": lambda x: F.leaky_relu(x, 0.37),
    "in place": F.relu_,
}  # fmt: skip


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_a_batch_norm_that_calls_an_activation_folds_and_keeps_it(function, randn):
    model, x = made(sandwich(with_function(function)(4))).eval(), 4 * randn(3, 3, 9, 9)
    folded = fold_batchnorm(model, x)
    assert folded.fold_report.folded == {"1": "0"}
    assert len(folded[1]) == (function is not FUNCTIONS["nothing"])
    assert_close(folded(x), model(x), 1e-9)


ACTS = {"relu": nn.ReLU(inplace=True), "prelu": nn.PReLU(4), "none": nn.Identity(),
        "two": nn.Sequential(nn.Tanh(), nn.Softplus())}  # fmt: skip


@both_ways
@every_lib
@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_the_modules_inside_a_batch_norm_stay_under_their_names(act, lib, shown, randn):
    model, x = made(sandwich(with_children(lib.BatchNorm2d)(4, copy.deepcopy(act)))).eval(), randn(2, 3, 5, 5)
    folded = fold(model, x, shown)
    assert folded.fold_report.folded == {"1": "0"}
    assert_close(folded(x), model(x), 1e-9)
    assert dict(folded[1].named_parameters()).keys() == {f"act.{name}" for name, _ in act.named_parameters()}
    assert model[1].weight.shape == (4,)


@both_ways
@pytest.mark.parametrize("eps", [1e-5, 1e-3, 0.0])
def test_frozen_batch_norms_fold_with_the_eps_that_they_compute_with(eps, shown, randn):
    model, x = made(sandwich(Frozen(4, eps))), randn(2, 3, 5, 5)
    model[1].running_var.fill_(0.01)
    folded = fold(model.eval(), x, shown)
    assert folded.fold_report.folded == {"1": "0"}
    assert_close(folded(x), model(x), 1e-9)


@pytest.mark.parametrize("kind", ["GhostBatchNorm2d", "BatchRenorm2d"])
def test_our_relatives_of_batch_norm_fold_as_at_inference_they_are_batch_norms(kind, randn):
    settings = {"virtual_batch_size": 2} if kind.startswith("Ghost") else {}
    model, x = made(sandwich(getattr(bncourse.nn, kind)(4, **settings))).eval(), randn(5, 3, 5, 5)
    folded = fold_batchnorm(model, x)
    assert folded.fold_report.folded == {"1": "0"}
    assert_close(folded(x), model(x), 1e-10)


class Absolute(nn.BatchNorm2d):
    """A batch norm whose gamma counts without its sign."""

    def forward(self, x):
        return F.batch_norm(x, self.running_mean, self.running_var, self.weight.abs(), self.bias, False, 0.0, self.eps)


class ByTheBatch(nn.BatchNorm2d):
    """Normalizes by the mini-batch in eval mode too."""

    def forward(self, x):
        return F.batch_norm(x, None, None, self.weight, self.bias, True)


class ByChance(nn.BatchNorm2d):
    """Draws random numbers in eval mode too."""

    def forward(self, x):
        return super().forward(x) * torch.rand(())


class Twice(nn.BatchNorm2d):
    """Calls the activation inside it two times."""

    def __init__(self, channels):
        super().__init__(channels)
        self.act = nn.Softplus()

    def forward(self, x):
        return self.act(self.act(super().forward(x)))


class Residual(Twice):
    """Adds its input to what the activation inside it gives."""

    def forward(self, x):
        return x + self.act(nn.BatchNorm2d.forward(self, x))


class Spare(Twice):
    """Holds a module that its forward does not call, and others might."""

    def __init__(self, channels):
        super().__init__(channels)
        self.spare = nn.ReLU()

    def forward(self, x):
        return self.act(nn.BatchNorm2d.forward(self, x))


class Fussy(nn.BatchNorm2d):
    """Takes one size of image alone."""

    def forward(self, x):
        if x.shape[-1] != 7:
            raise NotImplementedError
        return super().forward(x)


OTHERS = [Absolute, ByTheBatch, ByChance, Twice, Residual, Spare, Fussy, with_function(torch.square)]


@pytest.mark.parametrize("kind", OTHERS, ids=lambda kind: kind.__name__)
def test_what_computes_something_else_is_left_as_it_is(kind, randn):
    model, x = made(sandwich(kind(4))).eval(), randn(4, 3, 9, 9)
    folded = fold_batchnorm(model, x)
    assert folded.fold_report.left == {
        "1": f"{kind.__name__} has a forward of its own, which is not batch norm and an activation"
    }
    torch.manual_seed(0)
    expected = model(x)
    torch.manual_seed(0)
    assert_close(folded(x), expected, 0)


def test_zeros_for_gamma_do_not_hide_what_comes_after(randn):
    model, x = made(sandwich(with_function(F.silu)(4))).eval(), randn(2, 3, 5, 5)
    model[1].weight.data.zero_()
    assert isinstance(fold_batchnorm(model, x)[1].activation, nn.SiLU)


def test_a_hook_on_an_activation_inside_a_batch_norm_keeps_it(randn):
    model, x = made(sandwich(with_children(nn.BatchNorm2d)(4, nn.ReLU()))).eval(), randn(2, 3, 5, 5)
    seen = []
    model[1].act.register_forward_hook(lambda *_: seen.append(1))
    assert fold_batchnorm(model, x).fold_report.left == {"1": "1 has hooks"}
    assert len(seen) == 1  # the example, and no try with random numbers


def test_a_batch_norm_with_another_forward_is_not_taken_for_one_of_torch():
    assert is_batchnorm(nn.BatchNorm2d(3)) and is_batchnorm(nn.SyncBatchNorm(3))
    assert not is_batchnorm(with_function(F.relu)(3)) and not is_batchnorm(Frozen(3))


no_more_scripts = pytest.mark.filterwarnings("ignore:`torch.jit.*` is deprecated:DeprecationWarning")


@no_more_scripts
@both_ways
def test_what_folds_can_be_scripted_and_traced(shown, randn):
    x = randn(2, 3, 5, 5, dtype=torch.float32)
    norm = with_children(nn.BatchNorm2d)(4, nn.PReLU())
    head = nn.Flatten(), nn.Linear(4 * 3 * 3, 5), nn.BatchNorm1d(5)
    model = made(nn.Sequential(nn.Conv2d(3, 4, 3), norm, *head)).float().eval()
    folded = unchecked_fold().fold_batchnorm(model, x if shown else None)
    assert folded.fold_report.left == {}
    for graph in (torch.jit.script(folded), torch.jit.trace(folded, x), fx.symbolic_trace(folded)):
        assert_close(graph(x), model(x), 1e-4)


@no_more_scripts
def test_scripts_and_traces_of_a_fold_still_refuse_other_axes(randn):
    folded = unchecked_fold().fold_batchnorm(made(nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5))))
    for graph, error in ((torch.jit.script(folded), torch.jit.Error), (fx.symbolic_trace(folded), ValueError)):
        assert_close(graph(x := randn(3, 4)), folded(x), 0)
        with pytest.raises(error, match="x has 3 axes, but this was folded into 0 for x of 2"):
            graph(randn(2, 5, 4))


def test_a_frozen_batch_norm_is_not_measured(randn):
    model = nn.Sequential(nn.BatchNorm2d(3), Frozen(3)).double()
    before = copy.deepcopy(model[1].state_dict())
    population_statistics(model, [randn(4, 3, 2, 2)])
    assert_close(model[1].state_dict(), before, 0)
