"""The explorer of lesson 08: depth, batch size and activation, for the gradient on its way through a new network."""

import functools
from collections.abc import Callable

import ipywidgets as widgets
import numpy as np
from matplotlib.figure import Figure

from bncourse.experiments.depth import ACTIVATIONS, Config, init, observed
from bncourse.explorers.base import Explorer
from bncourse.figures.jacobians import Curve, depth_axes, descents, relative
from bncourse.figures.style import WITH, WITHOUT
from bncourse.kernels.jacobians import growth

MOST, WIDTH = 50, 64


def depth_explorer(x: np.ndarray, t: np.ndarray) -> Explorer:
    """Choose how many layers, which batch size and which activation a new network has; see its gradient come down.

    x are examples `(N, 784)` and t their labels `(N,)`; the first ones of them are the mini-batch. The network is there
    twice, with batch norm and without, with the same weights of variance 2/D before a ReLU and 1/D before others. The
    dotted line is what theory says of wide layers with batch norm.
    """

    def draw(fig: Figure, **_) -> Callable:
        ax = depth_axes(fig.add_subplot(), lowest=-6)

        def update(depth: int, batch: int, activation: str) -> None:
            found = {name: gradient(x, t, depth, batch, activation, norm)
                     for name, norm in (("with batch norm", "batch"), ("without", "none"))}
            factor = theory(activation, batch)
            descents({"with batch norm": Curve(found["with batch norm"], WITH, factor),
                      "without": Curve(found["without"], WITHOUT)}, ax)
            rise = 10 ** (relative(found["with batch norm"])[0, -1] / (depth - 1))
            ax.set_title(f"{activation}, batches of {batch}: {rise:.2f} a layer, in theory {factor:.2f}", fontsize=12,
                         loc="left")

        return update

    return Explorer(
        draw, figsize=(6.4, 3.6),
        alt="The squared gradient on its way down a new ReLU network of 50 layers, on a log scale: with batch norm it "
            "rises along the line of theory, without batch norm it stays level.",
        depth=widgets.IntSlider(MOST, min=5, max=MOST, description="layers"),
        batch=widgets.SelectionSlider(options=[8, 16, 32, 64, 128], value=64, description="batch"),
        activation=widgets.Dropdown(options=[*ACTIVATIONS], value="relu", description="activation"),
    )


def gradient(x: np.ndarray, t: np.ndarray, depth: int, batch: int, activation: str, norm: str) -> np.ndarray:
    """log10 of the squared gradient in each layer of one new network, `(1, depth)`, the lowest layer first."""
    config = Config(activation=activation, norm=norm, depth=depth, batch=batch, width=WIDTH)
    seen, _ = observed(init(config, np.random.default_rng(0)), x[:batch], t[:batch])
    return np.array([seen["gradient"]])


@functools.lru_cache
def theory(activation: str, batch: int) -> float:
    """The growth a layer in wide networks, the same at each call."""
    return growth(ACTIVATIONS[activation], batch, np.random.default_rng(0))
