"""The checks of lesson 07: rates for unit weights, the scale that eps breaks, decay as a schedule, the settled norm."""

import numpy as np

from bncourse.checks.frame import Check, Mistake


def _unit(w, lr, power=-2, norms=None):
    """Weights divided by their norms, and the rates that go with them; the last two hold what the mistakes change."""
    norms = np.linalg.norm(w, axis=0) if norms is None else norms
    return w / norms, lr * norms**power * np.ones(w.shape[1])


def _weights(rng):
    return [(rng.normal(size=(d, m)) * rng.uniform(0.1, 5, m), lr) for d, m, lr in [(6, 4, 0.5), (9, 3, 0.02)]]


unit_weights = Check(
    exercise="07.1",
    law="Each unit's weights, a column of w, are divided by their norm; with a = 1 / norm the rate becomes a^2 times "
        "what it was, lr / norm^2, one for each unit.",
    solution=lambda w, lr: _unit(w, lr),
    cases=_weights,
    outputs=("w", "rates"),
    mistakes=(
        Mistake("the rate times the norm squared", "The weights are multiplied by a = 1 / norm, and the rate by a^2.",
                "section 4 of the lesson, the pair (aW, a^2 rate)", lambda w, lr: _unit(w, lr, power=2)),
        Mistake("the norm not squared", "One factor a comes from the weights, another from their gradient.",
                "section 4 of the lesson, the pair (aW, a^2 rate)", lambda w, lr: _unit(w, lr, power=-1)),
        Mistake("the rate times the norm", "The weights are multiplied by a = 1 / norm, and the rate by a^2.",
                "section 4 of the lesson, the pair (aW, a^2 rate)", lambda w, lr: _unit(w, lr, power=1)),
        Mistake("the rate left as it was", "Then each unit would turn faster or more slowly than before.",
                "section 4 of the lesson", lambda w, lr: _unit(w, lr, power=0)),
        Mistake("the norm of the whole matrix", "Batch norm divides each unit by its own standard deviation, so each "
                "column has a scale of its own.", "the paper's section 3.3, BN(aWu) for one unit",
                lambda w, lr: _unit(w, lr, norms=np.linalg.norm(w))),
        Mistake("rows taken for units", "w is (D, M), and x = u w: the weights of a unit are a column.", "the stub",
                lambda w, lr: (w / np.linalg.norm(w, axis=1)[:, None], lr / (w**2).sum(axis=1))),
        Mistake("the norm squared in the weights", "The weights are divided by the norm, the rate by its square.",
                "section 4 of the lesson", lambda w, lr: (w / (w**2).sum(0), lr / (w**2).sum(0))),
        Mistake("the weights left as they were", "The rates are those of unit weights.", "the stub",
                lambda w, lr: (w, _unit(w, lr)[1])),
        Mistake("the standard deviation for the norm", "The norm is the root of the sum of the squares: nothing is "
                "subtracted, nothing divided by the number of weights.", "section 1",
                lambda w, lr: _unit(w, lr, norms=w.std(axis=0))),
        Mistake("one rate for all units", "Each unit has a norm of its own, and so a rate of its own.", "the stub",
                lambda w, lr: (_unit(w, lr)[0], lr / (w**2).sum(axis=0).mean())),
        Mistake("the mean square for the norm", "The norm is the root of the sum of the squares.", "section 1",
                lambda w, lr: _unit(w, lr, norms=np.sqrt((w**2).mean(axis=0)))),
    ),
)


def _smallest(x, eps, share, least=np.min, power=2, ddof=0):
    var = least(x.var(axis=0, ddof=ddof))
    return np.sqrt(eps * share**power / (var * (1 - share**power)))


def _layers(rng):
    return [(rng.normal(3, 1, (m, c)) * rng.uniform(0.05, 4, c), eps, share)
            for m, c, eps, share in [(7, 4, 1e-5, 0.9), (5, 3, 1e-3, 0.99), (9, 5, 0.1, 0.5)]]


