"""The checks of lesson 01: standardizing with the training statistics, percentiles, saturation, a repair."""

import numpy as np

from bncourse.checks.frame import Check, Mistake
from bncourse.experiments.activations import PERCENTILES
from bncourse.kernels.layers import sigmoid_forward


def _scaled(x, mean, var, eps):
    return (x - mean) / np.sqrt(var + eps)


def _standardize(train, test, eps):
    return _scaled(test, train.mean(0), train.var(0), eps)


def _two_sets(rng):
    """Unequal sizes and features; test features that lie elsewhere and are spread otherwise; a constant one."""
    cases = []
    for n, m, c, eps in ((9, 5, 3, 1e-3), (7, 11, 4, 0.2), (6, 2, 5, 1e-5)):
        scale = rng.uniform(0.5, 3, c)
        cases.append((rng.normal(2, scale, (n, c)), rng.normal(-1, 2 * scale, (m, c)), eps))
    constant = rng.normal(size=(8, 3))
    constant[:, 1] = 0.7
    return [*cases, (constant, rng.normal(size=(4, 3)), 1e-2)]


def _both(train, test):
    return np.concatenate([train, test])


standardize = Check(
    exercise="01.1",
    law="x_hat = (x - mean) / sqrt(var + eps), where mean and var of each feature come from the training examples; "
        "a test example's x_hat depends on no other test example.",
    solution=_standardize,
    cases=_two_sets,
    outputs=("x_hat",),
    mistakes=(
        Mistake("the test examples' own statistics", "They hide that the test inputs lie elsewhere, and make each "
                "answer depend on the other test examples. As a repair, section 1, it is meant; here it is not.",
                "section 5, the last paragraph", lambda train, test, eps: _standardize(test, test, eps)),
        Mistake("the statistics of both sets together", "What was learned must not depend on the test examples; and "
                "when one example is to be judged, there is no test set.", "section 5, the last paragraph",
                lambda train, test, eps: _standardize(_both(train, test), test, eps)),
        Mistake("the statistics of each example", "Mean and variance belong to a feature, over the examples: axis 0. "
                "Over the features of one example it is another normalization (lesson 06).", "section 3, standardize",
                lambda train, test, eps: _scaled(test, test.mean(1)[:, None], test.var(1)[:, None], eps)),
        Mistake("one mean and one variance for all features", "Each feature has its own scale.",
                "section 3, standardize", lambda train, test, eps: _scaled(test, train.mean(), train.var(), eps)),
        Mistake("division by the variance", "The unit of x must cancel: divide by the root of the variance.",
                "section 3, standardize",
                lambda train, test, eps: (test - train.mean(0)) / (train.var(0) + eps)),
        Mistake("eps outside the root", "eps is added to the variance, and then the root is taken.",
                "section 3, standardize",
                lambda train, test, eps: (test - train.mean(0)) / (train.std(0) + eps)),
        Mistake("eps ignored", "A feature that is constant in the training set divides by zero.",
                "section 3, standardize", lambda train, test, eps: _scaled(test, train.mean(0), train.var(0), 0)),
        Mistake("unbiased variance", "Here the sum of squares is divided by the number of examples.",
                "section 3, standardize",
                lambda train, test, eps: _scaled(test, train.mean(0), train.var(0, ddof=1), eps)),
        Mistake("mean not subtracted", "The mean is moved to zero before scaling.", "section 3, standardize",
                lambda train, test, eps: _scaled(test, 0, train.var(0), eps)),
        Mistake("the training mean and the test variance", "Both are learned from the training examples, and both are "
                "kept.", "section 5, the last paragraph",
                lambda train, test, eps: _scaled(test, train.mean(0), test.var(0), eps)),
        Mistake("the test mean and the training variance", "Both are learned from the training examples, and both are "
                "kept.", "section 5, the last paragraph",
                lambda train, test, eps: _scaled(test, test.mean(0), train.var(0), eps)),
        Mistake("the training examples standardized", "The test examples are to be standardized, with the statistics "
                "of the training examples.", "the exercise's first sentence",
                lambda train, test, eps: _standardize(train, train, eps)),
        Mistake("not divided", "The spread is brought to 1 too: divide by the root of the variance plus eps.",
                "section 3, standardize", lambda train, test, eps: test - train.mean(0)),
        Mistake("multiplied by the standard deviation", "To bring the spread to 1, divide by it.",
                "section 3, standardize",
                lambda train, test, eps: (test - train.mean(0)) * np.sqrt(train.var(0) + eps)),
        Mistake("min-max scaling", "The spread is the standard deviation; two examples set the range.",
                "section 3, standardize",
                lambda train, test, eps: (test - train.min(0)) / (np.ptp(train, 0) + eps)),
    ),
)


