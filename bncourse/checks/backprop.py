"""The checks of lesson 04: the six equations, the one-line form, and which path of the gradient is missing."""

import numpy as np

from bncourse.checks.frame import Check, Mistake
from bncourse.checks.mistakes import backward as wrong
from bncourse.kernels.normalize import batchnorm_backward_steps


def _batches(rng):
    """Cases (dy, x, gamma, beta, eps): no two sizes equal, means away from zero, one gamma negative and one zero.

    The last case has a mean of 1e5.
    """
    cases = []
    for (m, c), eps in zip([(5, 3), (7, 2), (4, 6)], (1e-5, 0.1, 1e-2), strict=True):
        gamma = rng.normal(size=c)
        gamma[0] = -1.5
        x = rng.normal(2, np.arange(1, c + 1), (m, c))
        cases.append((rng.normal(1, 1, (m, c)), x, gamma, rng.normal(size=c), eps))
    cases[-1][2][1] = 0.0
    far = 1e5 + rng.normal(size=(9, 4))
    return [*cases, (rng.normal(1, 1, (9, 4)), far, rng.normal(size=4), rng.normal(size=4), 1e-3)]


def _without_beta(rng):
    return [(dy, x, gamma, eps) for dy, x, gamma, _, eps in _batches(rng)]


def _steps(dy, x, gamma, eps):
    return tuple(batchnorm_backward_steps(dy, x, gamma, eps))


def _changed(**changes):
    """A function that gives the six gradients, with the equations named in changes replaced.

    An equation takes the dictionary of what is computed before it; the gradients after it are computed from its value.
    """
    return _from_variance(lambda x: x.var(0), changes)


def _from_variance(variance, changes=()):
    """The function of `_changed`, for a forward pass that measures variance(x) instead of the biased variance."""

    def answer(dy, x, gamma, eps):
        m, c, inv_std = len(x), x - x.mean(0), 1 / np.sqrt(variance(x) + eps)
        given = {"dy": dy, "x": x, "gamma": gamma, "m": m, "c": c, "inv_std": inv_std}
        steps = {
            "dx_hat": lambda g: dy * gamma,
            "dvar": lambda g: (g["dx_hat"] * c).sum(0) * -0.5 * inv_std**3,
            "dmean": lambda g: -g["dx_hat"].sum(0) * inv_std,
            "dx": lambda g: g["dx_hat"] * inv_std + g["dvar"] * 2 * c / m + g["dmean"] / m,
            "dgamma": lambda g: (dy * c * inv_std).sum(0),
            "dbeta": lambda g: dy.sum(0),
        }
        for name, equation in (steps | dict(changes)).items():
            given[name] = equation(given)
        return tuple(given[name] for name in steps)

    return answer


six_equations = Check(
    exercise="04.1",
    law="dx_hat, dvar, dmean, dx, dgamma and dbeta are those of the six equations of section 3.",
    solution=_steps,
    cases=_without_beta,
    outputs=("dx_hat", "dvar", "dmean", "dx", "dgamma", "dbeta"),
    mistakes=(
        Mistake("gamma forgotten", "dy is multiplied by gamma on its way to x_hat.", "the first equation",
                _changed(dx_hat=lambda g: g["dy"])),
        Mistake("the sign of dvar", "A larger variance makes x_hat smaller: the factor is -1/2.", "the second equation",
                _changed(dvar=lambda g: (g["dx_hat"] * g["c"]).sum(0) * 0.5 * g["inv_std"] ** 3)),
        Mistake("the exponent of dvar", "The derivative of (var + eps)^(-1/2) has the exponent -3/2.",
                "the second equation", _changed(dvar=lambda g: (g["dx_hat"] * g["c"]).sum(0) * -0.5 * g["inv_std"])),
        Mistake("x instead of x - mean in dvar", "What the variance divides is x - mean.", "the second equation",
                _changed(dvar=lambda g: (g["dx_hat"] * g["x"]).sum(0) * -0.5 * g["inv_std"] ** 3)),
        Mistake("the sign of dmean", "A larger mean makes every x - mean smaller.", "the third equation",
                _changed(dmean=lambda g: g["dx_hat"].sum(0) * g["inv_std"])),
        Mistake("the path through the variance is missing", "x moves the variance too.",
                "the fourth equation, second term",
                _changed(dx=lambda g: g["dx_hat"] * g["inv_std"] + g["dmean"] / g["m"])),
        Mistake("the path through the mean is missing", "x moves the mean too.", "the fourth equation, third term",
                _changed(dx=lambda g: g["dx_hat"] * g["inv_std"] + g["dvar"] * 2 * g["c"] / g["m"])),
        Mistake("the 2 forgotten in dx", "The derivative of a square brings a 2.", "the fourth equation, second term",
                _changed(dx=lambda g: g["dx_hat"] * g["inv_std"] + (g["dvar"] * g["c"] + g["dmean"]) / g["m"])),
        Mistake("mean and variance held constant in dx", "They are functions of x; two of the three terms are missing.",
                "the fourth equation", _changed(dx=lambda g: g["dx_hat"] * g["inv_std"])),
        Mistake("1 / m forgotten in dx", "Each x is one of the m that the mean and the variance average.",
                "the fourth equation",
                _changed(dx=lambda g: g["dx_hat"] * g["inv_std"] + g["dvar"] * 2 * g["c"] + g["dmean"])),
        Mistake("dgamma from x instead of x_hat", "gamma multiplies x_hat.", "the fifth equation",
                _changed(dgamma=lambda g: (g["dy"] * g["x"]).sum(0))),
        Mistake("eps ignored", "The forward pass divides by sqrt(var + eps), so eps stays in the gradient.",
                "the second equation", lambda dy, x, gamma, eps: _changed()(dy, x, gamma, 0.0)),
        Mistake("dgamma averaged", "Each example adds its share: it is a sum.", "the fifth equation",
                _changed(dgamma=lambda g: (g["dy"] * g["c"] * g["inv_std"]).mean(0))),
        Mistake("dbeta averaged", "Each example adds its share: it is a sum.", "the sixth equation",
                _changed(dbeta=lambda g: g["dy"].mean(0))),
        Mistake("dgamma and dbeta averaged", "Each example adds its share: these are sums.",
                "the fifth and sixth equations",
                _changed(dgamma=lambda g: (g["dy"] * g["c"] * g["inv_std"]).mean(0), dbeta=lambda g: g["dy"].mean(0))),
        Mistake("gamma in dgamma and dbeta", "gamma and beta meet dy, not dx_hat.", "the fifth and sixth equations",
                _changed(dgamma=lambda g: (g["dx_hat"] * g["c"] * g["inv_std"]).sum(0),
                         dbeta=lambda g: g["dx_hat"].sum(0))),
        Mistake("unbiased variance", "The forward pass divides by m, so the backward pass must.",
                "Algorithm 1, line 2", _from_variance(lambda x: x.var(0, ddof=1))),
        Mistake("one-pass variance", "mean(x^2) - mean^2 cancels where the mean is large: subtract the mean first.",
                "Algorithm 1, line 2", _from_variance(lambda x: (x * x).mean(0) - x.mean(0) ** 2), rounding=True),
    ),
)

