"""The checks of lesson 04: the six equations, the one-line form, and which path of the gradient is missing."""

from collections.abc import Callable

import numpy as np

from bncourse.checks.frame import Check, Mistake
from bncourse.checks.mistakes import backward as wrong
from bncourse.checks.mistakes import weighted
from bncourse.kernels.normalize import batchnorm_backward_steps


def _batches(rng):
    """Cases (dy, x, gamma, eps): no two sizes equal, means away from zero, one gamma negative and one zero.

    The last case has a mean of 1e5.
    """
    cases = []
    for (m, c), eps in zip([(5, 3), (7, 2), (4, 6)], (1e-5, 0.1, 1e-2), strict=True):
        gamma = rng.normal(size=c)
        gamma[0] = -1.5
        x = rng.normal(2, np.arange(1, c + 1), (m, c))
        cases.append((rng.normal(1, 1, (m, c)), x, gamma, eps))
    cases[-1][2][1] = 0.0
    far = 1e5 + rng.normal(size=(9, 4))
    return [*cases, (rng.normal(1, 1, (9, 4)), far, rng.normal(size=4), 1e-3)]


def _weighted_batches(rng):
    """Cases (dy, x, w, gamma, eps): those of `_batches` with weights, of which some are zero and once all are equal."""
    cases = []
    for dy, x, gamma, eps in _batches(rng):
        w = rng.uniform(0.5, 2, len(x))
        cases.append((dy, x, w / w.sum(), gamma, eps))
    (dy, x, w, *rest), (m, _) = cases[1], cases[2][1].shape
    w = np.where(np.arange(len(w)) < 2, 0.0, w)
    cases[1] = dy, x, w / w.sum(), *rest
    cases[2] = *cases[2][:2], np.full(m, 1 / m), *cases[2][3:]
    return cases


def _steps(dy, x, gamma, eps):
    return tuple(batchnorm_backward_steps(dy, x, gamma, eps))


def _root(x: np.ndarray, eps: float) -> np.ndarray:
    return np.sqrt(x.var(0) + eps)


def _changed(std: Callable = _root, **changes: Callable) -> Callable:
    """A function that gives the six gradients, with the equations named in changes replaced.

    An equation takes the dictionary of what is computed before it; the gradients after it are computed from its value.
    `std` is what the function takes for the root of the variance and eps.
    """

    def answer(dy, x, gamma, eps):
        m, c, inv_std = len(x), x - x.mean(0), 1 / std(x, eps)
        given = {"dy": dy, "x": x, "gamma": gamma, "m": m, "c": c, "inv_std": inv_std, "x_hat": c * inv_std}
        steps = {
            "dx_hat": lambda g: dy * gamma,
            "dvar": lambda g: (g["dx_hat"] * c).sum(0) * -0.5 * inv_std**3,
            "dmean": lambda g: -g["dx_hat"].sum(0) * inv_std,
            "dx": lambda g: g["dx_hat"] * inv_std + g["dvar"] * 2 * c / m + g["dmean"] / m,
            "dgamma": lambda g: (dy * g["x_hat"]).sum(0),
            "dbeta": lambda g: dy.sum(0),
        }
        for name, equation in (steps | changes).items():
            given[name] = equation(given)
        return tuple(given[name] for name in steps)

    return answer


def _dvar(factor: float = -0.5, power: int = 3, of: str = "c", upstream: str = "dx_hat") -> Callable:
    """The second equation, with another factor, power of 1 / std, second or first factor of its sum."""
    return lambda g: (g[upstream] * g[of]).sum(0) * factor * g["inv_std"] ** power


def _dx(square: float = 2.0, of: str = "c", m_of_var: bool = True, m_of_mean: bool = True, **without: bool) -> Callable:
    """The fourth equation, with something wrong in its second term, or without the terms named by `without`."""

    def equation(g):
        var_term = g["dvar"] * square * g[of] / (g["m"] if m_of_var else 1)
        mean_term = g["dmean"] / (g["m"] if m_of_mean else 1)
        return (g["dx_hat"] * g["inv_std"] + (0 if without.get("no_var") else var_term)
                + (0 if without.get("no_mean") else mean_term))

    return equation


def _exchanged(dy, x, gamma, eps):
    *others, dgamma, dbeta = _steps(dy, x, gamma, eps)
    return *others, dbeta, dgamma


FIRST, SECOND, THIRD = "the first equation", "the second equation", "the third equation"
FOURTH, FIFTH, SIXTH = "the fourth equation", "the fifth equation", "the sixth equation"
SHARE = "Each example adds its share: it is a sum."