def _track(history):
    return np.percentile(history, PERCENTILES, axis=1).transpose(1, 0, 2)


track = Check(
    exercise="01.2",
    law="For each record and each unit, the 15th, 50th and 85th percentiles over the examples: (T, m, C) becomes "
        "(T, 3, C).",
    solution=_track,
    cases=lambda rng: [(rng.gamma(2, 1 + t + rng.uniform(size=(t, 1, c)), (t, m, c)),)
                       for t, m, c in [(4, 7, 5), (2, 9, 6), (5, 6, 4)]],
    outputs=("percentiles",),
    mistakes=(
        Mistake("percentiles over the units", "A unit's distribution is over the examples: axis 1 of (T, m, C).",
                "section 9", lambda history: np.percentile(history, PERCENTILES, axis=2).transpose(1, 0, 2)),
        Mistake("percentiles over the whole of training", "Each record has its own; otherwise nothing is seen to "
                "move.", "section 9", lambda history: np.repeat(np.percentile(history, PERCENTILES, axis=(0, 1))[None],
                                                                len(history), 0)),
        Mistake("all units in one", "The units differ from each other; the paper follows one of them.", "section 9",
                lambda history: np.repeat(np.percentile(history, PERCENTILES, axis=(1, 2)).T[:, :, None],
                                          history.shape[2], 2)),
        Mistake("the axes in another order", "np.percentile puts its percentiles first: (3, T, C).",
                "the shapes in the stub", lambda history: np.percentile(history, PERCENTILES, axis=1)),
        Mistake("percentiles over time",
                "A unit's distribution at one moment is over the examples: axis 1 of (T, m, C).",
                "section 9", lambda history: np.percentile(history, PERCENTILES, axis=0)),
        Mistake("percentiles over time, moved",
                "A unit's distribution at one moment is over the examples: axis 1 of (T, m, C).",
                "section 9", lambda history: np.moveaxis(np.percentile(history, PERCENTILES, axis=0), 0, 1)),
        Mistake("the percentiles last", "The order asked for is time, percentile, unit: (T, 3, C).",
                "the shapes in the stub",
                lambda history: np.percentile(history, PERCENTILES, axis=1).transpose(1, 2, 0)),
        Mistake("nearest values instead of percentiles", "Between two values a percentile is interpolated, which is "
                "what np.percentile does by itself.", "hint 2",
                lambda history: np.percentile(history, PERCENTILES, axis=1, method="nearest").transpose(1, 0, 2)),
        Mistake("the largest first", "The order asked for is 15, 50, 85.", "the shapes in the stub",
                lambda history: np.percentile(history, PERCENTILES[::-1], axis=1).transpose(1, 0, 2)),
        Mistake("quartiles", "The paper's three are the 15th, 50th and 85th: about one standard deviation to either "
                "side, for a Gaussian.", "section 4.1 of the paper, Figure 1",
                lambda history: np.percentile(history, (25, 50, 75), axis=1).transpose(1, 0, 2)),
        Mistake("fractions for per cents", "np.percentile counts to 100; np.quantile counts to 1.", "section 9",
                lambda history: np.percentile(history, (0.15, 0.5, 0.85), axis=1).transpose(1, 0, 2)),
        Mistake("mean and standard deviation", "For a skewed unit they are not the percentiles.", "section 9",
                lambda history: np.stack([history.mean(1) + k * history.std(1) for k in (-1, 0, 1)], axis=1)),
    ),
)


def _derivative(x):
    """Of tanh, at x."""
    return 1 - np.tanh(x) ** 2


def _saturated(x, limit):
    return (_derivative(x) < limit).mean(0)


def _sigmoid_is_flat(x, limit):
    y, _ = sigmoid_forward(x)
    return (y * (1 - y) < limit).mean(0)


