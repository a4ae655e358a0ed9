"""Section 3's six equations: each named gradient against finite differences of what follows it."""

import numpy as np
import pytest

from bncourse.kernels.gradcheck import check_coordinates
from bncourse.kernels.normalize import batchnorm_backward, batchnorm_backward_steps, batchnorm_forward
from tests.kernels.book import EPS, SHAPES, assert_close, batch, gradient_by_the_book

with_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)


@with_shape
def test_the_steps_lead_to_the_closed_form(shape, rng):
    x, gamma, beta, dy = batch(rng, shape, mean=2)
    steps = batchnorm_backward_steps(dy, x, gamma, EPS)
    dx, dgamma, dbeta = batchnorm_backward(dy, batchnorm_forward(x, gamma, beta, EPS)[1])
    for ours, closed in ((steps.dx, dx), (steps.dgamma, dgamma), (steps.dbeta, dbeta)):
        assert_close(ours, closed, 1e-12)


@with_shape
def test_each_intermediate_is_a_derivative(shape, rng):
    """The forward pass cut open behind x_hat, the variance and the mean, everything before the cut held fixed."""
    x, gamma, beta, dy = batch(rng, shape)
    axes, column = (0, *range(2, x.ndim)), (-1,) + (1,) * (x.ndim - 2)
    gamma_, beta_ = gamma.reshape(column), beta.reshape(column)
    mean, var = x.mean(axes), x.var(axes)
    x_hat = (x - mean.reshape(column)) / np.sqrt(var.reshape(column) + EPS)

    def after_x_hat(x_hat):
        return gamma_ * x_hat + beta_

    def after_variance(var):
        return after_x_hat((x - mean.reshape(column)) / np.sqrt(var.reshape(column) + EPS))

    def after_mean(mean):
        centred = x - mean.reshape(column)
        return after_x_hat(centred / np.sqrt((centred**2).mean(axes, keepdims=True) + EPS))

    steps = batchnorm_backward_steps(dy, x, gamma, EPS)
    check_coordinates(after_x_hat, x_hat, steps.dx_hat, dy, tolerance=1e-8)
    check_coordinates(after_variance, var, steps.dvar, dy, tolerance=1e-8)
    check_coordinates(after_mean, mean, steps.dmean, dy, tolerance=1e-8)


def test_the_second_term_of_the_mean_is_zero(rng):
    """So the mean's gradient is minus the sum of dx_hat over the standard deviation."""
    x, gamma, _, dy = batch(rng, (6, 3, 4))
    steps = batchnorm_backward_steps(dy, x, gamma, EPS)
    assert_close(steps.dmean, -steps.dx_hat.sum((0, 2)) / np.sqrt(x.var((0, 2)) + EPS), 1e-14)


def test_steps_keep_six_digits_far_from_zero(rng):
    x, gamma, _, dy = batch(rng, (256, 3), np.float32, mean=1e4)
    assert_close(batchnorm_backward_steps(dy, x, gamma).dx, gradient_by_the_book(dy, x, gamma, EPS), 2e-6)


def test_steps_of_an_empty_batch_are_empty():
    steps = batchnorm_backward_steps(np.zeros((0, 3)), np.zeros((0, 3)), np.ones(3))
    assert steps.dx.shape == (0, 3)
    assert not steps.dgamma.any()


def test_steps_name_a_gradient_of_another_shape(rng):
    x, gamma, _, dy = batch(rng, (6, 3))
    with pytest.raises(ValueError, match=r"dy has shape \(5, 3\), but y had \(6, 3\)"):
        batchnorm_backward_steps(dy[1:], x, gamma)


def test_half_precision_is_widened_before_anything_is_summed(rng):
    x, dy = rng.normal(size=(4096, 2)).astype(np.float16), np.full((4096, 2), 20, np.float16)
    steps = batchnorm_backward_steps(dy, x, np.full(2, 300, np.float16))
    assert {value.dtype for value in steps} == {np.dtype(np.float32)}
    assert steps.dbeta == pytest.approx([81_920, 81_920])
    assert all(np.isfinite(value).all() for value in steps)