SIX = (
    Mistake("gamma forgotten", "dy is multiplied by gamma on its way to x_hat.", FIRST,
            _changed(dx_hat=lambda g: g["dy"])),
    Mistake("the sign of dvar", "A larger variance makes x_hat smaller: the factor is -1/2.", SECOND,
            _changed(dvar=_dvar(0.5))),
    Mistake("the 1/2 of dvar forgotten", "The derivative of the power -1/2 brings the factor -1/2.", SECOND,
            _changed(dvar=_dvar(-1.0))),
    Mistake("the exponent of dvar", "The derivative of (var + eps)^(-1/2) has the exponent -3/2.", SECOND,
            _changed(dvar=_dvar(power=1))),
    Mistake("1 / (var + eps) in dvar", "The derivative of (var + eps)^(-1/2) has the exponent -3/2.", SECOND,
            _changed(dvar=_dvar(power=2))),
    Mistake("the power written as ** -3/2", "Python reads ** before /: write ** -1.5, or ** (-3 / 2).", SECOND,
            _changed(dvar=_dvar(-0.25, power=6))),
    Mistake("x instead of x - mean in dvar", "What the variance divides is x - mean.", SECOND,
            _changed(dvar=_dvar(of="x"))),
    Mistake("x_hat instead of x - mean in dvar", "With x_hat the power of the standard deviation is one less.", SECOND,
            _changed(dvar=_dvar(of="x_hat"))),
    Mistake("dy instead of dx_hat in dvar", "The variance is below x_hat: the gradient that comes to it is dx_hat.",
            SECOND, _changed(dvar=_dvar(upstream="dy"))),
    Mistake("a mean in dvar", "The variance is in every x_hat, and each adds its share: it is a sum.", SECOND,
            _changed(dvar=lambda g: _dvar()(g) / g["m"])),
    Mistake("the sign of dmean", "A larger mean makes every x - mean smaller.", THIRD,
            _changed(dmean=lambda g: g["dx_hat"].sum(0) * g["inv_std"])),
    Mistake("a mean in dmean", "The mean is in every x_hat, and each adds its share: it is a sum.", THIRD,
            _changed(dmean=lambda g: -g["dx_hat"].mean(0) * g["inv_std"])),
    Mistake("means for both sums", "The variance and the mean are in every x_hat, and each adds its share: dvar and "
            "dmean are sums.", "the second and third equations",
            _changed(dvar=lambda g: _dvar()(g) / g["m"], dmean=lambda g: -g["dx_hat"].mean(0) * g["inv_std"])),
    Mistake("means for all sums", "The variance, the mean, gamma and beta are in every y, and each y adds its share.",
            "the second, third, fifth and sixth equations",
            _changed(dvar=lambda g: _dvar()(g) / g["m"], dmean=lambda g: -g["dx_hat"].mean(0) * g["inv_std"],
                     dgamma=lambda g: (g["dy"] * g["x_hat"]).mean(0), dbeta=lambda g: g["dy"].mean(0))),
    Mistake("dy instead of dx_hat in dmean", "The mean is below x_hat: the gradient that comes to it is dx_hat.", THIRD,
            _changed(dmean=lambda g: -g["dy"].sum(0) * g["inv_std"])),
    Mistake("dmean not divided by the standard deviation", "x_hat is (x - mean) / s, so the derivative is -1 / s.",
            THIRD, _changed(dmean=lambda g: -g["dx_hat"].sum(0))),
    Mistake("x instead of x - mean in the second term of dmean", "The derivative of (x - mean)^2 is -2 (x - mean), and "
            "its sum is zero.", THIRD,
            _changed(dmean=lambda g: -g["dx_hat"].sum(0) * g["inv_std"] + g["dvar"] * -2 * g["x"].mean(0))),
    Mistake("the sum of x in the second term of dmean", "The derivative of (x - mean)^2 is -2 (x - mean), and its sum "
            "is zero.", THIRD,
            _changed(dmean=lambda g: -g["dx_hat"].sum(0) * g["inv_std"] + g["dvar"] * -2 * g["x"].sum(0))),
    Mistake("dy instead of dx_hat in dx", "x is below x_hat: the gradient that comes to it is dx_hat.", FOURTH,
            _changed(dx=lambda g: _dx()(g | {"dx_hat": g["dy"]}))),
    Mistake("a minus before the third term of dx", "The derivative of the mean by x is 1 / m; dmean has its sign.",
            f"{FOURTH}, third term", _changed(dx=lambda g: _dx()(g | {"dmean": -g["dmean"]}))),
    Mistake("the path through the variance is missing", "x moves the variance too.", f"{FOURTH}, second term",
            _changed(dx=_dx(no_var=True))),
    Mistake("the path through the mean is missing", "x moves the mean too.", f"{FOURTH}, third term",
            _changed(dx=_dx(no_mean=True))),
    Mistake("the 2 forgotten in dx", "The derivative of a square brings a 2.", f"{FOURTH}, second term",
            _changed(dx=_dx(1.0))),
    Mistake("x instead of x - mean in dx", "The derivative of (x - mean)^2 is 2 (x - mean).", f"{FOURTH}, second term",
            _changed(dx=_dx(of="x"))),
    Mistake("x_hat instead of x - mean in dx", "The derivative of (x - mean)^2 is 2 (x - mean).",
            f"{FOURTH}, second term", _changed(dx=_dx(of="x_hat"))),
    Mistake("mean and variance held constant in dx", "They are functions of x; two of the three terms are missing.",
            FOURTH, _changed(dx=_dx(no_var=True, no_mean=True))),
    Mistake("1 / m forgotten in dx", "Each x is one of the m that the mean and the variance average.",
            FOURTH, _changed(dx=_dx(m_of_var=False, m_of_mean=False))),
    Mistake("1 / m forgotten in the second term of dx", "Each x is one of the m that the variance averages.",
            f"{FOURTH}, second term", _changed(dx=_dx(m_of_var=False))),
    Mistake("1 / m forgotten in the third term of dx", "Each x is one of the m that the mean averages.",
            f"{FOURTH}, third term", _changed(dx=_dx(m_of_mean=False))),
    Mistake("dgamma from x instead of x_hat", "gamma multiplies x_hat.", FIFTH,
            _changed(dgamma=lambda g: (g["dy"] * g["x"]).sum(0))),
    Mistake("dgamma from x - mean instead of x_hat", "gamma multiplies x_hat.", FIFTH,
            _changed(dgamma=lambda g: (g["dy"] * g["c"]).sum(0))),
    Mistake("gamma in dgamma", "gamma meets dy, not dx_hat.", FIFTH,
            _changed(dgamma=lambda g: (g["dx_hat"] * g["x_hat"]).sum(0))),
    Mistake("gamma in dbeta", "beta meets dy, not dx_hat.", SIXTH, _changed(dbeta=lambda g: g["dx_hat"].sum(0))),
    Mistake("gamma in dgamma and dbeta", "gamma and beta meet dy, not dx_hat.", f"{FIFTH} and the sixth",
            _changed(dgamma=lambda g: (g["dx_hat"] * g["x_hat"]).sum(0), dbeta=lambda g: g["dx_hat"].sum(0))),
    Mistake("dgamma and dbeta exchanged", "gamma multiplies x_hat and beta is added: dgamma is sum(dy x_hat).",
            f"{FIFTH} and the sixth", _exchanged),
    Mistake("dgamma averaged", SHARE, FIFTH, _changed(dgamma=lambda g: (g["dy"] * g["x_hat"]).mean(0))),
    Mistake("dbeta averaged", SHARE, SIXTH, _changed(dbeta=lambda g: g["dy"].mean(0))),
    Mistake("dgamma and dbeta averaged", SHARE, f"{FIFTH} and the sixth",
            _changed(dgamma=lambda g: (g["dy"] * g["x_hat"]).mean(0), dbeta=lambda g: g["dy"].mean(0))),
    Mistake("eps ignored", "The forward pass divides by sqrt(var + eps), so eps stays in the gradient.", SECOND,
            _changed(lambda x, eps: x.std(0))),
    Mistake("eps outside the root", "The paper adds eps to the variance and then takes the root.",
            "Algorithm 1, line 3", _changed(lambda x, eps: x.std(0) + eps)),
    Mistake("unbiased variance", "The forward pass divides by m, so the backward pass must.", "Algorithm 1, line 2",
            _changed(lambda x, eps: np.sqrt(x.var(0, ddof=1) + eps))),
    Mistake("one-pass variance", "mean(x^2) - mean^2 cancels where the mean is large: subtract the mean first.",
            "Algorithm 1, line 2",
            _changed(lambda x, eps: np.sqrt((x * x).mean(0) - x.mean(0) ** 2 + eps)), rounding=True),
)

