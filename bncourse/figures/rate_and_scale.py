"""The pictures of lesson 07: equal loss curves, angles that settle, least squares at any rate, the grids of trainings.

The grids are recorded by `experiments/sensitivity.py`.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bncourse.figures.figure_one import SHADES
from bncourse.figures.style import QUIET, THIN, WITH, WITHOUT, blank, label_end, new_figure

GUESS = np.log(10)  # nats, the loss of whoever gives ten classes a tenth each
STYLES = {"without": WITHOUT, "with batch norm": WITH}


def equal_curves(base: np.ndarray, scaled: np.ndarray, other: np.ndarray, ax: Axes | None = None) -> Axes:
    """Three loss curves: W at a rate, 10 W at 100 times the rate, which covers it, and 10 W at the same rate."""
    ax = blank(ax or new_figure(3.0).add_subplot(), title="Ten times the weights need a hundred times the rate",
               xlabel="training steps of 60 examples", ylabel="loss, nats")
    steps = np.arange(1, len(base) + 1)
    ax.plot(steps, other, linewidth=1.5, **WITHOUT)
    ax.plot(steps, base, color="#56B4E9", linewidth=6)
    ax.plot(steps, scaled, color="#000000", linewidth=1, linestyle="--")
    tail = len(base) // 5
    ax.annotate("10 W at the rate of W", (steps[-tail], np.max(other[-tail:])), (0, 8), textcoords="offset points",
                ha="center", color=WITHOUT["color"], fontsize=11)
    ax.annotate("W (broad), and on it 10 W\nat 100 times the rate (dashed)", (steps[-1], np.min(base[-tail:])), (0, -8),
                textcoords="offset points", ha="right", va="top", fontsize=11)
    ax.set_ylim(0, 1.1 * max(values.max() for values in (base, scaled, other)))
    return ax


def settling(simulated: Mapping[str, np.ndarray], trained: Mapping[str, np.ndarray], angle: float) -> Axes:
    """Angles that settle, in degrees a step, against steps: of one simulated vector (left), in a network (right).

    simulated and trained map the name of a line to angles in radians, one for each step; angle, in radians, is the
    level that theory gives to all of them. Returns the left axes.
    """
    figure = new_figure(margin=THIN)
    left, right = figure.subplots(1, 2, sharey=True)
    shades = ("#0072B2", "#009E73", "#CC79A7")
    for ax, lines, title in ((left, simulated, "one vector, random gradients"),
                             (right, trained, "the network, trained")):
        blank(ax, xlabel="steps", ylabel="angle of one step, degrees" if ax is left else "")
        ax.set_title(title, fontsize=12, loc="left")
        ax.axhline(np.degrees(angle), color=QUIET, linewidth=1.5, linestyle=":")
        for (name, values), color, mark in zip(lines.items(), shades, ("-", "--", "-."), strict=False):
            ax.plot(np.arange(1, len(values) + 1), np.degrees(values), mark, color=color, linewidth=2, label=name)
        ax.legend(frameon=False, fontsize=10, loc="lower right")
        ax.set_yscale("log")
        ax.set_yticks([0.1, 1, 10, 100], ["0.1", "1", "10", "100"])
    left.annotate(r"$\sqrt{2\eta\lambda}$ = " f"{np.degrees(angle):.1f}", (1, np.degrees(angle)), (70, 8),
                  textcoords="offset points", color=QUIET, fontsize=12)
    return left


def least_squares(curves: Mapping[str, tuple[np.ndarray, np.ndarray]], limit: float, ax: Axes | None = None) -> Axes:
    """Final loss against the rate of w for plain descent and for batch norm; a loss that is not finite is left out.

    curves maps "without" and "with batch norm" to (rates, losses), both in the order of the rates. limit is the rate at
    which plain descent ends.
    """
    ax = blank(ax, title="At no rate of w does batch norm diverge; nor is every rate fast",
               xlabel="rate of w (log scale)", ylabel="loss after the last step")
    for name, style, marker in (("without", WITHOUT, "s"), ("with batch norm", WITH, "o")):
        rates, losses = curves[name]
        finite = np.isfinite(losses)
        ax.plot(rates[finite], losses[finite], marker=marker, markersize=6, linewidth=2, **style)
    ax.set(xscale="log", yscale="log")
    ax.axvline(limit, color=QUIET, linewidth=1, linestyle=":")
    top = np.max(losses)
    ax.annotate(f"without:\ndiverges\nabove {limit:g}", (limit, top), (6, -30), textcoords="offset points",
                color=WITHOUT["color"], fontsize=11, va="top")
    ax.annotate("with batch norm", (rates[-1], losses[-1]), (0, 8), textcoords="offset points",
                ha="right", color=WITH["color"], fontsize=11)
    ax.set_ylim(top=2 * top)
    return ax


def grids(panels: Mapping[str, np.ndarray], rates: Sequence[float | int], scales: Sequence[float | int],
          diverged: Mapping, title: str = "") -> list[Axes]:
    """Heat maps of accuracy `(scales, rates)`, two in a row; a cross marks where training diverged.

    panels and diverged have the same keys, the panels' titles; diverged holds truth values of the same shape. Scales
    grow upward.
    """
    rows = -(-len(panels) // 2)
    figure = new_figure(1.1 + rows * (0.5 + 0.22 * len(scales)), margin=THIN)
    axes = list(figure.subplots(rows, 2, sharex=True, sharey=True, squeeze=False).ravel())
    for place, (ax, (name, values)) in enumerate(zip(axes, panels.items(), strict=False)):
        image = _heat(ax, values, diverged[name])
        blank(ax, xlabel="learning rate" if place // 2 == rows - 1 else "",
              ylabel="initial scale" if place % 2 == 0 else "")
        ax.spines[:].set_visible(False)
        ax.set_title(name, fontsize=12, loc="left", color=(WITHOUT if "without" in name else WITH)["color"])
        for ticks, places in ((ax.set_xticks, rates), (ax.set_yticks, scales)):
            whole = [k for k, value in enumerate(places) if abs(np.log10(value) - round(np.log10(value))) < 1e-3]
            ticks(whole, [f"{places[k]:g}" for k in whole])
        ax.tick_params(length=0)
    bar = figure.colorbar(image, ax=axes, shrink=0.6, ticks=[0.1, 0.5, 0.9], aspect=25)
    bar.ax.set_yticklabels(["10 %,\na guess", "50 %", "90 %"], fontsize=10)
    bar.outline.set_visible(False)
    figure.suptitle(title, fontsize=12, x=0.01, ha="left")
    return axes


def _heat(ax: Axes, values: np.ndarray, diverged: np.ndarray):
    """One heat map, its cells parted by thin lines, with a cross in each cell that diverged; returns the image."""
    image = ax.imshow(values, cmap=SHADES, vmin=0.1, vmax=1, aspect="auto", origin="lower")
    for edge in range(1, values.shape[1]):
        ax.axvline(edge - 0.5, color="#DDDDDD", linewidth=0.5)
    for edge in range(1, values.shape[0]):
        ax.axhline(edge - 0.5, color="#DDDDDD", linewidth=0.5)
    row, column = np.nonzero(diverged)
    ax.plot(column, row, "x", color=WITHOUT["color"], markersize=7, markeredgewidth=1.8)
    ax.set(xlim=(-0.5, values.shape[1] - 0.5), ylim=(-0.5, values.shape[0] - 0.5))
    return image


def one_cell(steps: np.ndarray, figure: Figure) -> Callable:
    """Loss against steps at one rate and one scale, to be chosen: returns `show(losses, title)`, which draws them.

    steps are `(looks,)`. `show` takes losses `(seeds, looks)` for the keys "without" and "with batch norm": a line for
    the median, a band for all seeds; what is not finite, or above the axis, is drawn at its upper edge.
    """
    top = 1e4
    ax = blank(figure.subplots(), xlabel="training steps of 60 examples (log scale)", ylabel="loss, nats (log scale)")
    ax.plot([0.9, steps[-1]], [GUESS, GUESS], color=QUIET, linewidth=1)
    ax.set(xscale="log", yscale="log", xlim=(0.9, 4 * steps[-1]), ylim=(0.1, 8 * top))
    ax.set_xticks([1, 10, 100, 500], ["1", "10", "100", "500"])
    ax.set_yticks([0.1, GUESS, 10, 100, 1000, top], ["0.1", f"guess: {GUESS:.1f}", "10", "100", "1,000", "more"])
    ax.minorticks_off()

    def show(losses: Mapping[str, np.ndarray], title: str) -> None:
        ends = {}
        for name, style in STYLES.items():
            values = np.nan_to_num(losses[name], nan=top, posinf=top).clip(0.1, top)
            ax.fill_between(steps, values.min(0), values.max(0), color=style["color"], alpha=0.2, linewidth=0)
            ax.plot(steps, np.median(values, axis=0), linewidth=2, **style)
            ends[name] = np.median(values[:, -1])
        low, high = sorted(ends, key=ends.get)
        label_end(ax, steps[-1], ends[low], low, STYLES[low]["color"])
        label_end(ax, steps[-1], max(ends[high], 2.6 * ends[low]), high, STYLES[high]["color"])
        ax.set_title(title, fontsize=12, loc="left")

    return show
