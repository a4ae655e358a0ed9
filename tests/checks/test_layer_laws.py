"""The laws of a layer reject what is right on feature maps, alone and at first, and wrong in use."""

import re

import nbformat
import numpy as np
import pytest

from bncourse.checks.convolution import assembled
from bncourse.checks.layer_laws import LAWS
from bncourse.checks.mistakes.layers import Layer, variant
from bncourse.checks.mistakes.layers_in_use import IN_USE
from bncourse.kernels.algorithms import from_rows, to_rows
from bncourse.paths import ROOT


def on(shapes, method, wrong):
    """A layer whose method is wrong for inputs with these numbers of axes, and right for others."""

    def changed(self, x, *rest):
        return (wrong if x.ndim in shapes else getattr(Layer, method))(self, x, *rest)

    return variant(**{method: changed})


def batch_statistics(self, x):
    return Layer.transformed(self, x, self.gamma, self.beta, self.eps)


def nonsense(self, x):
    return np.zeros_like(x)


def over_examples_only(self, dy):
    """The closed form with means over the first axis, as for (N, C)."""
    rows, drows = to_rows(self.x), to_rows(dy)
    std = np.sqrt(rows.var(0) + self.eps)
    x_hat = (rows - rows.mean(0)) / std
    dgamma, dbeta = (drows * x_hat).sum(0), drows.sum(0)
    mean = to_rows(np.broadcast_to(dy.mean(0, keepdims=True), dy.shape))
    return from_rows(self.gamma / std * (drows - mean - x_hat * dgamma / len(drows)), dy.shape), dgamma, dbeta


def gradient_of_training(self, dy):
    self.by_batch = True
    return Layer.backward(self, dy)


def at_inference(shapes):
    """A layer whose gradient at inference is that of training for inputs with these numbers of axes."""

    def backward(self, dy):
        return (gradient_of_training if dy.ndim in shapes and not self.by_batch else Layer.backward)(self, dy)

    return variant(backward=backward)


def notebook_variable():
    """A layer that keeps what backward needs in a variable of the notebook."""
    kept = {}

    def forward(self, x):
        y = Layer.forward(self, x)
        kept.update(x=self.x, by_batch=self.by_batch)
        return y

    def backward(self, dy):
        self.x, self.by_batch = kept["x"], kept["by_batch"]
        return Layer.backward(self, dy)

    return variant(forward=forward, backward=backward)


NAMED = {mistake.name: mistake.wrong for mistake in IN_USE}
HOLES = {
    "m' counted for feature maps alone": NAMED["m' counted for feature maps alone"],
    "m' counted over the last two axes": NAMED["m' counted over the last two axes"],
    "one value of a feature map is normalized": NAMED["a single value refused in dense layers alone"],
    "cache in a variable of the notebook": notebook_variable(),
    "cache on the class": NAMED["what backward needs, kept on the class"],
    "gamma is the running variance": NAMED["one array under two names"],
    "gradient of sequences": on({3}, "backward", over_examples_only),
    "inference of sequences is nonsense": on({3}, "inferred", nonsense),
    "inference of volumes is nonsense": on({5}, "inferred", nonsense),
    "inference of sequences by batch statistics": on({3}, "inferred", batch_statistics),
    "inference of volumes by batch statistics": on({5}, "inferred", batch_statistics),
    "inference gradient of volumes is the training one": at_inference({5}),
    "a constant map gives 0": NAMED["a constant feature map gives 0"],
    "one-pass running variance": NAMED["one-pass running variance"],
    "gamma shared by width": NAMED["gamma and beta shared by layers of one width"],
    "batch statistics where the mini-batch is large": NAMED["batch statistics at inference for large mini-batches"],
}
MORE = {
    "gradient of volumes": on({5}, "backward", over_examples_only),
    "inference gradient of sequences": at_inference({3}),
    "inference gradient of feature maps": at_inference({4}),
    "inference gradient of dense inputs": at_inference({2}),
    "eps on the class": NAMED["eps and momentum kept on the class"],
    "nothing remembered of volumes": on({5}, "remember", lambda self, x: None),
    "nothing remembered of sequences": on({3}, "remember", lambda self, x: None),
    "a sequence of one place is not refused": on({3}, "refuse_single", lambda self, x: None),
    "a volume of one place is not refused": on({5}, "refuse_single", lambda self, x: None),
}