broken = Check(
    exercise="07.2",
    law="The standard deviation of x_hat for a x is sqrt(a^2 var / (a^2 var + eps)). It reaches the share s at "
        "a = sqrt(eps s^2 / (var (1 - s^2))), and the channel with the smallest variance is the last to reach it.",
    solution=lambda x, eps, share: _smallest(x, eps, share),
    cases=_layers,
    outputs=("a",),
    mistakes=(
        Mistake("the channel with the largest variance", "Where eps is small beside the largest variance it may be "
                "large beside the smallest: every channel was asked for.", "the exercise",
                lambda x, eps, s: _smallest(x, eps, s, np.max)),
        Mistake("the mean variance", "Each channel is divided by its own standard deviation.", "the exercise",
                lambda x, eps, s: _smallest(x, eps, s, np.mean)),
        Mistake("one a for each channel", "One number was asked for, at which all channels keep their share.",
                "the exercise", lambda x, eps, s: _smallest(x, eps, s, np.asarray)),
        Mistake("the variance for the standard deviation", "The share is one of the standard deviation; that of the "
                "variance is its square.", "the exercise", lambda x, eps, s: _smallest(x, eps, s, power=1)),
        Mistake("the root not taken", "eps stands beside a^2 var, so a is a root.", "Algorithm 1, line 3",
                lambda x, eps, s: _smallest(x, eps, s) ** 2),
        Mistake("eps beside the standard deviation", "eps is added to the variance under the root.",
                "Algorithm 1, line 3", lambda x, eps, s: eps * s / (x.std(0).min() * (1 - s))),
        Mistake("the a that makes eps and the variance equal", "There the standard deviation is 1 / sqrt(2), whatever "
                "share was asked for.", "the exercise", lambda x, eps, s: np.sqrt(eps / x.var(0).min())),
        Mistake("unbiased variance", "Algorithm 1 divides the sum of squares by m.", "Algorithm 1, line 2",
                lambda x, eps, s: _smallest(x, eps, s, ddof=1)),
        Mistake("the mean square for the variance", "Batch norm subtracts the mean before it squares.",
                "Algorithm 1, line 2", lambda x, eps, s: np.sqrt(eps * s**2 / ((x**2).mean(0).min() * (1 - s**2)))),
        Mistake("the share missing above", "From s^2 (a^2 var + eps) = a^2 var comes a^2 = s^2 eps / (var (1 - s^2)).",
                "the exercise", lambda x, eps, s: np.sqrt(eps / (x.var(axis=0).min() * (1 - s**2)))),
        Mistake("1 - s^2 missing below", "From s^2 (a^2 var + eps) = a^2 var comes a^2 = s^2 eps / (var (1 - s^2)).",
                "the exercise", lambda x, eps, s: s * np.sqrt(eps / x.var(axis=0).min())),
        Mistake("one variance over all channels", "Each channel has a mean and a variance of its own.",
                "Algorithm 1, line 2", lambda x, eps, s: s * np.sqrt(eps / (x.var() * (1 - s**2)))),
        Mistake("the standard deviation under the root", "Under the root eps is divided by the variance.",
                "Algorithm 1, line 3", lambda x, eps, s: s * np.sqrt(eps / (x.std(axis=0).min() * (1 - s**2)))),
        Mistake("1 over a", "Smaller weights were asked for: a x, and not x / a.", "the exercise",
                lambda x, eps, s: 1 / _smallest(x, eps, s)),
        Mistake("1 - s in place of 1 - s^2", "From s^2 (a^2 var + eps) = a^2 var comes a^2 var (1 - s^2).",
                "the exercise", lambda x, eps, s: np.sqrt(eps * s**2 / (x.var(0).min() * (1 - s)))),
    ),
)


def _schedule(rates, decay, power=2, own=1, late=False):
    """rates over the square of the product of all earlier shrinkings, and over the present one.

    The last three arguments hold what the known mistakes change.
    """
    shrink = 1 - rates * decay
    product = np.cumprod(shrink)
    before = product if late else product / shrink
    return rates / (before**power * shrink**own)


schedule = Check(
    exercise="07.3",
    law="With p_t the product of all factors (1 - rate_s decay) for s < t, the weights without decay are w_t / p_t, "
        "and the rate that imitates the decay is rate_t / (p_t^2 (1 - rate_t decay)) = rate_t / (p_t p_(t+1)).",
    solution=lambda rates, decay: _schedule(rates, decay),
    cases=lambda rng: [(rng.uniform(0.1, 1, n), decay) for n, decay in [(6, 0.05), (5, 0.3), (8, 0.01)]],
    outputs=("rates",),
    mistakes=(
        Mistake("the formula for a constant rate", "With a rate that varies each step shrinks the weights by a factor "
                "of its own: multiply those of the steps before.", "section 5, which holds rate and decay constant",
                lambda r, d: r * (1 - r * d) ** (-2 * np.arange(len(r)) - 1.0)),
        Mistake("the first rate in every factor", "Each step shrinks the weights by 1 - its own rate times decay.",
                "section 5, which holds rate and decay constant",
                lambda r, d: r * (1 - r[0] * d) ** (-2 * np.arange(len(r)) - 1.0)),
        Mistake("the present factor forgotten", "The step itself shrinks the weights once, before its gradient is "
                "added: that is the 1 in 2 t + 1.", "section 5", lambda r, d: _schedule(r, d, own=0)),
        Mistake("the present factor squared", "The factors of the steps before count twice, that of the step itself "
                "once.", "section 5", lambda r, d: _schedule(r, d, own=2)),
        Mistake("the product not squared", "The weights are larger by 1 / p, and their gradient is smaller by p: the "
                "rate has to make up for both.", "section 2, the gradient of aW",
                lambda r, d: _schedule(r, d, power=1)),
        Mistake("shrinking in place of growing", "Decay makes the weights smaller, and smaller weights turn faster.",
                "section 5", lambda r, d: r * r / _schedule(r, d)),
        Mistake("one step too late", "In the first step no weight has been shrunk before.", "section 5",
                lambda r, d: _schedule(r, d, late=True)),
        Mistake("the rates left as they are", "Decay is not idle: it makes the weights smaller, and they turn faster.",
                "section 5", lambda r, d: r * 1.0),
        Mistake("an exponential in place of the product", "exp(-rate decay) is nearly 1 - rate decay, and not for a "
                "large product; exactly the same directions were asked for.", "the exercise",
                lambda r, d: r * np.exp(2 * d * np.cumsum(r))),
        Mistake("decay without its rate", "The step of SGD with decay is w - rate (gradient + decay w): weights shrink "
                "by 1 - rate decay.", "section 5",
                lambda r, d: r * (1 - d) ** (-2 * np.arange(len(r)) - 1.0)),
    ),
)


