"""The catalogue of wrong batch norm layers, as classes: each differs from `Layer` in one method.

The transform's mistakes and the gradient's are those of the other catalogues, put into a layer; those of memory
and mode are here.
"""

import numpy as np

from bncourse.checks.frame import Mistake
from bncourse.checks.mistakes import axes, backward, forward
from bncourse.kernels.algorithms import batchnorm_forward, from_rows, to_rows


class Layer:
    """A batch norm that keeps the laws, in pieces that a mistake can replace."""

    def __init__(self, channels, eps=1e-5, momentum=0.1):
        self.eps, self.momentum, self.training = eps, momentum, True
        self.gamma, self.beta = np.ones(channels), np.zeros(channels)
        self.running_mean, self.running_var = np.zeros(channels), np.ones(channels)

    def forward(self, x):
        self.x, self.by_batch = x, self.training
        if not self.training:
            return self.inferred(x)
        self.refuse_single(x)
        y = self.transformed(x, self.gamma, self.beta, self.eps)
        self.remember(x)
        return y

    def backward(self, dy):
        rows, drows = to_rows(self.x), to_rows(dy)
        if self.by_batch:
            dx, dgamma, dbeta = self.gradients(drows, rows, self.gamma, self.beta, self.eps)
        else:
            inv_std = 1 / np.sqrt(self.running_var + self.eps)
            x_hat = (rows - self.running_mean) * inv_std
            dx, dgamma, dbeta = self.gamma * inv_std * drows, (drows * x_hat).sum(0), drows.sum(0)
        return from_rows(dx, dy.shape), dgamma, dbeta

    def refuse_single(self, x):
        if x.size == x.shape[1]:
            raise ValueError(f"x has shape {x.shape}; expected more than one value per channel in training")

    def transformed(self, x, gamma, beta, eps):
        return batchnorm_forward(x, gamma, beta, eps)[0]

    def gradients(self, dy, rows, gamma, beta, eps):
        return backward.right(dy, rows, gamma, beta, eps)

    def remember(self, x):
        rows = to_rows(x)
        self.move(rows.mean(0), rows.var(0, ddof=1), self.momentum)

    def move(self, mean, var, momentum):
        self.running_mean = (1 - momentum) * self.running_mean + momentum * mean
        self.running_var = (1 - momentum) * self.running_var + momentum * var

    def inferred(self, x, root=lambda var, eps: np.sqrt(var + eps)):
        y = (to_rows(x) - self.running_mean) / root(self.running_var, self.eps)
        return from_rows(self.gamma * y + self.beta, x.shape)


def variant(**methods) -> type:
    """`Layer` with some of its methods replaced."""
    return type("Wrong", (Layer,), methods)


def transforming(forward) -> type:
    """`Layer` with another transform `(x, gamma, beta, eps)`, on feature maps alone: dense it is right."""

    def transformed(self, x, gamma, beta, eps):
        return forward(x, gamma, beta, eps) if x.ndim == 4 else Layer.transformed(self, x, gamma, beta, eps)

    return variant(transformed=transformed)


def going_back(gradients) -> type:
    """`Layer` with another gradient `(dy, x, gamma, beta, eps)`."""
    return variant(gradients=lambda self, *arguments: gradients(*arguments))


def _axes_of_maps(self, x, gamma, beta, eps):
    axes = tuple(axis for axis in (0, 2, 3) if axis < x.ndim)
    x_hat = (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + eps)
    return from_rows(gamma * to_rows(x_hat) + beta, x.shape)


def _present_mode(self, dy):
    self.by_batch = self.training
    return Layer.backward(self, dy)


def _kept(self):
    """x_hat and 1 / sqrt(var + eps) as the last forward pass had them."""
    rows = to_rows(self.x)
    if self.by_batch:
        return backward.normalized(rows, self.eps)
    inv_std = 1 / np.sqrt(self.running_var + self.eps)
    return (rows - self.running_mean) * inv_std, inv_std


def _from_kept(self, dy, corrected):
    (x_hat, inv_std), drows = _kept(self), to_rows(dy)
    dgamma, dbeta = (drows * x_hat).sum(0), drows.sum(0)
    if corrected:
        drows = drows - dbeta / len(drows) - x_hat * dgamma / len(drows)
    return from_rows(self.gamma * inv_std * drows, dy.shape), dgamma, dbeta


def _mode_ignored(self, x):
    self.x, self.by_batch = x, True
    self.refuse_single(x)
    y = self.transformed(x, self.gamma, self.beta, self.eps)
    self.remember(x)
    return y


def _refuse_one_image(self, x):
    if len(x) == 1:
        raise ValueError("a single example")


