"""The pictures of lesson 12: eight short trainings, two kinds of test, Figures 2 and 3 at a small size, the changes."""

from collections.abc import Collection, Mapping, Sequence
from itertools import cycle
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.transforms import offset_copy

from bncourse.figures.style import PAPER, QUIET, THIN, WITH, WITHOUT, blank, label_end, new_figure, spread_labels
from bncourse.runs import Run, best, curve

BATCH = 32
STEPS = f"training steps of {BATCH} images"
DASHES = ("-", "--", "-.", ":", (0, (3, 1, 1, 1, 1, 1)))  # tell networks of one colour apart
NAMES = {"inception": "Inception", "bn-baseline": "BN-Baseline", "bn-x5": "BN-x5", "bn-x30": "BN-x30",
         "bn-x5-sigmoid": "BN-x5-Sigmoid", "inception-x5": "Inception x5", "inception-sigmoid": "Inception, sigmoid",
         "bn-baseline-learning-rate": "BN-Baseline x5", "inception-seven-x5": "Inception, all seven"}

CHANGES = {"learning-rate": "rate times 5", "dropout": "no Dropout", "l2": "L2 / 5", "decay": "decay 6 times faster",
           "local-response": "no local response norm.", "shuffling": "thorough shuffling",
           "distortion": "weaker distortions"}
PANELS = ("inception", "inception-x5", "inception-seven-x5", "inception-sigmoid",
          "bn-baseline", "bn-baseline-learning-rate", "bn-x5", "bn-x5-sigmoid")
SEEDS = ("o", "s", "^", "D", "v")  # a marker for each seed
VIEWS = {"centers": ("o", "white", 0), "whole pictures": ("o", None, 0),  # a marker, its filling, and how far up
         "centers, averages of centers": ("d", "white", 0.22)}


def color_of(name: str) -> str:
    """Blue with batch norm, orange without."""
    return (WITH if name.startswith("bn") else WITHOUT)["color"]


def dashes(names: Sequence[str]) -> dict:
    """A line style for each name: solid for the first with batch norm, none without it."""
    styles = {True: cycle(DASHES), False: cycle(DASHES[1:])}
    return {name: next(styles[name.startswith("bn")]) for name in names}


def losses(variants: Mapping[str, Run], chance: float | int, *, live: Collection[str] = (), title: str = "") -> Axes:
    """Training loss against steps, a panel for each network in PANELS: above without batch norm, below with it.

    variants maps each name in PANELS to its run. chance is the loss of guessing, a grey line. The panels of the names
    in live say so beside their rate. Where a loss is no number any more, a cross ends its line. Returns the first axes.
    """
    figure = new_figure(margin=THIN)
    axes = figure.subplots(2, 4, sharex=True, sharey=True)
    for ax, name in zip(axes.flat, PANELS, strict=True):
        step, loss = np.array(variants[name].columns["step"]), np.array(variants[name].columns["loss"])
        known = np.isfinite(loss)
        blank(ax)
        ax.set_title(NAMES[name], fontsize=10, loc="left", color=color_of(name))
        rate = f"{'live, ' if name in live else ''}rate {variants[name].columns['lr'][0]:g}"
        ax.text(0.97, 0.97, rate, transform=ax.transAxes, fontsize=10, va="top", ha="right")
        ax.axhline(chance, color=QUIET, linewidth=1)
        ax.plot(step[known], loss[known], linewidth=2, **(WITH if name.startswith("bn") else WITHOUT))
        if not known.all():
            ax.plot(step[known][-1], loss[known][-1], "x", color=color_of(name), markersize=9)
        ax.set_ylim(1.5, 4.5)
    for ax in axes[1]:
        ax.set_xlabel("training steps", fontsize=11)
    figure.supylabel("training loss", fontsize=11)
    figure.suptitle(title, fontsize=12, x=0.01, ha="left")
    return axes[0, 0]


