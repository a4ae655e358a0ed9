"""Whitening against its definition, finite differences, and PyTorch's differentiable linear algebra."""

import numpy as np
import pytest
import torch

from bncourse.kernels.normalize import batchnorm_backward, batchnorm_forward
from bncourse.kernels.whiten import (
    EqualEigenvalues,
    SingularCovariance,
    whiten_backward,
    whiten_forward,
)

M, D = 23, 5
METHODS = ("zca", "pca", "cholesky")
every_method = pytest.mark.parametrize("method", METHODS)


@pytest.fixture
def x(rng):
    """Correlated features of unequal means and scales."""
    return rng.normal(size=(M, D)) @ rng.normal(size=(D, D)) + rng.normal(5, 3, D)


def isotropic(rng, m, d):
    """Examples whose covariance is the identity but for rounding: all eigenvalues equal."""
    columns = np.column_stack([np.ones(m), rng.normal(size=(m, d))])
    return np.linalg.qr(columns)[0][:, 1:] * np.sqrt(m)


def slope(f, x, v, h=1e-4):
    """Derivative of f at x along v: central differences of fourth order."""
    return (8 * (f(x + h * v) - f(x - h * v)) - (f(x + 2 * h * v) - f(x - 2 * h * v))) / (12 * h)


# Forward


@every_method
def test_the_output_has_mean_zero_and_the_identity_as_covariance(x, method):
    y, _ = whiten_forward(x, method)
    assert np.abs(y.mean(0)).max() < 1e-14
    assert y.T @ y / M == pytest.approx(np.eye(D), abs=1e-12)


@every_method
def test_methods_differ_by_a_rotation_of_the_output(x, method):
    y, _ = whiten_forward(x, method)
    zca, _ = whiten_forward(x, "zca")
    assert y @ y.T == pytest.approx(zca @ zca.T, abs=1e-10)


@every_method
def test_an_invertible_linear_map_of_x_leaves_the_outputs_inner_products_unchanged(x, rng, method):
    y, _ = whiten_forward(x, method)
    mapped, _ = whiten_forward(x @ rng.normal(size=(D, D)) - 7, method)
    assert mapped @ mapped.T == pytest.approx(y @ y.T, abs=1e-9)


def test_zca_multiplies_by_a_symmetric_matrix_and_stays_nearest_to_the_centred_x(x):
    centred = x - x.mean(0)
    y, cache = whiten_forward(x, "zca")
    assert cache.a == pytest.approx(cache.a.T, abs=1e-13)
    assert np.all(np.linalg.eigvalsh(cache.a) > 0)
    distance = np.linalg.norm(y - centred)
    assert all(distance < np.linalg.norm(whiten_forward(x, other)[0] - centred) for other in ("pca", "cholesky"))


def test_pca_takes_the_principal_axes_in_order_and_points_them_the_same_way(x):
    _, cache = whiten_forward(x, "pca")
    centred = x - x.mean(0)
    diagonal = cache.a @ cache.a.T
    assert diagonal == pytest.approx(np.diag(np.diag(diagonal)), abs=1e-12)
    assert 1 / np.diag(diagonal) == pytest.approx(np.linalg.svd(centred)[1] ** 2 / M, rel=1e-10)
    largest = cache.a[np.arange(D), np.abs(cache.a).argmax(1)]
    assert np.all(largest > 0)


def test_cholesky_gives_each_feature_what_those_before_it_do_not_tell(x):
    y, cache = whiten_forward(x, "cholesky")
    assert np.array_equal(cache.a, np.tril(cache.a))
    assert np.all(np.diag(cache.a) > 0)
    first, _ = whiten_forward(x[:, :3], "cholesky")
    assert y[:, :3] == pytest.approx(first, abs=1e-12)


@every_method
def test_one_feature_is_batch_norm(x, rng, method):
    one, gamma, beta = x[:, :1], np.ones(1), np.zeros(1)
    dy = rng.normal(size=(M, 1))
    y, cache = whiten_forward(one, method, eps=0.25)
    expected, norm = batchnorm_forward(one, gamma, beta, eps=0.25)
    assert y == pytest.approx(expected, abs=1e-13)
    assert whiten_backward(dy, cache) == pytest.approx(batchnorm_backward(dy, norm)[0], abs=1e-13)


def test_uncorrelated_features_are_batch_norm(rng):
    x = isotropic(rng, M, 3) * [1.0, 3.0, 0.2] + 4
    y, _ = whiten_forward(x, "zca")
    assert y == pytest.approx(batchnorm_forward(x, np.ones(3), np.zeros(3), eps=0.0)[0], abs=1e-12)


# Backward


