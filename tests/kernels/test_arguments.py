"""What the normalizations say of wrong arguments: which one, what it was, what was expected."""

import numpy as np
import pytest

from bncourse.kernels import normalize
from tests.kernels.book import batch


def good(rng):
    x, gamma, beta, _ = batch(rng, (4, 5, 2))
    return {"x": x, "gamma": gamma, "beta": beta}


PER_CHANNEL = [
    normalize.batchnorm_forward,
    normalize.instancenorm_forward,
    lambda **arguments: normalize.groupnorm_forward(groups=5, **arguments),
]
PROBLEMS = [
    ("gamma", np.ones(4), ValueError, r"gamma has shape \(4,\), but x has 5 channels; expected \(5,\)"),
    ("beta", np.ones((5, 1)), ValueError, r"beta has shape \(5, 1\), but x has 5 channels; expected \(5,\)"),
    ("x", np.ones(5), ValueError, r"x has shape \(5,\); expected \(N, C\) or \(N, C, \*spatial\)"),
    ("x", np.ones((4, 5), int), TypeError, r"x has dtype int64; expected floating point"),
    ("eps", -1e-5, ValueError, r"eps is -1e-05; expected a positive number"),
    ("eps", float("nan"), ValueError, r"eps is nan; expected a positive number"),
]


@pytest.mark.parametrize("forward", PER_CHANNEL)
@pytest.mark.parametrize(("name", "value", "error", "message"), PROBLEMS)
def test_a_wrong_argument_is_named(forward, name, value, error, message, rng):
    with pytest.raises(error, match=message):
        forward(**{**good(rng), name: value})


def test_layer_norm_names_the_shape_of_an_example(rng):
    x = rng.normal(size=(4, 5, 2))
    with pytest.raises(ValueError, match=r"gamma has shape \(5,\), but x has shape .*; expected \(5, 2\)"):
        normalize.layernorm_forward(x, np.ones(5), np.ones((5, 2)))


def test_group_norm_names_groups_that_do_not_divide(rng):
    for groups in (0, 3, -1):
        with pytest.raises(ValueError, match=rf"groups is {groups}, but x has 5 channels"):
            normalize.groupnorm_forward(**good(rng), groups=groups)


def test_inference_names_a_negative_variance(rng):
    with pytest.raises(ValueError, match=r"var\[3\] is -0.1 and eps is 1e-05; expected variances"):
        normalize.batchnorm_inference(**good(rng), mean=np.zeros(5), var=np.array([1, 1, 1, -0.1, 1]))


@pytest.mark.parametrize("constant", [0.0, 2.0, 0.1, 3.3e7, 1.7e9])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_without_eps_a_constant_feature_is_refused(constant, dtype, rng):
    """Also one whose variance rounding keeps from being zero."""
    x, gamma, beta, _ = batch(rng, (100, 5), dtype)
    normalize.batchnorm_forward(x, gamma, beta, eps=0)
    x[:, 3] = constant
    with pytest.raises(ValueError, match="eps is 0 and so is a variance; expected eps > 0"):
        normalize.batchnorm_forward(x, gamma, beta, eps=0)


def test_without_eps_inference_refuses_a_variance_of_zero(rng):
    with pytest.raises(
        ValueError, match=r"var\[0\] is 0.0 and eps is 0; expected variances, positive where eps is 0"
    ):
        normalize.batchnorm_inference(**good(rng), mean=np.zeros(5), var=np.zeros(5), eps=0)


def test_inference_names_statistics_of_the_wrong_length(rng):
    with pytest.raises(ValueError, match=r"mean has shape \(4,\), but x has 5 channels"):
        normalize.batchnorm_inference(**good(rng), mean=np.zeros(4), var=np.ones(5))


@pytest.mark.parametrize("name", ["batchnorm", "layernorm", "instancenorm"])
def test_a_gradient_of_another_shape_is_named(name, rng):
    arguments = good(rng)
    if name == "layernorm":
        arguments |= {"gamma": np.ones((5, 2)), "beta": np.ones((5, 2))}
    _, cache = getattr(normalize, f"{name}_forward")(**arguments)
    with pytest.raises(ValueError, match=r"dy has shape \(4, 2, 5\), but y had \(4, 5, 2\)"):
        getattr(normalize, f"{name}_backward")(np.ones((4, 2, 5)), cache)
