"""Batch renormalization against batch norm, its own inference, the kernel, and a public schedule."""

import pytest
import torch
from torch import nn

from bncourse.kernels import normalize
from bncourse.nn import BatchNorm2d, BatchRenorm1d, BatchRenorm2d, BatchRenorm3d
from bncourse.nn.renorm import paper_bounds
from tests.nn.like_torch import assert_close, assert_same_step, gradients, randomize

CASES = [(BatchRenorm1d, nn.BatchNorm1d, (6, 3)), (BatchRenorm1d, nn.BatchNorm1d, (6, 3, 5)),
         (BatchRenorm2d, nn.BatchNorm2d, (4, 3, 5, 2)), (BatchRenorm3d, nn.BatchNorm3d, (3, 3, 2, 3, 2))]

every_class = pytest.mark.parametrize(("renorm", "torchs", "shape"), CASES,
                                      ids=[f"{c.__name__}{s}" for c, _, s in CASES])


@every_class
def test_with_the_paper_s_first_bounds_a_step_is_batch_norm_s(renorm, torchs, shape, randn):
    ours, theirs = randomize(renorm(3, dtype=torch.float64), torchs(3, momentum=0.01, dtype=torch.float64))
    assert_same_step(ours, theirs, randn(*shape))


@every_class
def test_with_open_bounds_training_computes_what_inference_does(renorm, torchs, shape, randn):
    module = renorm(3, dtype=torch.float64, bounds=lambda step: (1e9, 1e9))
    randomize(module)
    x = randn(*shape)
    at_inference = module.eval()(x)
    assert_close(module.train()(x), at_inference, 1e-12)


@every_class
@pytest.mark.parametrize("bounds", [(1.2, 0.1), (3, 5)])
def test_y_and_gradients_are_the_kernel_s(renorm, torchs, shape, bounds, randn):
    module = renorm(3, dtype=torch.float64, bounds=lambda step: bounds)
    randomize(module)
    x, dy = randn(*shape) * 3 + 1, randn(*shape)
    gamma, beta, mean, var = (v.detach().numpy().copy() for v in list(module.state_dict().values())[:4])
    y, cache = normalize.batchrenorm_forward(x.numpy(), gamma, beta, mean, var, *bounds)
    wanted = (y, *normalize.batchrenorm_backward(dy.numpy(), cache))
    assert_close(tuple(g.detach() for g in gradients(module, x, dy)), tuple(map(torch.from_numpy, wanted)), 1e-10)


def test_bounds_see_how_many_mini_batches_came_before(randn):
    seen = []
    module = BatchRenorm1d(3, dtype=torch.float64, bounds=lambda step: seen.append(step) or (1, 0))
    for _ in range(3):
        module(randn(5, 3))
    assert seen == [0, 1, 2]


@pytest.mark.parametrize("step", [0, 4_999, 5_000, 12_345, 25_000, 30_000, 40_000, 10**6])
def test_the_paper_s_schedule_is_the_one_that_public_code_has(step):
    r_max, d_max = paper_bounds(step)
    assert r_max == pytest.approx(min(max(2 / 35_000 * step + 25 / 35, 1), 3))
    assert d_max == pytest.approx(min(max(5 / 20_000 * step - 25 / 20, 0), 5))


@pytest.mark.parametrize(("r_max", "d_max"), [(0.5, 0), (1, -1), (float("nan"), 0)])
def test_bounds_that_leave_batch_norm_out_are_refused(r_max, d_max, randn):
    module = BatchRenorm1d(3, dtype=torch.float64, bounds=lambda step: (r_max, d_max))
    before = {name: value.clone() for name, value in module.state_dict().items()}
    with pytest.raises(ValueError, match="expected at least 1 and at least 0"):
        module(randn(5, 3))
    assert_close(dict(module.state_dict()), before, 0)


def test_without_gamma_and_beta_it_is_the_corrected_x_hat(randn):
    x, plain = randn(6, 3), BatchRenorm1d(3, affine=False, dtype=torch.float64)
    assert_close(plain(x), nn.BatchNorm1d(3, affine=False, dtype=torch.float64)(x))


def test_errors_are_batch_norm_s(randn):
    with pytest.raises(ValueError, match="expected 4D input"):
        BatchRenorm2d(3, dtype=torch.float64)(randn(5, 3))
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        BatchRenorm1d(3, dtype=torch.float64)(randn(1, 3))


def test_a_state_dict_fits_batch_norm_both_ways():
    renorm, plain = randomize(BatchRenorm2d(3), BatchNorm2d(3))
    plain.load_state_dict(renorm.state_dict())
    renorm.load_state_dict(plain.state_dict())
