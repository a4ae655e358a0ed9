"""What every batch norm must do, as laws that a right implementation keeps and a wrong one breaks.

A law takes an `Implementation` and the generator of the tests, and raises AssertionError when broken.
`test_normalize.py` holds the kernels to them all; `test_mistakes.py` shows that each of the mistakes people make
breaks at least one.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from bncourse.kernels.gradcheck import check_coordinates, relative_error

SHAPES = [(7, 3), (5, 3, 4), (4, 3, 5, 2), (2, 3, 4, 3, 2)]
EPS = 1e-5


class Implementation(NamedTuple):
    """The three functions of a batch norm: `forward(x, gamma, beta, eps) -> (y, cache)`,
    `backward(dy, cache) -> (dx, dgamma, dbeta)`, `inference(x, gamma, beta, mean, var, eps) -> y`."""

    forward: Callable
    backward: Callable
    inference: Callable


LAWS: list[Callable[[Implementation, np.random.Generator], None]] = []


def law(function: Callable) -> Callable:
    """Enter a function among the laws."""
    LAWS.append(function)
    return function


def batch(rng, shape, dtype=np.float64, mean=0.0, std=1.0):
    """x, gamma, beta, dy; every channel with a mean and a scale of its own."""
    columns = (shape[1],) + (1,) * (len(shape) - 2)
    x = rng.normal(size=shape) * rng.uniform(0.5, 2, columns) + rng.normal(size=columns)
    gamma, beta = rng.normal(size=shape[1]), rng.normal(size=shape[1])
    return tuple(a.astype(dtype) for a in (mean + std * x, gamma, beta, rng.normal(size=shape)))


def by_the_book(x, gamma, beta, eps):
    """Algorithm 1, channel by channel, in the widest float there is."""
    y = np.empty(x.shape, np.longdouble)
    for c in range(x.shape[1]):
        u = x[:, c].astype(np.longdouble)
        mu = u.sum() / u.size
        var = ((u - mu) ** 2).sum() / u.size
        y[:, c] = gamma[c].astype(np.longdouble) * (u - mu) / np.sqrt(var + eps) + beta[c]
    return y


def gradient_by_the_book(dy, x, gamma, eps):
    """dx from section 3's equations combined, channel by channel, in the widest float there is."""
    ones = np.ones(x.shape[1])
    x_hat = by_the_book(x, ones, 0 * ones, eps)
    dx = np.empty(x.shape, np.longdouble)
    for c in range(x.shape[1]):
        g, h = dy[:, c].astype(np.longdouble), x_hat[:, c]
        var = np.var(x[:, c].astype(np.longdouble))
        dx[:, c] = gamma[c] / np.sqrt(var + eps) * (g - g.mean() - h * (g * h).mean())
    return dx


def assert_close(actual, expected, tolerance):
    """No entry is off by more than the tolerance, in units of the largest one and of 1."""
    assert actual.shape == expected.shape
    error = np.max(np.abs(actual.astype(np.longdouble) - expected), initial=0)
    assert error <= tolerance * max(1, np.max(np.abs(expected), initial=0)), f"off by {error:.1e}"


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


# Numbers as computers have them


@law
def float32_keeps_six_digits_far_from_zero(bn, rng):
    for mean in (1e3, 1e4):
        for shape in [(256, 5), (16, 5, 9, 8)]:
            x, gamma, beta, dy = batch(rng, shape, np.float32, mean)
            y, cache = bn.forward(x, gamma, beta, EPS)
            assert_close(y, by_the_book(x, gamma, beta, EPS), 2e-6)
            assert_close(bn.backward(dy, cache)[0], gradient_by_the_book(dy, x, gamma, EPS), 2e-6)


@law
def a_constant_feature_gives_beta(bn, rng):
    for shape in [(100_000, 2), (50, 2, 40, 50)]:
        beta = rng.normal(size=2).astype(np.float32)
        y, _ = bn.forward(np.full(shape, 3.3, np.float32), np.ones(2, np.float32), beta, EPS)
        assert np.abs(np.moveaxis(y, 1, -1) - beta).max() <= 1e-4


@law
def float16_has_statistics_in_float32(bn, rng):
    x, gamma, beta, dy = batch(rng, (64, 3, 5), np.float16, std=300)
    y, cache = bn.forward(x, gamma, beta, EPS)
    assert_close(y, by_the_book(x, gamma, beta, EPS), 1e-3)
    assert_close(bn.backward(dy, cache)[0], gradient_by_the_book(dy, x, gamma, EPS), 1e-3)


@law
def every_scale_is_normalized(bn, rng):
    for std in (1e-6, 1e-3, 1e6):
        x, gamma, beta, dy = batch(rng, (60, 3), std=std)
        y, cache = bn.forward(x, gamma, beta, EPS)
        assert_close(y, by_the_book(x, gamma, beta, EPS), 1e-11)
        dx, expected = bn.backward(dy, cache)[0], gradient_by_the_book(dy, x, gamma, EPS)
        assert relative_error(dx, expected.astype(np.float64)) <= 1e-11


