"""The pictures of lesson 08: singular values of a layer, gradients through fifty layers, and growth in training.

Gradients come as log10 of their squares, `(seeds, layers)` with the lowest layer first, as `experiments/depth.py`
measures them; growth is the factor a layer by which they rise on the way down.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bncourse.figures.style import (
    QUIET,
    THIN,
    WITH,
    WITHOUT,
    blank,
    label_end,
    new_figure,
    spread,
    spread_labels,
)

THEORY = {"color": "black", "linestyle": ":", "linewidth": 1.2}
RESCUED = {"color": "#009E73", "linestyle": "-."}
DOWN = "layers that the gradient has come down"
POWERS = (-6, -3, 0, 3, 6, 9, 12)


class Curve(NamedTuple):
    """Networks of one kind, one for each seed: log10 of their squared gradients, how to draw them, what theory says.

    gradient is `(seeds, layers)`; theory is a factor a layer, or None where there is no line to draw.
    """

    gradient: np.ndarray
    style: dict
    theory: float | None = None


def spectra(values: Mapping[str, tuple[np.ndarray, dict]], ax: Axes | None = None, *, title: str = "") -> Axes:
    """Singular values, the largest first, against the share of them that is larger.

    values maps a name to the singular values of several seeds `(seeds, n)`, and to a style. The line at 1 is the
    conjecture.
    """
    ax = blank(ax, title=title, xlabel="share of the singular values that are larger", ylabel="singular value")
    ax.axhline(1, color=QUIET, linewidth=1)
    ax.annotate("the conjecture: all are 1", (1, 1), (0, 4), textcoords="offset points", ha="right", fontsize=11,
                color=QUIET)
    for place, (name, (found, style)) in enumerate(values.items()):
        ranked = -np.sort(-np.asarray(found), axis=1)
        share = np.linspace(0, 1, ranked.shape[1])
        spread(ax, share, ranked, style)
        ax.annotate(name, (0.32, 0.94 - 0.1 * place), xycoords="axes fraction", color=style["color"], fontsize=11)
        ax.plot([0.27, 0.31], [0.96 - 0.1 * place] * 2, transform=ax.transAxes, linewidth=2, **style)
    ax.set_xlim(0, 1)
    ax.set_ylim(bottom=0)
    ax.xaxis.set_major_formatter("{x:.0%}")
    return ax


def depth_axes(ax: Axes | None = None, *, depth: int = 50, title: str = "", ylabel: bool = True,
               lowest: float | int = -1) -> Axes:
    """Axes for `descents`: layers come down to the right, the squared gradient relative to the top's upwards.

    The upward axis begins at 10 to the power `lowest`.
    """
    ax = blank(ax, title=title, xlabel=DOWN, ylabel="squared gradient, top layer = 1" if ylabel else "")
    ax.set_yscale("log")
    powers = [p for p in POWERS if p >= lowest]
    ax.set_yticks([10.0**p for p in powers], [f"$10^{{{p}}}$" if p else "1" for p in powers])
    ax.minorticks_off()
    ax.set(xlim=(0, depth - 1), ylim=(10.0**lowest, 10.0**13.5))
    ax.set_xticks(range(0, depth, 100 if depth > 100 else 10))
    return ax


def descents(curves: Mapping[str, Curve], ax: Axes, *, gap: float = 1.0) -> Axes:
    """Draw each kind of network on the axes of `depth_axes`: a band of all seeds, their median, and theory dotted.

    The names stand at the ends, at least `gap` powers of ten apart; that of a line which has left the axes stands at
    their lower or upper end, and says so.
    """
    ends, (lowest, highest) = {}, np.log10(ax.get_ylim())
    for name, curve in curves.items():
        risen = relative(curve.gradient)
        layers = np.arange(risen.shape[-1])
        spread(ax, layers, 10.0**risen, curve.style)
        if curve.theory is not None:
            ax.plot(layers, curve.theory ** layers.astype(float), **THEORY)
        ends[name] = float(np.median(risen[:, -1]))
    for name, height in spread_labels({n: min(max(lowest, end), highest) for n, end in ends.items()}, gap=gap).items():
        left = ", below" if ends[name] < lowest else ", above" if ends[name] > highest else ""
        label_end(ax, layers[-1], 10.0**height, name + left, curves[name].style["color"])
    return ax


def relative(gradient: np.ndarray) -> np.ndarray:
    """log10 of the squared gradients less that of the top layer, the top first, `(seeds, layers)`."""
    turned = np.atleast_2d(gradient)[:, ::-1]
    return turned - turned[:, :1]


def growth_in_training(steps: Sequence[int], with_norm: Mapping[float, np.ndarray], without: Mapping[float, np.ndarray],
                       figure: Figure | None = None, *, title: str = "") -> Axes:
    """Growth a layer against training steps, for several learning rates; returns the left axes.

    with_norm and without map a rate to the growth `(seeds, steps)`, with batch norm (left) and without (right). Seeds
    that are not finite, as after a training that diverged, are left out.
    """
    figure = figure or new_figure(margin=THIN)
    axes = figure.subplots(1, 2, sharey=True)
    places = np.arange(len(steps))
    for ax, rates, style, name in zip(axes, (with_norm, without), (WITH, WITHOUT), ("with batch norm", "without"),
                                      strict=True):
        blank(ax, xlabel="training steps", ylabel="growth a layer" if ax is axes[0] else "")
        ax.axhline(1, color=QUIET, linewidth=1)
        ends = {}
        for rate, growth in rates.items():
            finite = np.asarray(growth)[np.isfinite(growth).all(axis=1)]
            if len(finite):
                spread(ax, places, finite, style)
                ends[f"{rate:g}"] = float(np.median(finite[:, -1]))
        for label, height in spread_labels(ends, gap=0.05).items():
            label_end(ax, places[-1], height, label, style["color"])
        ax.set_xticks(places, [f"{step:,}" for step in steps])
        ax.set_title(name, fontsize=12, loc="left", color=style["color"])
    figure.suptitle(title, fontsize=12, x=0.01, ha="left")
    return axes[0]