six_equations = Check(
    exercise="04.1",
    law="With s = sqrt(var + eps), in the order of the equations: dx_hat = dy gamma; "
        "dvar = sum(dx_hat (x - mean)) (-1/2) s^-3; dmean = -sum(dx_hat) / s; "
        "dx = dx_hat / s + dvar 2 (x - mean) / m + dmean / m; dgamma = sum(dy x_hat); dbeta = sum(dy).",
    solution=_steps,
    cases=_batches,
    outputs=("dx_hat", "dvar", "dmean", "dx", "dgamma", "dbeta"),
    mistakes=SIX,
)

one_line = Check(
    exercise="04.2",
    law="dx_i = gamma / sqrt(var + eps) (dy_i - w_i sum(dy) - w_i x_hat_i sum(dy x_hat)), dgamma = sum(dy x_hat), "
        "dbeta = sum(dy). With w_i = 1/m this is the line of section 4.",
    solution=weighted.right,
    cases=_weighted_batches,
    outputs=("dx", "dgamma", "dbeta"),
    mistakes=weighted.WEIGHTED,
)


def _unlabelled(number, function):
    """A backward pass that does not say by its name what is wrong with it.

    It rounds its dx up. So does arithmetic in its way, and what should be zero is then seldom exactly zero.
    """

    def backward(dy, x, gamma, beta, eps):
        dx, dgamma, dbeta = function(dy, x, gamma, beta, eps)
        return np.nextafter(dx, np.inf), dgamma, dbeta

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


