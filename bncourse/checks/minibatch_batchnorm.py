"""The checks of lesson 03: Algorithm 1, a gamma and a beta of choice, a batch of two, what is learned and computed."""

import numpy as np

from bncourse.checks.frame import Check, Mistake
from bncourse.checks.mistakes import forward
from bncourse.kernels.normalize import batchnorm_forward


def _batches(rng):
    """Unequal sizes, unequal features, random gamma and beta; a constant feature; a mean of 1e5; a lonely value."""
    shapes = [(5, 3), (7, 2), (4, 6)]
    scales = [np.arange(1, c + 1) for _, c in shapes]
    cases = [(rng.normal(2, s, (m, c)), rng.normal(size=c), rng.normal(size=c), eps)
             for (m, c), s, eps in zip(shapes, scales, (1e-5, 0.1, 1e-3), strict=True)]
    constant = rng.normal(size=(6, 3))
    constant[:, 1] = 3.3
    far = 1e5 + rng.normal(size=(9, 4))
    lonely = rng.normal(size=(150, 2))
    lonely[4] = 90.0, -60.0  # x_hat comes near its bound, sqrt(149) = 12.2
    return [*cases, (constant, rng.normal(size=3), rng.normal(size=3), 1e-3),
            (far, rng.normal(size=4), rng.normal(size=4), 1e-5),
            (lonely, rng.normal(size=2), rng.normal(size=2), 1e-5)]


def _with_x_hat(x_hat):
    """Algorithm 1 with `x_hat(x, eps)` in place of its third line."""
    return lambda x, gamma, beta, eps: gamma * x_hat(x, eps) + beta


def _four_numbers(x, eps):
    """The third line as section 3 has it for four numbers of one feature."""
    mean = x.sum() / 4
    return (x - mean) / np.sqrt(((x - mean) ** 2).sum() / 4 + eps)


algorithm1 = Check(
    exercise="03.1",
    law="y = gamma (x - mean) / sqrt(var + eps) + beta, with the mean and the variance of each feature over "
        "the m examples, and var the sum of squares divided by m.",
    solution=lambda x, gamma, beta, eps: batchnorm_forward(x, gamma, beta, eps)[0],
    cases=_batches,
    outputs=("y",),
    mistakes=(
        *forward.FORWARD,
        *forward.OUTLIERS,
        Mistake("the mean alone divided", "Python divides before it subtracts: write (x - mu) in brackets.",
                "Algorithm 1, line 3", _with_x_hat(lambda x, eps: x - x.mean(0) / np.sqrt(x.var(0) + eps))),
        Mistake("gamma on x alone, the mean alone divided", "Python multiplies and divides before it subtracts: write "
                "(x - mu) in brackets.", "Algorithm 1, lines 3 and 4", lambda x, gamma, beta, eps:
                gamma * x - x.mean(0) / np.sqrt(x.var(0) + eps) + beta),
        Mistake("eps as the smallest standard deviation", "eps is added to every variance, large or small.",
                "Algorithm 1, line 3", _with_x_hat(lambda x, eps: (x - x.mean(0)) / np.maximum(x.std(0), eps))),
        Mistake("the four of section 3 kept", "There m was 4, and there was one feature; x.mean(axis=0) divides by the "
                "number of rows.", "Algorithm 1, lines 1 and 2", _with_x_hat(_four_numbers)),
    ),
)


FACTOR, SHIFT = 1.8, 32  # from degrees Celsius to degrees Fahrenheit


def _units(x, eps):
    return FACTOR * np.sqrt(x.var(0) + eps), FACTOR * x.mean(0) + SHIFT


def _with_gamma(gamma):
    """The solution with `gamma(x, eps)` in place of its own."""
    return lambda x, eps: (gamma(x, eps), _units(x, eps)[1])


def _with_beta(beta):
    """The solution with `beta(x, eps)` in place of its own."""
    return lambda x, eps: (_units(x, eps)[0], beta(x, eps))


