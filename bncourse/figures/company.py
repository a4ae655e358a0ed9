"""The pictures of lesson 09: the noise law, orders of mini-batches, noise in place of company, small mini-batches."""

from collections.abc import Mapping, Sequence
from numbers import Real

import numpy as np
from matplotlib.axes import Axes

from bncourse.figures.style import QUIET, WITH, WITHOUT, blank, label_end, new_figure, spread_labels

NAMES = {"none": "no norm", "batch": "batch norm", "renorm": "batch renorm", "layer": "layer norm",
         "group": "group norm"}
COLORS = {"batch norm": WITH["color"], "no norm": WITHOUT["color"], "batch renorm": "#009E73", "layer norm": "#CC79A7",
          "group norm": "#56B4E9", "ghost": "#009E73", "noisy": "#CC79A7"}
MARKS = {"batch norm": "o", "no norm": "s", "batch renorm": "^", "layer norm": "D", "group norm": "v", "ghost": "^",
         "noisy": "D"}


def noise_law(measured: Mapping[int, Sequence[Real]], levels: Sequence[Real], ax: Axes | None = None) -> Axes:
    """The variance of x_hat of one example over random company; measured maps m to it, for each value x_hat of levels.

    The lines are the law (1 + x_hat^2 / 2) / m.
    """
    ax = blank(ax, title="The noise of company falls as 1 / m",
               xlabel="values that share a mean, m", ylabel="variance of x_hat, given x")
    sizes = np.array(list(measured))
    for level, color in zip(levels, (QUIET, WITH["color"], WITHOUT["color"]), strict=True):
        law = (1 + level**2 / 2) / sizes
        ax.plot(sizes, law, color=color, linewidth=1.5)
        ax.plot(sizes, [values[list(levels).index(level)] for values in measured.values()], "o", color=color,
                markersize=6, markerfacecolor="white")
        label_end(ax, sizes[-1], law[-1], f"x_hat = {level:g}", color)
    ax.set_xscale("log", base=2)
    ax.set_yscale("log")
    ax.set_xticks(sizes, [str(m) for m in sizes])
    ax.minorticks_off()
    return ax


def orders(right: Mapping[str, Mapping[str, np.ndarray]], title: str, ax: Axes | None = None) -> Axes:
    """Test accuracies by the order of the mini-batches; right maps a norm to orders, and each to its seeds' shares."""
    ax = blank(ax, title=title, ylabel="right on test digits (%)")
    for shift, (norm, by_order) in zip((-0.16, 0.16), right.items(), strict=True):
        for place, values in enumerate(by_order.values()):
            shares = 100 * np.asarray(values)
            ax.plot([place + shift] * len(shares), shares, MARKS[norm], color=COLORS[norm], alpha=0.5, markersize=6)
            ax.plot([place + shift - 0.11, place + shift + 0.11], [np.median(shares)] * 2, color=COLORS[norm],
                    linewidth=2)
            ax.annotate(f"{np.median(shares):.0f}", (place + shift, shares.max()), (0, 7), textcoords="offset points",
                        ha="center", fontsize=11, color=COLORS[norm])
    for norm, height in zip(right, (0.16, 0.07), strict=True):
        ax.annotate(norm, (0.02, height), xycoords="axes fraction", color=COLORS[norm], fontsize=11)
    names = list(next(iter(right.values())))
    ax.set_xticks(range(len(names)), names)
    ax.set_xlim(-0.5, len(names) - 0.5)
    ax.set_ylim(0, 108)
    return ax


