"""The pictures of lesson 10: Figure 1 from recorded runs, the grid of rates and initial weights, depth by weights.

The percentiles of Figure 1(b) and (c) are measured in `experiments/activations.py`.
"""

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from bncourse.figures.style import (
    QUIET,
    THIN,
    WITH,
    WITHOUT,
    blank,
    density,
    label_end,
    new_figure,
    spread,
    spread_labels,
)
from bncourse.runs import Run, stack

STEPS = "training steps of 60 examples"
FRAME = "#F0E442"
MARKS = "s^vDP"
SHADES = LinearSegmentedColormap.from_list("accuracy", ["#FFFFFF", "#56B4E9", "#003A5C"])


def race(plain: Sequence[Run], normalized: Sequence[Run], ax: Axes | None = None, *, title: str = "") -> Axes:
    """Figure 1(a): test accuracy against steps (log scale), the seeds' median as a line and all of them as a band.

    Each line is named where it has come half of its way up, or 70 % of it with batch norm.
    """
    ax = blank(ax or new_figure().add_subplot(), title=title, xlabel=f"{STEPS} (log scale)",
               ylabel="test accuracy")
    for runs, style, name, way in ((plain, WITHOUT, "without", 0.5), (normalized, WITH, "with batch norm", 0.7)):
        steps, accuracy = np.array(runs[0].columns["step"]), stack(runs, "accuracy")
        steps, accuracy = steps[steps > 0], accuracy[:, steps > 0]
        spread(ax, steps, accuracy, style)
        middle = np.median(accuracy, axis=0)
        risen = int(np.argmax(middle >= way * middle.max()))
        ax.annotate(name, (steps[risen], middle[risen]), (-6, 8) if style is WITH else (8, -18),
                    textcoords="offset points", color=style["color"], fontsize=11,
                    ha="right" if style is WITH else "left")
    ax.set_xscale("log")
    ticks = [10**n for n in range(6) if 10**n <= steps[-1]]
    ax.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    ax.minorticks_off()
    ax.set_ylim(0, 1)
    return ax


def close_up(plain: Sequence[Run], normalized: Sequence[Run], ax: Axes | None = None, *, title: str = "") -> Axes:
    """Figure 1(a) on an even scale of steps, as the paper draws it, from an accuracy of 90 % up."""
    ax = blank(ax or new_figure().add_subplot(), title=title, xlabel=STEPS, ylabel="test accuracy")
    for runs, style, name, rise in ((plain, WITHOUT, "without", -16), (normalized, WITH, "with batch norm", 8)):
        steps, accuracy = runs[0].columns["step"], stack(runs, "accuracy")
        spread(ax, np.array(steps), accuracy, style)
        ax.annotate(name, (steps[-1], np.median(accuracy[:, -1])), (0, rise), textcoords="offset points", ha="right",
                    color=style["color"], fontsize=11)
    ax.xaxis.set_major_formatter("{x:,.0f}")
    ax.set_ylim(0.9, 1)
    return ax


def ribbons(plain: Sequence[Run], normalized: Sequence[Run], *, title: str = "", even: bool = False) -> Axes:
    """Figures 1(b) and (c): the {15, 50, 85}th percentiles of the input to a typical sigmoid of the last hidden layer.

    Left without batch norm, right with it, on one scale; the first run bold and its lines named, the others pale.
    The steps are on a log scale, or with `even` on an even one, as the paper draws them. Returns the left axes.
    """
    figure = new_figure(margin=THIN)
    left, right = figure.subplots(1, 2, sharex=True, sharey=True)
    for ax, runs, style, name in ((left, plain, WITHOUT, "without"), (right, normalized, WITH, "with batch norm")):
        blank(ax, xlabel="training steps" if even else "training steps (log scale)",
              ylabel="input to a typical sigmoid" if ax is left else "")
        for place, run in enumerate(runs):
            for column in ("p15", "p50", "p85"):
                ax.plot(run.columns["step"], run.columns[column], linewidth=1 if place else 2.2,
                        alpha=0.35 if place else 1, **style)
                if place == 0:
                    label_end(ax, run.columns["step"][-1], run.columns[column][-1], f"{column[1:]} %", style["color"])
        if even:
            ax.set_xticks([0, 25_000, 50_000], ["0", "25,000", "50,000"])
        else:
            ax.set_xscale("symlog", linthresh=1)
            ax.set_xticks([0, 10, 1_000, 50_000], ["0", "10", "1,000", "50,000"])
            ax.minorticks_off()
        ax.set_title(name, fontsize=12, loc="left", color=style["color"])
    figure.suptitle(title, fontsize=12, x=0.01, ha="left")
    return left


