"""The checks of lesson 06: batch norm of feature maps, the four norms by axes, the dropped bias, the whole layer."""

import numpy as np

from bncourse.checks.frame import Check, Mistake
from bncourse.checks.layer_check import Assembled
from bncourse.checks.layer_laws import LAWS
from bncourse.checks.mistakes import axes, forward, layers, layers_in_use
from bncourse.checks.mistakes.axes import by_axes
from bncourse.kernels.normalize import batchnorm_forward, standardize


def _maps(rng):
    """Feature maps of unequal sizes, channels of unequal scale and mean; a constant map; a volume; a mean of 1e5."""
    cases = []
    for shape, eps in [((5, 3, 4, 2), 1e-5), ((4, 5, 2, 3), 0.1), ((2, 4, 5, 6), 1e-2), ((3, 5, 2, 4, 6), 0.2)]:
        scale = np.arange(1, shape[1] + 1).reshape(-1, *[1] * (len(shape) - 2))
        x = 2 + scale * rng.normal(size=shape)
        cases.append((x, rng.normal(size=shape[1]), rng.normal(size=shape[1]), eps))
    cases[1][0][:, 2] = 3.25
    far = 1e5 + rng.normal(size=(5, 3, 4, 2))
    return [*cases, (far, rng.normal(size=3), rng.normal(size=3), 1e-5)]


reshape = Check(
    exercise="06.1",
    law="Each feature map has one mean and one variance over the mini-batch and all locations, all axes but the "
        "second, and one gamma and one beta; it is dense batch norm of the table (m', C).",
    solution=lambda x, gamma, beta, eps: batchnorm_forward(x, gamma, beta, eps)[0],
    cases=_maps,
    outputs=("y",),
    mistakes=(
        *axes.AXES,
        Mistake("the axes (0, 2, 3) for every shape", "A volume has one more axis of locations: average over all "
                "axes but the second.", "the paper's section 3.2, jointly over all locations", by_axes((0, 2, 3))),
        Mistake("instance norm", "Each example was normalized by itself; batch norm averages over the examples too.",
                "section 5 of the lesson",
                lambda x, gamma, beta, eps: by_axes(tuple(range(2, x.ndim)))(x, gamma, beta, eps)),
        Mistake("layer norm", "All channels of an example were normalized together; batch norm keeps channels apart "
                "and averages over the examples.", "section 5 of the lesson",
                lambda x, gamma, beta, eps: by_axes(tuple(range(1, x.ndim)))(x, gamma, beta, eps)),
        Mistake("written for (N, C, H, W) alone", "x may have three axes of locations. A table (m', C) serves any "
                "number of them.", "the words of the exercise", axes.four_axes),
        *(Mistake(m.name, m.why, m.see, axes.on_rows(m.wrong), m.rounding) for m in forward.FORWARD),
    ),
)


