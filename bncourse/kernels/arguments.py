"""What a normalization expects of its arguments, and what it says when it gets something else."""

import numpy as np
from jaxtyping import Shaped

Array = np.ndarray
Checked = Shaped[
    Array, "..."
]  # its shape and dtype are looked at here, so that the message can say what to do


def check_floating(x: Checked, eps: float | int = 1.0) -> None:
    """x must be a floating-point array, and eps not negative."""
    if not isinstance(x, np.ndarray):
        raise TypeError(f"x is a {type(x).__name__}; expected a NumPy array")
    if x.dtype.kind != "f":
        raise TypeError(f"x has dtype {x.dtype}; expected floating point, as from x.astype(np.float32)")
    if not eps >= 0:
        raise ValueError(f"eps is {eps}; expected a positive number, or 0 where no feature is constant")


def check_input(x: Checked, eps: float | int = 1.0) -> None:
    """The same, and x must be `(N, C)` or `(N, C, *spatial)`."""
    check_floating(x, eps)
    if x.ndim < 2:
        raise ValueError(f"x has shape {x.shape}; expected (N, C) or (N, C, *spatial)")


def check_per_channel(x: Checked, **vectors: Checked) -> None:
    """Each vector must have one entry for each channel of x."""
    C = x.shape[1]
    for name, vector in vectors.items():
        if vector.shape != (C,):
            raise ValueError(f"{name} has shape {vector.shape}, but x has {C} channels; expected ({C},)")


def check_per_value(x: Checked, **arrays: Checked) -> None:
    """Each array must have the shape of one example of x."""
    for name, array in arrays.items():
        if array.shape != x.shape[1:]:
            raise ValueError(
                f"{name} has shape {array.shape}, but x has shape {x.shape}; expected {x.shape[1:]}"
            )


def check_gradient(dy: Checked, shape: tuple[int, ...]) -> None:
    """dy must have the shape that the forward pass gave to y."""
    if dy.shape != shape:
        raise ValueError(f"dy has shape {dy.shape}, but y had {shape}; expected the gradient of that y")


def check_groups(x: Checked, groups: int) -> None:
    """The channels of x must fall into that many groups of one size."""
    if groups < 1 or x.shape[1] % groups:
        raise ValueError(f"groups is {groups}, but x has {x.shape[1]} channels; expected a divisor of that")


def check_variance(var: Checked, eps: float | int) -> None:
    """No variance may be negative, nor zero where eps is."""
    wrong = (var < 0) | (var + float(eps) == 0)
    if wrong.any():
        k = int(np.argmax(wrong))
        raise ValueError(
            f"var[{k}] is {var[k]} and eps is {eps}; expected variances, positive where eps is 0"
        )


def check_bounds(r_max: float | int, d_max: float | int) -> None:
    """Batch renormalization's bounds must let r be 1 and d be 0."""
    if not r_max >= 1:
        raise ValueError(f"r_max is {r_max}; expected at least 1, so that r may be 1")
    if not d_max >= 0:
        raise ValueError(f"d_max is {d_max}; expected at least 0, so that d may be 0")
