"""The catalogue of wrong batch norm layers that are right by themselves on feature maps, as classes.

They go wrong with another shape, with a constant or a distant feature map, or where a network has two of them. A test
of one layer on one array does not see that.
"""

import numpy as np

from bncourse.checks.frame import Mistake
from bncourse.checks.mistakes.layers import AXES, BACKWARD, FORWARD, MEMORY, Layer, variant
from bncourse.kernels.algorithms import from_rows, to_rows


def _corrected_by(count):
    """A `remember` whose factor is m / (m - 1) with m = count(x)."""

    def remember(self, x):
        rows, m = to_rows(x), count(x)
        self.move(rows.mean(0), m / (m - 1) * rows.var(0), self.momentum)

    return remember


def _values_of_maps(x):
    return len(x) * x.shape[2] * x.shape[3] if x.ndim == 4 else len(x)


def _values_of_last_two_axes(x):
    return len(x) * int(np.prod(x.shape[2:][-2:]))


def _one_pass_memory(self, x):
    rows = to_rows(x)
    m, mean = len(rows), rows.mean(0)
    self.move(mean, m / (m - 1) * ((rows**2).mean(0) - mean**2), self.momentum)


def _zero_where_constant(self, x, gamma, beta, eps):
    y = Layer.transformed(self, x, gamma, beta, eps)
    return from_rows(np.where(to_rows(x).var(0) == 0, 0.0, to_rows(y)), x.shape)


def _refuse_dense(self, x):
    if x.ndim == 2 and len(x) == 1:
        raise ValueError("a single example")


def _forward_on_class(self, x):
    y = Layer.forward(self, x)
    type(self).last = self.x, self.by_batch
    return y


def _backward_from_class(self, dy):
    self.x, self.by_batch = type(self).last
    return Layer.backward(self, dy)


def _settings_on_class(self, channels, eps=1e-5, momentum=0.1):
    Layer.__init__(self, channels, eps, momentum)
    del self.eps, self.momentum
    type(self).eps, type(self).momentum = eps, momentum


def _one_array(self, channels, eps=1e-5, momentum=0.1):
    Layer.__init__(self, channels, eps, momentum)
    self.gamma = self.running_var = np.ones(channels)
    self.beta = self.running_mean = np.zeros(channels)


def _move_in_place(self, mean, var, momentum):
    self.running_mean += momentum * (mean - self.running_mean)
    self.running_var += momentum * (var - self.running_var)


def _parameters_by_width() -> type:
    """A class whose layers of one width have one array gamma and one array beta."""
    kept = {}

    def __init__(self, channels, eps=1e-5, momentum=0.1):
        Layer.__init__(self, channels, eps, momentum)
        self.gamma, self.beta = kept.setdefault(channels, (self.gamma, self.beta))

    return variant(__init__=__init__)


def _batch_statistics_of_many(self, x):
    if len(x) > 50:
        return Layer.transformed(self, x, self.gamma, self.beta, self.eps)
    return Layer.inferred(self, x)


COUNT = "the paper's section 3.2, m' = m p q"

IN_USE = (
    Mistake("m' counted for feature maps alone", "Sequences (N, C, L) and volumes (N, C, D, H, W) have locations too, "
            "and m' is the number of rows of the table, whatever the shape.", COUNT,
            variant(remember=_corrected_by(_values_of_maps))),
    Mistake("m' counted over the last two axes", "All axes but the second are averaged over: m' is the number of rows "
            "of the table, whatever the shape.", COUNT, variant(remember=_corrected_by(_values_of_last_two_axes))),
    Mistake("a constant feature map gives 0", "Its x_hat is 0, so y is beta; eps already guards the division.",
            "Algorithm 1, lines 3 and 4", variant(transformed=_zero_where_constant)),
    Mistake("a single value refused in dense layers alone", "A feature map of one image and one location is a single "
            "value as well: compare the number of rows of the table with 1.", COUNT,
            variant(refuse_single=_refuse_dense)),
    Mistake("what backward needs, kept on the class", "A network has several layers: each needs its own x_hat, on "
            "self. A variable of the notebook is shared in the same way.", "the stub's forward and backward",
            variant(forward=_forward_on_class, backward=_backward_from_class)),
    Mistake("eps and momentum kept on the class", "Two layers may have different ones: keep them on self.",
            "the stub's __init__", variant(__init__=_settings_on_class)),
    Mistake("one array under two names", "`self.gamma = self.running_var = np.ones(c)` makes one array; what moves the "
            "running variance in place then moves gamma.", "the stub's __init__",
            variant(__init__=_one_array, move=_move_in_place)),
    Mistake("gamma and beta shared by layers of one width", "Each layer learns its own gamma and beta: make the arrays "
            "in __init__.", "the stub's __init__", _parameters_by_width()),
    Mistake("batch statistics at inference for large mini-batches", "At inference the running statistics are used, "
            "whatever the mini-batch.", "the paper's section 3.1, Algorithm 2",
            variant(inferred=_batch_statistics_of_many)),
    Mistake("one-pass running variance", "E[x^2] - E[x]^2 subtracts two large numbers: take the mean of (x - mean)^2, "
            "for the running variance too.", "Algorithm 2, line 10", variant(remember=_one_pass_memory), rounding=True),
)

_EVERY = (*FORWARD, *AXES, *BACKWARD, *MEMORY, *IN_USE)
LAYERS = (*(m for m in _EVERY if not m.rounding), *(m for m in (*FORWARD, *IN_USE) if m.rounding))
