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


def _running_statistics_for_one_image(self, x):
    if len(x) > 1 or x.size == x.shape[1]:
        return Layer.forward(self, x)
    self.x, self.by_batch = x, False
    return self.inferred(x)


def _channels_found_by_size(method):
    """A method of `Layer` that takes the first axis as long as gamma for the axis of the channels."""

    def changed(self, values):
        axis = values.shape.index(len(self.gamma))
        first, *rest = (lambda found: found if isinstance(found, tuple) else (found,))(
            method(self, np.moveaxis(values, axis, 1)))
        first = np.moveaxis(first, 1, axis)
        return (first, *rest) if rest else first

    return changed


def _slope_kept(self, x):
    """Inference with the slope and the shift of the first call since the last step of training."""
    if getattr(self, "folded", None) is None:
        slope = self.gamma / np.sqrt(self.running_var + self.eps)
        self.folded = slope, self.beta - slope * self.running_mean
    slope, shift = self.folded
    return from_rows(slope * to_rows(x) + shift, x.shape)


def _slope_forgotten(self, x):
    self.folded = None
    Layer.remember(self, x)


def _gradients_added_up(self, dy):
    dx, *found = Layer.backward(self, dy)
    before = getattr(self, "sums", (0.0, 0.0))
    self.sums = tuple(old + new for old, new in zip(before, found, strict=True))
    return dx, *self.sums


def _first_examples(self, x, gamma, beta, eps):
    rows, few = to_rows(x), to_rows(x[:64])
    return from_rows(gamma * (rows - few.mean(0)) / np.sqrt(few.var(0) + eps) + beta, x.shape)


def _squeezed(self, mean, var, momentum):
    Layer.move(self, mean, var, momentum)
    self.running_mean, self.running_var = self.running_mean.squeeze(), self.running_var.squeeze()


def _momentum_or_default(self, channels, eps=1e-5, momentum=0.1):
    Layer.__init__(self, channels, eps or 1e-5, momentum or 0.1)


def _into_one_array(self, x):
    y = Layer.forward(self, x)
    if getattr(self, "output", np.empty(0)).shape != y.shape:
        self.output = np.empty_like(y)
    self.output[...] = y
    return self.output


def _first_sets(self, mean, var, momentum):
    Layer.move(self, mean, var, momentum if getattr(self, "begun", False) else 1.0)
    self.begun = True


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
    Mistake("running statistics for a single image", "A single image with several locations has a spread of its own, "
            "m' = p q values: in training it is normalized by it and remembered.", COUNT,
            variant(forward=_running_statistics_for_one_image)),
    Mistake("the axis of the channels found by its size", "Another axis can be as long: the channels are axis 1.",
            "the stub", variant(forward=_channels_found_by_size(Layer.forward),
                                backward=_channels_found_by_size(Layer.backward))),
    Mistake("a slope kept from an earlier call at inference", "gamma, beta and the running statistics may have changed "
            "since: an optimizer moves them, or saved ones are loaded. Compute the slope in each call.",
            "the stub's forward and backward", variant(inferred=_slope_kept, remember=_slope_forgotten)),
    Mistake("gradients added up over the calls", "dgamma and dbeta are those of the last forward alone. Adding up is "
            "the optimizer's part.", "the stub's forward and backward", variant(backward=_gradients_added_up)),
    Mistake("statistics of the first examples alone", "The mean and the variance are those of the whole mini-batch, "
            "however large it is.", "Algorithm 1, lines 1 and 2", variant(transformed=_first_examples)),
    Mistake("a single channel squeezed away", "With one channel the arrays have shape (1,), and squeeze makes it ().",
            "the stub's __init__", variant(move=_squeezed)),
    Mistake("momentum 0 taken for none", "`momentum or 0.1` gives 0.1 where momentum is 0; with 0 nothing moves.",
            "the stub's __init__", variant(__init__=_momentum_or_default)),
    Mistake("every y in one array", "The caller may still need the y of an earlier call: return a new array.",
            "the stub's forward and backward", variant(forward=_into_one_array)),
    Mistake("started from the first mini-batch", "The first mini-batch moves the running statistics as every other "
            "does, from mean 0 and variance 1.", "lesson 05, section 5", variant(move=_first_sets)),
    Mistake("one-pass running variance", "E[x^2] - E[x]^2 subtracts two large numbers: take the mean of (x - mean)^2, "
            "for the running variance too.", "Algorithm 2, line 10", variant(remember=_one_pass_memory), rounding=True),
)

_EVERY = (*FORWARD, *AXES, *BACKWARD, *MEMORY, *IN_USE)
LAYERS = (*(m for m in _EVERY if not m.rounding), *(m for m in (*FORWARD, *IN_USE) if m.rounding))
