"""The pictures of lesson 10: Figure 1 from recorded runs, the grid of rates and scales, the staircase of depths.

The percentiles of Figure 1(b) and (c) are measured in `experiments/activations.py`.
"""

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

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
    write_under,
)
from bncourse.runs import Run, stack

STEPS = "training steps of 60 examples"
SHADES = LinearSegmentedColormap.from_list("accuracy", ["#FFFFFF", "#56B4E9", "#003A5C"])


def race(plain: Sequence[Run], normalized: Sequence[Run], ax: Axes | None = None, *, title: str = "") -> Axes:
    """Figure 1(a): test accuracy against steps (log scale), the seeds' median as a line and all of them as a band.

    Each line is named where it has come half of its way up, or 70 % of it with batch norm.
    """
    ax = blank(ax, title=title, xlabel=f"{STEPS} (log scale)", ylabel="test accuracy")
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
    ax = blank(ax, title=title, xlabel=STEPS, ylabel="test accuracy")
    for runs, style, name, rise in ((plain, WITHOUT, "without", -16), (normalized, WITH, "with batch norm", 8)):
        steps, accuracy = runs[0].columns["step"], stack(runs, "accuracy")
        spread(ax, np.array(steps), accuracy, style)
        ax.annotate(name, (steps[-1], np.median(accuracy[:, -1])), (0, rise), textcoords="offset points", ha="right",
                    color=style["color"], fontsize=11)
    ax.xaxis.set_major_formatter("{x:,.0f}")
    ax.set_ylim(0.9, 1)
    return ax


def ribbons(plain: Sequence[Run], normalized: Sequence[Run], *, title: str = "") -> Axes:
    """Figures 1(b) and (c): the {15, 50, 85}th percentiles of the input to a typical sigmoid of the last hidden layer.

    Left without batch norm, right with it, on one scale; the first run bold and its lines named, the others pale.
    Returns the left axes.
    """
    figure = new_figure(margin=THIN)
    left, right = figure.subplots(1, 2, sharex=True, sharey=True)
    for ax, runs, style, name in ((left, plain, WITHOUT, "without"), (right, normalized, WITH, "with batch norm")):
        blank(ax, xlabel="training steps (log scale)", ylabel="input to a typical sigmoid" if ax is left else "")
        for place, run in enumerate(runs):
            for column in ("p15", "p50", "p85"):
                ax.plot(run.columns["step"], run.columns[column], linewidth=1 if place else 2.2,
                        alpha=0.35 if place else 1, **style)
                if place == 0:
                    label_end(ax, run.columns["step"][-1], run.columns[column][-1], f"{column[1:]} %", style["color"])
        ax.set_xscale("symlog", linthresh=1)
        ax.set_xticks([0, 10, 1_000, 50_000], ["0", "10", "1,000", "50,000"])
        ax.minorticks_off()
        ax.set_title(name, fontsize=12, loc="left", color=style["color"])
    figure.suptitle(title, fontsize=12, x=0.01, ha="left")
    return left


def one_moment(steps: np.ndarray, accuracy: dict[str, np.ndarray], figure: Figure, caption: str = "") -> Callable:
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
    write_under(figure, caption)

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
    figure = figure or new_figure(3.3, margin=THIN)
    axes = list(figure.subplots(1, 2, sharey=True))
    for ax, name, style in zip(axes, names, (WITHOUT, WITH), strict=True):
        blank(ax, xlabel="learning rate", ylabel="initial standard deviation" if ax is axes[0] else "")
        ax.set(xlim=(-0.5, len(rates) - 0.5), ylim=(len(scales) - 0.5, -0.5))
        ax.set_xticks(range(len(rates)), [f"{rate:g}" for rate in rates])
        ax.set_yticks(range(len(scales)), [f"{scale:g}" for scale in scales])
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
        ax.set_title(name, fontsize=12, loc="left", color=style["color"])
    return axes


def heat(values: np.ndarray, ax: Axes) -> None:
    """Draw accuracies `(scales, rates)` as a heat map, with the numbers in per cent, on one of the axes of `grid`."""
    ax.imshow(values, cmap=SHADES, vmin=0.1, vmax=1, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        ax.text(column, row, f"{100 * value:.1f}", ha="center", va="center", fontsize=11,
                color="white" if value > 0.6 else "black")


def staircase(depths: Sequence[int], plain: np.ndarray, normalized: np.ndarray, ax: Axes | None = None, *,
              title: str = "") -> Axes:
    """Test accuracy `(seeds, depths)` against the number of hidden layers: points for seeds, a line for medians."""
    ax = blank(ax, title=title, xlabel="hidden sigmoid layers of 100", ylabel="test accuracy")
    for values, style, marker, name in ((plain, WITHOUT, "s", "without"), (normalized, WITH, "o", "with batch norm")):
        ax.plot(depths, np.median(values, axis=0), linewidth=2, **style)
        for seed in values:
            ax.plot(depths, seed, marker, color=style["color"], markersize=5, alpha=0.6)
        ax.annotate(name, (depths[-1], np.median(values[:, -1])), (0, -18 if style is WITH else 8), ha="right",
                    textcoords="offset points", color=style["color"], fontsize=11)
    ax.axhline(0.1, color=QUIET, linewidth=1)
    ax.annotate("guessing", (depths[0], 0.1), (0, -14), textcoords="offset points", color=QUIET, fontsize=11)
    ax.set_xticks(list(depths))
    ax.set_ylim(0, 1)
    return ax