@every_method
@pytest.mark.parametrize("eps", [0.0, 0.5])
def test_the_gradient_is_the_slope_along_random_directions(x, rng, method, eps):
    dy = rng.normal(size=x.shape)
    _, cache = whiten_forward(x, method, eps)
    dx = whiten_backward(dy, cache)
    for _ in range(5):
        v = rng.normal(size=x.shape)
        numeric = slope(lambda z: np.sum(dy * whiten_forward(z, method, eps)[0]), x, v)
        assert np.sum(dx * v) == pytest.approx(numeric, abs=1e-7 * np.linalg.norm(dx))


def autograd(x, dy, method, eps):
    """The same through PyTorch's eigh and cholesky."""
    x = torch.tensor(x, requires_grad=True)
    centred = x - x.mean(0)
    cov = centred.T @ centred / len(x) + eps * torch.eye(x.shape[1], dtype=x.dtype)
    if method == "cholesky":
        a = torch.linalg.inv(torch.linalg.cholesky(cov))
    else:
        lam, u = torch.linalg.eigh(cov)
        lam, u = lam.flip(0), u.flip(1)
        largest = torch.gather(u, 0, u.abs().argmax(0, keepdim=True))
        a = (u * largest.sign() / lam.sqrt()).T
        a = u * largest.sign() @ a if method == "zca" else a
    y = centred @ a.T
    y.backward(torch.from_numpy(dy))
    return y.detach().numpy(), x.grad.numpy()


@every_method
@pytest.mark.parametrize("eps", [0.0, 0.5])
def test_forward_and_backward_are_those_of_autograd(x, rng, method, eps):
    dy = rng.normal(size=x.shape)
    y, cache = whiten_forward(x, method, eps)
    expected_y, expected_dx = autograd(x, dy, method, eps)
    dx = whiten_backward(dy, cache)
    assert y == pytest.approx(expected_y, abs=1e-10)
    assert dx == pytest.approx(expected_dx, abs=1e-10 * np.abs(expected_dx).max())


@every_method
def test_gradients_sum_to_zero_over_the_batch(x, rng, method):
    _, cache = whiten_forward(x, method)
    dx = whiten_backward(rng.normal(size=x.shape), cache)
    assert np.abs(dx.sum(0)).max() < 1e-12 * np.abs(dx).max() * M


@every_method
def test_the_first_of_two_forward_passes_keeps_its_own_cache(x, rng, method):
    dy = rng.normal(size=x.shape)
    _, first = whiten_forward(x, method)
    before = whiten_backward(dy, first)
    whiten_forward(2 * x[::-1] ** 2, method)
    assert np.array_equal(whiten_backward(dy, first), before)


@pytest.mark.parametrize("method", ["zca", "cholesky"])
def test_equal_eigenvalues_leave_the_gradient_right(rng, method):
    x = isotropic(rng, M, D)
    dy, v = rng.normal(size=x.shape), rng.normal(size=x.shape)
    _, cache = whiten_forward(x, method)
    numeric = slope(lambda z: np.sum(dy * whiten_forward(z, method)[0]), x, v)
    assert np.sum(whiten_backward(dy, cache) * v) == pytest.approx(numeric, rel=1e-7)


def test_equal_eigenvalues_leave_pca_without_a_gradient(rng):
    x = isotropic(rng, M, D)
    _, cache = whiten_forward(x, "pca")
    with pytest.raises(EqualEigenvalues, match="are both 1, so PCA whitening has no gradient here; use"):
        whiten_backward(rng.normal(size=x.shape), cache)


def test_many_close_float32_eigenvalues_are_still_told_apart(rng):
    """A hundred times the rounding error lies between neighbours, however many there are."""
    x = (isotropic(rng, 600, 200) * np.sqrt(1 + 1.2e-5 * np.arange(200))).astype(np.float32)
    _, cache = whiten_forward(x, "pca")
    assert np.isfinite(whiten_backward(rng.normal(size=x.shape).astype(np.float32), cache)).all()


def test_as_eigenvalues_approach_pcas_gradient_grows_like_one_over_their_distance_and_zcas_stays(rng):
    base, dy = isotropic(rng, M, 2), rng.normal(size=(M, 2))

    def norm(method, gap):
        _, cache = whiten_forward(base * [1 + gap, 1], method)
        return np.linalg.norm(whiten_backward(dy, cache))

    assert norm("pca", 1e-6) / norm("pca", 1e-4) == pytest.approx(100, rel=0.01)
    assert norm("zca", 1e-6) / norm("zca", 1e-4) == pytest.approx(1, rel=0.01)


# Singular covariance


@every_method
@pytest.mark.parametrize("m", [0, 1, 3, D])
def test_too_few_examples_are_refused_with_both_numbers(rng, method, m):
    sentence = f"singular, with m = {m} examples of d = {D} features: .* use more than {D} examples, or eps > 0"
    with pytest.raises(SingularCovariance, match=sentence):
        whiten_forward(rng.normal(size=(m, D)), method)


