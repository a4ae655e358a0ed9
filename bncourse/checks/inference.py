"""The checks of lesson 05: population statistics, moving averages in PyTorch's convention, folding."""

import numpy as np

from bncourse.checks.frame import Check, Mistake


def _one_pass(x, axis):
    """The unbiased variance along an axis as a difference of two large numbers."""
    m = x.shape[axis]
    return m / (m - 1) * ((x**2).mean(axis) - x.mean(axis) ** 2)


def _population(batches):
    m = batches.shape[1]
    return batches.mean((0, 1)), m / (m - 1) * batches.var(1).mean(0)


def _with_variance(variance):
    """The right mean, and variance(batches, m) of the mini-batches `(number, m, C)`."""
    return lambda batches: (batches.mean((0, 1)), variance(batches, batches.shape[1]))


population = Check(
    exercise="05.1",
    law="E[x] is the mean of the mini-batches' means; Var[x] is m / (m - 1) times the mean of their variances.",
    solution=_population,
    cases=lambda rng: [(rng.normal(mean, np.arange(1, c + 1), (b, m, c)) + rng.normal(size=(b, 1, c)),)
                       for b, m, c, mean in [(5, 3, 4, 2), (4, 2, 3, 2), (3, 7, 2, 2), (4, 6, 5, 1e6)]],
    outputs=("mean", "var"),
    mistakes=(
        Mistake("m / (m - 1) forgotten", "Each mini-batch measures the spread around its own mean, which is too small.",
                "Algorithm 2, line 10", _with_variance(lambda batches, m: batches.var(1).mean(0))),
        Mistake("the factor upside down", "The mini-batch's variance is too small, so it is multiplied by m / (m - 1), "
                "which is larger than 1.", "Algorithm 2, line 10",
                _with_variance(lambda batches, m: (m - 1) / m * batches.var(1).mean(0))),
        Mistake("the factor 8/7", "That is m / (m - 1) for the lesson's mini-batches of eight; here m is "
                "batches.shape[1].", "Algorithm 2, line 10",
                _with_variance(lambda batches, m: 8 / 7 * batches.var(1).mean(0))),
        Mistake("corrected by the number of features", "m is the number of examples in a mini-batch, the second size.",
                "Algorithm 2, line 10",
                _with_variance(lambda batches, m: batches.shape[2] / (batches.shape[2] - 1) * batches.var(1).mean(0))),
        Mistake("the variance of the mini-batches' means added", "Algorithm 2 averages the variance within "
                "mini-batches; the factor makes up for what the means of random mini-batches take away.",
                "Algorithm 2, line 10",
                _with_variance(lambda batches, m: _population(batches)[1] + batches.mean(1).var(0))),
        Mistake("the variance of the mini-batches' means alone", "That is the variance between mini-batches; "
                "Algorithm 2 averages the variance within them.", "Algorithm 2, line 10",
                _with_variance(lambda batches, m: batches.mean(1).var(0))),
        Mistake("corrected by the number of mini-batches", "m is the number of examples in a mini-batch.",
                "Algorithm 2, line 10",
                _with_variance(lambda batches, m: len(batches) / (len(batches) - 1) * batches.var(1).mean(0))),
        Mistake("the standard deviation averaged", "It is the variances that are averaged; a mean of roots is smaller "
                "than the root of the mean.", "Algorithm 2, line 10",
                _with_variance(lambda batches, m: m / (m - 1) * batches.std(1).mean(0) ** 2)),
        Mistake("the standard deviation returned", "The affine map of line 11 takes the root itself.",
                "Algorithm 2, lines 10 and 11", _with_variance(lambda batches, m: np.sqrt(_population(batches)[1]))),
        Mistake("corrected twice", "ddof=1 divides by m - 1 already.", "Algorithm 2, line 10",
                _with_variance(lambda batches, m: m / (m - 1) * batches.var(1, ddof=1).mean(0))),
        Mistake("all examples pooled, and divided by their number", "Each mini-batch is measured around its own mean.",
                "Algorithm 2, line 10",
                _with_variance(lambda batches, m: batches.reshape(-1, batches.shape[2]).var(0))),
        Mistake("all examples pooled", "The variance around the common mean is another estimate: it counts how the "
                "mini-batches' means differ as well.", "Algorithm 2, line 10",
                _with_variance(lambda batches, m: batches.reshape(-1, batches.shape[2]).var(0, ddof=1))),
        Mistake("variance along the wrong axis", "Each mini-batch is measured over its m examples, axis 1.",
                "Algorithm 2, line 10", _with_variance(lambda batches, m: batches.var(0).mean(0))),
        Mistake("mean and variance exchanged", "The stub asks for the mean first.", "the stub",
                lambda batches: _population(batches)[::-1]),
        Mistake("only the last mini-batch", "The expectation is over many mini-batches.", "Algorithm 2, line 10",
                lambda batches: (batches[-1].mean(0), batches[-1].var(0, ddof=1))),
        Mistake("one-pass variance", "E[x^2] - E[x]^2 subtracts two large numbers where the mean is large: "
                "subtract the mini-batch's mean first.", "Algorithm 1, line 3",
                _with_variance(lambda batches, m: _one_pass(batches, 1).mean(0)), rounding=True),
    ),
)