one_line = Check(
    exercise="04.2",
    law="dx = gamma / sqrt(var + eps) (dy - mean(dy) - x_hat mean(dy x_hat)), dgamma = sum(dy x_hat), "
        "dbeta = sum(dy).",
    solution=wrong.right,
    cases=_batches,
    outputs=("dx", "dgamma", "dbeta"),
    mistakes=wrong.BACKWARD,
)


def _unlabelled(number, function):
    """A backward pass that does not say by its name what is wrong with it."""

    def backward(dy, x, gamma, beta, eps):
        return function(dy, x, gamma, beta, eps)

    backward.__name__ = f"backward pass {number}"
    return backward


SUSPECTS = tuple(_unlabelled(number, function) for number, function in enumerate(
    (wrong.right, wrong.mean_path_missing, wrong.variance_path_missing, wrong.statistics_held_constant), 1))


def _missing(backward, eps=1e-9, by_x=False):
    """Whether a backward pass leaves out the path through the mean, and whether the path through the variance."""
    x, dy, gamma, beta = np.array([[0.0], [1.0], [5.0]]), np.array([[1.0], [-2.0], [4.0]]), np.ones(1), np.zeros(1)
    dx = backward(dy, x, gamma, beta, eps)[0]
    x_hat = x if by_x else wrong.normalized(x, eps)[0]
    return abs(dx.sum()) > 1e-6, abs((dx * x_hat).sum()) > 1e-6


diagnosis = Check(
    exercise="04.3",
    law="Where the path through the mean is there, dx sums to zero; where the path through the variance is there, "
        "dx is at right angles to x_hat (for small eps).",
    solution=lambda backward: _missing(backward),
    cases=lambda rng: [(suspect,) for suspect in SUSPECTS],
    outputs=("mean path missing", "variance path missing"),
    mistakes=(
        Mistake("the two answers exchanged", "A missing mean path shows in the sum of dx; a missing variance path in "
                "its product with x_hat.", "section 5 of the lesson", lambda b: _missing(b)[::-1]),
        Mistake("the second test also sees the missing mean path", "It must see the component along x_hat alone. The "
                "product with x also sees the component along ones: take x less its mean. So does a comparison with "
                "the whole right gradient.", "section 5 of the lesson", lambda b: _missing(b, by_x=True)),
        Mistake("eps too large for the threshold", "Of the component along x_hat a share eps / (var + eps) is left "
                "even in the right gradient: take a tiny eps, 1e-9, and compare with more than that leaves, 1e-6.",
                "section 5 of the lesson", lambda b: _missing(b, eps=1e-5)),
        Mistake("present taken for missing", "The question is what is missing.", "the stub",
                lambda b: tuple(not path for path in _missing(b))),
        Mistake("always nothing missing", "Try a dy that is neither constant nor symmetric, and compare with 1e-6.",
                "section 5 of the lesson", lambda b: (False, False)),
    ),
)