def _batch_size_in_dx(self, dy):
    rows, drows = to_rows(self.x), to_rows(dy)
    x_hat, inv_std = backward.normalized(rows, self.eps)
    dgamma, dbeta = (drows * x_hat).sum(0), drows.sum(0)
    dx = self.gamma * inv_std * (drows - dbeta / len(dy) - x_hat * dgamma / len(dy))
    return from_rows(dx, dy.shape), dgamma, dbeta


def _gradients_of_training(self, dy):
    return _from_kept(self, dy, True)


def _remembering(mean, var, momentum=lambda p: p):
    """A `remember` that moves towards mean(x, rows) and var(x, rows)."""

    def remember(self, x):
        rows = to_rows(x)
        self.move(mean(x, rows), var(x, rows), momentum(self.momentum))

    return variant(remember=remember)


def _mean(x, rows):
    return rows.mean(0)


def _var(x, rows):
    return rows.var(0, ddof=1)


def _learning_at_inference(self, x):
    y = Layer.inferred(self, x)
    self.remember(x)
    return y


def _batch_statistics_at_inference(self, x):
    return Layer.transformed(self, x, self.gamma, self.beta, self.eps)


def _cumulative(self, mean, var, momentum):
    self.batches = getattr(self, "batches", 0) + 1
    Layer.move(self, mean, var, 1 / self.batches)


def _factor_on_everything(self, x):
    rows = to_rows(x)
    m, p = len(rows), self.momentum
    self.move(rows.mean(0), rows.var(0), p)
    self.running_var = m / (m - 1) * self.running_var


def _around_old_mean(self, x):
    rows = to_rows(x)
    self.move(rows.mean(0), ((rows - self.running_mean) ** 2).sum(0) / (len(rows) - 1), self.momentum)


def _around_new_mean(self, x):
    rows, p = to_rows(x), self.momentum
    new = (1 - p) * self.running_mean + p * rows.mean(0)
    self.move(rows.mean(0), ((rows - new) ** 2).sum(0) / (len(rows) - 1), p)


def _running_statistics_in_training(self, x, gamma, beta, eps):
    return Layer.inferred(self, x)


def _x_hat_alone(self, x):
    x_hat = (to_rows(x) - self.running_mean) / np.sqrt(self.running_var + self.eps)
    return from_rows(x_hat, x.shape)


def _fixed_eps(self, x):
    return Layer.inferred(self, x, lambda var, eps: np.sqrt(var + 1e-5))


def _variance_from_zero(self, channels, eps=1e-5, momentum=0.1):
    Layer.__init__(self, channels, eps, momentum)
    self.running_var = np.zeros(channels)


def _shared() -> type:
    """A class whose layers share their running statistics, one pair for each number of channels."""
    kept = {}

    def __init__(self, channels, eps=1e-5, momentum=0.1):
        Layer.__init__(self, channels, eps, momentum)
        self.running_mean, self.running_var = kept.setdefault(channels, (self.running_mean, self.running_var))

    def move(self, mean, var, momentum):
        self.running_mean += momentum * (mean - self.running_mean)
        self.running_var += momentum * (var - self.running_var)

    return variant(__init__=__init__, move=move)


FORWARD = tuple(Mistake(m.name, m.why, m.see, transforming(axes.on_rows(m.wrong)), m.rounding)
                for m in forward.FORWARD)
AXES = tuple(Mistake(m.name, m.why, m.see, transforming(m.wrong)) for m in axes.AXES)
BACKWARD = tuple(Mistake(m.name, m.why, m.see, going_back(m.wrong), m.rounding) for m in backward.BACKWARD)

