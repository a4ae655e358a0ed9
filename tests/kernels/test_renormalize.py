"""Batch renormalization against batch norm, inference, and finite differences with r and d held fixed."""

import numpy as np
import pytest

from bncourse.kernels import normalize
from bncourse.kernels.gradcheck import check_coordinates
from tests.kernels.book import EPS, SHAPES, assert_close, batch

with_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)


def moving(rng):
    return rng.normal(size=3), rng.uniform(0.3, 3, 3)


def r_and_d(x, mean, var, r_max, d_max):
    axes = (0, *range(2, x.ndim))
    sigma = np.sqrt(var + EPS)
    r = np.clip(np.sqrt(x.var(axes) + EPS) / sigma, 1 / r_max, r_max)
    return r, np.clip((x.mean(axes) - mean) / sigma, -d_max, d_max)


@with_shape
def test_with_closed_bounds_it_is_batch_norm(shape, rng):
    x, gamma, beta, dy = batch(rng, shape)
    y, cache = normalize.batchrenorm_forward(x, gamma, beta, *moving(rng), r_max=1, d_max=0, eps=EPS)
    plain, plain_cache = normalize.batchnorm_forward(x, gamma, beta, EPS)
    assert_close(y, plain, 1e-12)
    pairs = zip(
        normalize.batchrenorm_backward(dy, cache), normalize.batchnorm_backward(dy, plain_cache), strict=True
    )
    for ours, theirs in pairs:
        assert_close(ours, theirs, 1e-12)


@with_shape
def test_with_open_bounds_training_computes_what_inference_does(shape, rng):
    x, gamma, beta, _ = batch(rng, shape)
    statistics = moving(rng)
    y, _ = normalize.batchrenorm_forward(x, gamma, beta, *statistics, r_max=np.inf, d_max=np.inf, eps=EPS)
    assert_close(y, normalize.batchnorm_inference(x, gamma, beta, *statistics, EPS), 1e-12)


@with_shape
def test_between_the_bounds_r_and_d_are_clipped(shape, rng):
    """d beyond both bounds and between them."""
    x, gamma, beta, _ = batch(rng, shape)
    mean, var = x.mean((0, *range(2, x.ndim))) + np.array([5, -5, 0.1]), rng.uniform(0.3, 3, 3)
    r, d = r_and_d(x, mean, var, 1.2, 0.3)
    y, _ = normalize.batchrenorm_forward(x, gamma, beta, mean, var, r_max=1.2, d_max=0.3, eps=EPS)
    assert_close(y, normalize.batchnorm_forward(x, gamma * r, gamma * d + beta, EPS)[0], 1e-12)


@with_shape
def test_gradients_take_r_and_d_for_constants(shape, rng):
    x, gamma, beta, dy = batch(rng, shape)
    mean, var = moving(rng)
    r, d = r_and_d(x, mean, var, 1.5, 0.5)
    _, cache = normalize.batchrenorm_forward(x, gamma, beta, mean, var, r_max=1.5, d_max=0.5, eps=EPS)
    dx, dgamma, dbeta = normalize.batchrenorm_backward(dy, cache)

    def frozen(x, gamma, beta):
        return normalize.batchnorm_forward(x, gamma * r, gamma * d + beta, EPS)[0]

    check_coordinates(lambda x: frozen(x, gamma, beta), x, dx, dy, tolerance=1e-8)
    check_coordinates(lambda gamma: frozen(x, gamma, beta), gamma, dgamma, dy, tolerance=1e-8)
    check_coordinates(lambda beta: frozen(x, gamma, beta), beta, dbeta, dy, tolerance=1e-8)


def test_six_digits_far_from_zero(rng):
    x, gamma, beta, _ = batch(rng, (256, 3), np.float32, mean=1e4)
    mean, var = x.astype(np.float64).mean(0).astype(np.float32), np.ones(3, np.float32)
    y, wide = (
        normalize.batchrenorm_forward(a, gamma, beta, mean, var, r_max=10, d_max=10)[0]
        for a in (x, x.astype(np.float64))
    )
    assert_close(y, wide, 2e-6)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_dtype_is_kept(dtype, rng):
    x, gamma, beta, dy = batch(rng, (6, 3), dtype)
    y, cache = normalize.batchrenorm_forward(x, gamma, beta, *moving(rng), r_max=2, d_max=1)
    assert y.dtype == normalize.batchrenorm_backward(dy, cache)[0].dtype == dtype


@pytest.mark.parametrize(
    ("bounds", "message"),
    [((0.5, 0), "r_max is 0.5; expected at least 1"), ((1, -1), "d_max is -1; expected at least 0")],
)
def test_bounds_that_exclude_batch_norm_are_refused(bounds, message, rng):
    x, gamma, beta, _ = batch(rng, (6, 3))
    with pytest.raises(ValueError, match=message):
        normalize.batchrenorm_forward(x, gamma, beta, *moving(rng), *bounds)


def test_a_negative_moving_variance_is_refused(rng):
    x, gamma, beta, _ = batch(rng, (6, 3))
    with pytest.raises(ValueError, match=r"var\[0\] is -1"):
        normalize.batchrenorm_forward(x, gamma, beta, np.zeros(3), np.array([-1.0, 1, 1]), r_max=1, d_max=0)
