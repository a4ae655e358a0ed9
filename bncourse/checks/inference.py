"""The checks of lesson 05: population statistics, moving averages in PyTorch's convention, folding."""

import numpy as np

from bncourse.checks.frame import Check, Mistake


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
    cases=lambda rng: [(rng.normal(2, np.arange(1, c + 1), (b, m, c)) + rng.normal(size=(b, 1, c)),)
                       for b, m, c in [(5, 3, 4), (4, 2, 3), (3, 7, 2)]],
    outputs=("mean", "var"),
    mistakes=(
        Mistake("m / (m - 1) forgotten", "Each mini-batch measures the spread around its own mean, which is too small.",
                "Algorithm 2, line 10", _with_variance(lambda batches, m: batches.var(1).mean(0))),
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


buffers = Check(
    exercise="05.2",
    law="Start from mean 0 and variance 1; after each mini-batch both become (1 - momentum) old + momentum new, the "
        "new variance with m - 1 in the denominator.",
    solution=_buffers,
    cases=lambda rng: [(rng.normal(3, np.arange(1, c + 1), (b, m, c)), momentum)
                       for b, m, c, momentum in [(5, 3, 4, 0.1), (2, 6, 3, 0.3), (4, 2, 1, 0.05)]],
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
        Mistake("only the last mini-batch", "An average remembers the mini-batches before.", "the paper's section 3.1",
                lambda batches, momentum: (batches[-1].mean(0), batches[-1].var(0, ddof=1))),
    ),
)


def _fold(w, gamma, beta, mean, var, eps):
    s = gamma / np.sqrt(var + eps)
    return w * s, beta - mean * s


def _changed_fold(weights=lambda w, s: w * s, bias=lambda beta, mean, s: beta - mean * s,
                  slope=lambda gamma, var, eps: gamma / np.sqrt(var + eps)):
    """The folded layer, with the slope s, the weights or the bias computed otherwise."""

    def answer(w, gamma, beta, mean, var, eps):
        s = slope(gamma, var, eps)
        return weights(w, s), bias(beta, mean, s)

    return answer


fold = Check(
    exercise="05.3",
    law="With s = gamma / sqrt(var + eps), the columns of w are multiplied by s and the bias is beta - s mean, so that "
        "u w' + b' is batch norm of u w.",
    solution=_fold,
    # w is square, so that rows scaled for columns give numbers and not an error
    cases=lambda rng: [(rng.normal(size=(c, c)), rng.normal(size=c), rng.normal(size=c), rng.normal(size=c),
                        rng.uniform(0.5, 4, c), eps) for c, eps in [(3, 1e-2), (6, 0.1), (4, 1e-3)]],
    outputs=("w", "b"),
    mistakes=(
        Mistake("rows scaled instead of columns", "Feature k is computed by column k of w.",
                "the paper's section 3.1, the affine map",
                _changed_fold(weights=lambda w, s: w * s[:, None])),
        Mistake("w left as it is", "The slope of batch norm multiplies what u w gives.", "Algorithm 2, line 11",
                _changed_fold(weights=lambda w, s: w)),
        Mistake("beta scaled too", "beta is added after the scaling.", "Algorithm 2, line 11",
                _changed_fold(bias=lambda beta, mean, s: (beta - mean) * s)),
        Mistake("eps ignored", "The slope is gamma / sqrt(var + eps).", "Algorithm 2, line 11",
                _changed_fold(slope=lambda gamma, var, eps: gamma / np.sqrt(var))),
        Mistake("gamma forgotten", "The slope is gamma / sqrt(var + eps).", "Algorithm 2, line 11",
                _changed_fold(slope=lambda gamma, var, eps: 1 / np.sqrt(var + eps))),
        Mistake("the mean not scaled", "The mean goes through the same slope as x.", "Algorithm 2, line 11",
                _changed_fold(bias=lambda beta, mean, s: beta - mean)),
        Mistake("the mean not multiplied by gamma", "The mean goes through the same slope as x.",
                "Algorithm 2, line 11",
                lambda w, gamma, beta, mean, var, eps: (_fold(w, gamma, beta, mean, var, eps)[0],
                                                        beta - mean / np.sqrt(var + eps))),
        Mistake("beta forgotten", "The shift is beta less the scaled mean.", "Algorithm 2, line 11",
                _changed_fold(bias=lambda beta, mean, s: -mean * s)),
        Mistake("w transposed", "An example is a row, so w (D, C) keeps its shape.", "the stub",
                _changed_fold(weights=lambda w, s: w.T * s)),
        Mistake("the mean forgotten", "The shift is beta less the scaled mean.", "Algorithm 2, line 11",
                _changed_fold(bias=lambda beta, mean, s: beta)),
        Mistake("the sign of the mean", "The mean is subtracted.", "Algorithm 2, line 11",
                _changed_fold(bias=lambda beta, mean, s: beta + mean * s)),
        Mistake("eps outside the root", "The paper adds eps to the variance and then takes the root.",
                "Algorithm 2, line 11",
                _changed_fold(slope=lambda gamma, var, eps: gamma / (np.sqrt(var) + eps))),
        Mistake("division by the variance", "Divide by the root of the variance.", "Algorithm 2, line 11",
                _changed_fold(slope=lambda gamma, var, eps: gamma / (var + eps))),
    ),
)