def _buffers(batches, momentum):
    mean, var = np.zeros(batches.shape[2]), np.ones(batches.shape[2])
    for x in batches:
        mean = (1 - momentum) * mean + momentum * x.mean(0)
        var = (1 - momentum) * var + momentum * x.var(0, ddof=1)
    return mean, var


def _changed_buffers(new_var=lambda x: x.var(0, ddof=1), weight=lambda momentum: momentum, start=(0.0, 1.0)):
    """The buffers, moved by weight(momentum) towards the mean and new_var(x) of each mini-batch x `(m, C)`."""

    def answer(batches, momentum):
        new, (mean, var) = weight(momentum), (np.full(batches.shape[2], value) for value in start)
        for x in batches:
            mean, var = (1 - new) * mean + new * x.mean(0), (1 - new) * var + new * new_var(x)
        return mean, var

    return answer


def _from_the_first(batches, momentum):
    mean, var = batches[0].mean(0), batches[0].var(0, ddof=1)
    for x in batches[1:]:
        mean, var = (1 - momentum) * mean + momentum * x.mean(0), (1 - momentum) * var + momentum * x.var(0, ddof=1)
    return mean, var


def _factor_on_everything(batches, momentum):
    (mean, _), var, m = _buffers(batches, momentum), np.ones(batches.shape[2]), batches.shape[1]
    for x in batches:
        var = m / (m - 1) * ((1 - momentum) * var + momentum * x.var(0))
    return mean, var


def _around_running_mean(weight_of_old):
    """The buffers, with the new variance around the running mean before it moves (weight 1) or after (weight 0)."""

    def answer(batches, momentum):
        mean, var = np.zeros(batches.shape[2]), np.ones(batches.shape[2])
        for x in batches:
            old, mean = mean, (1 - momentum) * mean + momentum * x.mean(0)
            around = weight_of_old * old + (1 - weight_of_old) * mean
            var = (1 - momentum) * var + momentum * ((x - around) ** 2).sum(0) / (len(x) - 1)
        return mean, var

    return answer


