"""The catalogue of batch norms of feature maps that average over the wrong values, as code.

Each is a training-mode forward pass `(x, gamma, beta, eps) -> y` on x `(N, C, *spatial)`. `on_rows` carries the
dense mistakes of `forward.py` over to feature maps.
"""

from collections.abc import Callable

import numpy as np

from bncourse.checks.frame import Mistake
from bncourse.kernels.algorithms import from_rows, to_rows


def on_rows(dense: Callable) -> Callable:
    """A dense forward pass `(x, gamma, beta, eps)` applied to the table of all locations."""

    def forward(x, gamma, beta, eps):
        return from_rows(dense(to_rows(x), gamma, beta, eps), x.shape)

    return forward


def by_axes(axes: tuple[int, ...]) -> Callable:
    """Normalization over these axes of x `(N, C, *spatial)`, with one gamma and one beta for each channel."""

    def forward(x, gamma, beta, eps):
        x_hat = (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + eps)
        return from_rows(gamma * to_rows(x_hat) + beta, x.shape)

    return forward


def four_axes(x, gamma, beta, eps):
    """The transform of feature maps, with the number of axes written into it."""
    mean = x.mean((0, 2, 3), keepdims=True)
    var = ((x - mean) ** 2).mean((0, 2, 3), keepdims=True)
    return gamma[:, None, None] * (x - mean) / np.sqrt(var + eps) + beta[:, None, None]


def batch_size_for_m(x, gamma, beta, eps):
    """Sums over batch and places, divided by the batch size alone instead of m' = N H W."""
    axes = (0, *range(2, x.ndim))
    mean = x.sum(axes, keepdims=True) / len(x)
    var = ((x - mean) ** 2).sum(axes, keepdims=True) / len(x)
    column = (-1, *[1] * (x.ndim - 2))
    return gamma.reshape(column) * (x - mean) / np.sqrt(var + eps) + beta.reshape(column)


def axis_not_moved(x, gamma, beta, eps):
    rows = x.reshape(-1, x.shape[1])
    x_hat = (rows - rows.mean(0)) / np.sqrt(rows.var(0) + eps)
    return (gamma * x_hat + beta).reshape(x.shape)


def channels_first_by_reshape(x, gamma, beta, eps):
    rows = x.reshape(x.shape[1], -1).T
    return (gamma * (rows - rows.mean(0)) / np.sqrt(rows.var(0) + eps) + beta).T.reshape(x.shape)


def axis_not_moved_back(x, gamma, beta, eps):
    rows = to_rows(x)
    return (gamma * (rows - rows.mean(0)) / np.sqrt(rows.var(0) + eps) + beta).reshape(x.shape)


MEANING = {
    (0,): "That is one mean for each activation, as if each location were a feature of its own; the filter is the "
          "same at all of them.",
    (2, 3): "That is one mean for each map of each example: instance norm.",
    (1, 2, 3): "That is one mean for each example: layer norm.",
    (0, 1, 2): "Those are the right ones for an array with channels last, (N, H, W, C); here the channels are axis 1.",
    (0, 1): "That mixes the feature maps, one mean for each location.",
    (0, 2): "The last axis, W, is missing: one mean for each column of a map.",
    (0, 3): "Axis 2, H, is missing: one mean for each row of a map.",
    (0, 1, 3): "That mixes the feature maps, one mean for each row.",
    (1, 2): "That mixes the feature maps, one mean for each column of each example.",
    (1, 3): "That mixes the feature maps, one mean for each row of each example.",
    (2,): "That is one mean for each column of each map of each example.",
    (3,): "That is one mean for each row of each map of each example.",
}

AXES = (
    *(Mistake(f"statistics over the axes {axes}", f"Expected (0, 2, 3). {meaning}",
            "the paper's section 3.2, m' = m p q",
              by_axes(axes)) for axes, meaning in MEANING.items()),
    Mistake("batch size instead of m'", "The sums run over m' = m p q values, so m' divides them.",
            "the paper's section 3.2, m' = m p q", batch_size_for_m),
    Mistake("reshaped without moving the channels to the end", "reshape keeps the order of the numbers in memory: "
            "move axis 1 to the end first, or the rows mix channels and locations.",
            "the paper's section 3.2, one pair of gamma and beta for each feature map", axis_not_moved),
    Mistake("reshaped to (C, m') without moving the channels to the front", "reshape keeps the order of the numbers in "
            "memory: move axis 1 first, or each row mixes the channels.",
            "the paper's section 3.2, one pair of gamma and beta for each feature map", channels_first_by_reshape),
    Mistake("reshaped back without moving the channels", "The rows are ordered (N, H, W): reshape to (N, H, W, C), "
            "then move the last axis to place 1.",
            "the paper's section 3.2, one pair of gamma and beta for each feature map",
            axis_not_moved_back),
)
