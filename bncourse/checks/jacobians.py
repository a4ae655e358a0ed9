"""The checks of lesson 08: an activation's constant, singular values at inference, measured growth, what explodes."""

import numpy as np

from bncourse.checks.frame import Check, Mistake
from bncourse.checks.statements import Statement, Statements


def _constant(a, mean=None, slope=None, rest=None):
    """E[g'^2] / Var[g] for g(x) = x above 0 and a x below; the last arguments hold what the known mistakes change."""
    mean = (1 - a) ** 2 / (2 * np.pi) if mean is None else mean
    slope = (1 + a * a) / 2 if slope is None else slope
    return slope / ((1 + a * a if rest is None else rest) / 2 - mean)


constant = Check(
    exercise="08.1",
    law="The squared gradient grows by E[g'(x)^2] / Var[g(x)] a layer, for a standard normal x.",
    solution=lambda a: _constant(a),
    cases=lambda rng: [(a,) for a in (0.2, 0.0, 0.5, -1.0, 1.0, -0.3)],
    outputs=("growth",),
    tolerance=1e-4,
    mistakes=(
        Mistake("the constant of the ReLU", "It holds for a = 0; with another slope below 0, more gradient comes "
                "through and the outputs have another variance.", "section 5 of the lesson",
                lambda a: np.pi / (np.pi - 1)),
        Mistake("the mean square taken for the variance", "Batch norm takes the mean away before it divides. Without "
                "that the two means of squares are equal, and nothing grows: this is how a network with He's weights "
                "and no batch norm is.", "line 2 of section 5", lambda a: _constant(a, mean=0)),
        Mistake("the mean of a ReLU", "Below 0 the outputs are a x: they take a part of the mean away, or add to it "
                "where a is negative.", "line 1 of section 5", lambda a: _constant(a, mean=1 / (2 * np.pi))),
        Mistake("the sign of the lower half's mean", "The mean of x over its negative half is negative: the mean of "
                "g(x) is (1 - a) / sqrt(2 pi).", "line 1 of section 5",
                lambda a: _constant(a, mean=(1 + a) ** 2 / (2 * np.pi))),
        Mistake("no gradient through the lower half", "There the slope is a, not 0.", "line 5 of section 5",
                lambda a: _constant(a, slope=0.5)),
        Mistake("slopes that are not squared", "A squared gradient is multiplied by the square of the slope.",
                "line 5 of section 5", lambda a: _constant(a, slope=(1 + a) / 2)),
        Mistake("the square of the mean slope", "The mean is taken of the squared slopes.", "line 5 of section 5",
                lambda a: _constant(a, slope=((1 + a) / 2) ** 2)),
        Mistake("all slopes 1", "The gradient passes the activation too, and below 0 it is multiplied by a.",
                "line 5 of section 5", lambda a: _constant(a, slope=1.0)),
        Mistake("the variance of a ReLU", "What comes through below 0 has a part in the variance.",
                "line 1 of section 5", lambda a: (1 + a * a) / 2 / ((np.pi - 1) / (2 * np.pi))),
        Mistake("the gradient's growth, not that of its square", "This is the square root of what is asked.",
                "the exercise", lambda a: np.sqrt(_constant(a))),
        Mistake("the reciprocal", "The variance is what the gradient is divided by.", "section 5 of the lesson",
                lambda a: 1 / _constant(a)),
        Mistake("He's factor beside it", "The scale of the weights cancels: it is in the gradient and in the standard "
                "deviation.", "lines 2 and 4 of section 5", lambda a: 2 * _constant(a)),
        Mistake("the weights on the way up alone", "He's factor 2 is in the standard deviation, and it is also in the "
                "gradient, which the same weights double.", "line 4 of section 5", lambda a: _constant(a) / 2),
        Mistake("the standard deviation taken for the variance", "A squared gradient is divided by the variance.",
                "line 3 of section 5",
                lambda a: (1 + a * a) / 2 / np.sqrt((1 + a * a) / 2 - (1 - a) ** 2 / (2 * np.pi))),
        Mistake("a mean that is not squared", "The variance is the mean square less the square of the mean.",
                "line 1 of section 5", lambda a: _constant(a, mean=(1 - a) / np.sqrt(2 * np.pi))),
        Mistake("something between the ReLU's constant and 1", "The constants of a = 0 and a = 1 do not mix in "
                "proportion: work out E[g'(x)^2] and Var[g(x)] for this a.", "section 5 of the lesson",
                lambda a: np.pi / (np.pi - 1) * (1 - a) + a),
    ),
)