saturated = Check(
    exercise="01.3",
    law="A tanh unit is saturated on an example where its derivative, 1 - tanh(x)^2, is below the limit; counted over "
        "the m examples, for each unit.",
    solution=_saturated,
    cases=lambda rng: [(rng.normal(mean, 1.5, (m, c)), limit)
                       for m, c, mean, limit in [(13, 4, 0.5, 0.05), (17, 3, -1, 0.1), (19, 5, 1, 0.2)]],
    outputs=("part",),
    mistakes=(
        Mistake("the derivative of the sigmoid", "y (1 - y) is the sigmoid's derivative. That of tanh is 1 - y^2.",
                "the exercise's first sentence", _sigmoid_is_flat),
        Mistake("y (1 - y) with y = tanh(x)", "y (1 - y) is the sigmoid's derivative. That of tanh is 1 - y^2.",
                "the exercise's first sentence",
                lambda x, limit: (np.tanh(x) * (1 - np.tanh(x)) < limit).mean(0)),
        Mistake("the derivative taken at tanh(x)", "1 - y^2 already is the derivative at x when y = tanh(x); tanh is "
                "applied once.", "section 7", lambda x, limit: _saturated(np.tanh(x), limit)),
        Mistake("1 - x^2", "The shortcut 1 - y^2 holds for the output y = tanh(x), not for the input.", "section 7",
                lambda x, limit: (1 - x**2 < limit).mean(0)),
        Mistake("the square left out", "The derivative is 1 - y^2: flat at both ends.", "section 7",
                lambda x, limit: (1 - np.tanh(x) < limit).mean(0)),
        Mistake("one side only", "tanh is flat at both ends: far below zero the output is near -1, and the derivative "
                "is small there too.", "section 7", lambda x, limit: ((_derivative(x) < limit) & (x > 0)).mean(0)),
        Mistake("the other side only", "tanh is flat at both ends: far above zero the output is near 1, and the "
                "derivative is small there too.", "section 7",
                lambda x, limit: ((_derivative(x) < limit) & (x < 0)).mean(0)),
        Mistake("the output compared with the limit",
                "What vanishes at the flat ends is the derivative, not the output.",
                "section 7", lambda x, limit: (np.tanh(x) < limit).mean(0)),
        Mistake("the output's distance from its ends",
                "The limit is for the derivative: compare 1 - tanh(x)^2 with it.",
                "section 7", lambda x, limit: (1 - np.abs(np.tanh(x)) < limit).mean(0)),
        Mistake("the input beyond 3", "Where the derivative falls below the limit depends on the limit: compute the "
                "derivative.", "section 7", lambda x, limit: (np.abs(x) > 3).mean(0)),
        Mistake("the part that is not saturated", "Saturated is where the derivative is below the limit.",
                "section 7", lambda x, limit: (_derivative(x) >= limit).mean(0)),
        Mistake("counted over the units", "One number for each unit: the mean runs over the examples, axis 0.",
                "section 7", lambda x, limit: (_derivative(x) < limit).mean(1)),
        Mistake("one number for all units",
                "Each unit has its own part: the mean runs over the examples alone, axis 0.",
                "section 7", lambda x, limit: (_derivative(x) < limit).mean()),
        Mistake("the number instead of the part", "Divide by the number of examples.", "section 7",
                lambda x, limit: 1.0 * (_derivative(x) < limit).sum(0)),
        Mistake("a truth for each example", "Count over the examples: the mean of the truths, axis 0.",
                "the shapes in the stub", lambda x, limit: _derivative(x) < limit),
        Mistake("the square of the output", "The derivative is 1 less the square.", "the exercise's hint 2",
                lambda x, limit: (np.tanh(x) ** 2 < limit).mean(0)),
        Mistake("per cents", "A part is a number from 0 to 1.", "the shapes in the stub",
                lambda x, limit: 100 * _saturated(x, limit)),
    ),
)


def _repair(x_new, mean, var, eps):
    return mean + np.sqrt(var + eps) * _scaled(x_new, x_new.mean(0), x_new.var(0), eps)


def _new_light(rng):
    cases = []
    for m, c, eps in ((9, 4, 1e-3), (12, 3, 0.1), (7, 6, 1e-5)):
        x = rng.normal(1, rng.uniform(0.5, 2, c), (m, c))
        cases.append((rng.uniform(0.2, 0.6, c) * x + rng.normal(size=c), rng.normal(size=c), rng.uniform(1, 3, c), eps))
    return cases


