"""What every batch norm must do with the numbers and arrays of a computer: rounding, dtypes, strides, ownership.

These are laws as in `laws.py`, of the kind that the usual test suites leave out.
"""

import numpy as np

from bncourse.kernels.gradcheck import relative_error
from tests.kernels.book import EPS, assert_close, batch, by_the_book, gradient_by_the_book

LAWS = []


def law(function):
    """Enter a function among the laws."""
    LAWS.append(function)
    return function


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
def long_sums_keep_six_digits(bn, rng):
    for shape in [(200_000, 3), (1, 2, 600_000), (300_000, 2, 2), (300, 1, 40, 40)]:
        x, *_ = batch(rng, shape, np.float32, mean=1e4)
        gamma, beta = np.ones(shape[1]), np.zeros(shape[1])
        assert_close(bn.forward(x, gamma, beta, EPS)[0], by_the_book(x, gamma, beta, EPS), 1e-6)


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