def _at_inference(w, gamma, var, eps):
    return np.linalg.svd(w * (gamma / np.sqrt(var + eps)), compute_uv=False)


inference = Check(
    exercise="08.2",
    law="At inference mean and variance are constants: the Jacobian of one example is w with column j times "
        "gamma[j] / sqrt(var[j] + eps), and no singular value is lost to the mean or the variance.",
    solution=_at_inference,
    cases=lambda rng: [(rng.normal(size=shape), rng.normal(size=shape[1]), rng.uniform(0.2, 4, shape[1]), eps)
                       for shape, eps in (((5, 5), 1e-2), ((7, 4), 0.3), ((3, 6), 1e-2))],
    outputs=("singular values",),
    mistakes=(
        Mistake("gamma forgotten", "The output is gamma x_hat + beta: gamma scales its derivative.",
                "Algorithm 2, line 11", lambda w, g, v, e: _at_inference(w, np.ones_like(g), v, e)),
        Mistake("eps forgotten", "The variance is divided by with eps added to it.", "Algorithm 2, line 11",
                lambda w, g, v, e: _at_inference(w, g, v, 0)),
        Mistake("eps outside the root", "eps is added to the variance, and the root is taken of the sum.",
                "Algorithm 2, line 11", lambda w, g, v, e: _at_inference(w, g, (np.sqrt(v) + e) ** 2, 0)),
        Mistake("divided by the variance", "It is the square root that divides.", "Algorithm 2, line 11",
                lambda w, g, v, e: _at_inference(w, g, (v + e) ** 2, 0)),
        Mistake("multiplied by the standard deviation", "Batch norm divides by it.", "Algorithm 2, line 11",
                lambda w, g, v, e: _at_inference(w, g, 1 / (v + e), 0)),
        Mistake("the rows scaled", "w is (D, M): an output has a column of it, and gamma and var have a number for "
                "each output.", "the stub", lambda w, g, v, e: _at_inference(w.T, g, v, e)),
        Mistake("zeros for outputs beyond the inputs", "A (D, M) matrix has min(D, M) singular values; the eigenvalues "
                "of a larger product have zeros besides.", "the stub",
                lambda w, g, v, e: np.append(_at_inference(w, g, v, e), np.zeros(w.shape[1] - min(w.shape)))),
        Mistake("the weights alone", "Batch norm belongs to the layer: it scales each column.", "Algorithm 2, line 11",
                lambda w, g, v, e: np.linalg.svd(w, compute_uv=False)),
        Mistake("squared singular values", "The eigenvalues of J J' are the squares of the singular values.",
                "section 1 of the lesson", lambda w, g, v, e: _at_inference(w, g, v, e) ** 2),
        Mistake("the smallest first", "The order that is asked for begins with the largest, as NumPy gives them.",
                "the stub", lambda w, g, v, e: _at_inference(w, g, v, e)[::-1]),
        Mistake("the scales themselves", "They are the singular values for orthogonal w only.",
                "section 2 of the lesson",
                lambda w, g, v, e: np.sort(np.abs(g) / np.sqrt(v + e))[::-1][:min(w.shape)]),
    ),
)


def _measured(norms):
    squares = np.asarray(norms, float) ** 2
    return (squares[:, 0] / squares[:, -1]) ** (1 / (squares.shape[1] - 1))


def _norms(rng):
    """Norms of gradients with a factor of their own for each seed, some rising and some falling, and noise on top."""
    cases = []
    for seeds, layers in ((3, 6), (2, 11), (4, 2)):
        factor = rng.uniform(0.6, 2.5, size=(seeds, 1))
        cases.append((factor ** -np.arange(layers) * np.exp(0.2 * rng.normal(size=(seeds, layers))),))
    return cases