def _norms(x, groups, eps, batch=(0, 2, 3), layer=(1, 2, 3), instance=(2, 3), group=(2, 3, 4), channels_together=None):
    """The four x_hat; the last arguments hold what the known mistakes change."""
    n, c, *spatial = x.shape
    together = channels_together or c // groups
    split = x.reshape(n, c // together, together, *spatial)
    four = [standardize(x, axes, eps)[0] for axes in (batch, layer, instance)]
    return *four, standardize(split, group, eps)[0].reshape(x.shape)


def _grouped_by_stride(x, groups, eps):
    n, c, *spatial = x.shape
    split = x.reshape(n, c // groups, groups, *spatial)
    return *_norms(x, groups, eps)[:3], standardize(split, (1, 3, 4), eps)[0].reshape(x.shape)


def _unbiased_norms(x, groups, eps):
    n, c, *spatial = x.shape
    split = x.reshape(n, groups, c // groups, *spatial)
    four = ((x, (0, 2, 3)), (x, (1, 2, 3)), (x, (2, 3)), (split, (2, 3, 4)))
    return tuple(((v - v.mean(over, keepdims=True)) / np.sqrt(v.var(over, ddof=1, keepdims=True) + eps)
                  ).reshape(x.shape) for v, over in four)


axes = Check(
    exercise="06.2",
    law="Of (N, C, H, W): batch norm averages over (0, 2, 3), layer norm over (1, 2, 3), instance norm over (2, 3), "
        "and group norm over the last three axes of (N, groups, C / groups, H, W).",
    solution=lambda x, groups, eps: _norms(x, groups, eps),
    cases=lambda rng: [(rng.normal(2, 1, shape) * np.arange(1, shape[1] + 1)[:, None, None], groups, eps)
                       for shape, groups, eps in [((3, 6, 4, 5), 2, 1e-5), ((5, 12, 2, 3), 3, 0.1)]],
    outputs=("batch norm", "layer norm", "instance norm", "group norm"),
    mistakes=(
        Mistake("batch and layer norm exchanged", "Batch norm averages over examples, layer norm within one.",
                "section 5 of the lesson", lambda x, g, eps: tuple(_norms(x, g, eps)[i] for i in (1, 0, 2, 3))),
        Mistake("instance and layer norm exchanged", "Layer norm takes all channels of an example together, instance "
                "norm each by itself.", "section 5 of the lesson",
                lambda x, g, eps: tuple(_norms(x, g, eps)[i] for i in (0, 2, 1, 3))),
        Mistake("instance and group norm exchanged", "Instance norm takes each channel by itself, group norm "
                "C / groups of them.", "section 5 of the lesson",
                lambda x, g, eps: tuple(_norms(x, g, eps)[i] for i in (0, 1, 3, 2))),
        Mistake("eps left at 1e-5", "The argument eps is not passed on.", "the stub",
                lambda x, g, eps: _norms(x, g, 1e-5)),
        Mistake("unbiased variances", "The sums of squares are divided by the number of values, not by one less.",
                "Algorithm 1, line 3", lambda x, g, eps: _unbiased_norms(x, g, eps)),
        Mistake("batch norm per activation", "All locations of a feature map belong together.",
                "the paper's section 3.2",
                lambda x, g, eps: _norms(x, g, eps, batch=(0,))),
        Mistake("axes of channels-last arrays", "Here the channels are axis 1.", "the stub",
                lambda x, g, eps: _norms(x, g, eps, (0, 1, 2), (1, 2, 3), (1, 2))),
        Mistake("layer norm over the channels alone", "In a transformer each place is an example of its own; here an "
                "example is the whole block of maps.", "section 5 of the lesson",
                lambda x, g, eps: _norms(x, g, eps, layer=(1,))),
        Mistake("groups taken for channels in a group", "There are as many groups as the argument says.", "the stub",
                lambda x, g, eps: _norms(x, g, eps, channels_together=g)),
        Mistake("group norm over the examples too", "Group norm treats each example by itself.",
                "section 5 of the lesson", lambda x, g, eps: _norms(x, g, eps, group=(0, 2, 3, 4))),
        Mistake("groups of channels that are not neighbours", "A group is C / groups channels in a row: split axis 1 "
                "into (groups, C / groups).", "the stub", _grouped_by_stride),
    ),
)


def _without_bias(b, gamma, beta, running_mean, running_var, eps):
    return running_mean - b, running_var, beta


bias = Check(
    exercise="06.3",
    law="The bias moved the mean and nothing else: without it running_mean is less by b, and running_var and beta are "
        "what they were.",
    solution=_without_bias,
    cases=lambda rng: [(rng.normal(size=c), rng.normal(size=c), rng.normal(size=c), rng.normal(size=c),
                        rng.uniform(0.5, 3, c), eps) for c, eps in [(3, 1e-5), (5, 0.1)]],
    outputs=("running_mean", "running_var", "beta"),
    mistakes=(
        Mistake("nothing changed", "In training the mini-batch's mean takes b out by itself; at inference the running "
                "mean still holds it.", "the paper's section 3.2, the bias",
                lambda b, gamma, beta, mean, var, eps: (mean, var, beta)),
        Mistake("the sign of the bias", "The mean of Wu + b is that of Wu, plus b.",
                "the paper's section 3.2, the bias",
                lambda b, gamma, beta, mean, var, eps: (mean + b, var, beta)),
        Mistake("b added to beta", "b passed through the division and gamma before it met beta; and in training, where "
                "the mini-batch's mean had taken b out, y would change.", "the paper's section 3.2, the bias",
                lambda b, gamma, beta, mean, var, eps: (mean, var, beta + b)),
        Mistake("the bias folded into beta", "At inference that gives the same y. In training it does not: there the "
                "mini-batch's mean had taken b out, and now beta brings it back.", "the paper's section 3.2, the bias",
                lambda b, gamma, beta, mean, var, eps: (mean, var, beta + gamma * b / np.sqrt(var + eps))),
        Mistake("the bias taken out of beta", "beta knows nothing of b: it is added after the mean has been taken out.",
                "the paper's section 3.2, the bias",
                lambda b, gamma, beta, mean, var, eps: (mean, var, beta - gamma * b / np.sqrt(var + eps))),
        Mistake("the bias divided before it leaves the mean", "The mean is subtracted before the division, so b leaves "
                "it as it is.", "the paper's section 3.2, the bias",
                lambda b, gamma, beta, mean, var, eps: (mean - b / np.sqrt(var + eps), var, beta)),
        Mistake("the mean and beta both changed", "The mean without b repairs inference alone; beta has to stay.",
                "the paper's section 3.2, the bias",
                lambda b, gamma, beta, mean, var, eps: (mean - b, var, beta + gamma * b / np.sqrt(var + eps))),
        Mistake("the bias taken out twice", "It went into the mean alone.", "the paper's section 3.2, the bias",
                lambda b, gamma, beta, mean, var, eps: (mean - b, var, beta - gamma * b / np.sqrt(var + eps))),
        Mistake("the variance moved", "Adding a constant changes no variance.", "the paper's section 3.2, the bias",
                lambda b, gamma, beta, mean, var, eps: (mean - b, var - b * b, beta)),
    ),
)

assembled = Assembled(exercise="06.4", laws=LAWS, solution=layers.Layer, mistakes=layers_in_use.LAYERS)