units = Check(
    exercise="03.2",
    law="With gamma = 1.8 sqrt(var + eps) and beta = 1.8 mean + 32, batch normalization returns 1.8 x + 32. With "
        "sqrt(var + eps) and the mean it returns x.",
    solution=_units,
    cases=lambda rng: [(x, eps) for x, _, _, eps in _batches(rng)],
    outputs=("gamma", "beta"),
    mistakes=(
        Mistake("the identity", "This pair gives back x; what is wanted is 1.8 x + 32.", "the exercise",
                lambda x, eps: (np.sqrt(x.var(0) + eps), x.mean(0))),
        Mistake("the identity, for a fixed eps", "This pair gives back x for eps = 1e-5; what is wanted is 1.8 x + 32, "
                "for any eps.", "the exercise", lambda x, eps: (np.sqrt(x.var(0) + 1e-5), x.mean(0))),
        Mistake("eps not multiplied", "The root holds eps too, and 1.8 multiplies all of it: x was divided by "
                "sqrt(var + eps).", "Algorithm 1, line 3",
                _with_gamma(lambda x, eps: np.sqrt(FACTOR**2 * x.var(0) + eps))),
        Mistake("the factor and the shift themselves", "gamma and beta act on x_hat, which is no longer x: they must "
                "also undo the division and the subtraction.", "Algorithm 1, lines 3 and 4",
                lambda x, eps: (np.full(x.shape[1], FACTOR), np.full(x.shape[1], float(SHIFT)))),
        Mistake("the mean not enlarged", "1.8 multiplies all of x, and so its mean too.", "the exercise: 1.8 x + 32",
                _with_beta(lambda x, eps: x.mean(0) + SHIFT)),
        Mistake("the shift enlarged too", "32 is added after the multiplication.", "the exercise: 1.8 x + 32",
                _with_beta(lambda x, eps: FACTOR * (x.mean(0) + SHIFT))),
        Mistake("the mean not put back", "x_hat has mean 0: beta must hold the mean that y is to have.",
                "Algorithm 1, line 4", _with_beta(lambda x, eps: np.full(x.shape[1], float(SHIFT)))),
        Mistake("the factor forgotten in gamma", "1.8 x spreads 1.8 times as far as x.", "the exercise: 1.8 x + 32",
                _with_gamma(lambda x, eps: np.sqrt(x.var(0) + eps))),
        Mistake("the shift added to gamma", "A shift changes no spread; beta alone moves y.", "Algorithm 1, line 4",
                _with_gamma(lambda x, eps: FACTOR * np.sqrt(x.var(0) + eps) + SHIFT)),
        Mistake("the factor under the root", "1.8 is a factor of the standard deviation; under the root it would have "
                "to be squared.", "Algorithm 1, line 3",
                _with_gamma(lambda x, eps: np.sqrt(FACTOR * (x.var(0) + eps)))),
        Mistake("gamma equal to the variance", "The division was by a standard deviation, so gamma must hold one.",
                "the paper's section 3, between the two simplifications",
                _with_gamma(lambda x, eps: FACTOR * x.var(0))),
        Mistake("root forgotten in gamma", "The division was by sqrt(var + eps): a standard deviation, not a variance.",
                "Algorithm 1, line 3", _with_gamma(lambda x, eps: FACTOR * (x.var(0) + eps))),
        Mistake("the shift forgotten", "At x = 0 degrees Celsius y must be 32.", "the exercise: 1.8 x + 32",
                _with_beta(lambda x, eps: FACTOR * x.mean(0))),
        Mistake("from Fahrenheit to Celsius", "x is in degrees Celsius, and y is to be in degrees Fahrenheit.",
                "the exercise: 1.8 x + 32",
                lambda x, eps: (np.sqrt(x.var(0) + eps) / FACTOR, (x.mean(0) - SHIFT) / FACTOR)),
        Mistake("the sign of the mean", "beta puts back the mean that was subtracted.", "Algorithm 1, line 4",
                _with_beta(lambda x, eps: SHIFT - FACTOR * x.mean(0))),
        Mistake("gamma and beta exchanged", "The stub asks for gamma first.", "the stub",
                lambda x, eps: _units(x, eps)[::-1]),
        Mistake("eps forgotten in gamma", "Algorithm 1 divides by sqrt(var + eps), so that is what gamma must undo.",
                "Algorithm 1, line 3", _with_gamma(lambda x, eps: FACTOR * x.std(0))),
        Mistake("eps outside the root", "The paper adds eps to the variance and then takes the root.",
                "Algorithm 1, line 3", _with_gamma(lambda x, eps: FACTOR * (x.std(0) + eps))),
        Mistake("unbiased variance", "Algorithm 1 divides the sum of squares by m.", "Algorithm 1, line 2",
                _with_gamma(lambda x, eps: FACTOR * np.sqrt(x.var(0, ddof=1) + eps))),
        Mistake("the inverse of what was asked", "gamma multiplies x_hat; it must undo the division, not repeat it.",
                "Algorithm 1, lines 3 and 4", _with_gamma(lambda x, eps: FACTOR / np.sqrt(x.var(0) + eps))),
        Mistake("beta divided by the standard deviation", "beta is added after gamma has restored the scale, so it "
                "holds the mean itself.", "Algorithm 1, line 4",
                _with_beta(lambda x, eps: SHIFT - FACTOR * x.mean(0) / np.sqrt(x.var(0) + eps))),
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
        Mistake("eps ignored, and 0/0 where a = b", "Only for eps = 0 is x_hat exactly +1 or -1; with eps two equal "
                "examples give 0.", "Algorithm 1, line 3", lambda a, b, eps: (a - b) / np.abs(a - b)),
        Mistake("eps ignored, and -1 where a = b", "Only for eps = 0 is x_hat exactly +1 or -1; with eps two equal "
                "examples give 0.", "Algorithm 1, line 3", lambda a, b, eps: np.where(a > b, 1.0, -1.0)),
        Mistake("the sign forgotten", "Where a is smaller than b, x_hat of a is negative.", "Algorithm 1, line 3",
                lambda a, b, eps: np.abs(_pair(a, b, eps))),
        Mistake("statistics over the features of a", "The mean runs over the two examples, for each feature by itself.",
                "Algorithm 1, line 1", lambda a, b, eps: (a - a.mean()) / np.sqrt(a.var() + eps)),
        Mistake("half of the difference under the root alone", "The mean lies half-way: the numerator is (a - b) / 2 "
                "too.", "Algorithm 1, lines 1 and 3", lambda a, b, eps: 2 * _pair(a, b, eps)),
        Mistake("half of the difference in the numerator alone", "The variance is ((a - b) / 2)^2: both examples are "
                "half the difference away from the mean.", "Algorithm 1, line 2",
                lambda a, b, eps: (a - b) / 2 / np.sqrt((a - b) ** 2 + eps)),
        Mistake("the mean not subtracted", "The numerator is how far a is from the mean of the two.",
                "Algorithm 1, line 3", lambda a, b, eps: a / np.sqrt(((a - b) / 2) ** 2 + eps)),
        Mistake("b taken for the mean", "The mean of a and b lies half-way between them.", "Algorithm 1, line 1",
                lambda a, b, eps: (a - b) / np.sqrt((a - b) ** 2 / 2 + eps)),
        Mistake("both examples", "Only the first example's value is wanted.", "the stub",
                lambda a, b, eps: np.stack([_pair(a, b, eps), _pair(b, a, eps)])),
        Mistake("not divided", "x_hat has the standard deviation 1, nearly, whatever the difference.",
                "Algorithm 1, line 3", lambda a, b, eps: (a - b) / 2),
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


def _counts(sizes):
    hidden = sum(sizes[1:-1])
    return hidden, 2 * hidden


def _counting(units, learned=1, computed=2):
    """Counts of so many numbers for each of the units that `units(sizes)` takes."""
    return lambda sizes: (learned * units(sizes), computed * units(sizes))


def _hidden(sizes):
    return sum(sizes[1:-1])


parameters = Check(
    exercise="03.4",
    law="Each activation of each hidden layer gets a gamma and a beta and loses its bias: one learned number more. A "
        "mean and a variance are computed for it in each step. The batch size does not matter.",
    solution=_counts,
    cases=lambda rng: [((784, 100, 100, 100, 10),), ((20, 7, 3),), ((5, 11, 13, 17, 19, 2),), ((7, 7, 9, 3, 3),),
                       ((3, 8, 4, 12),)],
    outputs=("learned", "computed"),
    mistakes=(
        Mistake("the biases not subtracted", "The mean cancels a bias in front of batch norm, so the bias falls away.",
                "section 4 of the notebook", _counting(_hidden, learned=2)),
        Mistake("the bias subtracted twice", "gamma comes, beta comes, b goes: 2 - 1.", "section 4 of the notebook",
                _counting(_hidden, learned=0)),
        Mistake("the output layer's biases subtracted too", "No batch norm follows the output layer, so its biases "
                "stay.", "the paper's section 4.1",
                lambda sizes: (2 * _hidden(sizes) - sum(sizes[1:]), 2 * _hidden(sizes))),
        Mistake("the biases added", "The mean cancels a bias in front of batch norm: it goes, it does not come.",
                "section 4 of the notebook", _counting(_hidden, learned=3)),
        Mistake("mean and variance counted as learned", "They are computed from the mini-batch; gradient descent does "
                "not touch them.", "Algorithm 1", _counting(_hidden, learned=4)),
        Mistake("mean and variance counted as learned, the biases subtracted", "They are computed from the mini-batch; "
                "gradient descent does not touch them.", "Algorithm 1", _counting(_hidden, learned=3, computed=0)),
        Mistake("one computed number for each activation", "A mean and a variance are computed for each.",
                "Algorithm 1, lines 1 and 2", _counting(_hidden, computed=1)),
        Mistake("learned and computed exchanged", "The stub asks for the learned numbers first.", "the stub",
                lambda sizes: _counts(sizes)[::-1]),
        Mistake("the output layer counted", "Section 4.1 normalizes the hidden layers; the output feeds the softmax.",
                "the paper's section 4.1", _counting(lambda sizes: sum(sizes[1:]))),
        Mistake("the input counted", "The input is not normalized here; only hidden layers are.",
                "the paper's section 4.1", _counting(lambda sizes: sum(sizes[:-1]))),
        Mistake("all widths counted", "Neither the input nor the output layer is normalized in section 4.1.",
                "the paper's section 4.1", _counting(sum)),
        Mistake("widths counted once", "Two layers may have the same width; each counts, and so does a hidden layer as "
                "wide as the input or the output.", "the exercise: sizes",
                _counting(lambda sizes: sum(w for w in sizes if w not in (sizes[0], sizes[-1])))),
        Mistake("one pair for each layer", "There is a pair for every activation, not for every layer.",
                "the paper's section 3, equation y = gamma x_hat + beta", _counting(lambda sizes: len(sizes[1:-1]))),
    ),
)
