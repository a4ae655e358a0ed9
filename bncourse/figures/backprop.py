"""The pictures of lesson 04: the graph of batch norm node by node, the projection, a training beside PyTorch's."""

from collections.abc import Mapping
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap

from bncourse.figures.style import QUIET, THIN, WITH, WITHOUT, blank, new_figure

GREY = "#CCCCCC"
SIGNED = LinearSegmentedColormap.from_list("signed", [WITHOUT["color"], "white", WITH["color"]])


class Node(NamedTuple):
    """A node of the graph: its letter, its place in inches, its formula forward and the formula of its gradient."""

    name: str
    letter: str
    place: tuple[float, float]
    forward: str
    backward: str


class Edge(NamedTuple):
    """An arrow of the graph with the derivative of its end by its start, and how far along that is written."""

    start: str
    end: str
    derivative: str
    along: float = 0.5


NODES = (
    Node("x", "x", (0.75, 2.5), "", r"$\ell_{x_i-\mu}\cdot 1 \;+\; \ell_\mu\cdot\frac{1}{m}$"),
    Node("gamma", r"\gamma", (5.7, 0.95), "", r"$\sum_i\,\ell_{y_i}\cdot\hat x_i$"),
    Node("beta", r"\beta", (7.0, 0.95), "", r"$\sum_i\,\ell_{y_i}\cdot 1$"),
    Node("mu", r"\mu", (1.6, 0.95), r"$\frac{1}{m}\,\sum_i x_i$", r"$\sum_i\,\ell_{x_i-\mu}\cdot(-1)$"),
    Node("centred", r"x-\mu", (2.45, 2.5), r"$x_i-\mu$",
         r"$\ell_{\hat x_i}\cdot\frac{1}{s} \;+\; \ell_{\sigma^2}\cdot\frac{2(x_i-\mu)}{m}$"),
    Node("var", r"\sigma^2", (3.2, 0.95), r"$\frac{1}{m}\,\sum_i (x_i-\mu)^2$", r"$\ell_s\cdot\frac{1}{2s}$"),
    Node("s", "s", (4.25, 0.95), r"$\sqrt{\sigma^2+\epsilon}$",
         r"$\sum_i\,\ell_{\hat x_i}\cdot\frac{-(x_i-\mu)}{s^2}$"),
    Node("x_hat", r"\hat x", (5.0, 2.5), r"$(x_i-\mu)\,/\,s$", r"$\ell_{y_i}\cdot\gamma$"),
    Node("y", "y", (6.55, 2.5), r"$\gamma\,\hat x_i+\beta$", "sent back by the layers above"),
)
EDGES = (Edge("x", "mu", r"$\frac{1}{m}$"), Edge("x", "centred", "1"), Edge("mu", "centred", "$-1$", 0.38),
         Edge("centred", "var", r"$\frac{2(x_i-\mu)}{m}$", 0.62), Edge("var", "s", r"$\frac{1}{2s}$"),
         Edge("s", "x_hat", r"$\frac{-(x_i-\mu)}{s^2}$", 0.36), Edge("centred", "x_hat", r"$\frac{1}{s}$"),
         Edge("x_hat", "y", r"$\gamma$"), Edge("gamma", "y", r"$\hat x_i$", 0.38), Edge("beta", "y", "1", 0.38))
BY_NAME = {node.name: node for node in NODES}
GIVEN = 3  # of the nodes, the first: the inputs
BACKWARD = ("y", "beta", "gamma", "x_hat", "s", "var", "centred", "mu", "x")
STEPS = len(NODES) - GIVEN + len(BACKWARD)
GRAPH_SIZE = (7.5, 4.3)  # inches


def outline(ax: Axes | None = None) -> Axes:
    """Axes with the nodes of the graph in grey and what the colours mean, for `light`."""
    ax = blank(ax)
    for node in NODES:
        _circle(ax, node, GREY, QUIET)
    ax.text(0.15, 0.1, "blue: the value in a node", color=WITH["color"], fontsize=10)
    ax.text(2.2, 0.1, "orange: the gradient in it", color=WITHOUT["color"], fontsize=10)
    ax.text(4.25, 0.1, "on an arrow: the derivative along it", color="black", fontsize=10)
    ax.set_xlim(0, GRAPH_SIZE[0])
    ax.set_ylim(0, GRAPH_SIZE[1])
    ax.axis("off")
    return ax