class ModeOnClass(Layer):
    """A layer whose mode is that of all layers of its class."""

    @property
    def training(self):
        return type(self).mode

    @training.setter
    def training(self, mode):
        type(self).mode = mode


def its_y_is_x_hat(self, x):
    """The forward pass of a layer that keeps the y it returns in the place of x_hat."""
    self.returned = Layer.forward(self, x)
    return self.returned


def from_returned(self, dy):
    """The gradients with the x_hat that y holds, where gamma is 1 and beta 0."""
    dx, dgamma, dbeta = Layer.backward(self, dy)
    if (self.gamma == 1).all() and (self.beta == 0).all():
        dgamma = (to_rows(dy) * to_rows(self.returned)).sum(0)
    return dx, dgamma, dbeta


def in_memory_order(self, x, gamma, beta, eps):
    return Layer.transformed(self, x.ravel("K").reshape(x.shape), gamma, beta, eps)


def small_variances_raised(self, dy, rows, gamma, beta, eps):
    """The gradients of a layer whose variances are at least 1e-8."""
    dx, dgamma, dbeta = Layer.gradients(self, dy, rows, gamma, beta, eps)
    var = rows.var(0)
    return dx * np.sqrt((var + eps) / (np.maximum(var, 1e-8) + eps)), dgamma, dbeta


def a_single_image_not_remembered(self, x):
    if len(x) > 1:
        Layer.remember(self, x)


def one_dx(self, dy):
    dx, dgamma, dbeta = Layer.backward(self, dy)
    if getattr(self, "dx", np.empty(0)).shape != dx.shape:
        self.dx = np.empty_like(dx)
    self.dx[...] = dx
    return self.dx, dgamma, dbeta


def pairs_by_running_statistics(self, x, gamma, beta, eps):
    return self.inferred(x) if len(x) == 2 else Layer.transformed(self, x, gamma, beta, eps)


LATER = {
    "the mode of all layers": ModeOnClass,
    "y kept for x_hat": variant(forward=its_y_is_x_hat, backward=from_returned),
    "the order in memory": variant(transformed=in_memory_order),
    "small variances raised": variant(gradients=small_variances_raised),
    "a single image not remembered": variant(remember=a_single_image_not_remembered),
    "every dx in one array": variant(backward=one_dx),
    "running statistics for pairs of examples": variant(transformed=pairs_by_running_statistics),
}


@pytest.mark.parametrize("wrong", LATER.values(), ids=LATER)
def test_a_layer_that_is_wrong_beside_another_or_in_a_later_call_is_rejected_without_a_wrong_name(wrong):
    verdict = assembled(wrong)
    assert verdict.state == "rejected" and verdict.mistake == ""


@pytest.mark.parametrize("wrong", (HOLES | MORE).values(), ids=HOLES | MORE)
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning", "ignore:divide by zero:RuntimeWarning",
                            "ignore:Degrees of freedom:RuntimeWarning")
def test_a_layer_that_is_wrong_in_use_is_rejected(wrong):
    assert assembled(wrong).state == "rejected"


def test_a_right_layer_may_start_from_arrays_that_cannot_be_written():
    def read_only(self, channels, eps=1e-5, momentum=0.1):
        Layer.__init__(self, channels, eps, momentum)
        self.gamma, self.beta = np.broadcast_to(1.0, channels), np.broadcast_to(0.0, channels)

    assert assembled(variant(__init__=read_only)).passed


def test_the_card_of_the_exercise_lists_each_law():
    notebook = nbformat.read(ROOT / "notebooks" / "06_convolution.ipynb", as_version=4)
    card, = (cell.source for cell in notebook.cells if "### Exercise 06.4" in cell.source)
    assert len(re.findall("^☐ ", card, flags=re.MULTILINE)) == len(LAWS)
