"""The explorer of lesson 03: the first example's value, batch size, gamma, beta and eps, on one feature."""

from collections.abc import Callable

import ipywidgets as widgets
import numpy as np

from bncourse.explorers.base import Explorer
from bncourse.figures.minibatch_batchnorm import before_and_after, sigmoid_axes
from bncourse.kernels.normalize import batchnorm_forward

FEATURE = 3 + 1.5 * np.random.default_rng(0).normal(size=512)


def draw_batch(fig, **_) -> Callable:
    """One feature of m examples, the first of them of any value, before and after; the numbers stand in the title."""
    ax = sigmoid_axes(fig.add_subplot())

    def update(m: int, first: float, gamma: float, beta: float, eps: int) -> None:
        x = np.concatenate([[first], FEATURE[1:m]])
        y = batchnorm_forward(x[:, None], np.array([gamma]), np.array([beta]), 10.0**eps)[0][:, 0]
        before_and_after(x, y, ax)
        told = [f"{name}: mean {round(v.mean(), 2) + 0.0:.2f}, std {v.std():.2f}" for name, v in (("x", x), ("y", y))]
        dot = f"the first example: x = {first:.1f}, y = {round(y[0], 2) + 0.0:.2f}"
        ax.set_title("     ".join(told) + "\n" + dot, fontsize=12, loc="left")

    return update


def batch_explorer() -> Explorer:
    """Move m, the value of the first example, gamma, beta and the exponent of eps; watch the density and the dots."""
    return Explorer(
        draw_batch,
        alt="Density of one feature before batch normalization (mean 3) and after it (mean beta, standard deviation "
            "|gamma|), over the sigmoid that it feeds; a dot marks the first example in each.",
        m=widgets.IntSlider(64, 1, 256, description="m"),
        first=widgets.FloatSlider(3.0, min=-9, max=10, step=0.1, description="value of the first example"),
        gamma=widgets.FloatSlider(1.0, min=-3, max=3, step=0.1, description="gamma"),
        beta=widgets.FloatSlider(0.0, min=-4, max=4, step=0.1, description="beta"),
        eps=widgets.IntSlider(-5, -7, 1, description="log10 eps"),
        grids=[{"m": (1, 2, 3, 4, 16, 64, 256), "first": (-9, -6, -3, 0, 2.7, 2.8, 2.9, 4, 7, 10)},
               {"gamma": (-3, -1, 0, 0.5, 1, 1.4, 3), "beta": (-4, -2, 0, 1, 2, 3.1, 4)}, {"eps": range(-7, 2)}],
    )