@law
def a_million_values_keep_six_digits(bn, rng):
    for shape in [(500_000, 1), (1, 1, 500_000), (300, 1, 40, 40)]:
        x, gamma, beta, _ = batch(rng, shape, np.float32, mean=1e4)
        assert_close(bn.forward(x, gamma, beta, EPS)[0], by_the_book(x, gamma, beta, EPS), 2e-6)


@law
def y_and_dx_have_the_dtype_of_x(bn, rng):
    for dtype in (np.float16, np.float32, np.float64):
        x, gamma, beta, dy = batch(rng, (5, 3, 2), dtype)
        y, cache = bn.forward(x, gamma.astype(np.float64), beta.astype(np.float64), np.float64(EPS))
        dx, _, _ = bn.backward(dy.astype(np.float64), cache)
        inferred = bn.inference(x, gamma, beta, np.zeros(3), np.ones(3), EPS)
        assert {a.dtype for a in (y, dx, inferred)} == {np.dtype(dtype)}


# Arrays as callers have them


@law
def no_argument_is_written_to(bn, rng):
    for shape in [(5, 3), (5, 3, 4)]:
        arguments = x, gamma, beta, dy = batch(rng, shape)
        copies = [a.copy() for a in arguments]
        bn.backward(dy, bn.forward(x, gamma, beta, EPS)[1])
        bn.inference(x, gamma, beta, np.zeros(3), np.ones(3), EPS)
        assert all(np.array_equal(a, b) for a, b in zip(arguments, copies, strict=True))


@law
def read_only_arrays_will_do(bn, rng):
    x, gamma, beta, dy = batch(rng, (5, 3, 4))
    for a in (x, gamma, beta, dy):
        a.flags.writeable = False
    bn.backward(dy, bn.forward(x, gamma, beta, EPS)[1])


@law
def strides_do_not_matter(bn, rng):
    x, gamma, beta, dy = batch(rng, (6, 3, 4, 5))
    y, cache = bn.forward(x, gamma, beta, EPS)
    dx, _, _ = bn.backward(dy, cache)
    for layout in (channels_last, transposed, reversed_rows, every_other):
        strided_y, strided_cache = bn.forward(layout(x), gamma, beta, EPS)
        strided_dx, _, _ = bn.backward(layout(dy), strided_cache)
        assert_close(strided_y, y, 1e-12)
        assert_close(strided_dx, dx, 1e-12)


@law
def the_rows_of_a_transposed_matrix_are_still_examples(bn, rng):
    x, gamma, beta, _ = batch(rng, (7, 3))
    assert_close(
        bn.forward(np.asfortranarray(x), gamma, beta, EPS)[0], by_the_book(x, gamma, beta, EPS), 1e-12
    )


@law
def the_first_of_two_forward_passes_can_still_go_back(bn, rng):
    for shape in [(5, 3), (5, 3, 4)]:
        x, gamma, beta, dy = batch(rng, shape)
        alone = bn.backward(dy, bn.forward(x, gamma, beta, EPS)[1])
        _, first = bn.forward(x, gamma, beta, EPS)
        bn.forward(batch(rng, shape)[0], -gamma, beta, EPS)
        for _ in range(2):
            again = bn.backward(dy, first)
            assert all(np.array_equal(a, b) for a, b in zip(again, alone, strict=True))


@law
def x_and_y_belong_to_the_caller(bn, rng):
    """Writing into x or y after the forward pass, as a ReLU in place does, leaves the gradient right."""
    for shape in [(5, 3), (5, 3, 4)]:
        x, gamma, beta, dy = batch(rng, shape)
        alone = bn.backward(dy, bn.forward(x, gamma, beta, EPS)[1])
        y, cache = bn.forward(x, gamma, beta, EPS)
        x.fill(0)
        y.fill(0)
        assert all(np.array_equal(a, b) for a, b in zip(bn.backward(dy, cache), alone, strict=True))


@law
def one_example_gives_beta_and_no_gradient(bn, rng):
    x, gamma, beta, dy = batch(rng, (1, 3))
    y, cache = bn.forward(x, gamma, beta, EPS)
    dx, dgamma, dbeta = bn.backward(dy, cache)
    assert_close(y, beta[None], 1e-12)
    assert not dx.any() and not dgamma.any() and np.array_equal(dbeta, dy[0])


@law
def no_example_gives_nothing(bn, rng):
    for shape in [(0, 3), (0, 3, 4, 5), (4, 3, 0)]:
        x, gamma, beta, dy = batch(rng, shape)
        y, cache = bn.forward(x, gamma, beta, EPS)
        dx, dgamma, dbeta = bn.backward(dy, cache)
        assert y.shape == dx.shape == shape
        assert not dgamma.any() and not dbeta.any()


def channels_last(x):
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)


def transposed(x):
    return np.asfortranarray(x)


def reversed_rows(x):
    return np.ascontiguousarray(x[::-1, :, ::-1])[::-1, :, ::-1]


def every_other(x):
    wide = np.zeros((2 * x.shape[0], *x.shape[1:-1], 3 * x.shape[-1]))
    wide[::2, ..., ::3] = x
    return wide[::2, ..., ::3]
