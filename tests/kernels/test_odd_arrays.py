"""What the normalizations do with arrays that are odd: empty, of another class, or with numbers that overflow.

Warnings are errors in these tests, so none of NumPy's may reach the caller.
"""

import inspect

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from bncourse import kernels
from bncourse.kernels import normalize
from tests.kernels.book import batch

EMPTY = [(3000, 0), (3000, 0, 4), (3000, 3, 0), (0, 3, 5000), (2049, 1, 0, 7), (0, 0)]


def calls(x, dy=None):
    """Each normalization of x, with gamma 2 and beta 3, and its gradient for dy; as functions without arguments."""
    C, dy = x.shape[1], np.ones_like(x) if dy is None else dy
    gamma, beta, zeros, ones = (np.full(C, value, np.float64) for value in (2, 3, 0, 1))
    whole = np.full(x.shape[1:], 2.0), np.full(x.shape[1:], 3.0)

    def both(name, *arguments):
        y, cache = getattr(kernels, f"{name}_forward")(x, *arguments)
        return y, *getattr(kernels, f"{name}_backward")(dy, cache)

    return {
        "batchnorm": lambda: both("batchnorm", gamma, beta),
        "batchrenorm": lambda: both("batchrenorm", gamma, beta, zeros, ones, 3, 5),
        "ghostnorm": lambda: both("ghostnorm", gamma, beta, 1000),
        "layernorm": lambda: both("layernorm", *whole),
        "groupnorm": lambda: both("groupnorm", gamma, beta, 1),
        "instancenorm": lambda: both("instancenorm", gamma, beta),
        "standardize": lambda: kernels.standardize(x, (0,)),
        "inference": lambda: (kernels.batchnorm_inference(x, gamma, beta, zeros, ones),),
        "statistics": lambda: (x, *kernels.batch_statistics(x)),
        "steps": lambda: (x, *kernels.batchnorm_backward_steps(dy, x, gamma)),
    }


@pytest.mark.parametrize("name", calls(np.ones((2, 2))))
@pytest.mark.parametrize("shape", EMPTY, ids=str)
def test_an_empty_array_gives_an_empty_one(shape, name):
    x = np.ones(shape, np.float32)
    y = calls(x)[name]()[0]
    assert y.shape == shape and y.dtype == x.dtype


# of another class

def plain(function):
    """A function without the run-time type checks of the tests: what its caller meets outside of them."""
    return inspect.unwrap(function)


MASKED = np.ma.masked_array(np.ones(3), [0, 1, 0])
WRONG = {
    "list": ([1.0, 1.0, 1.0], r"is a list; expected a NumPy array"),
    "number": (1.0, r"is a float; expected a NumPy array"),
    "nothing": (None, r"is None; expected a NumPy array"),
    "tensor": (torch.ones(3), r"is a Tensor; expected a NumPy array, as \w+\.numpy\(\) makes one"),
    "masked": (MASKED, r"is a masked array, whose mask would be ignored; expected one without: \w+\.data"),
    "words": (np.array(["a", "b", "c"]), r"has dtype <U1; expected real numbers"),
    "complex": (np.ones(3, complex), r"has dtype complex128; expected real numbers"),
}


@pytest.mark.parametrize(("value", "says"), WRONG.values(), ids=WRONG)
def test_gamma_beta_statistics_and_x_of_another_kind_are_named(value, says, rng):
    x = rng.normal(size=(4, 3))
    good = {"gamma": np.ones(3), "beta": np.ones(3)}
    statistics = {"mean": np.zeros(3), "var": np.ones(3)}
    for name in good:
        for forward in (kernels.batchnorm_forward, kernels.layernorm_forward, kernels.groupnorm_forward):
            extra = {"groups": 1} if forward is kernels.groupnorm_forward else {}
            with pytest.raises(TypeError, match=f"^{name} {says}"):
                plain(forward)(x, **{**good, name: value}, **extra)
    for name in statistics:
        with pytest.raises(TypeError, match=f"^{name} {says}"):
            plain(kernels.batchnorm_inference)(x, **good, **{**statistics, name: value})
    with pytest.raises(TypeError, match=f"^x {says}"):
        plain(kernels.batchnorm_forward)(value, **good)
    with pytest.raises(TypeError, match=f"^x {says}"):
        plain(kernels.Population.update)(kernels.Population(), value)
    with pytest.raises(TypeError, match=f"^var {says}"):
        plain(kernels.MovingAverage.update)(kernels.MovingAverage(), np.ones(3), value)