def curves(variants: Mapping[str, Sequence[Run]], ax: Axes | None = None, *, images: int = 0, band: bool = True,
           title: str = "") -> Axes:
    """Figure 2: validation accuracy against steps for each variant, the seeds' mean as a line and all as a band.

    images are those of the training set; where they are given, passes over them stand under the steps. Without `band`
    the lines are alone.
    """
    ax = blank(ax, title=title, xlabel=STEPS + ", and passes over the photographs" * bool(images),
               ylabel="validation accuracy @1, %")
    styles, ends = dashes(list(variants)), {}
    for name, runs in variants.items():
        steps = max((curve(run)[0] for run in runs), key=len)
        values = 100 * np.array([np.interp(steps, *curve(run)) for run in runs])
        if band:
            ax.fill_between(steps, values.min(0), values.max(0), color=color_of(name), alpha=0.15, linewidth=0)
        ax.plot(steps, values.mean(0), color=color_of(name), linewidth=2, linestyle=styles[name])
        ends[name] = values[:, -1].mean()
    top = 110 * max(best(run) for runs in variants.values() for run in runs)
    beside = offset_copy(ax.transData, ax.figure, x=32, units="points")
    for name, height in spread_labels(ends, gap=top / 15).items():
        ax.annotate("", (steps[-1], ends[name]), (steps[-1], height), textcoords=beside, annotation_clip=False,
                    arrowprops={"arrowstyle": "-", "color": color_of(name), "linewidth": 2, "linestyle": styles[name],
                                "shrinkA": 0, "shrinkB": 0})
        label_end(ax, steps[-1], height, NAMES[name], color_of(name), away=36)
    ax.set_ylim(0, top)
    ax.set_xticks(ticks := np.linspace(0, steps[-1], 5),
                  [f"{tick:,.0f}" + (f"\n{tick * BATCH / images:.1f}" if images else "") for tick in ticks])
    return ax


class TargetMarks(NamedTuple):
    """The artists of `target_marks`, which `show_target` moves: a line across, and a ring for each network."""

    line: Line2D
    rings: dict[str, Line2D]


def target_marks(names: Sequence[str], ax: Axes) -> TargetMarks:
    """A line and a ring for each network, on the axes of `curves`; the rings are still empty."""
    line = ax.axhline(0, color=QUIET, linewidth=1)
    return TargetMarks(line, {name: ax.plot([], [], "o", color=color_of(name), fillstyle="none", markeredgewidth=2)[0]
                              for name in names})


def show_target(marks: TargetMarks, target: float | int, steps: Mapping[str, float]) -> None:
    """Move the line to the accuracy `target`, in per cent, and each ring to the steps after which a network reaches it.

    steps maps the name of a network to its steps; a network with infinitely many has no ring.
    """
    marks.line.set_ydata([target, target])
    placed = []
    for name, reached in steps.items():
        marks.rings[name].set_data(([reached], [target]) if np.isfinite(reached) else ([], []))
        marks.rings[name].set_markersize(7 + 6 * placed.count(reached))  # one around the other, on the same spot
        placed.append(reached)


def factors_beside_paper(printed: Mapping[str, float | int], ours: Mapping[str, Sequence[float | int]],
                         ax: Axes | None = None, *, title: str = "") -> Axes:
    """How many times fewer steps than Inception each variant needs to reach Inception's best accuracy (log scale).

    Hollow are the factors printed in Figure 3; filled are ours, one for each seed. A factor of 0 stands for a seed that
    never reaches that accuracy; such seeds have no point and are counted in words.
    """
    ax = blank(ax, title=title, xlabel="times fewer steps than Inception (log scale)")
    for height, name in enumerate(reversed(ours)):
        if name in printed:
            ax.plot(printed[name], height + 0.15, **{**PAPER, "markersize": 9})
        else:
            ax.text(20, height + 0.15, "never, in the paper", va="center", ha="right", fontsize=10)
        seeds = [value for value in ours[name] if value]
        ax.plot(seeds, [height - 0.15] * len(seeds), "o", color=color_of(name), markersize=7, alpha=0.7)
        if len(seeds) < len(ours[name]):
            ax.text(20, height - 0.15, f"{len(ours[name]) - len(seeds)} of {len(ours[name])} seeds never", va="center",
                    ha="right", fontsize=10, color=color_of(name))
    ax.set_xscale("log")
    ticks = [1, 2, 5, 10, 20]
    ax.set_xticks(ticks, [f"{tick}x" for tick in ticks])
    ax.minorticks_off()
    ax.set_xlim(0.9, 20)
    ax.set_yticks(range(len(ours)), [NAMES[name] for name in reversed(ours)])
    ax.set_ylim(-0.6, len(ours) - 0.4)
    return ax


