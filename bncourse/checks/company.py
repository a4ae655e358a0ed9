"""The checks of lesson 09: how an output wavers, ghost batch norm, renormalization, an example in its statistics."""

import numpy as np

from bncourse.checks.frame import Check, Mistake

PARTS = "section 5 of the lesson"


def _wavering(y, gamma, beta, sizes):
    return np.abs(gamma) * np.sqrt((1 + ((y - beta) / gamma) ** 2 / 2) / np.prod(sizes))


def _outputs(rng):
    """Outputs y (K,), their gamma and beta (K,), one gamma negative; mini-batches of vectors and of feature maps."""
    cases = []
    for k, sizes in ((5, (60,)), (4, (32, 7, 5)), (3, (8, 14, 14)), (4, (2,))):
        gamma = rng.uniform(0.3, 2, k)
        gamma[1] *= -1
        cases.append((rng.normal(1, 2, k), gamma, rng.normal(size=k), sizes))
    return cases


wavering = Check(
    exercise="09.1",
    law="y = gamma x_hat + beta wavers with the standard deviation |gamma| sqrt((1 + x_hat^2 / 2) / m), where m counts "
        "all values that share a mean: examples times locations.",
    solution=_wavering,
    cases=_outputs,
    outputs=("standard deviation of y",),
    mistakes=(
        Mistake("the variance", "The question is about the standard deviation: take the root.", "the stub",
                lambda y, gamma, beta, sizes: _wavering(y, gamma, beta, sizes) ** 2),
        Mistake("examples alone counted", "In a feature map every location is a value of the same mean.",
                "lesson 06, section 2", lambda y, gamma, beta, sizes: _wavering(y, gamma, beta, sizes[:1])),
        Mistake("gamma forgotten", "The noise of x_hat is multiplied by gamma on its way to y.", "section 2",
                lambda y, gamma, beta, sizes: _wavering(y, gamma, beta, sizes) / np.abs(gamma)),
        Mistake("gamma with its sign", "A standard deviation is not negative: a gamma below 0 mirrors the noise.",
                "section 2", lambda y, gamma, beta, sizes: np.sign(gamma) * _wavering(y, gamma, beta, sizes)),
        Mistake("y taken for x_hat", "The law speaks of x_hat = (y - beta) / gamma.", "section 2",
                lambda y, gamma, beta, sizes: np.abs(gamma) * np.sqrt((1 + y**2 / 2) / np.prod(sizes))),
        Mistake("beta forgotten", "x_hat = (y - beta) / gamma.", "section 2",
                lambda y, gamma, beta, sizes: _wavering(y, gamma, 0 * beta, sizes)),
        Mistake("the noise of the mean alone", "The standard deviation of the mini-batch wavers too, which adds "
                "x_hat^2 / 2.", "section 2",
                lambda y, gamma, beta, sizes: np.abs(gamma) / np.sqrt(np.prod(sizes)) + 0 * y),
        Mistake("x_hat^2 not halved", "A standard deviation is the root of a variance, so its relative error is half.",
                "section 2", lambda y, gamma, beta, sizes: np.abs(gamma) * np.sqrt(
                    (1 + ((y - beta) / gamma) ** 2) / np.prod(sizes))),
        Mistake("divided by m, not by its root", "The variance is divided by m, the standard deviation by its root.",
                "section 2", lambda y, gamma, beta, sizes: _wavering(y, gamma, beta, sizes) / np.sqrt(np.prod(sizes))),
        Mistake("y taken for x_hat, and gamma forgotten", "The law of section 2 speaks of x_hat, the stub of y = gamma "
                "x_hat + beta.", "section 2", lambda y, gamma, beta, sizes: np.sqrt((1 + y**2 / 2) / np.prod(sizes))),
        Mistake("x_hat not divided by gamma", "x_hat = (y - beta) / gamma.", "section 2",
                lambda y, gamma, beta, sizes: np.abs(gamma) * np.sqrt((1 + (y - beta) ** 2 / 2) / np.prod(sizes))),
        Mistake("x_hat halved before it is squared", "The law has half of the square of x_hat.", "section 2",
                lambda y, gamma, beta, sizes: np.sqrt((gamma**2 + (y - beta) ** 2 / 4) / np.prod(sizes))),
        Mistake("two standard deviations added", "Shift and factor are independent: variances add up.", "section 2",
                lambda y, gamma, beta, sizes: (abs(gamma) + abs(y - beta) / np.sqrt(2)) / np.sqrt(np.prod(sizes))),
        Mistake("the sizes added up", "N examples of H times W locations are N H W values.", "lesson 06, section 2",
                lambda y, gamma, beta, sizes: _wavering(y, gamma, beta, (np.sum(sizes),))),
        Mistake("m - 1 for m", "The law divides by m, the number of values that share the mean.", "section 2",
                lambda y, gamma, beta, sizes: _wavering(y, gamma, beta, (np.prod(sizes) - 1,))),
    ),
)