measured = Check(
    exercise="08.3",
    law="From the top layer to the bottom one there are L - 1 steps down; the growth is the factor which, taken L - 1 "
        "times, makes the squared norm of the top into that of the bottom.",
    solution=_measured,
    cases=_norms,
    outputs=("growth",),
    mistakes=(
        Mistake("norms that are not squared", "The constants of the lesson are of squared gradients.", "the exercise",
                lambda norms: np.sqrt(_measured(norms))),
        Mistake("the wrong way", "The gradient comes down: the lowest layer is the last that it reaches.",
                "the exercise", lambda norms: 1 / _measured(norms)),
        Mistake("L steps instead of L - 1", "Between L layers there are L - 1 steps.", "the exercise",
                lambda norms: _measured(norms) ** ((norms.shape[1] - 1) / norms.shape[1])),
        Mistake("the whole rise", "That is the factor of all layers together; a layer's is its root.", "the exercise",
                lambda norms: _measured(norms) ** (norms.shape[1] - 1)),
        Mistake("the rise divided by the steps", "Factors are multiplied from layer to layer; their mean is a root.",
                "the exercise", lambda norms: _measured(norms) ** (norms.shape[1] - 1) / (norms.shape[1] - 1)),
        Mistake("the mean of the ratios", "The mean of factors that multiply is the geometric one.", "the exercise",
                lambda norms: ((norms[:, :-1] / norms[:, 1:]) ** 2).mean(1)),
        Mistake("the logarithm of it", "The last step back, the exponential, is missing.", "the exercise",
                lambda norms: np.log(_measured(norms))),
        Mistake("the logarithm of it, to base 10", "The last step back, the power of 10, is missing.", "the exercise",
                lambda norms: np.log10(_measured(norms))),
        Mistake("a line through all layers", "A fit uses all layers; the two ends are asked for.",
                "the exercise",
                lambda norms: np.exp(-2 * np.polyfit(np.arange(norms.shape[1]), np.log(norms).T, 1)[0])),
        Mistake("the mean of the ratios of norms", "The factor is that of *squared* gradients, and the mean of factors "
                "that multiply is the geometric one.", "the exercise",
                lambda norms: (norms[:, :-1] / norms[:, 1:]).mean(1)),
        Mistake("the wrong way, and not squared", "The gradient comes down: the lowest layer is the last that it "
                "reaches. And the growth is of the squared gradient.", "the exercise",
                lambda norms: 1 / np.sqrt(_measured(norms))),
        Mistake("seeds taken for layers", "A row is a seed, a column a layer.", "the stub",
                lambda norms: _measured(norms.T)),
        Mistake("L - 2 steps", "Between L layers there are L - 1 steps; none of them is lost at an end.",
                "the exercise", lambda norms: _measured(norms) ** ((norms.shape[1] - 1) / max(norms.shape[1] - 2, 1))),
        Mistake("one number for all seeds", "Each seed has its own growth.", "the stub",
                lambda norms: _measured(norms).mean()),
    ),
)

explodes = Statements(
    exercise="08.4",
    sentences={
        "A": Statement("ReLU, batch norm, weights of variance 100/D", True, "The scale of the weights cancels in batch "
                       "norm. The factor is 1.48 a layer as with any scale; its 49th power is beyond 10^8."),
        "B": Statement("ReLU, no batch norm, weights of variance 2/D", False, "Half of the squared gradient is lost in "
                       "the ReLU and the weights double it: the factor is 1."),
        "C": Statement("ReLU, batch norm, gamma = 0.1 in every layer", True, "gamma scales the outputs of the ReLU and "
                       "their standard deviation alike, and so cancels in the next batch norm: 1.48 as before."),
        "D": Statement("tanh, batch norm, gamma = 0.1 in every layer", False, "Between -0.3 and 0.3 tanh is nearly a "
                       "line, and for a line the factor is 126/125, whose 49th power is 1.5."),
        "E": Statement("linear, batch norm, mini-batches of 5 instead of 128", True, "(5 - 2)/(5 - 3) is 1.5 a layer, "
                       "more than a ReLU's at 128."),
        "F": Statement("ReLU, no batch norm, weights of variance 2/D, and each layer adds its input", True, "The "
                       "gradient goes down both ways: 1 for the skip and 1 for the layer make 2 a layer, or more "
                       "(section 7)."),
        "G": Statement("ReLU, batch norm, and each layer adds its input", False, "The values that are added up grow, "
                       "batch norm divides by their growing standard deviation, and the share of a layer falls: "
                       "about a factor of 100 in all (section 7)."),
    },
)