def changes(gains: Mapping[str, Sequence[float | int]], placebo: str, ax: Axes | None = None, *,
            title: str = "") -> Axes:
    """What each change adds to a network, in points of accuracy, with one marker for each seed.

    gains maps a change to its points, seed by seed, each against the network without a change of the same seed; a
    stroke marks their mean. placebo names the change that does nothing: the grey band is as wide as it moved any seed.
    """
    ax = blank(ax, title=title, xlabel="points of accuracy @1 above BN-Baseline")
    for height, values in enumerate(reversed(gains.values())):
        for marker, value in zip(SEEDS, values, strict=False):
            ax.plot(value, height, marker, color=WITH["color"], alpha=0.6)
        ax.plot(np.mean(values), height, "|", color=WITH["color"], markersize=18, markeredgewidth=2)
    widest = max(map(abs, gains[placebo]))
    ax.axvspan(-widest, widest, color="#F0F0F0", linewidth=0)
    ax.axvline(0, color=QUIET, linewidth=1)
    ax.set_yticks(range(len(gains)), [CHANGES.get(name, name) + " (placebo)" * (name == placebo)
                                      for name in reversed(gains)])
    return ax


def pairs(rows: Mapping[str, tuple[Sequence[float | int], Sequence[float | int]]], ax: Axes | None = None, *,
          title: str = "") -> Axes:
    """Accuracies of two networks that differ by batch norm alone, a row for each way in which both were trained.

    rows maps what the two have in common to the accuracies in per cent without batch norm and with it, seed by seed; an
    empty sequence for a network that was not trained so. A marker for each seed, a stroke at the mean.
    """
    ax = blank(ax, title=title, xlabel="validation accuracy @1 at the last test, %")
    for height, both in enumerate(reversed(rows.values())):
        for values, style, aside in zip(both, (WITHOUT, WITH), (-0.14, 0.14), strict=True):
            for marker, value in zip(SEEDS, values, strict=False):
                ax.plot(value, height + aside, marker, color=style["color"], alpha=0.6)
            if len(values):
                ax.plot(np.mean(values), height + aside, "|", color=style["color"], markersize=16, markeredgewidth=2)
    ax.set_yticks(range(len(rows)), list(reversed(rows)))
    ax.set_xlim(left=0)
    ax.set_ylim(-0.5, len(rows) - 0.5)
    for y, name, style in ((0.94, "with batch norm", WITH), (0.86, "without batch norm", WITHOUT)):
        ax.text(0.02, y, name, transform=ax.transAxes, color=style["color"], fontsize=11, va="center")
    return ax


def views(accuracies: Mapping[str, Sequence[Sequence[float | int]]], ax: Axes | None = None, *,
          title: str = "") -> Axes:
    """Accuracies of trained networks on sharp and on smooth pictures, and, with batch norm, with other averages.

    accuracies maps a network's name to two or three rows of per cent, seed by seed: on centers, on whole pictures, and
    on centers with the averages of centers. A mark for each seed, lines from the first to the second mean.
    """
    ax = blank(ax, title=title, xlabel="validation accuracy @1 at the last test, %")
    for height, (name, rows) in enumerate(reversed(accuracies.items())):
        color, (center, whole, *_) = color_of(name), [np.mean(values) for values in rows]
        ax.plot([center, whole], [height, height], color=color, linewidth=1, alpha=0.6)
        for values, (mark, fill, up) in zip(rows, VIEWS.values(), strict=False):
            ax.plot(values, [height + up] * len(values), mark, color=color, markerfacecolor=fill or color, markersize=7)
    ax.set_yticks(range(len(accuracies)), [NAMES.get(name, name) for name in reversed(accuracies)])
    ax.set_ylim(-0.6, len(accuracies) - 0.4)
    marks = [Line2D([], [], marker=mark, color=QUIET, markerfacecolor=fill or QUIET, linestyle="", label=label)
             for label, (mark, fill, _) in VIEWS.items()]
    ax.legend(handles=marks, loc="upper right", frameon=False)
    return ax