buffers = Check(
    exercise="05.2",
    law="Start from mean 0 and variance 1; after each mini-batch both become (1 - momentum) old + momentum new, the "
        "new variance with m - 1 in the denominator.",
    solution=_buffers,
    cases=lambda rng: [(rng.normal(mean, np.arange(1, c + 1), (b, m, c)), momentum)
                       for b, m, c, momentum, mean in [(5, 3, 4, 0.1, 3), (2, 6, 3, 0.3, 3), (4, 2, 1, 0.05, 3),
                                                       (3, 5, 2, 0.2, 1e6)]],
    outputs=("running_mean", "running_var"),
    mistakes=(
        Mistake("momentum taken for its complement", "PyTorch's momentum weighs the new value, Keras', Flax' and ONNX' "
                "the old one.", "the table of conventions", _changed_buffers(weight=lambda momentum: 1 - momentum)),
        Mistake("biased running variance", "PyTorch keeps m / (m - 1) times the mini-batch's variance, as section 3.1 "
                "says.", "the table of conventions", _changed_buffers(new_var=lambda x: x.var(0))),
        Mistake("momentum taken for its complement, and biased running variance", "PyTorch's momentum weighs the new "
                "value, and its running variance divides by m - 1.", "the table of conventions",
                _changed_buffers(new_var=lambda x: x.var(0), weight=lambda momentum: 1 - momentum)),
        Mistake("running standard deviation stored as variance", "What is averaged is the variance.",
                "Algorithm 2, line 10", _changed_buffers(new_var=lambda x: x.std(0, ddof=1))),
        Mistake("corrected twice", "ddof=1 divides by m - 1 already.", "the table of conventions",
                _changed_buffers(new_var=lambda x: len(x) / (len(x) - 1) * x.var(0, ddof=1))),
        Mistake("running variance never updated", "Both statistics move with every mini-batch.",
                "the paper's section 3.1",
                _changed_buffers(new_var=lambda x: 1.0)),
        Mistake("started from variance 0", "PyTorch starts from mean 0 and variance 1.", "the table of conventions",
                _changed_buffers(start=(0.0, 0.0))),
        Mistake("momentum taken for its complement, and started from variance 0", "PyTorch's momentum weighs the new "
                "value, and its running variance starts from 1.", "the table of conventions",
                _changed_buffers(weight=lambda momentum: 1 - momentum, start=(0.0, 0.0))),
        Mistake("started from the first mini-batch", "PyTorch starts from mean 0 and variance 1, and the first "
                "mini-batch moves them as every other does.", "section 4 of the lesson", _from_the_first),
        Mistake("all mini-batches count alike", "That is Algorithm 2, or PyTorch's momentum = None; here each new "
                "mini-batch weighs momentum.", "section 4 of the lesson",
                lambda batches, momentum: _population(batches)),
        Mistake("momentum fixed at 0.1", "The argument momentum is not used.", "the stub",
                _changed_buffers(weight=lambda momentum: 0.1)),
        Mistake("the factor on the whole running variance", "m / (m - 1) belongs to the new variance alone; on the sum "
                "it multiplies the old value too, again at each step.", "Algorithm 2, line 10", _factor_on_everything),
        Mistake("variance around the old running mean", "Each mini-batch is measured around its own mean.",
                "Algorithm 2, line 10", _around_running_mean(1.0)),
        Mistake("variance around the new running mean", "Each mini-batch is measured around its own mean.",
                "Algorithm 2, line 10", _around_running_mean(0.0)),
        Mistake("standard deviation returned", "PyTorch keeps the variance; the root is taken when it is used.",
                "Algorithm 2, lines 10 and 11",
                lambda batches, momentum: (lambda mean, var: (mean, np.sqrt(var)))(*_buffers(batches, momentum))),
        Mistake("mean and variance exchanged", "The stub asks for the mean first.", "the stub",
                lambda batches, momentum: _buffers(batches, momentum)[::-1]),
        Mistake("only the last mini-batch", "An average remembers the mini-batches before.", "the paper's section 3.1",
                lambda batches, momentum: (batches[-1].mean(0), batches[-1].var(0, ddof=1))),
        Mistake("one-pass variance", "E[x^2] - E[x]^2 subtracts two large numbers where the mean is large: "
                "subtract the mini-batch's mean first.", "Algorithm 1, line 3",
                _changed_buffers(new_var=lambda x: _one_pass(x, 0)), rounding=True),
    ),
)


def _slope(gamma, var, eps):
    return gamma / np.sqrt(var + eps)


def _fold(w, b, gamma, beta, mean, var, eps):
    s = _slope(gamma, var, eps)
    return w * s, beta + s * (b - mean)


def _changed_fold(weights=lambda w, s: w * s, bias=lambda b, beta, mean, s: beta + s * (b - mean), slope=_slope):
    """The folded layer, with the slope s, the weights or the bias computed otherwise."""

    def answer(w, b, gamma, beta, mean, var, eps):
        s = slope(gamma, var, eps)
        return weights(w, s), bias(b, beta, mean, s)

    return answer


def _two_slopes(of_weights, of_bias):
    """The folded layer, with one slope (gamma, var, eps) for the weights and another for the bias."""

    def answer(w, b, gamma, beta, mean, var, eps):
        return w * of_weights(gamma, var, eps), beta + of_bias(gamma, var, eps) * (b - mean)

    return answer


def _without_eps(gamma, var, eps):
    return gamma / np.sqrt(var)


def _columns_counted_by_rows(w, s):
    scaled = w.copy()
    for k in range(len(w)):
        scaled[:, k] = w[:, k] * s[k]
    return scaled