@pytest.mark.parametrize(("value", "says"), WRONG.values(), ids=WRONG)
def test_a_gradient_of_another_kind_is_named(value, says, rng):
    x, gamma, beta, _ = batch(rng, (4, 3))
    caches = {
        kernels.batchnorm_backward: kernels.batchnorm_forward(x, gamma, beta)[1],
        kernels.groupnorm_backward: kernels.groupnorm_forward(x, gamma, beta, 3)[1],
        kernels.layernorm_backward: kernels.layernorm_forward(x, gamma, beta)[1],
        kernels.ghostnorm_backward: kernels.ghostnorm_forward(x, gamma, beta, 2)[1],
        kernels.standardize_backward: kernels.standardize(x, (0,))[1],
        kernels.whiten_backward: kernels.whiten_forward(x, eps=0.1)[1],
    }
    for backward, cache in caches.items():
        with pytest.raises(TypeError, match=f"^dy {says}"):
            plain(backward)(value, cache)


# numbers that overflow


@pytest.mark.parametrize("shape", [(8, 3), (8, 3, 5), (5000, 3)], ids=str)
@pytest.mark.parametrize("exponent", [20, 30, 37])
def test_where_squares_overflow_y_is_beta_and_dx_zero_as_in_pytorch(exponent, shape, rng):
    x = (10.0**exponent * rng.uniform(-1, 1, shape)).astype(np.float32)
    gamma, beta, dy = np.full(3, 2, np.float32), np.full(3, 0.5, np.float32), np.ones_like(x)
    y, cache = kernels.batchnorm_forward(x, gamma, beta)
    dx, _, dbeta = kernels.batchnorm_backward(dy, cache)
    assert (y == 0.5).all() and not dx.any() and np.allclose(dbeta, x.size / 3, rtol=1e-4)
    if len(x) < 100:  # of more examples PyTorch's sums overflow too, and give NaN
        theirs = torch.tensor(x, requires_grad=True)
        result = F.batch_norm(theirs, None, None, torch.tensor(gamma), torch.tensor(beta), True)
        result.backward(torch.tensor(dy))
        assert np.array_equal(y, result.detach().numpy()) and np.array_equal(dx, theirs.grad.numpy())


@pytest.mark.parametrize("name", calls(np.ones((2, 2))))
def test_overflow_and_underflow_say_nothing(name, rng):
    for dtype in (np.float16, np.float32, np.float64):
        for value in (np.finfo(dtype).max, np.finfo(dtype).smallest_subnormal, np.inf, np.nan):
            x = rng.uniform(-1, 1, (6, 3, 2)).astype(dtype)
            x[2, 1] = value
            assert calls(x, dy=x)[name]()[0].dtype == dtype


def test_a_huge_channel_that_varies_is_not_taken_for_a_constant_one(rng):
    x = (1e38 * (1 + rng.uniform(0, 1, (9, 3)))).astype(np.float32)
    kernels.batchnorm_forward(x, np.ones(3), np.zeros(3), eps=0)
    with pytest.raises(ValueError, match="eps is 0 and so is a variance"):
        kernels.batchnorm_forward(np.full((9, 3), 1e38, np.float32), np.ones(3), np.zeros(3), eps=0)


# names


def test_every_kernel_can_be_imported_from_the_package():
    for module in ("ghost", "gradcheck", "gradient_steps", "jacobians", "layers", "normalize", "other_norms",
                   "renormalize", "statistics", "whiten"):  # fmt: skip
        within = vars(__import__(f"bncourse.kernels.{module}", fromlist=["*"]))
        own = {name for name, value in within.items() if getattr(value, "__module__", "").endswith(f".{module}")}
        caches = {name for name in own if name.endswith("Cache") or name == "Whitened"}
        assert {name for name in own - caches if not name.startswith("_")} <= set(kernels.__all__), module
    assert all(getattr(kernels, name) is getattr(normalize, name) for name in normalize.__all__)
    assert sorted(kernels.__all__) == sorted(set(kernels.__all__))