repair = Check(
    exercise="01.4",
    law="x = mean + sqrt(var + eps) (x_new - mean_new) / sqrt(var_new + eps): the new batch gets the old mean and "
        "standard deviation, feature by feature.",
    solution=_repair,
    cases=_new_light,
    outputs=("x",),
    mistakes=(
        Mistake("nothing done", "The batch has the new light's mean and spread; it has to get the old ones.",
                "the exercise's first sentence", lambda x_new, mean, var, eps: 1.0 * x_new),
        Mistake("standardized with the old statistics", "The old statistics do not know of the new light: take it away "
                "with the batch's own.", "section 1", lambda x_new, mean, var, eps: _scaled(x_new, mean, var, eps)),
        Mistake("the ratio of the variances", "The ratio of the spreads is the root of the ratio of the variances.",
                "section 3, standardize", lambda x_new, mean, var, eps:
                mean + (var + eps) / (x_new.var(0) + eps) * (x_new - x_new.mean(0))),
        Mistake("only the spread changed", "The mean moved too: subtract the new one and add the old one.", "section 1",
                lambda x_new, mean, var, eps: x_new.mean(0) + np.sqrt(var + eps)
                * _scaled(x_new, x_new.mean(0), x_new.var(0), eps)),
        Mistake("multiplied but not moved first", "Subtract the new mean before the spread is changed.", "section 1",
                lambda x_new, mean, var, eps: x_new * np.sqrt((var + eps) / (x_new.var(0) + eps))),
        Mistake("the mean added before multiplying", "x_hat = (x - mean) / s gives x = s x_hat + mean.",
                "section 3, standardize", lambda x_new, mean, var, eps:
                np.sqrt(var + eps) * (_scaled(x_new, x_new.mean(0), x_new.var(0), eps) + mean)),
        Mistake("eps left out of the divisor", "Whatever is added to the variance that multiplies must be added to the "
                "one that divides, or a batch that has not changed would change.", "section 3, standardize",
                lambda x_new, mean, var, eps:
                mean + np.sqrt(var + eps) * _scaled(x_new, x_new.mean(0), x_new.var(0), 0)),
        Mistake("the old mean forgotten", "The old light has a mean too: add it at the end.", "section 3, standardize",
                lambda x_new, mean, var, eps: np.sqrt(var + eps) * _scaled(x_new, x_new.mean(0), x_new.var(0), eps)),
        Mistake("the ratio of the spreads turned round", "Divide by the new spread and multiply by the old one.",
                "section 3, standardize", lambda x_new, mean, var, eps:
                mean + np.sqrt((x_new.var(0) + eps) / (var + eps)) * (x_new - x_new.mean(0))),
        Mistake("only the mean moved", "Light that is multiplied changes the spread too.", "section 1",
                lambda x_new, mean, var, eps: x_new - x_new.mean(0) + mean),
        Mistake("standardized and left there", "The network was trained on pictures with the old mean and spread; "
                "give them back.", "the exercise's first sentence",
                lambda x_new, mean, var, eps: _scaled(x_new, x_new.mean(0), x_new.var(0), eps)),
        Mistake("multiplied by the variance", "What was divided by is a standard deviation; so is what multiplies.",
                "section 3, standardize", lambda x_new, mean, var, eps:
                mean + (var + eps) * _scaled(x_new, x_new.mean(0), x_new.var(0), eps)),
        Mistake("the old and the new exchanged", "Subtract the new mean and divide by the new spread; then multiply "
                "by the old spread and add the old mean.", "section 1", lambda x_new, mean, var, eps:
                x_new.mean(0) + np.sqrt(x_new.var(0) + eps) * _scaled(x_new, mean, var, eps)),
        Mistake("one mean and one variance for all features", "A shadow falls on some pixels only: each feature has "
                "its own statistics.", "section 4", lambda x_new, mean, var, eps:
                mean + np.sqrt(var + eps) * _scaled(x_new, x_new.mean(), x_new.var(), eps)),
        Mistake("the statistics of each example", "Mean and variance belong to a feature, over the examples: axis 0.",
                "section 3, standardize", lambda x_new, mean, var, eps:
                mean + np.sqrt(var + eps) * _scaled(x_new, x_new.mean(1)[:, None], x_new.var(1)[:, None], eps)),
        Mistake("unbiased variance", "Here the sum of squares is divided by the number of examples.",
                "section 3, standardize", lambda x_new, mean, var, eps:
                mean + np.sqrt(var + eps) * _scaled(x_new, x_new.mean(0), x_new.var(0, ddof=1), eps)),
        Mistake("eps ignored", "A feature that is constant in the new light divides by zero.", "section 3, standardize",
                lambda x_new, mean, var, eps: mean + np.sqrt(var) * _scaled(x_new, x_new.mean(0), x_new.var(0), 0)),
        Mistake("eps on one side only", "Whatever is added to the variance that divides must be added to the one that "
                "multiplies, or a batch that has not changed would change.", "section 3, standardize",
                lambda x_new, mean, var, eps: mean + np.sqrt(var) * _scaled(x_new, x_new.mean(0), x_new.var(0), eps)),
    ),
)
