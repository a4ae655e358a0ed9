"""The pictures of lesson 15: new statistics for other pictures, and recurrent networks."""

from collections.abc import Mapping
from numbers import Real

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bncourse.figures.company import COLORS, MARKS
from bncourse.figures.style import WITH, blank, label_end, new_figure, spread_labels

LINES = {"no norm": {"color": COLORS["no norm"], "linestyle": "--"},
         "batch norm": {"color": WITH["color"], "linestyle": "-"},
         "batch norm, gamma 0.1": {"color": WITH["color"], "linestyle": "-"},
         "batch norm, gamma 1": {"color": "#56B4E9", "linestyle": "-"},
         "statistics of each step": {"color": WITH["color"], "linestyle": "-"},
         "shared statistics": {"color": "#56B4E9", "linestyle": "-."},
         "inputs alone": {"color": "#009E73", "linestyle": ":"},
         "layer norm": {"color": COLORS["layer norm"], "linestyle": "-."},
         "layer norm, gamma 0.1": {"color": "#999999", "linestyle": "-."}}


def before_and_after(shares: Mapping[str, Mapping[str, tuple[np.ndarray, np.ndarray]]], title: str,
                     ax: Axes | None = None) -> Axes:
    """Accuracies under other conditions, before new statistics (hollow) and after them (filled), in per cent.

    shares maps "batch norm" and "no norm" to conditions, and each of these to the seeds' shares before and after. The
    marks are the medians, the thin lines the range of the seeds.
    """
    ax = blank(ax or new_figure(3.8).add_subplot(), title=title, ylabel="right on test digits (%)")
    for shift, (norm, by_condition) in zip((-0.17, 0.17), shares.items(), strict=True):
        color = COLORS[norm]
        for place, pair in enumerate(by_condition.values()):
            x, (before, after) = place + shift, (100 * np.asarray(values) for values in pair)
            ax.annotate("", (x, np.median(after)), (x, np.median(before)),
                        arrowprops={"arrowstyle": "-|>", "color": color, "alpha": 0.6, "shrinkA": 4, "shrinkB": 4})
            for values, face in ((before, "white"), (after, color)):
                ax.plot([x, x], [values.min(), values.max()], color=color, linewidth=1, alpha=0.5)
                ax.plot(x, np.median(values), MARKS[norm], color=color, markerfacecolor=face, markersize=7)
    names = list(next(iter(shares.values())))
    ax.set_xticks(range(len(names)), names)
    ax.set_xlim(-0.5, len(names) - 0.5)
    ax.set_ylim(0, 103)
    for norm, height in zip(shares, (0.16, 0.07), strict=True):
        ax.annotate(f"{norm}: hollow before, filled after", (0.36, height), xycoords="axes fraction",
                    color=COLORS[norm], fontsize=11)
    return ax


def by_length(rows: Mapping[str, Mapping[int, np.ndarray]], title: str, xlabel: str, ax: Axes | None = None) -> Axes:
    """Accuracies in per cent by the number of blank steps that a test sequence has beyond those of training.

    rows maps a name of `LINES` to numbers of steps, and each of these to the seeds' shares; drawn are the medians, with
    the range of the seeds.
    """
    ax = blank(ax, title=title, xlabel=xlabel, ylabel="right on test digits (%)")
    ends = {}
    for name, by_steps in rows.items():
        steps, seeds = list(by_steps), 100 * np.array(list(by_steps.values()))
        ax.fill_between(steps, seeds.min(1), seeds.max(1), color=LINES[name]["color"], alpha=0.15, linewidth=0)
        ax.plot(steps, np.median(seeds, axis=1), linewidth=2, marker="o", markersize=4, **LINES[name])
        ends[name] = np.median(seeds[-1])
    ax.set_xticks(steps)
    ax.set_ylim(0, 100)
    for name, height in spread_labels(ends, gap=8, down=True).items():
        label_end(ax, steps[-1], height, name, LINES[name]["color"])
    return ax


def fading(gradients: Mapping[str, np.ndarray], title: str, ax: Axes | None = None) -> Axes:
    """The length of the loss's gradient for the state at each step, as a share of that at the last step but one.

    gradients maps a name of `LINES` to lengths `(seeds, T)`; drawn are the medians, with the range of the seeds.
    """
    last = np.shape(next(iter(gradients.values())))[1] - 1
    ax = blank(ax, title=title, xlabel="step of the sequence", ylabel=f"gradient over step {last}'s (log scale)")
    ends: dict[str, Real] = {}
    for name, values in gradients.items():
        share = np.asarray(values)[:, :-1] / np.asarray(values)[:, -2:-1]
        steps = np.arange(1, share.shape[1] + 1)
        ax.fill_between(steps, share.min(0), share.max(0), color=LINES[name]["color"], alpha=0.15, linewidth=0)
        ax.plot(steps, np.median(share, axis=0), linewidth=2, **LINES[name])
        ends[name] = np.median(share[:, 0])
    ax.set_yscale("log")
    low, high = ax.get_ylim()
    ticks = [tick for tick in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10) if low <= tick <= high]
    ax.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.minorticks_off()
    for name, height in spread_labels(ends, factor=(high / low) ** (1 / 12)).items():
        ax.annotate(name, (1, height), (-8, 0), textcoords="offset points", va="center", ha="right", fontsize=11,
                    color=LINES[name]["color"], annotation_clip=False)
    ax.yaxis.tick_right()
    ax.yaxis.set_label_position("right")
    ax.spines["right"].set_visible(True)
    ax.spines["left"].set_visible(False)
    return ax


def adaptation_axes(fig: Figure) -> Axes:
    """Axes on which `adaptation` draws: a row for each norm, the share of right answers to the right."""
    ax = blank(fig.add_subplot(), xlabel="right on test digits (%); filled: with new statistics")
    ax.set_xlim(0, 103)
    ax.set_yticks([0, 1], ["no norm,\nrescaled", "batch norm"])
    ax.set_ylim(-0.6, 1.6)
    return ax


def adaptation(ax: Axes, shares: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> None:
    """The seeds' shares before and after new statistics, for "batch norm" and "no norm", on axes of `adaptation_axes`.

    The medians are written above their marks; the small marks are the seeds.
    """
    for row, norm in enumerate(("no norm", "batch norm")):
        for values, face, side in zip(shares[norm], ("white", COLORS[norm]), (-1, 1), strict=True):
            percent = 100 * np.asarray(values)
            ax.plot(percent, [row - 0.15] * len(percent), ".", color=COLORS[norm], alpha=0.5)
            ax.plot(np.median(percent), row, MARKS[norm], color=COLORS[norm], markerfacecolor=face, markersize=9)
            ax.annotate(f"{np.median(percent):.0f}", (np.median(percent), row), (0, 12 if side > 0 else 26),
                        textcoords="offset points", ha="center", color=COLORS[norm], fontsize=11)
