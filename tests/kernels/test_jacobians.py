"""Jacobians over the mini-batch are those of backpropagation, and the growth of gradients is that of the formulas."""

import numpy as np
import pytest

from bncourse.kernels import layers
from bncourse.kernels.gradcheck import numeric_gradient
from bncourse.kernels.jacobians import LINEAR, batchnorm_jacobian, growth, growth_limit, layer_jacobian
from bncourse.kernels.normalize import batchnorm_forward
from bncourse.kernels.steps import RELU, SIGMOID, TANH, Activation
from bncourse.kernels.whiten import whiten_forward

EVERY = pytest.mark.parametrize("activation", [LINEAR, RELU, TANH, SIGMOID], ids=["linear", "relu", "tanh", "sigmoid"])
LEAKY = Activation(lambda x: (np.where(x > 0, x, 0.2 * x), x > 0), lambda dy, up: np.where(up, dy, 0.2 * dy))
ABSOLUTE = Activation(lambda x: (np.abs(x), np.sign(x)), lambda dy, sign: dy * sign)


def normalized(x, eps=0.0):
    return batchnorm_forward(x, np.ones(x.shape[1]), np.zeros(x.shape[1]), eps)[0]


@EVERY
@pytest.mark.parametrize("eps", [0.0, 0.3])
def test_each_row_of_the_jacobian_is_a_derivative(rng, activation, eps):
    x_hat, w = normalized(rng.normal(size=(4, 3))), rng.normal(size=(3, 2))
    J = layer_jacobian(x_hat, w, activation, eps)
    assert J.shape == (8, 12)
    for row in range(8):
        pick = np.zeros(8)
        pick[row] = 1
        slope = numeric_gradient(lambda x: normalized(activation.forward(x)[0] @ w, eps), x_hat, pick.reshape(4, 2))
        assert np.allclose(J[row], slope.ravel(), atol=1e-8)


def test_batch_norm_of_a_unit_times_its_deviation_is_a_projection_with_two_zeros(rng):
    x = rng.normal(size=(7, 3)) * [1, 5, 0.2]
    for unit, J in enumerate(batchnorm_jacobian(x, 0.0)):
        s = np.linalg.svd(J * x[:, unit].std(), compute_uv=False)
        assert np.allclose(s, [1] * 5 + [0] * 2, atol=1e-12)


def test_c39_whitened_outputs_of_white_inputs_have_singular_values_of_one(rng):
    x_hat, _ = whiten_forward(rng.normal(size=(300, 6)))
    w = rng.normal(size=(6, 6))
    z_hat, _ = whiten_forward(x_hat @ w)
    J, *_ = np.linalg.lstsq(x_hat, z_hat, rcond=None)
    assert np.allclose(np.linalg.svd(J, compute_uv=False), 1, atol=1e-10)


def test_c39_batch_norm_fixes_the_mean_square_of_the_singular_values_and_not_the_values(rng):
    x_hat, _ = whiten_forward(rng.normal(size=(900, 30)))
    w = rng.normal(size=(30, 30))
    s = np.linalg.svd(w / (x_hat @ w).std(0), compute_uv=False)
    assert np.mean(s**2) == pytest.approx(1, abs=1e-10)
    assert s.min() < 0.3 and s.max() > 1.5


def test_c39_with_orthogonal_weights_batch_norm_of_white_inputs_changes_nothing(rng):
    x_hat, _ = whiten_forward(rng.normal(size=(100, 8)))
    x = x_hat @ np.linalg.qr(rng.normal(size=(8, 8)))[0]
    assert np.allclose(normalized(x), x, atol=1e-12)


@pytest.mark.parametrize(("activation", "factor"), [
    (RELU, np.pi / (np.pi - 1)), (LINEAR, 1), (ABSOLUTE, np.pi / (np.pi - 2)),
    (LEAKY, 0.52 / (0.52 - 0.64 / (2 * np.pi)))])
def test_the_limit_is_the_formula_where_there_is_one(activation, factor):
    assert growth_limit(activation) == pytest.approx(factor, rel=1e-5)


def test_no_activation_is_below_a_line(rng):
    for _ in range(50):
        p = np.polynomial.Polynomial(rng.normal(size=5))
        bent = Activation(lambda x, p=p: (p(x), x), lambda dy, x, p=p: dy * p.deriv()(x))
        assert growth_limit(bent) > 1


@pytest.mark.parametrize("batch", [4, 5, 8, 128])
def test_a_linear_layer_grows_by_b_minus_2_over_b_minus_3(rng, batch):
    assert growth(LINEAR, batch, rng, draws=3) == pytest.approx((batch - 2) / (batch - 3), rel=1e-10)


@EVERY
def test_large_minibatches_come_to_the_limit(rng, activation):
    assert growth(activation, 2000, rng, draws=200) == pytest.approx(growth_limit(activation), rel=0.01)


@EVERY
def test_the_growth_is_what_its_formula_says_with_matrices(activation):
    B, draws = 5, 40
    v = np.random.default_rng(1).normal(size=(draws, B))
    v -= v.mean(1, keepdims=True)
    v *= np.sqrt(B) / np.linalg.norm(v, axis=1, keepdims=True)
    G, through, kept = np.eye(B) - 1 / B, [], []
    for point in v:
        y, cache = activation.forward(point)
        D, P = np.diag(activation.backward(np.ones(B), cache)), G - np.outer(point, point) / B
        through.append(np.sum((P @ D @ G) ** 2))
        kept.append(np.sum((G @ y) ** 2))
    expected = B * np.mean(through) / ((B - 3) * np.mean(kept))
    assert growth(activation, B, np.random.default_rng(1), draws) == pytest.approx(expected, rel=1e-10)


@EVERY
def test_a_wide_layer_does_what_the_growth_says(rng, activation):
    """At a batch of 8: inputs as they are in a wide network, and a gradient as it comes from the layer above."""
    B, D, found = 8, 1500, []
    for _ in range(6):
        x_hat = normalized(rng.normal(size=(B, D)))
        z, _ = activation.forward(x_hat)
        w = rng.normal(size=(D, D)) / np.sqrt(D)
        x = z @ w
        above = rng.normal(size=(B, D))
        above -= above.mean(0)  # a gradient that has come through a batch norm
        _, slopes = activation.forward(normalized(x))
        at_x_hat = activation.backward(above, slopes)
        jacobians = batchnorm_jacobian(x, 0.0)
        dx = np.einsum("jik,ij->kj", jacobians, at_x_hat)
        found.append(np.sum(dx**2) / np.sum(above**2))
    assert np.mean(found) == pytest.approx(growth(activation, B, rng, draws=20_000), rel=0.06)


def test_the_variance_of_a_rectified_gaussian_is_pi_minus_1_over_pi_where_its_mean_square_is_one(rng):
    z, _ = layers.relu_forward(np.sqrt(2) * rng.normal(size=400_000))
    assert np.mean(z**2) == pytest.approx(1, rel=0.02)
    assert z.var() == pytest.approx((np.pi - 1) / np.pi, rel=0.02)
    assert z.std() == pytest.approx(0.826, abs=0.01)


def test_a_batch_of_three_is_refused():
    with pytest.raises(ValueError, match="batch is 3; expected 4 or more"):
        growth(RELU, 3, np.random.default_rng(0))
