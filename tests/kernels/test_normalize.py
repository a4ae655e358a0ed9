"""The normalizations against their laws, PyTorch in float64, and each other; the page is held to the same laws."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from bncourse.kernels import algorithms, normalize
from bncourse.kernels.gradcheck import check_coordinates
from tests.kernels.book import EPS, SHAPES, Implementation, assert_close, batch, by_the_book
from tests.kernels.laws import LAWS as MATHEMATICS
from tests.kernels.laws_of_arrays import LAWS as ARRAYS

IMPLEMENTATIONS = {
    module.__name__.split(".")[-1]: Implementation(
        module.batchnorm_forward, module.batchnorm_backward, module.batchnorm_inference
    )
    for module in (algorithms, normalize)
}
ASYMMETRIC = [(7, 3), (2, 5, 3), (5, 2, 3, 4), (3, 4, 2, 5, 1), (40, 3, 30, 9)]
with_shape = pytest.mark.parametrize("shape", ASYMMETRIC, ids=str)


@pytest.mark.parametrize("name", IMPLEMENTATIONS)
@pytest.mark.parametrize("law", MATHEMATICS + ARRAYS, ids=lambda law: law.__name__)
def test_batch_norm_keeps_the_law(law, name, rng):
    """The page as the paper prints it, and the fast functions."""
    law(IMPLEMENTATIONS[name], rng)


# PyTorch


def torch_results(function, x, gamma, beta, dy):
    """y, dx, dgamma, dbeta of a differentiable PyTorch function of x, gamma, beta."""
    leaves = [torch.tensor(a, requires_grad=True) for a in (x, gamma, beta)]
    y = function(*leaves)
    y.backward(torch.tensor(dy))
    return [y.detach().numpy(), *(leaf.grad.numpy() for leaf in leaves)]


def assert_agree(ours, theirs):
    for a, b in zip(ours, theirs, strict=True):
        assert_close(a, b, 1e-10)


@with_shape
def test_batch_norm_agrees_with_pytorch(shape, rng):
    x, gamma, beta, dy = batch(rng, shape, mean=2)
    y, cache = normalize.batchnorm_forward(x, gamma, beta)
    theirs = torch_results(lambda x, g, b: F.batch_norm(x, None, None, g, b, True), x, gamma, beta, dy)
    assert_agree([y, *normalize.batchnorm_backward(dy, cache)], theirs)


@with_shape
def test_inference_agrees_with_pytorch(shape, rng):
    x, gamma, beta, _ = batch(rng, shape)
    mean, var = rng.normal(size=shape[1]), rng.uniform(0.1, 3, shape[1])
    theirs = F.batch_norm(*map(torch.tensor, (x, mean, var, gamma, beta)))
    assert_close(normalize.batchnorm_inference(x, gamma, beta, mean, var), theirs.numpy(), 1e-10)


@with_shape
def test_layer_norm_agrees_with_pytorch(shape, rng):
    x, _, _, dy = batch(rng, shape, mean=2)
    gamma, beta = rng.normal(size=(2, *shape[1:]))
    y, cache = normalize.layernorm_forward(x, gamma, beta)
    theirs = torch_results(lambda x, g, b: F.layer_norm(x, shape[1:], g, b), x, gamma, beta, dy)
    assert_agree([y, *normalize.layernorm_backward(dy, cache)], theirs)


@pytest.mark.parametrize("groups", [1, 2, 3])
@pytest.mark.parametrize("shape", [(5, 6), (3, 6, 5), (2, 6, 3, 4), (2, 6, 3, 1, 2)], ids=str)
def test_group_norm_agrees_with_pytorch(shape, groups, rng):
    x, gamma, beta, dy = batch(rng, shape, mean=2)
    y, cache = normalize.groupnorm_forward(x, gamma, beta, groups)
    theirs = torch_results(lambda x, g, b: F.group_norm(x, groups, g, b), x, gamma, beta, dy)
    assert_agree([y, *normalize.groupnorm_backward(dy, cache)], theirs)


@pytest.mark.parametrize("shape", [(2, 5, 3), (5, 2, 3, 4), (3, 4, 2, 5, 1)], ids=str)
def test_instance_norm_agrees_with_pytorch(shape, rng):
    x, gamma, beta, dy = batch(rng, shape, mean=2)
    y, cache = normalize.instancenorm_forward(x, gamma, beta)
    theirs = torch_results(lambda x, g, b: F.instance_norm(x, weight=g, bias=b), x, gamma, beta, dy)
    assert_agree([y, *normalize.instancenorm_backward(dy, cache)], theirs)


# Statistics


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_batch_statistics_are_mean_and_biased_variance(shape, rng):
    x, *_ = batch(rng, shape)
    axes = (0, *range(2, len(shape)))
    mean, var = normalize.batch_statistics(x)
    assert_close(mean, x.mean(axes), 1e-13)
    assert_close(var, x.var(axes), 1e-13)


def test_statistics_of_half_precision_are_single(rng):
    mean, var = normalize.batch_statistics(batch(rng, (50, 3), np.float16, std=300)[0])
    assert mean.dtype == var.dtype == np.float32
    assert (var > 1e4).all()


def test_a_variance_is_never_negative():
    """Constant features as large as a time in seconds: rounding alone would take some variances below zero."""
    constants = np.geomspace(1e6, 1e10, 500, dtype=np.float32)
    x = np.tile(constants, (100, 1))
    assert (normalize.batch_statistics(x)[1] >= 0).all()
    y, _ = normalize.batchnorm_forward(x, np.ones(500), np.full(500, 2.0))
    assert np.isfinite(y).all()


def test_the_variance_is_right_where_the_first_mean_is_not(rng):
    x = (1e5 + rng.normal(size=(900, 20))).astype(np.float32)
    wide = x.astype(np.float64)
    mean, var = normalize.batch_statistics(x)
    assert_close(var, wide.var(0), 1e-5)
    assert_close(mean, wide.mean(0), 1e-7)
    assert_close(
        normalize.batchnorm_forward(x, np.ones(20), np.zeros(20))[0],
        by_the_book(wide, np.ones(20), np.zeros(20), 1e-5),
        1e-5,
    )


def test_a_mean_in_double_precision_serves_single_precision_inputs(rng):
    x = (1e4 + rng.normal(size=(30, 3))).astype(np.float32)
    mean, var = x.astype(np.float64).mean(0), np.full(3, 0.9)
    y = normalize.batchnorm_inference(x, np.ones(3), np.zeros(3), mean, var)
    assert_close(y, (x - mean) / np.sqrt(var + 1e-5), 1e-6)


def test_identity_when_gamma_is_the_standard_deviation(rng):
    """Section 3: gamma = sqrt(var + eps) and beta = mean give x back; gamma = var does not."""
    x = 3 + 2 * rng.normal(size=(9, 4))
    mean, var = normalize.batch_statistics(x)
    assert_close(normalize.batchnorm_forward(x, np.sqrt(var + 1e-5), mean)[0], x, 1e-12)
    assert np.abs(normalize.batchnorm_forward(x, var, mean)[0] - x).max() > 0.1


# Any axes


@pytest.mark.parametrize(
    "axes", [(0,), (1,), (0, 2, 3), (1, 3), (2, 3), (-1,), (0, 1, 2, 3), (3, 0), ()], ids=str
)
def test_standardize_takes_any_axes(axes, rng):
    x = 5 + 3 * rng.normal(size=(4, 3, 5, 2))
    x_hat, _ = normalize.standardize(x, axes, EPS)
    mean, var = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    assert_close(x_hat, (x - mean) / np.sqrt(var + EPS), 1e-12)


@pytest.mark.parametrize("axes", [(0,), (1,), (0, 2), (0, 1, 2)], ids=str)
def test_standardize_goes_back(axes, rng):
    x, dx_hat = rng.normal(size=(2, 4, 3, 5))
    dx = normalize.standardize_backward(dx_hat, normalize.standardize(x, axes, EPS)[1])
    check_coordinates(lambda x: normalize.standardize(x, axes, EPS)[0], x, dx, dx_hat, tolerance=1e-8)


def test_standardize_keeps_the_dtype_and_the_input(rng):
    x = rng.normal(size=(4, 3, 5)).astype(np.float16)
    copy = x.copy()
    x_hat, cache = normalize.standardize(x, (1,))
    dx = normalize.standardize_backward(x_hat, cache)
    assert x_hat.dtype == dx.dtype == np.float16
    assert np.array_equal(x, copy)


def test_standardize_names_integers_and_axes_that_are_not_there(rng):
    with pytest.raises(TypeError, match="x has dtype int64; expected floating point"):
        normalize.standardize(np.arange(6), (0,))
    with pytest.raises(ValueError, match="axis 2 is out of bounds"):
        normalize.standardize(np.ones((2, 3)), (2,))


# Limits as identities


def test_convolutional_batch_norm_is_dense_batch_norm_of_all_places(rng):
    x, gamma, beta, _ = batch(rng, (4, 3, 5, 2))
    places = x.transpose(0, 2, 3, 1).reshape(-1, 3)
    dense = normalize.batchnorm_forward(places, gamma, beta)[0].reshape(4, 5, 2, 3).transpose(0, 3, 1, 2)
    assert_close(normalize.batchnorm_forward(x, gamma, beta)[0], dense, 1e-12)


def test_group_norm_with_one_group_is_layer_norm(rng):
    x, gamma, beta, dy = batch(rng, (4, 3, 5, 2))
    wide = [np.broadcast_to(v[:, None, None], x.shape[1:]) for v in (gamma, beta)]
    y, cache = normalize.groupnorm_forward(x, gamma, beta, 1)
    layer_y, layer_cache = normalize.layernorm_forward(x, *wide)
    assert_close(y, layer_y, 1e-12)
    ours, layers = normalize.groupnorm_backward(dy, cache), normalize.layernorm_backward(dy, layer_cache)
    assert_close(ours[0], layers[0], 1e-12)
    assert_close(ours[1], layers[1].sum((1, 2)), 1e-12)


def test_group_norm_with_a_group_for_each_channel_is_instance_norm(rng):
    x, gamma, beta, dy = batch(rng, (4, 3, 5, 2))
    y, cache = normalize.instancenorm_forward(x, gamma, beta)
    standardized, _ = normalize.standardize(x, (2, 3))
    assert_close(y, gamma[:, None, None] * standardized + beta[:, None, None], 1e-12)
    grouped, grouped_cache = normalize.groupnorm_forward(x, gamma, beta, 3)
    assert np.array_equal(y, grouped)
    assert_agree(normalize.instancenorm_backward(dy, cache), normalize.groupnorm_backward(dy, grouped_cache))


def test_instance_norm_is_batch_norm_of_one_example(rng):
    x, gamma, beta, dy = batch(rng, (1, 3, 5, 2))
    y, cache = normalize.instancenorm_forward(x, gamma, beta)
    batch_y, batch_cache = normalize.batchnorm_forward(x, gamma, beta)
    assert_close(y, batch_y, 1e-12)
    assert_agree(normalize.instancenorm_backward(dy, cache), normalize.batchnorm_backward(dy, batch_cache))


def test_layer_norm_is_batch_norm_of_the_transpose(rng):
    x = rng.normal(size=(6, 4))
    y, _ = normalize.layernorm_forward(x, np.ones(4), np.zeros(4))
    assert_close(y, normalize.batchnorm_forward(x.T, np.ones(6), np.zeros(6))[0].T, 1e-12)


@pytest.mark.parametrize("name", ["layernorm", "groupnorm", "instancenorm"])
def test_per_example_norms_see_no_other_example(name, rng):
    x, gamma, beta, _ = batch(rng, (6, 4, 3))
    if name == "layernorm":
        gamma, beta = rng.normal(size=(2, 4, 3))
    forward = getattr(normalize, f"{name}_forward")
    groups = (2,) if name == "groupnorm" else ()
    together, _ = forward(x, gamma, beta, *groups)
    assert_close(forward(x[3:4], gamma, beta, *groups)[0], together[3:4], 1e-12)
    assert_close(
        forward(7 * x, gamma, beta, *groups, 1e-12)[0], forward(x, gamma, beta, *groups, 1e-12)[0], 1e-9
    )


def test_inference_with_everything_in_half_precision_is_computed_in_single():
    x, zero = np.array([[1e-4], [0]], np.float16), np.zeros(1, np.float16)
    y = normalize.batchnorm_inference(x, np.full(1, 300, np.float16), zero, zero, zero)
    assert y[:, 0] == pytest.approx([300 * float(x[0, 0]) / np.sqrt(1e-5), 0], rel=1e-3)
    assert np.isfinite(normalize.batchnorm_inference(np.ones_like(x), zero, zero, zero, zero, eps=1e-8)).all()


def test_a_gradient_of_another_shape_is_refused(rng):
    _, cache = normalize.standardize(rng.normal(size=(4, 6)), (0,))
    with pytest.raises(ValueError, match="shape"):
        normalize.standardize_backward(rng.normal(size=(2, 12)), cache)
