"""The checks of lesson 00: counting steps, the mini-batch gradient, one product for a batch, eight sentences."""

import math

from bncourse.checks.frame import Check, Mistake
from bncourse.checks.statements import Statement, Statements


def _steps(examples, batch, epochs):
    return epochs * math.ceil(examples / batch)


steps = Check(
    exercise="00.1",
    law="A step uses one mini-batch; an epoch uses every example once, so it takes ceil(examples / batch) steps.",
    solution=_steps,
    cases=lambda rng: [(2000, 500, 20), (2100, 500, 20), (1000, 60, 3), (7, 10, 4), (60_000, 64, 5)],
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
        Mistake("one batch too many", "When the batch size divides the number of examples nothing is left over.",
                "the paper's section 1", lambda examples, batch, epochs: epochs * (examples // batch + 1)),
    ),
)


def _gradient(w, x, t):
    return x.T @ (x @ w - t) / len(t)


gradient = Check(
    exercise="00.2",
    law="The mini-batch gradient is the mean over the m examples of each example's own gradient.",
    solution=_gradient,
    cases=lambda rng: [(rng.normal(size=d), rng.normal(size=(m, d)), rng.normal(size=m))
                       for m, d in [(5, 3), (8, 2), (3, 7)]],
    outputs=("gradient",),
    mistakes=(
        Mistake("the sum instead of the mean", "Divide by m; otherwise the step grows with the batch.",
                "the paper's section 1, the second equation", lambda w, x, t: x.T @ (x @ w - t)),
        Mistake("the misprint taken literally", "As printed the sum over i is missing, so one example is left, "
                "divided by m. The sum must be there.", "the paper's section 1, the second equation",
                lambda w, x, t: x[-1] * (x[-1] @ w - t[-1]) / len(t)),
        Mistake("only the first example", "The sum over i is missing in the paper, a misprint; it must be there.",
                "the paper's section 1, the second equation", lambda w, x, t: x[0] * (x[0] @ w - t[0]) / len(t)),
        Mistake("the sum of the errors times the sum of the inputs", "Each error belongs to its own example: multiply "
                "first, then take the mean.", "the paper's section 1, the second equation",
                lambda w, x, t: x.mean(0) * (x @ w - t).mean()),
        Mistake("the half left in", "The derivative of half a square is the error itself: the half and the two cancel.",
                "the loss above the exercise", lambda w, x, t: _gradient(w, x, t) / 2),
        Mistake("a factor of two", "The loss is half the square, so its derivative is the error itself.",
                "the loss above the exercise", lambda w, x, t: 2 * _gradient(w, x, t)),
        Mistake("the sign turned round", "This is the direction of the step; the gradient points uphill.",
                "the paper's section 1, the second equation", lambda w, x, t: -_gradient(w, x, t)),
        Mistake("divided by the number of weights", "The mean is over the m examples.",
                "the paper's section 1, the second equation", lambda w, x, t: x.T @ (x @ w - t) / len(w)),
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
        Mistake("b left out", "The layer is W u + b; b is added to every row.", "the paper's section 2",
                lambda w, b, u: u @ w.T),
        Mistake("examples in columns", "Here an example is a row, in the input and in the result.",
                "the shapes in the stub", lambda w, b, u: (u @ w.T + b).T),
    ),
)


sentences = Statements("00.4", {
    "a": Statement(
        "gamma equal to the variance restores the layer's input.", False,
        "The division was by the standard deviation, so gamma must be the standard deviation (section 3)."),
    "b": Statement(
        "Whitening is another word for standardizing each feature to mean 0 and variance 1.", False,
        "Whitening also removes the correlations between features (section 2)."),
    "c": Statement(
        "In a fully connected layer there is one gamma and one beta for each activation, shared by all mini-batches.",
        True,
        "Only the mean and the variance belong to the mini-batch (section 3)."),
    "d": Statement(
        "BN-x5 starts with a learning rate five times higher and decays it six times faster.", True,
        "0.0075 is five times 0.0015 (section 4.2.2), and section 4.2.1 lets the rate decay six times faster."),
    "e": Statement(
        "The paper's ensemble reached 4.94 % top-5 error.", False,
        "4.9 % on the validation set and 4.82 % on the test set; 4.94 % is the earlier result it is compared with "
        "(section 4.2.3)."),
    "f": Statement(
        "A network with batch normalization must not use Dropout.", False,
        "The paper's own ensemble used Dropout of 5 % and 10 % (section 4.2.3). What it says is that Dropout can be "
        "removed or made weaker."),
    "g": Statement(
        "At inference the paper takes the mean and the variance from training mini-batches, after training.", True,
        "That is Algorithm 2; moving averages are mentioned for tracking accuracy during training (section 3.1)."),
    "h": Statement(
        "Batch normalization gives every feature a Gaussian distribution.", False,
        "Subtracting and dividing cannot change the shape of a distribution; only mean and variance are fixed."),
})