SECTION = "section 5 of the lesson"
ROUNDING = "Rounding leaves about 1e-16 where the sum should be zero: `!= 0` is true of all four."

diagnosis = Check(
    exercise="04.3",
    law="Where the path through the mean is there, dx sums to zero; where the path through the variance is there, "
        "dx is at right angles to x_hat (for small eps).",
    solution=lambda backward: _missing(backward),
    cases=lambda rng: [(suspect,) for suspect in SUSPECTS],
    outputs=("mean path missing", "variance path missing"),
    mistakes=(
        Mistake("the two answers exchanged", "A missing mean path shows in the sum of dx; a missing variance path in "
                "its product with x_hat.", SECTION, lambda b: _missing(b)[::-1]),
        Mistake("both compared with exactly zero", f"{ROUNDING} Compare with a small number, abs(...) > 1e-6. (Single "
                "entries of dx are not zero either: it is the sum that is.)", SECTION, lambda b: (True, True)),
        Mistake("the sum compared with exactly zero", f"{ROUNDING} Compare with a small number, abs(...) > 1e-6.",
                SECTION, lambda b: (True, _missing(b)[1])),
        Mistake("the mean path never missing", "A dy whose sum is zero has no component along ones that could be left "
                "over: take a dy with a mean.", SECTION, lambda b: (False, _missing(b)[1])),
        Mistake("the variance path never missing", "A dy that is the same for all examples has no component along "
                "x_hat that could be left over. The test is the product of dx with x_hat.", SECTION,
                lambda b: (_missing(b)[0], False)),
        Mistake("the second test also sees the missing mean path", "It must see the component along x_hat alone. The "
                "product with x also sees the component along ones: take x less its mean. So does a comparison with "
                "the whole right gradient.", SECTION, lambda b: _missing(b, by_x=True)),
        Mistake("what eps leaves taken for a missing path", "The second answer is True of all four. Of the component "
                "along x_hat a share eps / (var + eps) is left even in the right gradient: take a tiny eps, 1e-9, and "
                f"compare with more than that leaves, 1e-6. {ROUNDING}", SECTION, lambda b: _missing(b, eps=1e-5)),
        Mistake("both answers by the sum of dx", "The sum of dx tells of the mean path alone; the variance path shows "
                "in the product of dx with x_hat.", SECTION, lambda b: (_missing(b)[0],) * 2),
        Mistake("both answers by the product with x_hat", "The product of dx with x_hat tells of the variance path "
                "alone; the mean path shows in the sum of dx.", SECTION, lambda b: (_missing(b)[1],) * 2),
        Mistake("one answer for both paths", "The answer tells whether anything is missing; which path it is, the two "
                "directions of section 5 tell.", SECTION, lambda b: (any(_missing(b)),) * 2),
        Mistake("present taken for missing", "The question is what is missing.", "the stub",
                lambda b: tuple(not path for path in _missing(b))),
        Mistake("nothing found missing", "Two of the four leave out one path and one leaves out both. All four have "
                "the right dgamma and dbeta: only dx shows it. Try a dy that is neither constant nor symmetric, and an "
                "x that is not symmetric. What should be zero may be negative too: take abs.", SECTION,
                lambda b: (False, False)),
    ),
)
