"""The explorer of lesson 08: depth, batch size and activation, for the gradient on its way through a new network."""

import functools
from collections.abc import Callable, Mapping

import ipywidgets as widgets
import numpy as np
from matplotlib.figure import Figure

from bncourse.explorers.base import Explorer
from bncourse.figures.jacobians import Curve, depth_axes, descents, relative
from bncourse.figures.style import WITH, WITHOUT
from bncourse.kernels.jacobians import growth
from bncourse.kernels.steps import Activation

MOST = 50


def depth_explorer(gradient: Callable[..., np.ndarray], activations: Mapping[str, Activation]) -> Explorer:
    """Choose how many layers, which batch size and which activation a new network has; see its gradient come down.

    `gradient(depth, batch, activation, norm)` returns log10 of the squared gradient in each layer of a new network,
    `(networks, layers)` with the lowest layer first; activation is a key of `activations`, whose first one is shown
    first, and norm is "batch" or "none". The dotted line is what theory says of wide layers with batch norm.
    """
    @functools.lru_cache
    def theory(activation: str, batch: int) -> float:
        """The growth a layer in wide networks."""
        return growth(activations[activation], batch, np.random.default_rng(0))

    def draw(fig: Figure, **_) -> Callable:
        ax = depth_axes(fig.add_subplot(), lowest=-6)

        def update(depth: int, batch: int, activation: str) -> None:
            normalized, plain = (gradient(depth, batch, activation, norm) for norm in ("batch", "none"))
            factor = theory(activation, batch)
            descents({"with batch norm": Curve(normalized, WITH, factor), "without": Curve(plain, WITHOUT)}, ax)
            rise = 10 ** (np.median(relative(normalized)[:, -1]) / (depth - 1))
            ax.set_title(f"{activation}, batches of {batch}: {rise:.2f} a layer, in theory {factor:.2f}", fontsize=12,
                         loc="left")

        return update

    return Explorer(
        draw, figsize=(6.4, 3.6),
        alt="The squared gradient on its way down a new ReLU network of 50 layers, on a log scale: with batch norm it "
            "rises along the line of theory, without batch norm it stays level.",
        depth=widgets.IntSlider(MOST, min=5, max=MOST, description="layers"),
        batch=widgets.SelectionSlider(options=[8, 16, 32, 64, 128], value=64, description="batch"),
        activation=widgets.Dropdown(options=[*activations], description="activation"),
        grids=[{"depth": (5, 10, 20, 35, 50), "batch": (8, 32, 64, 128), "activation": [*activations]}],
    )