MEMORY = (
    Mistake("the axes (0, 2, 3) for every shape", "A volume has one more axis: average over all axes but the second.",
            "the paper's section 3.2, jointly over all locations", variant(transformed=_axes_of_maps)),
    Mistake("the mode read in backward", "The gradient is that of the forward pass that was made: remember its mode.",
            "the paper's section 3.1", variant(backward=_present_mode)),
    Mistake("dx with the batch size instead of m'", "The means run over m' = m p q values.",
            "the paper's section 3.2, m' = m p q", variant(backward=_batch_size_in_dx)),
    Mistake("the mode read in backward, x_hat kept from forward",
            "The gradient is that of the forward pass that was made: remember its mode.",
            "the paper's section 3.1", variant(backward=lambda self, dy: _from_kept(self, dy, self.training))),
    Mistake("the mode ignored", "With training = False the running statistics are used, and they stay as they are.",
            "the paper's section 3.1, Algorithm 2", variant(forward=_mode_ignored)),
    Mistake("a single image refused", "It has p q values in each feature map; only one value has no spread.",
            "the paper's section 3.2, m' = m p q", variant(refuse_single=_refuse_one_image)),
    Mistake("biased running variance", "The mini-batch is normalized with the biased variance; what is remembered has "
            "the factor m' / (m' - 1).", "Algorithm 2, line 10", _remembering(_mean, lambda x, rows: rows.var(0))),
    Mistake("running variance corrected by the batch size", "m' = m p q values were averaged, so the factor is "
            "m' / (m' - 1).", "the paper's section 3.2, m' = m p q",
            _remembering(_mean, lambda x, rows: len(x) / (len(x) - 1) * rows.var(0))),
    Mistake("running standard deviation stored as variance", "What is averaged is the variance; the root is taken at "
            "inference.", "Algorithm 2, line 10", _remembering(_mean, lambda x, rows: rows.std(0, ddof=1))),
    Mistake("momentum taken for its complement", "PyTorch's momentum weighs the new value.", "the paper's section 3.1",
            _remembering(_mean, _var, momentum=lambda p: 1 - p)),
    Mistake("cumulative average", "All mini-batches count alike; here each new one weighs momentum. (PyTorch does this "
            "for momentum = None.)", "the paper's section 3.1", variant(move=_cumulative)),
    Mistake("momentum fixed inside", "The layer moves by 0.1 whatever momentum it was made with.",
            "the stub's __init__", _remembering(_mean, _var, momentum=lambda p: 0.1)),
    Mistake("the factor on the whole running variance", "m' / (m' - 1) belongs to the new variance alone; on the sum "
            "it multiplies the old value too, again at each step.", "Algorithm 2, line 10",
            variant(remember=_factor_on_everything)),
    Mistake("variance around the old running mean", "Each mini-batch is measured around its own mean.",
            "Algorithm 2, line 10", variant(remember=_around_old_mean)),
    Mistake("variance around the new running mean", "Each mini-batch is measured around its own mean.",
            "Algorithm 2, line 10", variant(remember=_around_new_mean)),
    Mistake("running statistics in training", "In training the mini-batch's own mean and variance normalize it; the "
            "running ones only remember.", "Algorithm 1", variant(transformed=_running_statistics_in_training)),
    Mistake("gamma and beta forgotten at inference", "Inference ends with the same scale and shift as training.",
            "Algorithm 2, line 11", variant(inferred=_x_hat_alone)),
    Mistake("eps fixed at inference", "The layer uses 1e-5 whatever eps it was made with.", "Algorithm 2, line 11",
            variant(inferred=_fixed_eps)),
    Mistake("running variance never updated", "Both statistics move with every mini-batch.", "the paper's section 3.1",
            variant(move=lambda self, mean, var, p: Layer.move(self, mean, self.running_var, p))),
    Mistake("running statistics never updated", "They move with every mini-batch in training.",
            "the paper's section 3.1",
            variant(remember=lambda self, x: None)),
    Mistake("batch statistics at inference", "At inference the running statistics are used, whatever the mini-batch.",
            "the paper's section 3.1, Algorithm 2", variant(inferred=_batch_statistics_at_inference)),
    Mistake("running statistics updated at inference", "At inference nothing is learned from x.",
            "the paper's section 3.1",
            variant(inferred=_learning_at_inference)),
    Mistake("eps outside the root at inference", "eps is added to the variance, and then the root is taken.",
            "Algorithm 2, line 11",
            variant(inferred=lambda self, x: Layer.inferred(self, x, lambda var, eps: np.sqrt(var) + eps))),
    Mistake("eps ignored at inference", "The same eps as in training stands under the root.", "Algorithm 2, line 11",
            variant(inferred=lambda self, x: Layer.inferred(self, x, lambda var, eps: np.sqrt(var)))),
    Mistake("division by the running variance", "Divide by the root of the variance.", "Algorithm 2, line 11",
            variant(inferred=lambda self, x: Layer.inferred(self, x, lambda var, eps: var + eps))),
    Mistake("the gradient of training at inference", "At inference the statistics are constants, and no path goes "
            "through them.", "the paper's section 3.1", variant(backward=_gradients_of_training)),
    Mistake("running variance started from 0", "A new layer has mean 0 and variance 1, as PyTorch's.",
            "the paper's section 3.1",
            variant(__init__=_variance_from_zero)),
    Mistake("state kept on the class", "Arrays made outside __init__, or changed in place, belong to all layers.",
            "the stub's __init__", _shared()),
    Mistake("a single value normalized", "One value less its mean is 0, whatever it was: y is beta, and no gradient "
            "comes back.", "the paper's section 3.1, and PyTorch's error", variant(refuse_single=lambda self, x: None)),
)

