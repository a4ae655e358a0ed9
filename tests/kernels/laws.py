"""What every batch norm must do: the definition, and the gradient.

A law takes an `Implementation` and the generator of the tests, and raises AssertionError when broken.
`test_normalize.py` holds both implementations, `kernels/algorithms.py` and `kernels/normalize.py`, to all laws, these
and those of `laws_of_arrays.py`; `test_mistakes.py` shows that each of the mistakes people make breaks at least one.
"""

import numpy as np

from bncourse.kernels.gradcheck import check_coordinates
from tests.kernels.book import EPS, SHAPES, assert_close, batch, by_the_book, gradient_by_the_book

LAWS = []


def law(function):
    """Enter a function among the laws."""
    LAWS.append(function)
    return function


# The definition


@law
def the_output_is_that_of_algorithm_1(bn, rng):
    for shape in SHAPES:
        x, gamma, beta, _ = batch(rng, shape)
        assert_close(bn.forward(x, gamma, beta, EPS)[0], by_the_book(x, gamma, beta, EPS), 1e-12)


@law
def eps_is_added_to_the_variance(bn, rng):
    for eps in (0.5, 1e-3, 1e-7):
        x, gamma, beta, _ = batch(rng, (6, 3), std=1e-3)
        assert_close(bn.forward(x, gamma, beta, eps)[0], by_the_book(x, gamma, beta, eps), 1e-10)


@law
def the_channels_are_the_second_axis(bn, rng):
    """As many channels as columns in the picture: statistics over the wrong axes have the right shape."""
    x, gamma, beta, _ = batch(rng, (4, 3, 5, 3))
    x *= np.arange(1, 4).reshape(3, 1, 1)
    assert_close(bn.forward(x, gamma, beta, EPS)[0], by_the_book(x, gamma, beta, EPS), 1e-12)


@law
def a_feature_map_goes_through_one_affine_map(bn, rng):
    """The same scale and shift at every place and in every example (section 3.2)."""
    x, gamma, beta, _ = batch(rng, (4, 3, 5, 2))
    y = bn.forward(x, gamma, beta, EPS)[0]
    for c in range(3):
        u, v = x[:, c].ravel(), y[:, c].ravel()
        scale = (v[1] - v[0]) / (u[1] - u[0])
        assert_close(v, v[0] + scale * (u - u[0]), 1e-11)


@law
def inference_takes_the_statistics_it_is_given(bn, rng):
    for shape in SHAPES:
        x, gamma, beta, _ = batch(rng, shape)
        mean, var = rng.normal(size=3), rng.uniform(0.1, 5, 3)
        column = (3,) + (1,) * (len(shape) - 2)
        m, v, g, b = (a.reshape(column) for a in (mean, var, gamma, beta))
        expected = g * (x - m) / np.sqrt(v + 0.1) + b
        assert_close(bn.inference(x, gamma, beta, mean, var, 0.1), expected, 1e-12)


@law
def inference_treats_each_example_alone(bn, rng):
    x, gamma, beta, _ = batch(rng, (6, 3, 4))
    mean, var = rng.normal(size=3), rng.uniform(0.1, 5, 3)
    together = bn.inference(x, gamma, beta, mean, var, EPS)
    assert_close(bn.inference(x[2:3], gamma, beta, mean, var, EPS), together[2:3], 1e-12)


# The gradient


@law
def dx_is_the_derivative(bn, rng):
    for shape in SHAPES[:3]:
        x, gamma, beta, dy = batch(rng, shape)
        dx, _, _ = bn.backward(dy, bn.forward(x, gamma, beta, EPS)[1])
        check_coordinates(lambda x, g=gamma, b=beta: bn.forward(x, g, b, EPS)[0], x, dx, dy, tolerance=1e-8)


@law
def dgamma_and_dbeta_are_derivatives(bn, rng):
    for shape in SHAPES:
        x, gamma, beta, dy = batch(rng, shape)
        _, dgamma, dbeta = bn.backward(dy, bn.forward(x, gamma, beta, EPS)[1])
        check_coordinates(
            lambda g, x=x, b=beta: bn.forward(x, g, b, EPS)[0], gamma, dgamma, dy, tolerance=1e-8
        )
        check_coordinates(
            lambda b, x=x, g=gamma: bn.forward(x, g, b, EPS)[0], beta, dbeta, dy, tolerance=1e-8
        )


@law
def dx_is_that_of_the_six_equations(bn, rng):
    for shape in SHAPES:
        x, gamma, beta, dy = batch(rng, shape, mean=3)
        dx, _, _ = bn.backward(dy, bn.forward(x, gamma, beta, EPS)[1])
        assert_close(dx, gradient_by_the_book(dy, x, gamma, EPS), 1e-12)


@law
def gamma_may_be_zero_or_negative(bn, rng):
    x, _, beta, dy = batch(rng, (5, 3, 4))
    gamma = np.array([0.0, -2.0, 1.5])
    y, cache = bn.forward(x, gamma, beta, EPS)
    dx, dgamma, _ = bn.backward(dy, cache)
    x_hat = by_the_book(x, np.ones(3), np.zeros(3), EPS)
    assert_close(y, by_the_book(x, gamma, beta, EPS), 1e-12)
    assert_close(dx, gradient_by_the_book(dy, x, gamma, EPS), 1e-12)
    assert_close(dgamma, (dy * x_hat).sum((0, 2)), 1e-12)


@law
def the_gradient_neither_shifts_nor_scales_the_batch(bn, rng):
    """dx sums to 0, and is at right angles to x_hat but for eps: shift and scale do not change the output."""
    for shape in SHAPES:
        x, gamma, beta, dy = batch(rng, shape)
        dx, _, _ = bn.backward(dy, bn.forward(x, gamma, beta, 1e-12)[1])
        axes = (0, *range(2, x.ndim))
        x_hat = by_the_book(x, np.ones(3), np.zeros(3), 1e-12)
        assert_close(dx.sum(axes), np.zeros(3), 1e-12)
        assert_close((dx * x_hat).sum(axes), np.zeros(3), 1e-9)


@law
def scaling_the_weights_leaves_the_output_and_divides_their_gradient(bn, rng):
    """Section 3.3, for a > 0 and a negligible eps."""
    u, w, a = rng.normal(size=(8, 4)), rng.normal(size=(4, 3)), 10.0
    gamma, beta, dy = rng.normal(size=3), rng.normal(size=3), rng.normal(size=(8, 3))
    y, cache = bn.forward(u @ w, gamma, beta, 1e-12)
    scaled, scaled_cache = bn.forward(u @ (a * w), gamma, beta, 1e-12)
    dw, scaled_dw = (u.T @ bn.backward(dy, c)[0] for c in (cache, scaled_cache))
    assert_close(scaled, y, 1e-9)
    assert_close(a * scaled_dw, dw, 1e-9)


@law
def a_bias_before_it_changes_nothing(bn, rng):
    x, gamma, beta, _ = batch(rng, (6, 3, 4))
    b = rng.normal(size=(3, 1))
    assert_close(bn.forward(x + b, gamma, beta, EPS)[0], bn.forward(x, gamma, beta, EPS)[0], 1e-12)