def _settled(rate, decay, c):
    shrink = 1 - rate * decay
    turn = np.sqrt(1 - shrink**2)
    return np.sqrt(rate * c / turn), np.arcsin(turn)


settled = Check(
    exercise="07.4",
    law="The step is orthogonal to w, so |w|^2 = (1 - rate decay)^2 |w|^2 + rate^2 c^2 / |w|^2 when the norm has "
        "settled: |w|^4 = rate^2 c^2 / (1 - (1 - rate decay)^2). The angle's cosine is 1 - rate decay, whatever c is.",
    solution=_settled,
    cases=lambda rng: [(0.5, 0.1, 2.0), (0.1, 0.02, 0.3), (2.0, 0.2, 5.0)],
    outputs=("norm", "angle"),
    mistakes=(
        Mistake("the rule for small decay", "sqrt(2 rate decay) leaves out (rate decay)^2; the exact answer was asked "
                "for.", "section 5",
                lambda r, d, c: ((r * c * c / (2 * d)) ** 0.25, np.sqrt(2 * r * d))),
        Mistake("the norm by the rule for small decay", "The angle is exact; in the norm 2 rate decay - (rate decay)^2 "
                "stands in place of 2 rate decay.", "section 5",
                lambda r, d, c: ((r * c * c / (2 * d)) ** 0.25, _settled(r, d, c)[1])),
        Mistake("the cosine for the angle", "1 - rate decay is the cosine; the angle is its arccos.", "the exercise",
                lambda r, d, c: (_settled(r, d, c)[0], 1 - r * d)),
        Mistake("the angle by the rule for small decay", "The norm is exact; the angle's cosine is 1 - rate decay.",
                "section 5", lambda r, d, c: (_settled(r, d, c)[0], np.sqrt(2 * r * d))),
        Mistake("a gradient of constant size", "The gradient is c / |w|, so that the balance is one of |w|^4; "
                "its fourth root is the norm.", "section 2, the gradient of aW",
                lambda r, d, c: (r * c / np.sqrt(1 - (1 - r * d) ** 2), _settled(r, d, c)[1])),
        Mistake("the tangent for the angle", "Step over shrunken weights is the tangent; the angle is its arctan.",
                "the exercise", lambda r, d, c: (_settled(r, d, c)[0], np.tan(_settled(r, d, c)[1]))),
        Mistake("the sine for the angle", "Step over new weights is the sine; the angle is its arcsin.",
                "the exercise", lambda r, d, c: (_settled(r, d, c)[0], np.sin(_settled(r, d, c)[1]))),
        Mistake("the step over the old weights", "The step is orthogonal to the weights, which decay has shrunk "
                "before: its tangent is step over shrunken weights.", "hint 1 of the exercise",
                lambda r, d, c: (_settled(r, d, c)[0], np.arctan(np.sqrt(1 - (1 - r * d) ** 2)))),
        Mistake("the arcsine for the arccosine", "Shrunken weights over new weights is the cosine of the angle.",
                "the exercise", lambda r, d, c: (_settled(r, d, c)[0], np.arcsin(1 - r * d))),
        Mistake("the angle in degrees", "Radians were asked for.", "the stub",
                lambda r, d, c: (_settled(r, d, c)[0], np.degrees(_settled(r, d, c)[1]))),
        Mistake("the rate not in the decay", "The weights shrink by 1 - rate decay.", "section 5",
                lambda r, d, c: (np.sqrt(r * c / np.sqrt(1 - (1 - d) ** 2)), np.arccos(1 - d))),
    ),
)
