"""The gradient checks accept derivatives and reject everything else, with the two numbers in the message."""

import numpy as np
import pytest

from bncourse.kernels.gradcheck import (
    GradientMismatch,
    check_coordinates,
    check_direction,
    numeric_gradient,
    relative_error,
    slope,
)


@pytest.fixture
def problem(rng):
    """x, dy and dx of the map `x -> x² @ w`, which is not linear and changes the shape."""
    x, w, dy = rng.normal(size=(4, 3)), rng.normal(size=(3, 2)), rng.normal(size=(4, 2))
    return (lambda x: x**2 @ w), x, 2 * x * (dy @ w.T), dy


def test_slope_is_of_fourth_order():
    """Halving the step divides the error by sixteen; quartic polynomials are exact."""
    errors = [abs(slope(np.exp, h) - 1) for h in (0.2, 0.1)]
    assert 15.5 < errors[0] / errors[1] < 16.5
    assert abs(slope(lambda t: t**4 + 3 * t, 0.1) - 3) < 1e-13


def test_numeric_gradient_of_an_array_with_an_upstream_gradient(problem):
    f, x, dx, dy = problem
    assert relative_error(numeric_gradient(f, x, dy), dx) < 1e-11


def test_numeric_gradient_of_a_number():
    x = np.array([1.0, -2.0, 0.5])
    assert np.allclose(numeric_gradient(lambda x: float(x @ x), x), 2 * x, rtol=0, atol=1e-11)


def test_numeric_gradient_leaves_x_alone(problem):
    f, x, _, dy = problem
    x.flags.writeable = False
    numeric_gradient(f, x, dy)


def test_right_gradients_pass(problem, rng):
    f, x, dx, dy = problem
    assert check_coordinates(f, x, dx, dy) < 1e-11
    assert check_direction(f, x, dx, dy, rng) < 1e-10


def test_a_gradient_of_zero_passes(rng):
    x = rng.normal(size=(4, 3))
    check_coordinates(np.zeros_like, x, np.zeros_like(x), 1.0)
    check_direction(np.zeros_like, x, np.zeros_like(x), 1.0, rng)


def test_an_empty_gradient_passes(rng):
    empty = np.zeros((0, 3))
    assert check_coordinates(np.square, empty, empty) == 0
    assert check_direction(np.square, empty, empty, 1.0, rng) == 0


def test_the_worst_coordinate_is_named_with_both_numbers(problem):
    f, x, dx, dy = problem
    wrong = dx.copy()
    wrong[2, 1] += 1e-3
    numbers = rf"dx\[2, 1\] is {wrong[2, 1]:.10g}\d*, but the slope is {dx[2, 1]:.9g}"
    with pytest.raises(GradientMismatch, match=numbers):
        check_coordinates(f, x, wrong, dy)


def test_a_wrong_coordinate_shows_along_a_random_direction(problem, rng):
    f, x, dx, dy = problem
    dx[2, 1] += 1e-3
    with pytest.raises(GradientMismatch, match=r"<dx, v> is -?\d.*, but the slope is -?\d.*relative error"):
        check_direction(f, x, dx, dy, rng)


@pytest.mark.parametrize("factor", [0.0, -1.0, 1 + 1e-5, np.nan])
def test_a_wrong_scale_is_rejected(problem, factor, rng):
    f, x, dx, dy = problem
    with pytest.raises(GradientMismatch):
        check_coordinates(f, x, factor * dx, dy)
    with pytest.raises(GradientMismatch):
        check_direction(f, x, factor * dx, dy, rng)


def test_relative_error_is_in_units_of_the_largest_entry():
    assert relative_error(np.array([1.0, 100.0]), np.array([2.0, 100.0])) == pytest.approx(0.01)
    assert relative_error(np.zeros(3), np.zeros(3)) == 0
    assert relative_error(0.0, 1e-300) == 1
    assert np.isnan(relative_error(np.array([np.nan]), np.ones(1)))


def test_single_precision_is_refused(problem, rng):
    f, x, dx, dy = problem
    with pytest.raises(TypeError, match="x has dtype float32; expected float64"):
        check_coordinates(f, x.astype(np.float32), dx, dy)
    with pytest.raises(TypeError, match="x has dtype float32; expected float64"):
        check_direction(f, x.astype(np.float32), dx, dy, rng)


def test_a_gradient_of_another_shape_is_refused(problem):
    f, x, dx, dy = problem
    with pytest.raises(ValueError, match=r"dx has shape \(3, 4\), but x has \(4, 3\)"):
        check_coordinates(f, x, dx.T, dy)