def light(values: dict, gradients: dict, step: int, ax: Axes) -> None:
    """Draw on the axes of `outline` the values and gradients that are known after `step` steps.

    values and gradients map the name of a node to its numbers. The first steps go forward and give values, the later
    ones go back, against the arrows, and give gradients. The node of the step itself is filled.
    """
    known = {node.name for node in NODES[:GIVEN + step]}
    backed = BACKWARD[:max(step - (len(NODES) - GIVEN), 0)]
    present = backed[-1] if backed else NODES[GIVEN + step - 1].name if step else None
    for line, (text, size) in enumerate(zip(headline(step), (11, 13), strict=True)):
        ax.text(0.15, 4.18 - 0.3 * line, text, fontsize=size, va="top")
    for edge in EDGES:
        _travel(ax, edge, known, backed, present)
    for node in NODES:
        if node.name in known:
            _fill(ax, node, values, gradients, backed, node.name == present)


def _travel(ax: Axes, edge: Edge, known: set, backed: tuple, present: str | None) -> None:
    """The arrow of a value, or that of a gradient, which goes the other way and carries its derivative."""
    start, end = BY_NAME[edge.start], BY_NAME[edge.end]
    if edge.start in backed:
        _arrow(ax, end, start, WITHOUT["color"], 3 if edge.start == present else 1.5)
        across, up = (a + edge.along * (b - a) for a, b in zip(start.place, end.place, strict=True))
        ax.text(across, up, edge.derivative, ha="center", va="center", fontsize=12,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 1})
    elif edge.end in known:
        _arrow(ax, start, end, "black", 3 if edge.end == present and not backed else 1.5)
    else:
        _arrow(ax, start, end, GREY)


def _fill(ax: Axes, node: Node, values: dict, gradients: dict, backed: tuple, is_present: bool) -> None:
    """A node with its value and, where it is known, its gradient: side by side above it, or below each other."""
    pale = "#FBE3D3" if node.name in backed else "#D5E8F3"
    _circle(ax, node, WITH["color"], "black", pale if is_present else "white")
    texts = [(numbers(values[node.name]), WITH["color"])]
    if node.name in backed:
        texts.append((numbers(gradients[node.name]), WITHOUT["color"]))
    across, up = node.place
    for k, (text, color) in enumerate(texts):
        if up > 2:
            ax.text(across + 0.12 * k - 0.06, up + 0.27, text, ha="left" if k else "right", color=color, fontsize=10)
        else:
            ax.text(across, up - 0.27 - 0.2 * k, text, ha="center", va="top", color=color, fontsize=10)


def _arrow(ax: Axes, start: Node, end: Node, color: str, width: float | int = 1.5) -> None:
    ax.annotate("", end.place, start.place,
                arrowprops={"arrowstyle": "->", "shrinkA": 19, "shrinkB": 19, "color": color, "linewidth": width})


def _circle(ax: Axes, node: Node, color: str, letter: str, fill: str = "white") -> None:
    ax.plot(*node.place, "o", markersize=34, markerfacecolor=fill, markeredgewidth=2, color=color)
    ax.text(*node.place, f"${node.letter}$", ha="center", va="center", fontsize=10 if node.name == "centred" else 12,
            color=letter)


def headline(step: int) -> tuple[str, str]:
    """Which step it is, and the formula of the value or of the gradient that it computes, as texts for Matplotlib."""
    if step == 0:
        return f"Step 0 of {STEPS}", r"The inputs $x$, $\gamma$ and $\beta$ are given"
    forward = len(NODES) - GIVEN
    if step <= forward:
        node = NODES[GIVEN + step - 1]
        return f"Step {step} of {STEPS}, forward: the value of ${node.letter}$", node.forward
    node = BY_NAME[BACKWARD[step - forward - 1]]
    return f"Step {step} of {STEPS}, back: the gradient in ${node.letter}$", node.backward


def numbers(value) -> str:
    """One number as text, or several below one another; of more than four, the first three."""
    every = np.atleast_1d(value)
    shown = [short(float(v)) for v in (every if len(every) <= 4 else every[:3])]
    return "\n".join(shown if len(every) <= 4 else [*shown, "…"])