def _each(x, parts, gamma, beta, eps, ddof=0, outside=False):
    """Each of the parts, given as lists of rows of x, normalized by itself and put back where it was."""
    y = np.empty_like(x)
    for rows in parts:
        part = x[rows]
        std = part.std(0, ddof=ddof) + eps if outside else np.sqrt(part.var(0, ddof=ddof) + eps)
        y[rows] = gamma * (part - part.mean(0)) / std + beta
    return y


def _in_order(x, size):
    return np.arange(len(x)).reshape(-1, size)


def _ghost(x, gamma, beta, size, eps):
    return _each(x, _in_order(x, size), gamma, beta, eps)


def _first_part(x, gamma, beta, size, eps):
    mean, var = x[:size].mean(0), x[:size].var(0)
    return gamma * (x - mean) / np.sqrt(var + eps) + beta


def _mini_batches(rng):
    """x (m, C), gamma, beta (C,), the size of a part, eps; the parts differ in their means, and one is far from 0."""
    cases = []
    for m, c, size, eps in ((12, 3, 4, 1e-2), (10, 2, 5, 0.1), (6, 4, 2, 1e-3), (8, 3, 8, 1e-2)):
        x = rng.normal(2, np.arange(1, c + 1), (m, c)) + np.repeat(rng.normal(0, 2, (m // size, c)), size, axis=0)
        cases.append((x, rng.normal(size=c), rng.normal(size=c), size, eps))
    far = 1e5 + rng.normal(size=(9, 2))
    return [*cases, (far, rng.normal(size=2), rng.normal(size=2), 3, 1e-3)]


ghost = Check(
    exercise="09.2",
    law="Each part of `size` examples, in their order, is a mini-batch of its own: its own mean and variance, and the "
        "same gamma and beta for all.",
    solution=_ghost,
    cases=_mini_batches,
    outputs=("y",),
    mistakes=(
        Mistake("one mean for the whole mini-batch", "That is batch norm: its noise is that of all m examples.", PARTS,
                lambda x, gamma, beta, size, eps: _each(x, [np.arange(len(x))], gamma, beta, eps)),
        Mistake("every k-th example in a part", "A part holds neighbours: examples 0 to size - 1, and so on.",
                "the stub", lambda x, gamma, beta, size, eps: _each(x, _in_order(x, size).reshape(size, -1).T, gamma,
                                                                    beta, eps)),
        Mistake("size taken for the number of parts", "`size` counts the examples of a part.", "the stub",
                lambda x, gamma, beta, size, eps: _each(x, np.array_split(np.arange(len(x)), size), gamma, beta, eps)),
        Mistake("the first part's statistics for all", "Each part has its own.", PARTS, _first_part),
        Mistake("the variance of the whole mini-batch", "Mean and variance both come from the part.", PARTS,
                lambda x, gamma, beta, size, eps: gamma * (x - _means(x, size)) / np.sqrt(x.var(0) + eps) + beta),
        Mistake("unbiased variance", "Algorithm 1 divides by the number of examples of the part.",
                "Algorithm 1, line 2",
                lambda x, gamma, beta, size, eps: _each(x, _in_order(x, size), gamma, beta, eps, ddof=1)),
        Mistake("eps outside the root", "The paper adds eps to the variance and then takes the root.",
                "Algorithm 1, line 3",
                lambda x, gamma, beta, size, eps: _each(x, _in_order(x, size), gamma, beta, eps, outside=True)),
        Mistake("eps forgotten", "Algorithm 1 divides by sqrt(var + eps).", "Algorithm 1, line 3",
                lambda x, gamma, beta, size, eps: _each(x, _in_order(x, size), gamma, beta, 0.0)),
        Mistake("gamma and beta forgotten", "The parts share the scale and the shift of the layer.",
                "Algorithm 1, line 4", lambda x, gamma, beta, size, eps: _ghost(x, 1, 0, size, eps)),
        Mistake("gamma forgotten", "Algorithm 1 multiplies by gamma.", "Algorithm 1, line 4",
                lambda x, gamma, beta, size, eps: _ghost(x, 1, beta, size, eps)),
        Mistake("beta forgotten", "Algorithm 1 adds beta.", "Algorithm 1, line 4",
                lambda x, gamma, beta, size, eps: _ghost(x, gamma, 0, size, eps)),
        Mistake("the mean over the parts", "In (parts, size, C) the examples of a part lie along axis 1.", PARTS,
                lambda x, gamma, beta, size, eps: _each(x, _in_order(x, size).T, gamma, beta, eps)),
        Mistake("the mean of the whole mini-batch", "Mean and variance both come from the part.", PARTS,
                lambda x, gamma, beta, size, eps: _ghost(x, gamma, 0, size, eps) + beta + gamma * (
                    _means(x, size) - x.mean(0)) / np.sqrt(_means((x - _means(x, size)) ** 2, size) + eps)),
        Mistake("divided by the variance", "Algorithm 1 divides by the root of var + eps.", "Algorithm 1, line 3",
                lambda x, gamma, beta, size, eps: _ghost(x, gamma, 0, size, eps) / np.sqrt(
                    _means((x - _means(x, size)) ** 2, size) + eps) + beta),
    ),
)


def _means(x, size):
    """The mean of each example's part, in the place of the example."""
    return np.repeat(x.reshape(-1, size, x.shape[1]).mean(1), size, axis=0)


def _correction(x, mean, sigma, r_max, d_max, eps):
    r = np.sqrt(x.var(0) + eps) / sigma
    return np.clip(r, 1 / r_max, r_max), np.clip((x.mean(0) - mean) / sigma, -d_max, d_max)


def _free(x, mean, sigma, r_max, d_max, eps):
    """r and d without bounds."""
    return np.sqrt(x.var(0) + eps) / sigma, (x.mean(0) - mean) / sigma


def _corrections(rng):
    """x (m, C), moving mean and sigma (C,), bounds that cut r above and below and d on both sides, eps."""
    cases = []
    for m, c, r_max, d_max, eps in ((6, 5, 1.5, 0.5, 0.1), (4, 6, 3, 5, 1e-2), (8, 4, 1, 0, 1e-2)):
        x = rng.normal(0, 1, (m, c))
        mean, sigma = x.mean(0) + np.linspace(-3, 3, c), np.geomspace(0.3, 4, c)
        cases.append((x, mean, sigma, r_max, d_max, eps))
    return cases


renormalization = Check(
    exercise="09.3",
    law="r = sigma_B / sigma, within [1 / r_max, r_max]; d = (mu_B - mu) / sigma, within [-d_max, d_max]; sigma_B is "
        "sqrt(var_B + eps).",
    solution=_correction,
    cases=_corrections,
    outputs=("r", "d"),
    mistakes=(
        Mistake("r upside down", "r takes the mini-batch's scale out and puts the moving one in: r / sigma_B must be "
                "1 / sigma.", "section 7", lambda x, mean, sigma, r_max, d_max, eps: (
                    np.clip(1 / _free(x, mean, sigma, 0, 0, eps)[0], 1 / r_max, r_max),
                    _correction(x, mean, sigma, r_max, d_max, eps)[1])),
        Mistake("the sign of d", "d puts back what the mini-batch's mean took away: mu_B - mu.", "section 7",
                lambda x, mean, sigma, r_max, d_max, eps: (_correction(x, mean, sigma, r_max, d_max, eps)[0],
                                                           -_correction(x, mean, sigma, r_max, d_max, eps)[1])),
        Mistake("d in units of the mini-batch's deviation", "d is added to values in units of the moving sigma.",
                "section 7", lambda x, mean, sigma, r_max, d_max, eps: (
                    _correction(x, mean, sigma, r_max, d_max, eps)[0],
                    np.clip((x.mean(0) - mean) / np.sqrt(x.var(0) + eps), -d_max, d_max))),
        Mistake("no bounds", "Both are clipped: without bounds this would be training with fixed statistics.",
                "section 7", _free),
        Mistake("r bounded above only", "r lies within [1 / r_max, r_max].", "section 7",
                lambda x, mean, sigma, r_max, d_max, eps: (np.minimum(_free(x, mean, sigma, 0, 0, eps)[0], r_max),
                                                           _correction(x, mean, sigma, r_max, d_max, eps)[1])),
        Mistake("d bounded above only", "d lies within [-d_max, d_max].", "section 7",
                lambda x, mean, sigma, r_max, d_max, eps: (_correction(x, mean, sigma, r_max, d_max, eps)[0],
                                                           np.minimum(_free(x, mean, sigma, 0, 0, eps)[1], d_max))),
        Mistake("r without bounds", "r lies within [1 / r_max, r_max].", "the card", lambda x, mean, sigma, *bounds: (
                    _free(x, mean, sigma, *bounds)[0], _correction(x, mean, sigma, *bounds)[1])),
        Mistake("d without bounds", "d lies within [-d_max, d_max].", "the card", lambda x, mean, sigma, *bounds: (
                    _correction(x, mean, sigma, *bounds)[0], _free(x, mean, sigma, *bounds)[1])),
        Mistake("d not in units of sigma", "x_hat is measured in units of sigma, and so is d.", "section 7",
                lambda x, mean, sigma, r_max, d_max, eps: (_correction(x, mean, sigma, r_max, d_max, eps)[0],
                                                           np.clip(x.mean(0) - mean, -d_max, d_max))),
        Mistake("d by the clipped r", "d is (mu_B - mu) / sigma, whatever the bound makes of r.", "the card",
                lambda x, mean, sigma, r_max, d_max, eps: (_correction(x, mean, sigma, r_max, d_max, eps)[0], np.clip(
                    _correction(x, mean, sigma, r_max, d_max, eps)[0] * (x.mean(0) - mean)
                    / np.sqrt(x.var(0) + eps), -d_max, d_max))),
        Mistake("eps outside the root", "sigma_B is sqrt(var_B + eps).", "the card",
                lambda x, mean, sigma, r_max, d_max, eps: (np.clip((x.std(0) + eps) / sigma, 1 / r_max, r_max),
                                                           _correction(x, mean, sigma, r_max, d_max, eps)[1])),
        Mistake("a ratio of variances", "r is a ratio of standard deviations.", "section 7",
                lambda x, mean, sigma, r_max, d_max, eps: (
                    np.clip((x.var(0) + eps) / sigma**2, 1 / r_max, r_max),
                    _correction(x, mean, sigma, r_max, d_max, eps)[1])),
        Mistake("eps forgotten", "sigma_B is what Algorithm 1 divides by, sqrt(var_B + eps).", "Algorithm 1, line 3",
                lambda x, mean, sigma, r_max, d_max, eps: _correction(x, mean, sigma, r_max, d_max, 0.0)),
        Mistake("unbiased variance", "sigma_B is Algorithm 1's, which divides by m.", "Algorithm 1, line 2",
                lambda x, mean, sigma, r_max, d_max, eps: (
                    np.clip(np.sqrt(x.var(0, ddof=1) + eps) / sigma, 1 / r_max, r_max),
                    _correction(x, mean, sigma, r_max, d_max, eps)[1])),
        Mistake("r and d exchanged", "The stub asks for r first.", "the stub",
                lambda x, mean, sigma, r_max, d_max, eps: _correction(x, mean, sigma, r_max, d_max, eps)[::-1]),
    ),
)


def _joined(x, mean, var, share):
    own_mean, own_var = x.mean((1, 2)), x.var((1, 2))
    between = share * (1 - share) * (own_mean - mean) ** 2
    return share * own_mean + (1 - share) * mean, share * own_var + (1 - share) * var + between


def _single(rng):
    """One example's feature maps x (C, H, W), the population's mean and variance (C,), the example's share."""
    return [(rng.normal(np.arange(c)[:, None, None], 2, (c, h, w)), rng.normal(size=c), rng.uniform(0.5, 3, c), share)
            for c, h, w, share in ((3, 4, 5, 0.1), (2, 3, 7, 0.5), (4, 2, 2, 0.0), (3, 5, 3, 1.0), (2, 6, 4, 0.3))]


joined = Check(
    exercise="09.4",
    law="Mean and variance of the mixture: share (the example) + (1 - share) (the population), and for the variance "
        "the term between the two, share (1 - share) (own mean - mean)^2.",
    solution=_joined,
    cases=_single,
    outputs=("mean", "variance"),
    mistakes=(
        Mistake("the term between forgotten", "A mixture of two groups also varies by the distance of their means.",
                "lesson 05, section 3", lambda x, mean, var, share: (
                    _joined(x, mean, var, share)[0], share * x.var((1, 2)) + (1 - share) * var)),
        Mistake("the shares exchanged", "`share` is the example's.", "the stub",
                lambda x, mean, var, share: _joined(x, mean, var, 1 - share)),
        Mistake("the mean left alone", "The example moves the mean too.", "the stub",
                lambda x, mean, var, share: (mean, _joined(x, mean, var, share)[1])),
        Mistake("the variance left alone", "The example moves the variance too.", "the stub",
                lambda x, mean, var, share: (_joined(x, mean, var, share)[0], var)),
        Mistake("the shares of the means in the variance squared", "A variance is a mean of squares: its shares are "
                "not squared. Squares of shares belong to the variance of a sum.", "lesson 05, section 3",
                lambda x, mean, var, share: (_joined(x, mean, var, share)[0],
                                             share**2 * x.var((1, 2)) + (1 - share) ** 2 * var)),
        Mistake("standard deviations mixed", "Variances are means and can be mixed; standard deviations are not.",
                "lesson 05, section 3", lambda x, mean, var, share: (
                    _joined(x, mean, var, share)[0],
                    (share * x.std((1, 2)) + (1 - share) * np.sqrt(var)) ** 2)),
        Mistake("unbiased variance of the example", "The mixture holds the example's values as they are: divide by "
                "their number.", "lesson 05, section 3", lambda x, mean, var, share: (
                    _joined(x, mean, var, share)[0],
                    _joined(x, mean, var, share)[1] + share * (x.var((1, 2), ddof=1) - x.var((1, 2))))),
        Mistake("the distance to the mixed mean", "Each of the two groups is as far from the mixed mean as its own "
                "share lets it: together share (1 - share) times the squared distance of the two means.",
                "lesson 05, section 3", lambda x, mean, var, share: (
                    _joined(x, mean, var, share)[0],
                    share * x.var((1, 2)) + (1 - share) * var + (x.mean((1, 2)) - mean) ** 2)),
        Mistake("squares about the population's mean", "A variance is the mean square about its own mean: here the "
                "mixture's.", "lesson 05, section 3", lambda x, mean, var, share: (
                    _joined(x, mean, var, share)[0],
                    _joined(x, mean, var, share)[1] + share**2 * (x.mean((1, 2)) - mean) ** 2)),
        Mistake("the population's distance forgotten", "The population too lies about another mean than the mixture's.",
                "lesson 05, section 3", lambda x, mean, var, share: (
                    _joined(x, mean, var, share)[0],
                    _joined(x, mean, var, share)[1] - (1 - share) * (share * (x.mean((1, 2)) - mean)) ** 2)),
        Mistake("the population's variance taken for its mean square", "E[x^2] of the population is var + mean^2.",
                "lesson 05, section 3", lambda x, mean, var, share: (
                    _joined(x, mean, var, share)[0], _joined(x, mean, var, share)[1] - (1 - share) * mean**2)),
        Mistake("the square of the mean not taken away", "A variance is E[x^2] less the square of E[x].",
                "lesson 05, section 3", lambda x, mean, var, share: (
                    _joined(x, mean, var, share)[0],
                    _joined(x, mean, var, share)[1] + _joined(x, mean, var, share)[0] ** 2)),
        Mistake("one mean for all channels", "Each channel has a mean of its own: average over H and W.", "the stub",
                lambda x, mean, var, share: _joined(np.broadcast_to(x.reshape(1, 1, -1), (len(mean), 1, x.size)), mean,
                                                    var, share)),
        Mistake("the standard deviation", "The question is about the variance.", "the stub",
                lambda x, mean, var, share: (_joined(x, mean, var, share)[0],
                                             np.sqrt(_joined(x, mean, var, share)[1]))),
    ),
)
