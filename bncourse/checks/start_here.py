"""The checks of lesson 00: counting steps, the mini-batch gradient, one product for a batch, eight sentences."""

import math

import numpy as np

from bncourse.checks.frame import Check, Mistake
from bncourse.checks.statements import Statement, Statements


def _steps(examples, batch, epochs):
    return epochs * math.ceil(examples / batch)


steps = Check(
    exercise="00.1",
    law="A step uses one mini-batch; an epoch uses every example once, so it takes ceil(examples / batch) steps.",
    solution=_steps,
    cases=lambda rng: [(2000, 500, 20), (2100, 500, 20), (1000, 60, 3), (7, 10, 4), (60_000, 64, 5), (2001, 500, 2),
                       (2500, 500, 2), (10_001, 10_000, 3)],
    outputs=("steps",),
    mistakes=(
        Mistake("the last, smaller batch dropped", "The examples left over make one more, smaller batch: round up.",
                "the paper's section 1, mini-batches",
                lambda examples, batch, epochs: epochs * (examples // batch)),
        Mistake("rounded once for all epochs", "Each epoch ends with its own smaller batch: round before "
                "multiplying.", "the paper's section 1, mini-batches",
                lambda examples, batch, epochs: math.ceil(epochs * examples / batch)),
        Mistake("rounded to the nearest", "However few examples are left over, they make one more mini-batch: round "
                "up.", "the paper's section 1, mini-batches",
                lambda examples, batch, epochs: epochs * round(examples / batch)),
        Mistake("rounded down once for all epochs", "Each epoch ends with its own smaller batch: round up, then "
                "multiply.", "the paper's section 1, mini-batches",
                lambda examples, batch, epochs: epochs * examples // batch),
        Mistake("not rounded", "An epoch ends with a smaller batch, which is a whole step: round up, epoch by epoch.",
                "the paper's section 1, mini-batches", lambda examples, batch, epochs: epochs * examples / batch),
        Mistake("one epoch only", "The count must be multiplied by the number of epochs.", "the paper's section 1",
                lambda examples, batch, epochs: math.ceil(examples / batch)),
        Mistake("examples counted for steps", "One step looks at a whole mini-batch of examples.",
                "the paper's section 1",
                lambda examples, batch, epochs: examples * epochs),
        Mistake("one smaller batch for all epochs", "Every epoch ends with a smaller batch of its own, not only the "
                "last one.", "the paper's section 1, mini-batches",
                lambda examples, batch, epochs: epochs * (examples // batch) + (examples % batch > 0)),
        Mistake("nine tenths added before rounding down", "One example that is left over makes a mini-batch too: round "
                "up, however small the rest is.", "the paper's section 1, mini-batches",
                lambda examples, batch, epochs: epochs * int(examples / batch + 0.9)),
        Mistake("half a batch added before rounding", "An odd number of whole batches would be rounded up to the next: "
                "use math.ceil.", "the paper's section 1, mini-batches",
                lambda examples, batch, epochs: epochs * round(examples / batch + 0.5)),
        Mistake("one more step at the very end", "Every epoch ends with a smaller batch of its own, if anything is "
                "left over.", "the paper's section 1, mini-batches",
                lambda examples, batch, epochs: epochs * (examples // batch) + 1),
        Mistake("rounded to the nearest once for all epochs", "Each epoch ends with its own smaller batch: round up, "
                "then multiply.", "the paper's section 1, mini-batches",
                lambda examples, batch, epochs: round(epochs * examples / batch)),
        Mistake("one batch too many", "When the batch size divides the number of examples nothing is left over.",
                "the paper's section 1", lambda examples, batch, epochs: epochs * (examples // batch + 1)),
    ),
)


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _push(w, x, t):
    """How far each example pushes, with its sign, `(m,)`: the loss's derivative in the number x_i . w."""
    return -t * _sigmoid(-t * (x @ w))


def _gradient(w, x, t):
    return x.T @ _push(w, x, t) / len(t)


gradient = Check(
    exercise="00.2",
    law="The mini-batch gradient is the mean over the m examples of each example's own gradient, which is here "
        "-t_i x_i / (1 + exp(t_i x_i . w)).",
    solution=_gradient,
    cases=lambda rng: [(rng.normal(size=d), rng.normal(size=(m, d)), rng.choice([-1.0, 1.0], size=m))
                       for m, d in [(5, 3), (8, 2), (3, 7)]],
    outputs=("gradient",),
    mistakes=(
        Mistake("the sum instead of the mean", "Divide by m; otherwise the step grows with the batch.",
                "section 7, the first formula", lambda w, x, t: x.T @ _push(w, x, t)),
        Mistake("the gradient of the squares", "That is the gradient of section 7, for another loss. Take the "
                "derivative of log(1 + exp(-t x.w)).", "the loss in the exercise",
                lambda w, x, t: x.T @ (x @ w - t) / len(t)),
        Mistake("labels of 0 and 1", "sigmoid(x.w) - t belongs to labels 0 and 1; here they are -1 and 1.",
                "the loss in the exercise", lambda w, x, t: x.T @ (_sigmoid(x @ w) - t) / len(t)),
        Mistake("the sigmoid turned round", "An example that is read rightly, with t x.w large, has a small loss and a "
                "small gradient: the factor is 1 / (1 + exp(+t x.w)).", "the loss in the exercise",
                lambda w, x, t: x.T @ (-t * _sigmoid(t * (x @ w))) / len(t)),
        Mistake("the label left out of the exponent", "The exponent has the label in it, in the loss and in its "
                "derivative.", "the loss in the exercise", lambda w, x, t: x.T @ (-t * _sigmoid(-(x @ w))) / len(t)),
        Mistake("the label left out in front", "The inner derivative of -t x.w in w is -t x.",
                "the loss in the exercise",
                lambda w, x, t: x.T @ (-_sigmoid(-t * (x @ w))) / len(t)),
        Mistake("only the last example", "As printed in the paper the formula lacks its sum over i: one example is "
                "left, divided by m. The sum must be there.", "section 7, the first formula",
                lambda w, x, t: x[-1] * _push(w, x, t)[-1] / len(t)),
        Mistake("only the first example", "The sum over all examples is missing; it must be there.",
                "section 7, the first formula", lambda w, x, t: x[0] * _push(w, x, t)[0] / len(t)),
        Mistake("the mean of the factors times the mean of the inputs", "Each factor belongs to its own example: "
                "multiply first, then take the mean.", "section 7, the first formula",
                lambda w, x, t: x.mean(0) * _push(w, x, t).mean()),
        Mistake("the sign turned round", "This is the direction of the step; the gradient points uphill.",
                "section 7, the first formula", lambda w, x, t: -_gradient(w, x, t)),
        Mistake("divided by the number of weights", "The mean is over the m examples.",
                "section 7, the first formula", lambda w, x, t: x.T @ _push(w, x, t) / len(w)),
        Mistake("divided by m - 1", "The mean divides by m; m - 1 is for estimating a variance.",
                "section 7, the first formula", lambda w, x, t: x.T @ _push(w, x, t) / (len(t) - 1)),
        Mistake("divided by the number of all inputs", "The mean is over the m examples, for each weight by itself.",
                "section 7, the first formula", lambda w, x, t: x.T @ _push(w, x, t) / x.size),
        Mistake("a gradient for each example", "These are the examples' own gradients, (m, d). The mini-batch gradient "
                "is their mean, over axis 0.", "section 7, the first formula",
                lambda w, x, t: x * _push(w, x, t)[:, None]),
        Mistake("the mean over the weights", "Rows are examples: the mean runs over axis 0.",
                "section 7, the first formula", lambda w, x, t: (x * _push(w, x, t)[:, None]).mean(1)),
        Mistake("one mean for all weights",
                "Each weight has its own derivative: the mean runs over the examples alone.",
                "section 7, the first formula", lambda w, x, t: (x * _push(w, x, t)[:, None]).mean()),
        Mistake("the derivative of the logarithm left out", "That is the gradient of exp(-t x.w). The logarithm around "
                "it divides by 1 + exp(-t x.w).", "the loss in the exercise",
                lambda w, x, t: x.T @ (-t * np.exp(-t * (x @ w))) / len(t)),
        Mistake("the loss itself", "Asked is its derivative in each weight.", "the loss in the exercise",
                lambda w, x, t: np.log1p(np.exp(-t * (x @ w))).mean()),
        Mistake("a step instead of the gradient", "That is where a step of rate 1 would lead; asked is the gradient.",
                "the loss in the exercise", lambda w, x, t: w - _gradient(w, x, t)),
        Mistake("the inputs left out", "The inner derivative of x.w in w is x.", "the loss in the exercise",
                lambda w, x, t: _push(w, x, t).mean()),
    ),
)


def _layer(w, b, u):
    return u @ w.T + b


layer = Check(
    exercise="00.3",
    law="Row i of the result is W u_i + b: one matrix product serves the whole mini-batch.",
    solution=_layer,
    cases=lambda rng: [(rng.normal(size=(k, d)), rng.normal(size=k), rng.normal(size=(m, d)))
                       for m, d, k in [(5, 3, 4), (6, 4, 6), (3, 3, 3)]],
    outputs=("x",),
    mistakes=(
        Mistake("w @ u", "w @ u takes the columns of u for examples; here the rows are. (W u)^T is u^T W^T.",
                "hint 2", lambda w, b, u: w @ u + b),
        Mistake("u @ w", "Row i of w holds the weights of output i; the product needs them in columns: transpose w.",
                "hint 2", lambda w, b, u: u @ w + b),
        Mistake("w @ u.T + b",
                "w @ u.T has the examples in its columns; transpose the product, then add b to every row.",
                "hint 2", lambda w, b, u: w @ u.T + b),
        Mistake("b as a column", "b has one number for each output, and outputs are columns: add b to every row as "
                "it is.", "the shapes in the stub", lambda w, b, u: u @ w.T + b[:, None]),
        Mistake("b left out", "The layer is W u + b; b is added to every row.", "the paper's section 2",
                lambda w, b, u: u @ w.T),
        Mistake("examples in columns", "Here an example is a row, in the input and in the result.",
                "the shapes in the stub", lambda w, b, u: (u @ w.T + b).T),
    ),
)


sentences = Statements("00.4", {
    "a": Statement(
        "Gamma equal to the variance of a feature, and beta equal to its mean, give the feature back unchanged.", False,
        "The division was by the standard deviation, so gamma must be the standard deviation (section 1)."),
    "b": Statement(
        "Whitening is another word for standardizing each feature to mean 0 and variance 1.", False,
        "Whitening also removes the correlations between the features (section 4)."),
    "c": Statement(
        "In a fully connected layer there is one gamma and one beta for each feature, shared by all mini-batches.",
        True,
        "Only the mean and the variance belong to the mini-batch (section 1)."),
    "d": Statement(
        "Batch norm alone, with nothing else changed, saved more than half of the training steps to 72.2 %.", True,
        "That is BN-Baseline: 13.3 million steps instead of 31.0 (section 5). The 14 times are BN-x5's, which has all "
        "the other changes too."),
    "e": Statement(
        "A top-5 error of 4.8 % says that the first guess was wrong for 4.8 % of the pictures.", False,
        "It says that the right class was not among the first five guesses (section 4)."),
    "f": Statement(
        "A network with batch normalization must not use Dropout.", False,
        "The paper says that Dropout can be made weaker or removed; its own ensemble used 5 % and 10 % (section 4)."),
    "g": Statement(
        "At inference the paper takes the mean and the variance from training mini-batches, after training.", True,
        "So the answer for one example does not depend on what else is tested (section 1; lesson 05)."),
    "h": Statement(
        "Batch normalization gives every feature a Gaussian distribution.", False,
        "Subtracting and dividing cannot change the shape of a distribution; only mean and variance are fixed "
        "(section 1)."),
})