def by_setting(rows: Mapping[str, Mapping[Real, np.ndarray]], title: str, xlabel: str, ylabel: str, low: Real = 0,
               lines: Mapping[str, Real] | None = None, ax: Axes | None = None) -> Axes:
    """A measure of trained networks by a setting; rows maps a norm to settings, and each of them to the seeds' values.

    Drawn are the medians, with the range of the seeds, on an axis that begins at `low`. `lines` has, by the norm, what
    does not depend on the setting.
    """
    ax = blank(ax, title=title, xlabel=xlabel, ylabel=ylabel)
    ends = {}
    for norm, values in rows.items():
        settings, seeds = list(values), np.array(list(values.values()))
        ax.fill_between(settings, seeds.min(1), seeds.max(1), color=COLORS[norm], alpha=0.15, linewidth=0)
        ax.plot(settings, np.median(seeds, axis=1), MARKS[norm] + "-", color=COLORS[norm], linewidth=2)
        above = np.median(seeds, axis=1) > low
        ends[norm] = settings[np.flatnonzero(above)[-1]], np.median(seeds, axis=1)[above][-1]
    for norm, value in (lines or {}).items():
        ax.plot(settings, [value] * len(settings), color=COLORS[norm], linewidth=1.5, linestyle="--")
        ends[norm] = settings[-1], value
    ax.set_xscale("log")
    ax.set_xticks(settings, [f"{setting:g}" for setting in settings])
    ax.minorticks_off()
    highest = max(np.max(list(values.values())) for values in rows.values())
    ax.set_ylim(low, highest + 0.08 * (highest - low))
    _names(ax, ends)
    return ax


def _names(ax: Axes, ends: Mapping[str, tuple[Real, Real]]) -> None:
    """The names of the lines at their ends, none over another."""
    low, high = ax.get_ylim()
    heights = spread_labels({name: y for name, (_, y) in ends.items()}, gap=(high - low) / 14)
    for name, height in heights.items():
        label_end(ax, ends[name][0], height, name, COLORS[name])


def by_size(rows: Mapping[str, Mapping[int, np.ndarray]], repaired: Mapping[int, Real]) -> Axes:
    """Accuracies in percent by the size of the mini-batch, whole and enlarged; rows maps a norm to sizes, and to seeds.

    repaired are batch norm's medians by size, with other statistics at the test.
    """
    whole, large = new_figure(3.8).subplots(1, 2)
    for ax, low, high in ((whole, 45, 100), (large, 86, 98)):
        blank(ax, xlabel="examples in a mini-batch, m")
        for norm, values in rows.items():
            medians = [np.median(seeds) for seeds in values.values()]
            ax.plot(list(values), medians, MARKS[norm] + "-", color=COLORS[norm], linewidth=2, markersize=5)
        ax.plot(list(repaired), list(repaired.values()), "o:", color=COLORS["batch norm"], markerfacecolor="white")
        ax.set_xscale("log")
        ax.set_xticks(list(repaired), [str(m) for m in repaired])
        ax.minorticks_off()
        ax.set_ylim(low, high)
    whole.set_ylabel("right on test digits (%)", fontsize=11)
    whole.set_title("With m = 2 batch norm is last,", fontsize=12, loc="left")
    large.set_title("from m = 16 on it is first", fontsize=12, loc="left")
    large.set_xlim(left=3.4)
    for place, norm in enumerate(rows):
        whole.annotate(norm, (0.42, 0.44 - 0.1 * place), xycoords="axes fraction", color=COLORS[norm], fontsize=11)
    return whole


def bars_axes(ax: Axes | None = None) -> Axes:
    """Axes with a place for each normalizer, for `bars`."""
    ax = blank(ax, ylabel="right on test digits (%)")
    ax.set_xticks(range(len(NAMES)), list(NAMES.values()))
    ax.set_xlim(-0.5, len(NAMES) - 0.5)
    ax.set_ylim(0, 105)
    return ax


def bars(shares: Mapping[str, np.ndarray], ax: Axes) -> Axes:
    """Accuracies of normalizers side by side, in percent: a bar at the median and a dot for each seed."""
    for place, (name, values) in enumerate(shares.items()):
        percent = 100 * np.asarray(values)
        ax.bar(place, np.median(percent), width=0.6, color=COLORS[name], alpha=0.35)
        ax.plot([place] * len(percent), percent, MARKS[name], color=COLORS[name], markersize=5, linestyle="none")
        ax.annotate(f"{np.median(percent):.0f}", (place, percent.max()), (0, 6), textcoords="offset points",
                    ha="center", fontsize=11)
    return ax
