"""What the functions of kernels expect of their arguments, and what they say when they get something else.

The aliases name the shape that an argument is to have. Letters of a shape: N examples, C channels, `*spatial` any
number of further axes, D features. At run time an alias accepts every array: the functions below look at shape and
dtype, so that the message can name the argument, what it was, and what was expected.
"""

import numpy as np
from jaxtyping import Shaped

Array = np.ndarray
AnyShape = Shaped[Array, "..."]
Batch = Shaped[Array, "..."]  # (N, C, *spatial); (N, C) where there are no spatial axes
PerChannel = Shaped[Array, "..."]  # (C,)
PerValue = Shaped[Array, "..."]  # (C, *spatial), the shape of one example
Rows = Shaped[Array, "..."]  # (N, D)
Weights = Shaped[Array, "..."]  # (D, M)
PerUnit = Shaped[Array, "..."]  # (M,)


def check_array(**arrays: object) -> None:
    """Raises TypeError, which names the argument, unless each is a NumPy array of real numbers without a mask."""
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):
            hint = f", as {name}.numpy() makes one" if hasattr(array, "numpy") else ""
            found = "None" if array is None else f"a {type(array).__name__}"
            raise TypeError(f"{name} is {found}; expected a NumPy array{hint}")
        if isinstance(array, np.ma.MaskedArray):
            raise TypeError(f"{name} is a masked array, whose mask would be ignored; expected one without: {name}.data")
        if array.dtype.kind not in "fiub":
            raise TypeError(f"{name} has dtype {array.dtype}; expected real numbers")


def check_floating(x: object, eps: float | int = 1.0) -> None:
    """Raises TypeError unless x is a floating-point array, and ValueError for a negative eps."""
    check_array(x=x)
    if x.dtype.kind != "f":
        raise TypeError(f"x has dtype {x.dtype}; expected floating point, as from x.astype(np.float32)")
    if not eps >= 0:
        raise ValueError(f"eps is {eps}; expected a positive number, or 0 where no feature is constant")


def check_input(x: object, eps: float | int = 1.0) -> None:
    """Raises as `check_floating` does, and ValueError unless x is `(N, C)` or `(N, C, *spatial)`."""
    check_floating(x, eps)
    if x.ndim < 2:
        raise ValueError(f"x has shape {x.shape}; expected (N, C) or (N, C, *spatial)")


def check_per_channel(x: Batch, **vectors: object) -> None:
    """Raises ValueError unless each vector has one entry for each channel of x, TypeError unless it is an array."""
    check_array(**vectors)
    C = x.shape[1]
    for name, vector in vectors.items():
        if vector.shape != (C,):
            raise ValueError(f"{name} has shape {vector.shape}, but x has {C} channels; expected ({C},)")


def check_per_value(x: Batch, **arrays: object) -> None:
    """Raises ValueError unless each has the shape of one example of x, TypeError unless it is an array."""
    check_array(**arrays)
    for name, array in arrays.items():
        if array.shape != x.shape[1:]:
            raise ValueError(
                f"{name} has shape {array.shape}, but x has shape {x.shape}; expected {x.shape[1:]}"
            )


def check_gradient(dy: object, shape: tuple[int, ...]) -> None:
    """Raises ValueError unless dy has the shape that the forward pass gave to y, TypeError unless it is an array."""
    check_array(dy=dy)
    if dy.shape != shape:
        raise ValueError(f"dy has shape {dy.shape}, but y had {shape}; expected the gradient of that y")


def check_groups(x: Batch, groups: int) -> None:
    """Raises ValueError unless the channels of x fall into that many groups of one size."""
    if groups < 1 or x.shape[1] % groups:
        raise ValueError(f"groups is {groups}, but x has {x.shape[1]} channels; expected a divisor of that")


def check_variance(var: PerChannel, eps: float | int) -> None:
    """Raises ValueError for a negative variance, and for a variance of zero where eps is zero too.

    The message names the first channel whose variance is wrong.
    """
    wrong = (var < 0) | (var + float(eps) == 0)
    if wrong.any():
        k = int(np.argmax(wrong))
        raise ValueError(
            f"var[{k}] is {var[k]} and eps is {eps}; expected variances, positive where eps is 0"
        )


def check_bounds(r_max: float | int, d_max: float | int) -> None:
    """Raises ValueError unless batch renormalization's bounds let r be 1 and d be 0.

    With r = 1 and d = 0 batch renormalization is batch norm, and training starts there.
    """
    if not r_max >= 1:
        raise ValueError(f"r_max is {r_max}; expected at least 1, so that r may be 1")
    if not d_max >= 0:
        raise ValueError(f"d_max is {d_max}; expected at least 0, so that d may be 0")


def check_part_size(virtual_batch_size: int) -> None:
    """Raises ValueError unless ghost batches of this size hold an example each."""
    if virtual_batch_size < 1:
        raise ValueError(f"virtual_batch_size is {virtual_batch_size}; expected 1 or more examples")
