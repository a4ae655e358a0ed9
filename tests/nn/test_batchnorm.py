"""Our modules keep every law of laws.py, and are at home in PyTorch: copied, pickled, mapped, exported."""

import copy
import math
import pickle

import pytest
import torch

from bncourse.nn import BatchNorm1d, BatchNorm2d, BatchNorm3d, normalize
from bncourse.nn.normalize import batch_statistics
from tests.nn.laws import LAWS
from tests.nn.laws.oracle import channels_last, made
from tests.nn.like_torch import assert_close

CASES = [
    (BatchNorm1d, (6, 3)),
    (BatchNorm1d, (6, 3, 5)),
    (BatchNorm2d, (4, 3, 5, 2)),
    (BatchNorm3d, (3, 3, 2, 3, 2)),
]

every_class = pytest.mark.parametrize(
    "cls, shape", CASES, ids=[f"{cls.__name__}{shape}" for cls, shape in CASES]
)


@every_class
@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_law(law, cls, shape, randn):
    law(cls, shape, randn)


SLOW = {"a_constant_feature_gives_beta", "gradients_agree_with_finite_differences"}  # in thousands of slabs


@pytest.mark.parametrize("cls, shape", [CASES[0], CASES[2]])
@pytest.mark.parametrize("name", [name for name in LAWS if name not in SLOW])
def test_law_where_arrays_do_not_fit_a_slab(name, cls, shape, randn, monkeypatch):
    monkeypatch.setattr(normalize, "SLAB", 8)
    LAWS[name](cls, shape, randn)


@pytest.mark.parametrize("shape", [(7, 5), (7, 5, 4), (1, 5, 6, 4), (3, 2, 1, 9)])
@pytest.mark.parametrize("layout", [lambda x: x, channels_last, lambda x: x.mT.contiguous().mT])
def test_slabs_are_small_disjoint_and_all_of_the_array(shape, layout, monkeypatch):
    monkeypatch.setattr(normalize, "SLAB", 12)
    x = layout(torch.arange(math.prod(shape)).reshape(shape))
    parts = list(normalize.slabs(x, x + 1))
    assert all(a.numel() <= 12 and (a + 1 == b).all() and a.shape[1] == shape[1] for a, b in parts)
    assert sorted(torch.cat([a.flatten() for a, _ in parts]).tolist()) == list(range(x.numel()))


@every_class
@pytest.mark.parametrize(
    "twin", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["copied", "pickled"]
)
def test_a_copy_does_as_the_module_does_and_goes_its_own_way(twin, cls, shape, randn):
    module, x = made(cls, shape), randn(*shape)
    module(x)
    other = twin(module)
    assert_close(other(x), module(x), 0)
    assert_close(other.state_dict(), module.state_dict(), 0)
    other(x)
    assert other.num_batches_tracked == module.num_batches_tracked + 1


@every_class
def test_it_can_be_mapped_over_an_axis_of_experiments(cls, shape, randn):
    module = made(cls, shape, track_running_stats=False)
    xs = randn(3, *shape)

    def loss(x):
        return module(x).pow(3).sum()

    assert_close(torch.func.vmap(module)(xs), torch.stack([module(x) for x in xs]), 1e-12)
    one_by_one = torch.stack([torch.func.grad(loss)(x) for x in xs])
    assert_close(torch.func.vmap(torch.func.grad(loss))(xs), one_by_one, 1e-12)


def test_its_jacobian_is_symmetric_and_sends_x_hat_and_ones_to_nothing(randn):
    module, x = (
        BatchNorm1d(1, eps=1e-14, dtype=torch.float64, affine=False, track_running_stats=False),
        randn(6, 1),
    )
    jacobian = torch.func.jacrev(module)(x).reshape(6, 6)
    assert_close(jacobian, jacobian.T, 1e-12)
    assert_close(jacobian @ module(x), torch.zeros(6, 1, dtype=x.dtype), 1e-10)
    assert_close(jacobian.sum(0), torch.zeros(6, dtype=x.dtype), 1e-10)


@every_class
def test_it_can_be_exported(cls, shape, randn):
    module, x = made(cls, shape).eval(), randn(*shape)
    assert_close(torch.export.export(module, (x,)).module()(x), module(x), 1e-12)


def test_the_way_back_needs_x_and_nothing_else_of_its_size(randn):
    module, x = made(BatchNorm2d, (4, 3, 5, 2)), randn(4, 3, 5, 2).requires_grad_()
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):
        module(x)
    assert [t.shape for t in kept if t.dim() == 4] == [x.shape]
    assert next(t for t in kept if t.dim() == 4).data_ptr() == x.data_ptr()


def test_a_step_can_start_from_inputs_that_need_no_gradient(randn):
    module = made(BatchNorm1d, (6, 3))
    module(randn(6, 3)).square().sum().backward()
    assert module.weight.grad.abs().min() > 0


def test_gradients_can_be_differentiated_again_where_x_needs_none(randn):
    module, x, dy = made(BatchNorm1d, (6, 3), eps=0.1), randn(6, 3), randn(6, 3).requires_grad_()
    dgamma, dbeta = torch.autograd.grad(module(x), module.parameters(), dy, create_graph=True)
    again = torch.autograd.grad(dgamma.sum() + dbeta.sum(), dy)
    x_hat = (module(x) - module.bias) / module.weight
    assert_close(again[0], (x_hat + 1).detach(), 1e-12)


@pytest.mark.parametrize("shape", [(100_000, 3, 2, 3, 2), (3, 3, 40, 50, 50), (300_000, 3)])
@pytest.mark.parametrize("layout", [lambda x: x, lambda x: x.movedim(1, -1).contiguous().movedim(-1, 1)])
def test_sums_of_many_float32_values_lose_no_digits(shape, layout, randn):
    x = layout((100 + randn(*shape)).float())
    exact = x.double().transpose(0, 1).flatten(1)
    mean, var = batch_statistics(x)
    assert_close(mean.double(), exact.mean(1), 2e-7)
    assert_close(var.double(), exact.var(1, correction=0), 1e-6)