@every_method
def test_a_singular_covariance_is_refused_however_its_features_are_correlated_and_scaled(rng, method):
    for _ in range(200):
        m, d = rng.integers(2, 30), 29
        x = rng.normal(size=(m, d)) @ rng.normal(size=(d, d)) * 10 ** rng.uniform(-1, 1, d)
        with pytest.raises(SingularCovariance):
            whiten_forward(x, method)


@every_method
def test_as_many_examples_as_the_features_and_one_more_suffice(rng, method):
    y, _ = whiten_forward(rng.normal(size=(D + 1, D)), method)
    assert y.T @ y / (D + 1) == pytest.approx(np.eye(D), abs=1e-8)


@every_method
def test_dependent_and_constant_features_are_refused(x, method):
    for column in (x[:, 1] + 2 * x[:, 3], np.full(M, 3.3), np.zeros(M)):
        dependent = np.column_stack([x, column])
        with pytest.raises(SingularCovariance, match="some feature is constant or depends on the others"):
            whiten_forward(dependent, method)


@every_method
def test_fewer_examples_than_features_span_one_direction_less_than_there_are_examples(rng, method):
    """With eps > 0 the m - 1 directions get variance lam / (lam + eps), all others none."""
    m, d, eps = 4, 9, 0.1
    x, dy, v = rng.normal(size=(m, d)), rng.normal(size=(m, d)), rng.normal(size=(m, d))
    lam = np.linalg.svd(x - x.mean(0))[1] ** 2 / m
    y, cache = whiten_forward(x, method, eps)
    assert np.linalg.matrix_rank(y) == m - 1
    variances = np.linalg.eigvalsh(y.T @ y / m)[::-1][:m]
    assert variances == pytest.approx(lam / (lam + eps), abs=1e-12)
    if method != "pca":
        numeric = slope(lambda z: np.sum(dy * whiten_forward(z, method, eps)[0]), x, v)
        assert np.sum(whiten_backward(dy, cache) * v) == pytest.approx(numeric, rel=1e-7)


# What goes in and what comes out


@every_method
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_dtype_and_inputs_are_kept(rng, method, dtype):
    x, dy = rng.normal(2, 1, (M, D)).astype(dtype), rng.normal(size=(M, D)).astype(dtype)
    x.flags.writeable = dy.flags.writeable = False
    y, cache = whiten_forward(x, method)
    dx = whiten_backward(dy, cache)
    assert y.dtype == dx.dtype == dtype
    reference, exact = whiten_forward(x.astype(np.float64), method)
    tolerance = 100 * float(np.finfo(dtype).eps)
    assert y.astype(float) == pytest.approx(reference, abs=tolerance)
    assert dx.astype(float) == pytest.approx(whiten_backward(dy.astype(float), exact), abs=10 * tolerance)


@every_method
def test_a_float32_mean_of_1e4_is_taken_out_without_loss(rng, method):
    x = (rng.normal(size=(M, D)) + 1e4).astype(np.float32)
    y, _ = whiten_forward(x, method)
    reference, _ = whiten_forward(x.astype(np.float64), method)
    assert y == pytest.approx(reference, abs=2e-5)


@every_method
def test_strides_do_not_matter(x, rng, method):
    dy = rng.normal(size=x.shape)
    y, cache = whiten_forward(x, method)
    views = [np.asfortranarray(x), np.repeat(x, 2, axis=0)[::2], np.flip(np.flip(x, 1).copy(), 1)]
    for view in views:
        again, other = whiten_forward(view, method)
        assert again == pytest.approx(y, abs=1e-11)
        assert whiten_backward(np.asfortranarray(dy), other) == pytest.approx(whiten_backward(dy, cache), abs=1e-9)


def test_wrong_arguments_are_refused_by_name(x):
    with pytest.raises(ValueError, match="method is 'svd'; expected one of 'zca', 'pca', 'cholesky'"):
        whiten_forward(x, "svd")
    with pytest.raises(SingularCovariance, match="m = 0 examples of d = 5 features"):
        whiten_forward(x[:0], eps=0.1)
    with pytest.raises(ValueError, match="eps is -1; expected a positive number, or 0"):
        whiten_forward(x, eps=-1)
    _, cache = whiten_forward(x)
    with pytest.raises(ValueError, match=rf"dy has shape \(3, {D}\), but the output has \({M}, {D}\)"):
        whiten_backward(np.ones((3, D)), cache)


def test_integers_and_what_is_no_table_are_refused(rng):
    with pytest.raises(TypeError, match="x has dtype int64"):
        whiten_forward(rng.integers(9, size=(20, 3)))
    with pytest.raises(ValueError, match=r"x has shape \(20, 0\)"):
        whiten_forward(np.ones((20, 0)))