fold = Check(
    exercise="05.3",
    law="With s = gamma / sqrt(var + eps), the columns of w are multiplied by s and the bias is beta + s (b - mean), "
        "so that u w' + b' is batch norm of u w + b.",
    solution=_fold,
    # the first w are square, so that rows scaled for columns give numbers there; the last ones are not
    cases=lambda rng: [(rng.normal(size=(d, c)), *rng.normal(size=(4, c)), rng.uniform(0.5, 4, c), eps)
                       for d, c, eps in [(3, 3, 1e-2), (6, 6, 0.1), (2, 4, 1e-3), (5, 3, 1e-5)]],
    outputs=("w", "b"),
    mistakes=(
        Mistake("rows scaled instead of columns", "Feature k is computed by column k of w.",
                "the paper's section 3.1, the affine map",
                _changed_fold(weights=lambda w, s: w * s[:, None])),
        Mistake("diag(s) in front of w", "The formula diag(s) W is for x = W u with columns u. Here an example is a "
                "row and x is u @ w, so feature k is column k of w: w @ diag(s).", "section 7 of the lesson",
                lambda w, b, gamma, beta, mean, var, eps: (
                    np.diag(_slope(gamma, var, eps)) @ w, _fold(w, b, gamma, beta, mean, var, eps)[1])),
        Mistake("the columns counted by the rows of w", "w is (D, C): len(w) is D, the number of inputs. There are C "
                "columns, w.shape[1].", "the stub", _changed_fold(weights=_columns_counted_by_rows)),
        Mistake("w left as it is", "The slope of batch norm multiplies what u w gives.", "Algorithm 2, line 11",
                _changed_fold(weights=lambda w, s: w)),
        Mistake("the bias of the layer dropped", "Only in training does the mean take b out. At inference the mean is "
                "a fixed number, and b goes through batch norm as u w does.", "section 7 of the lesson",
                _changed_fold(bias=lambda b, beta, mean, s: beta - s * mean)),
        Mistake("the bias of the layer not scaled", "b goes through the same slope as u w.", "section 7 of the lesson",
                _changed_fold(bias=lambda b, beta, mean, s: beta - s * mean + b)),
        Mistake("beta scaled too", "beta is added after the scaling.", "Algorithm 2, line 11",
                _changed_fold(bias=lambda b, beta, mean, s: s * (beta + b - mean))),
        Mistake("eps ignored", "The slope is gamma / sqrt(var + eps).", "Algorithm 2, line 11",
                _changed_fold(slope=_without_eps)),
        Mistake("eps in the weights alone", "Weights and bias have the same slope, gamma / sqrt(var + eps).",
                "Algorithm 2, line 11", _two_slopes(_slope, _without_eps)),
        Mistake("eps in the bias alone", "Weights and bias have the same slope, gamma / sqrt(var + eps).",
                "Algorithm 2, line 11", _two_slopes(_without_eps, _slope)),
        Mistake("eps fixed inside the function", "The function uses 1e-5 whatever eps it is given.", "the stub",
                _changed_fold(slope=lambda gamma, var, eps: _slope(gamma, var, 1e-5))),
        Mistake("gamma forgotten", "The slope is gamma / sqrt(var + eps).", "Algorithm 2, line 11",
                _changed_fold(slope=lambda gamma, var, eps: _slope(1.0, var, eps))),
        Mistake("the mean not scaled", "The mean goes through the same slope as x.", "Algorithm 2, line 11",
                _changed_fold(bias=lambda b, beta, mean, s: beta - mean + s * b)),
        Mistake("the mean and the bias not multiplied by gamma", "They go through the same slope as x.",
                "Algorithm 2, line 11", _two_slopes(_slope, lambda gamma, var, eps: _slope(1.0, var, eps))),
        Mistake("beta forgotten", "The shift is beta + s (b - mean).", "Algorithm 2, line 11",
                _changed_fold(bias=lambda b, beta, mean, s: s * (b - mean))),
        Mistake("w transposed", "An example is a row, so w (D, C) keeps its shape.", "the stub",
                _changed_fold(weights=lambda w, s: w.T * s)),
        Mistake("the new weights transposed", "An example is a row, so w (D, C) keeps its shape.", "the stub",
                _changed_fold(weights=lambda w, s: (w * s).T)),
        Mistake("the mean forgotten", "The shift is beta + s (b - mean).", "Algorithm 2, line 11",
                _changed_fold(bias=lambda b, beta, mean, s: beta + s * b)),
        Mistake("the sign of the mean", "The mean is subtracted.", "Algorithm 2, line 11",
                _changed_fold(bias=lambda b, beta, mean, s: beta + s * (b + mean))),
        Mistake("eps outside the root", "The paper adds eps to the variance and then takes the root.",
                "Algorithm 2, line 11",
                _changed_fold(slope=lambda gamma, var, eps: gamma / (np.sqrt(var) + eps))),
        Mistake("division by the variance", "Divide by the root of the variance.", "Algorithm 2, line 11",
                _changed_fold(slope=lambda gamma, var, eps: gamma / (var + eps))),
    ),
)
