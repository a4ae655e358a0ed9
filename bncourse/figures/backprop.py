"""The pictures of lesson 04: the graph of three numbers, node by node, and the spectrum of the Jacobian."""

from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes

from bncourse.figures.style import QUIET, WITH, WITHOUT, blank


class Node(NamedTuple):
    """A node of the graph: its letter, its place, its formula forward and the formula of its gradient."""

    name: str
    place: tuple[float, float]
    forward: str
    backward: str


NODES = (
    Node("x", (0, 1), "the mini-batch", r"$\ell_{\hat x_i}/s + \ell_{\sigma^2}\,2(x_i-\mu)/m + \ell_\mu/m$"),
    Node("mu", (1, 0), r"$\mu=\frac{1}{m}\sum x_i$", r"$-\sum \ell_{x_i-\mu}$"),
    Node("centred", (2, 1), r"$x_i-\mu$", r"$\ell_{\hat x_i}/s + \ell_{\sigma^2}\,2(x_i-\mu)/m$"),
    Node("var", (3, 0), r"$\sigma^2=\frac{1}{m}\sum (x_i-\mu)^2$",
         r"$\sum \ell_{\hat x_i}(x_i-\mu)\cdot(-\frac{1}{2})(\sigma^2+\epsilon)^{-3/2}$"),
    Node("s", (4, 0), r"$s=\sqrt{\sigma^2+\epsilon}$", r"$-\sum \ell_{\hat x_i}(x_i-\mu)/s^2$"),
    Node("x_hat", (5, 1), r"$\hat x_i=(x_i-\mu)/s$", r"$\gamma\,\ell_{y_i}$"),
    Node("y", (6, 1), r"$y_i=\gamma\hat x_i+\beta$", "what comes from the layers above"),
)
EDGES = (("x", "mu"), ("x", "centred"), ("mu", "centred"), ("centred", "var"), ("var", "s"), ("s", "x_hat"),
         ("centred", "x_hat"), ("x_hat", "y"))
PLACE = {node.name: node.place for node in NODES}
LETTERS = {"x": "x", "mu": r"\mu", "centred": r"x-\mu", "var": r"\sigma^2", "s": "s", "x_hat": r"\hat x", "y": "y"}
BACKWARD = ("y", "x_hat", "s", "var", "centred", "mu", "x")
STEPS = len(NODES) + len(BACKWARD)


def outline(ax: Axes | None = None) -> Axes:
    """Axes with the graph in grey, for `light`."""
    ax = blank(ax)
    for edge in EDGES:
        _arrow(ax, *edge, "#CCCCCC")
    for node in NODES:
        _circle(ax, node, "#CCCCCC", QUIET)
    ax.set_xlim(-0.6, 6.6)
    ax.set_ylim(-0.95, 2.3)
    ax.axis("off")
    return ax


def light(values: dict, gradients: dict, step: int, ax: Axes) -> None:
    """Draw on the axes of `outline` the values and gradients that are known after `step` steps.

    values and gradients map the name of a node to its numbers. The first steps go forward and give values, the later
    ones go back and give gradients.
    """
    known = [node.name for node in NODES[:step]]
    backed = BACKWARD[:max(step - len(NODES), 0)]
    ax.text(-0.55, 2.22, formula(step), fontsize=12, va="top")
    for start, end in EDGES:
        if end in known:
            _arrow(ax, start, end, "black")
    for node in NODES[:step]:
        across, up = node.place
        _circle(ax, node, WITH["color"], "black")
        ax.text(across, up + 0.36, numbers(values[node.name]), ha="center", color=WITH["color"])
        if node.name in backed:
            ax.text(across, up - 0.36, numbers(gradients[node.name]), ha="center", va="top", color=WITHOUT["color"])


def _arrow(ax: Axes, start: str, end: str, color: str) -> None:
    ax.annotate("", PLACE[end], PLACE[start],
                arrowprops={"arrowstyle": "->", "shrinkA": 19, "shrinkB": 19, "color": color, "linewidth": 1.5})


def _circle(ax: Axes, node: Node, color: str, letter: str) -> None:
    ax.plot(*node.place, "o", markersize=34, markerfacecolor="white", markeredgewidth=2, color=color)
    ax.text(*node.place, f"${LETTERS[node.name]}$", ha="center", va="center",
            fontsize=10 if node.name == "centred" else 12, color=letter)


def formula(step: int) -> str:
    """The formula of the value or the gradient that the step computes, as text for Matplotlib; a title for step 0."""
    if step == 0:
        return "The graph of batch norm"
    if step <= len(NODES):
        node = NODES[step - 1]
        return f"Value:  {node.forward}"
    node = next(node for node in NODES if node.name == BACKWARD[step - len(NODES) - 1])
    return f"Gradient in ${LETTERS[node.name]}$:  {node.backward}"


def numbers(value) -> str:
    """One number as text, or several below one another, with two decimals at most."""
    return "\n".join(f"{round(float(v), 2) + 0.0:g}" for v in np.atleast_1d(value))


def spectrum(full: np.ndarray, constants: np.ndarray, ax: Axes | None = None) -> Axes:
    """Singular values of sigma times the Jacobian, and of the same with the statistics held constant."""
    ax = blank(ax, title="Batch norm passes all directions of the gradient but two",
               xlabel="singular value, from the largest", ylabel="size")
    index = np.arange(1, len(full) + 1)
    ax.plot(index, constants, "s", markersize=9, markerfacecolor="none", markeredgewidth=2, color=WITHOUT["color"])
    ax.plot(index, full, "o", markersize=8, color=WITH["color"])
    ax.annotate("statistics held constant", (index[-1], constants[-1]), (-4, 12), textcoords="offset points",
                ha="right", color=WITHOUT["color"], fontsize=11)
    ax.annotate("whole Jacobian", (index[-2], full[-2]), (-14, 4), textcoords="offset points", ha="right",
                color=WITH["color"], fontsize=11)
    ax.set_ylim(-0.08, 1.25)
    ax.set_xticks(index)
    return ax