def short(value: float) -> str:
    """A number as a fraction where its denominator has at most three digits; else with three digits."""
    fraction = Fraction(value).limit_denominator(999)
    if abs(value - fraction) < 1e-12 and round(value, 2) != value:
        return f"{fraction}"
    if abs(value) < 1e-12:
        return "0"
    return f"{value:.0f}" if 1000 <= abs(value) < 1e6 else f"{value:.3g}"


def projection(parts: Mapping[str, np.ndarray], full: np.ndarray, constants: np.ndarray) -> Axes:
    """The matrices that batch norm's gradient is made of, side by side, above singular values.

    parts maps the name of a matrix `(m, m)` to it: the identity, what is taken out of it, and what is left. full are
    the singular values of what is left, constants those with the statistics held constant.
    """
    figure = new_figure(4.2, margin=THIN)
    figure.suptitle("Two directions are taken out of the gradient; the others pass", fontsize=12, x=0.01, ha="left")
    grid = figure.add_gridspec(2, len(parts), height_ratios=(1.2, 1))
    panels = [figure.add_subplot(grid[0, k]) for k in range(len(parts))]
    for ax, sign, (name, matrix) in zip(panels, ("", "−", "−", "="), parts.items(), strict=True):
        shades = ax.imshow(matrix, cmap=SIGNED, vmin=-1, vmax=1)
        ax.set_title(name, fontsize=11)
        ax.set_xticks([])
        ax.set_yticks([])
        ax.text(-0.12, 0.5, sign, transform=ax.transAxes, fontsize=16, ha="center", va="center")
    figure.colorbar(shades, ax=panels, ticks=[-1, 0, 1], shrink=0.9, pad=0.02)
    return _spectra(full, constants, figure.add_subplot(grid[1, :]))


def _spectra(full: np.ndarray, constants: np.ndarray, ax: Axes) -> Axes:
    ax = blank(ax, xlabel="singular value, from the largest", ylabel="size")
    index = np.arange(1, len(full) + 1)
    ax.plot(index, constants, "s", markersize=9, markerfacecolor="none", markeredgewidth=2, color=WITHOUT["color"])
    ax.plot(index, full, "o", markersize=6, color=WITH["color"])
    ax.annotate("mean and variance held constant", (index[-1], constants[-1]), (4, -16), textcoords="offset points",
                ha="right", color=WITHOUT["color"], fontsize=11)
    ax.annotate("batch norm", (index[-2], full[-2]), (-10, 0), textcoords="offset points", ha="right", va="center",
                color=WITH["color"], fontsize=11)
    ax.set_ylim(-0.12, 1.2)
    ax.set_xticks(index)
    return ax


def beside_pytorch(losses: Mapping[str, np.ndarray], reference: np.ndarray, title: str, floor: float) -> Axes:
    """The losses of trainings beside PyTorch's, and how far each is from it; the first is the right one.

    losses maps a name to the losses of its steps, reference are PyTorch's. Distances below `floor` are drawn at it.
    """
    figure = new_figure(3.8)
    figure.suptitle(title, fontsize=12, x=0.01, ha="left")
    curves, gaps = figure.subplots(1, 2)
    blank(curves, xlabel="step", ylabel="loss")
    blank(gaps, xlabel="step", ylabel="distance from PyTorch's loss")
    steps = np.arange(1, len(reference) + 1)
    curves.plot(steps, reference, color=GREY, linewidth=6)
    curves.text(0.03, 0.03, "wide: PyTorch", transform=curves.transAxes, color=QUIET, fontsize=11)
    for (name, loss), style in zip(losses.items(), _styles(), strict=False):
        curves.plot(steps, loss, linewidth=1.5, **style)
        gaps.plot(steps, np.maximum(np.abs(loss - reference), floor), linewidth=2, label=name, **style)
    gaps.set_yscale("log")
    gaps.legend(loc="center right", bbox_to_anchor=(1, 0.36), fontsize=11, frameon=False)
    return gaps


def _styles() -> list[dict]:
    """Lines for the right backward pass and for the wrong ones."""
    return [WITH, WITHOUT, {"color": "#009E73", "linestyle": ":"}, {"color": "black", "linestyle": "-."}]
