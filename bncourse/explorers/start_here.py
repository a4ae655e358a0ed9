"""The explorer of lesson 00: the batch size against steps, epochs and the noise of the gradient."""

from collections.abc import Callable

import ipywidgets as widgets
import numpy as np

from bncourse.explorers.base import Explorer
from bncourse.figures.start_here import estimates, full_gradient

EXAMPLES = [1.5, 0.8] + np.random.default_rng(0).normal(size=(60_000, 2)) * [2.0, 1.2]


def draw_batch(fig, **_) -> Callable:
    """Sixty mini-batch gradients of size 2^m around the true one, and the steps that the epochs take."""
    ax = full_gradient(EXAMPLES.mean(axis=0), fig.add_subplot())

    def update(m: int, examples: int, epochs: int) -> None:
        size = 2**m
        picked = np.random.default_rng(1).integers(len(EXAMPLES), size=(60, size))
        estimates(EXAMPLES[picked].mean(axis=1), ax)
        steps = epochs * -(-examples // size)
        word = "epoch" if epochs == 1 else "epochs"
        title = f"m = {size}: {steps:,} steps make {epochs} {word} of {examples:,} examples"
        ax.set_title(title, fontsize=12, loc="left")

    return update


def batch_explorer() -> Explorer:
    """Move the batch size and the epochs: fewer steps, or noisier ones."""
    return Explorer(
        draw_batch,
        alt="Sixty mini-batch gradients scattered around the full gradient, an arrow; the larger the mini-batch, the "
            "closer they lie and the fewer steps an epoch has.",
        m=widgets.IntSlider(5, 0, 10, description="log2 m"),
        examples=widgets.Dropdown(options=[2_000, 60_000, 1_281_167], value=60_000, description="examples"),
        epochs=widgets.IntSlider(20, 1, 100, description="epochs"),
        grids=[{"m": range(11), "examples": (2_000, 60_000, 1_281_167), "epochs": (1, 5, 20, 100)}],
    )
