"""Is this gradient the derivative? Along one random direction, which is quick, or coordinate by coordinate.

The function f may return an array y. Then dx is the gradient of the number `sum(dy * y)`, which is what a backward
function computes from dy, the gradient of the loss for y. The derivative is taken by central differences of fourth
order in float64: where f is smooth, they leave a relative error of about 1e-11.

    y, cache = batchnorm_forward(x, gamma, beta)
    dx, dgamma, dbeta = batchnorm_backward(dy, cache)
    check_direction(lambda x: batchnorm_forward(x, gamma, beta)[0], x, dx, dy, rng)
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from bncourse.kernels.arguments import AnyShape

Array = np.ndarray
Function = Callable[[Array], Array | float]


class GradientMismatch(AssertionError):
    """The gradient is not the derivative; the message has both numbers."""


def slope(f: Callable[[float], float], step: float) -> float:
    """f'(0) by central differences of fourth order: their error falls as the fourth power of the step."""
    return (8 * (f(step) - f(-step)) - (f(2 * step) - f(-2 * step))) / (12 * step)


def numeric_gradient(f: Function, x: AnyShape, dy: AnyShape | float = 1.0, step: float = 1e-3) -> Float[Array, "..."]:
    """The gradient of `sum(dy * f(x))`, shaped like x, by a difference along each coordinate of x.

    That takes four calls of f for each coordinate. dy is shaped like f(x), or 1 where f returns a number. Raises
    TypeError for an x that is not float64: in a narrower type, small differences are rounding errors.
    """
    _check_float64(x)
    gradient = np.empty_like(x)
    for i in np.ndindex(x.shape):
        unit = np.zeros_like(x)
        unit[i] = 1
        gradient[i] = _along(f, x, unit, dy, step)
    return gradient


def relative_error(a: AnyShape | float, b: AnyShape | float) -> float:
    """The largest absolute difference between a and b, divided by the largest absolute entry of the two.

    It is 0 for equal arrays, and for empty ones.
    """
    difference = np.max(np.abs(np.subtract(a, b)), initial=0.0)
    largest = max(np.max(np.abs(a), initial=0.0), np.max(np.abs(b), initial=0.0))
    return float(difference / largest) if difference else 0.0


def check_direction(f: Function, x: AnyShape, dx: AnyShape, dy: AnyShape | float, rng: np.random.Generator,
                    tolerance: float = 1e-7, step: float = 1e-3) -> float:
    """Compare `<dx, v>` with the slope of `sum(dy * f(x + t v))` at t = 0, for a random direction v of length 1.

    dx is the gradient to be checked, dy is shaped like f(x), and rng draws v. A wrong dx gives itself away along
    almost every v, and the check takes four calls of f whatever the size of x. Returns the relative error. Raises
    GradientMismatch where it is above the tolerance, TypeError for an x that is not float64, ValueError for a dx
    that is not shaped like x.
    """
    _check_float64(x)
    _check_shape(x, dx)
    v = rng.normal(size=x.shape)
    v /= max(float(np.linalg.norm(v)), np.finfo(float).tiny)
    claimed, measured = float(np.sum(dx * v)), _along(f, x, v, dy, step)
    error = abs(claimed - measured) / max(abs(claimed), abs(measured), _scale(dx))
    if not error <= tolerance:
        raise GradientMismatch(
            f"along a random direction v, <dx, v> is {claimed:.12g}, but the slope is {measured:.12g}: "
            f"relative error {error:.1e}, expected at most {tolerance:.0e}"
        )
    return error


def check_coordinates(f: Function, x: AnyShape, dx: AnyShape, dy: AnyShape | float = 1.0, tolerance: float = 1e-7,
                      step: float = 1e-3) -> float:
    """Compare every entry of dx with the slope of `sum(dy * f(x))` along its own coordinate.

    It is slow, and its message names the entry that is most wrong. Returns the relative error; raises as
    `check_direction` does.
    """
    _check_float64(x)
    _check_shape(x, dx)
    measured = numeric_gradient(f, x, dy, step)
    error = relative_error(dx, measured)
    if not error <= tolerance:
        worst = np.unravel_index(np.argmax(np.abs(dx - measured)), x.shape)
        place = ", ".join(str(int(i)) for i in worst)
        raise GradientMismatch(
            f"dx[{place}] is {dx[worst]:.12g}, but the slope is {measured[worst]:.12g}: "
            f"relative error {error:.1e}, expected at most {tolerance:.0e}"
        )
    return error


def _along(f: Function, x: Array, v: Array, dy: Array | float, step: float) -> float:
    return slope(lambda t: float(np.sum(dy * f(x + t * v))), step)


def _scale(dx: Array) -> float:
    """The size of `<dx, v>` to expect of a random v; where dx is 0, 1.

    Errors are measured against at least this much, since a v that is nearly at right angles to dx has a small
    `<dx, v>` and would raise a false alarm.
    """
    return float(np.linalg.norm(dx)) / max(dx.size, 1) ** 0.5 or 1.0


def _check_float64(x: Array) -> None:
    if x.dtype != np.float64:
        raise TypeError(f"x has dtype {x.dtype}; expected float64, in which differences still have digits")


def _check_shape(x: Array, dx: Array) -> None:
    if dx.shape != x.shape:
        raise ValueError(f"dx has shape {dx.shape}, but x has {x.shape}; expected the same")