def one_moment(steps: np.ndarray, accuracy: dict[str, np.ndarray], figure: Figure) -> Callable:
    """Two trainings, to be seen at one moment: how far each is (left), the input of one sigmoid over images (right).

    accuracy has the keys "plain" and "normalized", with `(records,)` each. Returns a function `show(inputs, place)`
    that draws record number `place` on the figure: inputs has the same keys, with `(images,)` each. The limits of the
    axes are the same at every moment.
    """
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.3))
    blank(left, xlabel="step (log scale)", ylabel="test accuracy")
    blank(right, xlabel="input to a typical sigmoid")
    grid = np.linspace(-8, 8, 161)
    for key, style in (("plain", WITHOUT), ("normalized", WITH)):
        left.plot(steps, accuracy[key], linewidth=2, alpha=0.4, **style)
    right.plot(grid, 1 / (1 + np.exp(-grid)), color=QUIET, linewidth=1)
    right.annotate("the sigmoid, 0 to 1", (8, 1), (0, 4), textcoords="offset points", color=QUIET, fontsize=11,
                   ha="right")
    left.set_xscale("symlog", linthresh=1)
    left.set_xticks([0, 10, 1_000], ["0", "10", "1,000"])
    left.minorticks_off()
    left.set_ylim(0, 1)
    right.set(xlim=(-8, 8), ylim=(0, 1.8), yticks=[])

    def show(inputs: dict[str, np.ndarray], place: int) -> None:
        for key, style, name, side in (("plain", WITHOUT, "without", "left"),
                                       ("normalized", WITH, "with batch norm", "right")):
            left.plot(steps[place], accuracy[key][place], "o", color=style["color"], markersize=8)
            density(right, inputs[key], grid, style)
            right.set_title(f"{name}: {accuracy[key][place]:.0%}", color=style["color"], fontsize=11, loc=side)
        left.set_title(f"after {steps[place]:,} steps", fontsize=12, loc="left")

    return show


def grid(names: tuple[str, str], rates: Sequence[float | int], scales: Sequence[float | int],
         figure: Figure | None = None) -> list[Axes]:
    """Two panels with initial scales as rows and learning rates as columns, for `heat`; names are their titles."""
    figure = figure or new_figure(5, margin=THIN)
    axes = list(figure.subplots(2, 1, sharex=True))
    for ax, name, style in zip(axes, names, (WITHOUT, WITH), strict=True):
        blank(ax, xlabel="" if ax is axes[0] else "learning rate", ylabel="initial std")
        ax.set(xlim=(-0.5, len(rates) - 0.5), ylim=(len(scales) - 0.5, -0.5))
        ax.set_xticks(range(len(rates)), [f"{rate:g}" for rate in rates])
        ax.set_yticks(range(len(scales)), [f"{scale:g}" for scale in scales])
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
        ax.set_title(name, fontsize=12, loc="left", color=style["color"])
    return axes


def heat(values: np.ndarray, ax: Axes, within: float | int = 1) -> str:
    """Draw accuracies `(scales, rates)` as a heat map, with the numbers in per cent, on one of the axes of `grid`.

    Cells that come within so many points (per cent of the images) of the best one have a frame. Returns how many they
    are, in words. A NaN is a setting that was not trained: its cell stays empty.
    """
    ax.imshow(values, cmap=SHADES, vmin=0.1, vmax=1, aspect="auto")
    near = close_to_best(values, within)
    for (row, column), value in np.ndenumerate(values):
        if not np.isnan(value):
            ax.text(column, row, f"{100 * value:.1f}", ha="center", va="center", fontsize=11,
                    color="white" if value > 0.6 else "black")
        if near[row, column]:
            ax.add_patch(Rectangle((column - 0.46, row - 0.44), 0.92, 0.88, fill=False, edgecolor=FRAME, linewidth=2.5))
    settings, points = np.sum(~np.isnan(values)), "point" if within == 1 else "points"
    return f"{near.sum()} of {settings} settings within {within:g} {points} of its best"


def close_to_best(values: np.ndarray, within: float | int = 1) -> np.ndarray:
    """Which of the accuracies come within so many points (per cent of the images) of the best; NaN does not."""
    return 100 * (np.nanmax(values) - values) <= within + 1e-9


def staircase(plain: dict[float, dict[int, Sequence[float]]], normalized: dict[int, Sequence[float]],
              ax: Axes | None = None, *, title: str = "") -> Axes:
    """Test accuracy against the number of hidden layers: points for seeds, a line for the medians.

    plain maps an initial standard deviation to the seeds' accuracies by depth, without batch norm; normalized are those
    with it. A line of the plain network is named where it falls through one half, or where it ends.
    """
    ax = blank(ax or new_figure().add_subplot(), title=title, xlabel="hidden sigmoid layers of 100",
               ylabel="test accuracy")
    lines = [(f"std {std:g}", WITHOUT, seeds) for std, seeds in plain.items()] + [("with batch norm", WITH, normalized)]
    ends = {}
    for (name, style, seeds), mark in zip(lines, [*MARKS[:len(plain)], "o"], strict=True):
        depths, middle = list(seeds), [np.median(values) for values in seeds.values()]
        ax.plot(depths, middle, linewidth=2, **style)
        for depth, values in seeds.items():
            ax.plot([depth] * len(values), values, mark, color=style["color"], markersize=5, alpha=0.6)
        if middle[-1] > 0.5:
            ends[name] = middle[-1]
        else:
            below = next(place for place, value in enumerate(middle) if value <= 0.5)
            ax.annotate(name, (np.mean(depths[below - 1:below + 1]), 0.5), (-6, -4), textcoords="offset points",
                        color=style["color"], fontsize=11, ha="right")
    for name, height in spread_labels(ends, gap=0.06, down=True).items():
        label_end(ax, max(normalized), height, name, (WITHOUT if name.startswith("std") else WITH)["color"])
    ax.axhline(0.1, color=QUIET, linewidth=1)
    ax.annotate("guessing", (1, 0.1), (0, -14), textcoords="offset points", color=QUIET, fontsize=11)
    ax.set_xticks(list(normalized))
    ax.set_ylim(0, 1)
    return ax
