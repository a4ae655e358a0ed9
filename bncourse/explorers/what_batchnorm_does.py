"""The explorer of lesson 14: a step along the gradient, and the loss where it ends, without batch norm and with it."""

from collections.abc import Callable, Mapping

import ipywidgets as widgets
import numpy as np
from matplotlib.figure import Figure

from bncourse.explorers.base import Explorer
from bncourse.figures.what_batchnorm_does import loss_along_step, step_axes


def step_explorer(sizes: np.ndarray, losses: Mapping[int, Mapping[str, np.ndarray]], caption: str = "",
                  top: float | int = 4) -> Explorer:
    """Choose how far to go along the gradient, and how long the networks have trained; see the loss there.

    sizes `(S,)` are lengths of the step in learning rates, in growing order. losses maps a number of training steps to
    norms, "none" and "batch", and each to the losses `(S,)` of one mini-batch after the step. The axis of the loss ends
    at `top` nats.
    """
    def draw(fig: Figure, **_) -> Callable:
        ax = step_axes(sizes, top, fig)

        def update(step: float | int, trained: int) -> None:
            loss_along_step(ax, sizes, losses[trained], int(np.abs(sizes - step).argmin()))
            ax.set_title(f"a step of {step:.3g} times the rate, after {trained:,} steps of training", fontsize=12,
                         loc="left")

        return update

    middle = float(sizes[np.abs(sizes - 1).argmin()])
    return Explorer(
        draw, caption=caption,
        alt="Loss of one mini-batch against the length of a step along its gradient, without batch norm and with it; "
            "a dotted line marks the chosen length, and the two losses there are written out.",
        step=widgets.SelectionSlider(options=[(f"{size:.3g}", float(size)) for size in sizes], value=middle,
                                     description="step"),
        trained=widgets.SelectionSlider(options=[(f"{n:,}", n) for n in losses], value=list(losses)[-1],
                                        description="trained"),
        grids=[{"step": [float(size) for size in sizes[::3]], "trained": list(losses)}],
    )
