"""The checks of lesson 03: Algorithm 1, the identity transform, a batch of two, two numbers to a feature."""

import numpy as np

from bncourse.checks.frame import Check, Mistake
from bncourse.checks.mistakes import forward
from bncourse.kernels.normalize import batchnorm_forward


def _batches(rng):
    """Unequal sizes, unequal features, random gamma and beta; a constant feature; a mean of 1e5."""
    shapes = [(5, 3), (7, 2), (4, 6)]
    scales = [np.arange(1, c + 1) for _, c in shapes]
    cases = [(rng.normal(2, s, (m, c)), rng.normal(size=c), rng.normal(size=c), eps)
             for (m, c), s, eps in zip(shapes, scales, (1e-5, 0.1, 1e-3), strict=True)]
    constant = rng.normal(size=(6, 3))
    constant[:, 1] = 3.3
    far = 1e5 + rng.normal(size=(9, 4))
    return [*cases, (constant, rng.normal(size=3), rng.normal(size=3), 1e-3),
            (far, rng.normal(size=4), rng.normal(size=4), 1e-5)]


algorithm1 = Check(
    exercise="03.1",
    law="y = gamma (x - mean) / sqrt(var + eps) + beta, with the mean and the variance of each feature over "
        "the m examples, and var the sum of squares divided by m.",
    solution=lambda x, gamma, beta, eps: batchnorm_forward(x, gamma, beta, eps)[0],
    cases=_batches,
    outputs=("y",),
    mistakes=forward.FORWARD,
)


def _identity(x, eps):
    return np.sqrt(x.var(0) + eps), x.mean(0)


identity = Check(
    exercise="03.2",
    law="With gamma = sqrt(var + eps) and beta = mean, batch normalization returns its input.",
    solution=_identity,
    cases=lambda rng: [(x, eps) for x, _, _, eps in _batches(rng)],
    outputs=("gamma", "beta"),
    mistakes=(
        Mistake("gamma equal to the variance", "The division was by a standard deviation, so gamma must be one.",
                "the paper's section 3, between the two simplifications", lambda x, eps: (x.var(0), x.mean(0))),
        Mistake("root forgotten in gamma", "The division was by sqrt(var + eps): a standard deviation, not a variance.",
                "Algorithm 1, line 3", lambda x, eps: (x.var(0) + eps, x.mean(0))),
        Mistake("the sign of beta", "beta puts back the mean that was subtracted.", "Algorithm 1, line 4",
                lambda x, eps: (np.sqrt(x.var(0) + eps), -x.mean(0))),
        Mistake("gamma and beta exchanged", "The stub asks for gamma first.", "the stub",
                lambda x, eps: (x.mean(0), np.sqrt(x.var(0) + eps))),
        Mistake("eps forgotten in gamma", "Algorithm 1 divides by sqrt(var + eps), so that is what gamma must undo.",
                "Algorithm 1, line 3", lambda x, eps: (x.std(0), x.mean(0))),
        Mistake("eps outside the root", "The paper adds eps to the variance and then takes the root.",
                "Algorithm 1, line 3", lambda x, eps: (x.std(0) + eps, x.mean(0))),
        Mistake("unbiased variance", "Algorithm 1 divides the sum of squares by m.", "Algorithm 1, line 2",
                lambda x, eps: (np.sqrt(x.var(0, ddof=1) + eps), x.mean(0))),
        Mistake("the inverse of what was asked", "gamma multiplies x_hat; it must undo the division, not repeat it.",
                "Algorithm 1, lines 3 and 4", lambda x, eps: (1 / np.sqrt(x.var(0) + eps), x.mean(0))),
        Mistake("beta = -mean / std", "beta is added after gamma has restored the scale, so it is the mean itself.",
                "Algorithm 1, line 4", lambda x, eps: (np.sqrt(x.var(0) + eps), -x.mean(0) / np.sqrt(x.var(0) + eps))),
    ),
)


def _pair(a, b, eps):
    half = (a - b) / 2
    return half / np.sqrt(half * half + eps)


def _pairs(rng):
    near, other = rng.normal(size=(2, 4)) * [[1], [1e-2]]
    other[1] = 0
    return [(rng.normal(2, 3, 5), rng.normal(-1, 2, 5), 0.1), (near, near + other, 1e-3),
            (rng.normal(size=3), rng.normal(size=3), 1e-5)]


pair = Check(
    exercise="03.3",
    law="For m = 2, x_hat of the first example is d / sqrt(d^2 + eps), where d is half the difference a - b; "
        "without eps only the sign of a - b is left.",
    solution=_pair,
    cases=_pairs,
    outputs=("x_hat",),
    mistakes=(
        Mistake("the whole difference", "The mean lies half-way: each example is (a - b) / 2 from it.",
                "Algorithm 1, lines 1 and 2", lambda a, b, eps: (a - b) / np.sqrt((a - b) ** 2 + eps)),
        Mistake("eps ignored", "Only for eps = 0 is x_hat exactly +1 or -1.", "Algorithm 1, line 3",
                lambda a, b, eps: np.sign(a - b)),
        Mistake("root forgotten", "Divide by the root of the variance.", "Algorithm 1, line 3",
                lambda a, b, eps: (a - b) / 2 / (((a - b) / 2) ** 2 + eps)),
        Mistake("the other example", "The sign is that of a - b: the larger of the two becomes positive.",
                "Algorithm 1, line 3", lambda a, b, eps: -_pair(a, b, eps)),
        Mistake("unbiased variance", "Algorithm 1 divides by m = 2, not by m - 1 = 1.", "Algorithm 1, line 2",
                lambda a, b, eps: (a - b) / 2 / np.sqrt((a - b) ** 2 / 2 + eps)),
        Mistake("eps outside the root", "The paper adds eps to the variance and then takes the root.",
                "Algorithm 1, line 3", lambda a, b, eps: (a - b) / 2 / (np.abs(a - b) / 2 + eps)),
    ),
)


def _added(sizes):
    return sum(2 * width for width in sizes[1:-1])


parameters = Check(
    exercise="03.4",
    law="Batch normalization adds one gamma and one beta to each activation of each hidden layer; the batch size "
        "does not matter.",
    solution=_added,
    cases=lambda rng: [((784, 100, 100, 100, 10),), ((20, 7, 3),), ((5, 11, 13, 17, 19, 2),)],
    outputs=("number of parameters",),
    mistakes=(
        Mistake("only gamma", "beta is a second parameter for each activation; the bias that it replaces is not "
                "subtracted here.", "Algorithm 1",
                lambda sizes: sum(sizes[1:-1])),
        Mistake("the output layer counted", "Section 4.1 normalizes the hidden layers; the output feeds the softmax.",
                "the paper's section 4.1", lambda sizes: sum(2 * width for width in sizes[1:])),
        Mistake("the input counted", "The input is not normalized here; only hidden layers are.",
                "the paper's section 4.1", lambda sizes: sum(2 * width for width in sizes[:-1])),
        Mistake("all widths counted", "Neither the input nor the output layer is normalized in section 4.1.",
                "the paper's section 4.1", lambda sizes: sum(2 * width for width in sizes)),
        Mistake("one pair for each layer", "There is a pair for every activation, not for every layer.",
                "the paper's section 3, equation y = gamma x_hat + beta", lambda sizes: 2 * len(sizes[1:-1])),
        Mistake("four numbers for each activation", "The mean and the variance are computed from the mini-batch; they "
                "are not learned.", "Algorithm 1", lambda sizes: sum(4 * width for width in sizes[1:-1])),
    ),
)
