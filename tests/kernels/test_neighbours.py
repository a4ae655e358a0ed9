"""Layer, instance and group norm keep batch norm's rules for dtypes, strides, caches and empty batches."""

import numpy as np
import pytest

from bncourse.kernels import normalize
from tests.kernels.book import assert_close, batch


def neighbours(rng, shape, dtype):
    """Layer, instance and group norm of one x: forward closed over its parameters, backward, x, dy."""
    x, gamma, beta, dy = batch(rng, shape, dtype)
    wide = rng.normal(size=(2, *shape[1:])).astype(dtype)
    return [
        (lambda x: normalize.layernorm_forward(x, *wide), normalize.layernorm_backward, x, dy),
        (lambda x: normalize.instancenorm_forward(x, gamma, beta), normalize.instancenorm_backward, x, dy),
        (lambda x: normalize.groupnorm_forward(x, gamma, beta, 2), normalize.groupnorm_backward, x, dy),
    ]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_neighbours_keep_dtype_and_inputs(dtype, rng):
    for forward, backward, x, dy in neighbours(rng, (5, 4, 3), dtype):
        x.flags.writeable = dy.flags.writeable = False
        y, cache = forward(x)
        dx, _, _ = backward(dy, cache)
        assert y.dtype == dx.dtype == dtype


def test_neighbours_sum_gradients_of_half_precision_in_single(rng):
    for forward, backward, x, dy in neighbours(rng, (4000, 4, 3), np.float16):
        _, _, dbeta = backward(np.full_like(dy, 30), forward(x)[1])
        assert dbeta.dtype == np.float32
        assert (dbeta >= 4000 * 30).all()


def test_neighbours_own_their_caches(rng):
    for forward, backward, x, dy in neighbours(rng, (5, 4, 3), np.float64):
        x = x.copy()
        alone = backward(dy, forward(x)[1])
        y, cache = forward(x)
        x.fill(0)
        y.fill(0)
        assert all(np.array_equal(a, b) for a, b in zip(backward(dy, cache), alone, strict=True))


def test_caches_own_gamma(rng):
    """A step of SGD before the backward pass, in place, changes nothing."""
    x, gamma, beta, dy = batch(rng, (5, 4, 3))
    for name in ("batchnorm", "instancenorm"):
        forward, backward = (getattr(normalize, f"{name}_{way}") for way in ("forward", "backward"))
        stepped = gamma.copy()
        alone, (_, cache) = backward(dy, forward(x, gamma, beta)[1]), forward(x, stepped, beta)
        stepped -= 1
        assert all(np.array_equal(a, b) for a, b in zip(backward(dy, cache), alone, strict=True))


def test_neighbours_do_not_mind_strides(rng):
    for forward, backward, x, dy in neighbours(rng, (5, 4, 3), np.float64):
        y, cache = forward(x)
        strided_y, strided_cache = forward(np.asfortranarray(x))
        assert_close(strided_y, y, 1e-12)
        assert_close(backward(np.asfortranarray(dy), strided_cache)[0], backward(dy, cache)[0], 1e-12)


def test_neighbours_take_empty_batches(rng):
    for forward, backward, x, dy in neighbours(rng, (0, 4, 3), np.float64):
        y, cache = forward(x)
        dx, dgamma, dbeta = backward(dy, cache)
        assert y.shape == dx.shape == x.shape
        assert not dgamma.any() and not dbeta.any()


def test_neighbours_keep_six_digits_far_from_zero(rng):
    for forward, _, x, _ in neighbours(rng, (5, 4, 300), np.float32):
        x = x + np.float32(1e4)
        assert_close(forward(x)[0], forward(x.astype(np.float64))[0], 3e-6)
