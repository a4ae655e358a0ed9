"""The pictures of lesson 13: where crops lie, what a mean of probabilities does, error against networks and crops."""

from collections.abc import Collection, Mapping, Sequence
from numbers import Real
from typing import NamedTuple

import numpy as np
from jaxtyping import Int, UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from bncourse.datasets.crops import rectangles
from bncourse.figures.style import PAPER, QUIET, THIN, WITH, blank, new_figure
from bncourse.paper import Figure4
from bncourse.runs import Run, ensemble_table

SQUARES = {"first": ("#CC79A7", "--"), "middle": ("#0072B2", "-"), "last": ("#E69F00", "-.")}
PALE = "#56B4E9"  # one network, or one crop; many have the colour of batch norm
MEASURES = {"top-1": "top1_error", "top-5": "top5_error", "loss": "loss"}
UNITS = {"top1_error": "top-1 error, %", "top5_error": "top-5 error, %", "loss": "loss"}
GAP = 0.12  # between two pictures, in widths


def crops(pixels: UInt8[np.ndarray, "H W 3"], size: int, ax: Axes | None = None) -> Axes:
    """A resized picture with its three squares, and beside it the middle one's six crops."""
    height, width, _ = pixels.shape
    found, side, shift = rectangles(width, height, size), min(width, height), round((1 + GAP) * width)
    ax = blank(ax or new_figure(2.9, margin=THIN).add_subplot(),
               title=f"Three squares of {side} pixels; of each, five crops of {size} and the whole")
    for across in (0, shift):
        ax.imshow(pixels, extent=(across, across + width, height, 0), alpha=0.6)
    for k, (name, (color, line)) in enumerate(SQUARES.items()):
        left, _, right, _ = found[6 * k + 5]
        frame(ax, found[6 * k + 5], 0, inset=0.008 * width * (1 + k % 2), linewidth=2.5, edgecolor=color,
              linestyle=line)
        ax.annotate(name, ((0.8 * left + 0.2 * right, 0.5 * (left + right), 0.2 * left + 0.8 * right)[k], height),
                    (0, -6), textcoords="offset points", ha="center", va="top", color=color, fontsize=11)
    left, top, right, bottom = found[6]
    ax.add_patch(Rectangle((left + shift, top), right - left, bottom - top, color="black", alpha=0.2, linewidth=0))
    for k, rectangle in enumerate(found[6:12]):
        frame(ax, rectangle, shift, inset=0.008 * width * (k < 5), linewidth=1.2 if k < 4 else 2.5,
              edgecolor=(*["black"] * 4, "white", SQUARES["middle"][0])[k], linestyle=(*["-"] * 4, "--", "-")[k])
    ax.annotate("one corner shaded, the centre dashed", (shift + width / 2, height), (0, -6), fontsize=11,
                textcoords="offset points", ha="center", va="top")
    ax.set_xlim(-0.01 * width, shift + 1.01 * width)
    ax.set_ylim(1.01 * height, -0.01 * height)
    ax.set_aspect("equal")
    ax.axis("off")
    return ax


def frame(ax: Axes, rectangle: Int[np.ndarray, "4"], shift: Real, inset: Real, **style) -> None:
    """Draw a rectangle moved right by `shift` and smaller by `inset` on each side, so that neighbours part."""
    left, top, right, bottom = rectangle
    ax.add_patch(Rectangle((left + shift + inset, top + inset), right - left - 2 * inset, bottom - top - 2 * inset,
                           fill=False, **style))


def chord(p: Real, q: Real, ax: Axes | None = None) -> Axes:
    """Two networks' probabilities of the right class on the curve of the loss, their chord, and the mean of both."""
    middle, grid = (p + q) / 2, np.linspace(0.02, 1, 300)
    losses, of_mean = -np.log([p, q]), -np.log(middle)
    ax = blank(ax, xlabel="probability of the right class", ylabel="loss",
               title=f"The mean has loss {of_mean:.2f}; the two have {losses.mean():.2f} on average")
    ax.plot(grid, -np.log(grid), color="black", linewidth=2)
    ax.plot([p, q], losses, "o", color=PALE, markersize=8, zorder=3)
    ax.plot([p, q], losses, "--", color=PALE, linewidth=2)
    ax.plot([middle] * 2, [of_mean, losses.mean()], color=QUIET, linewidth=1.5, linestyle=":")
    ax.plot(middle, losses.mean(), "D", color=PALE, markersize=7)
    ax.plot(middle, of_mean, "s", color=WITH["color"], markersize=8, zorder=3)
    for text, x, y, color, place in (
            ("one network", p, losses[0], PALE, (10, 2)),
            ("another", q, losses[1], PALE, (6, 8)),
            ("mean of the losses", middle, losses.mean(), PALE, (8, 4)),
            ("loss of the mean", middle, of_mean, WITH["color"], (-10, -16))):
        ax.annotate(text, (x, y), place, textcoords="offset points", color=color, fontsize=11,
                    ha="right" if place[0] < 0 else "left")
    ax.set_xlim(0, 1.02)
    ax.set_ylim(0, 4)
    return ax


def error_of_every_subset(columns: Mapping[str, Sequence[Real]], ax: Axes | None = None, *, few: int = 1,
                          many: int = 48) -> Axes:
    """Top-5 error against the number of networks: dots for the sets, lines for their means, at two numbers of crops.

    columns are those of a run of `experiments.ensembles`; few and many are the two numbers of crops.
    """
    ax = blank(ax, xlabel="networks in the ensemble", ylabel=UNITS["top5_error"])
    ends = []
    for crops, color, marker, line, shift in ((few, PALE, "s", ":", -0.09), (many, WITH["color"], "o", "-", 0.09)):
        _, models, error = ensemble_table(columns, "top5_error", crops)
        sizes = np.unique(models)
        average = [error[models == size].mean() for size in sizes]
        ax.plot(models + shift, error, marker, color=color, markersize=5, alpha=0.6, markeredgewidth=0)
        ax.plot(sizes + shift, average, linestyle=line, color=color, linewidth=2)
        ends += [average[0], average[-1]]
    for text, color, last, other in (("1 crop" if few == 1 else f"{few} crops", PALE, ends[1], ends[3]),
                                     (f"{many} crops", WITH["color"], ends[3], ends[1])):
        ax.annotate(text, (sizes[-1], last), (14, 0), textcoords="offset points", color=color, fontsize=11,
                    va="bottom" if last > other else "top", annotation_clip=False)
    ax.set_xticks(sizes)
    ax.set_title(f"1 network to {sizes[-1]}: {ends[0]:.1f} to {ends[1]:.1f} % with {few} crop{'s' * (few > 1)}, "
                 f"{ends[2]:.1f} to {ends[3]:.1f} % with {many}", fontsize=12, loc="left")
    return ax


def errors_beside_figure4(run: Run, printed: Sequence[Figure4]) -> Axes:
    """The top-5 errors of a recorded run (left) beside those that Figure 4 prints (right), each on axes of its own.

    The left axes are those of `error_of_every_subset`, and are returned.
    """
    figure = new_figure(3.9, margin=THIN)
    left, right = figure.subplots(1, 2, width_ratios=(1.25, 1))
    error_of_every_subset(run.columns, left)
    left.set_ylim(bottom=0)
    left.set_title("Ours: small, Tiny ImageNet", fontsize=11, loc="left", color=WITH["color"])
    printed_steps(right, printed)
    said = [row.top5_error for row in printed if row.crops and "GoogLeNet" not in row.model]
    (_, models, one), (_, _, many) = (ensemble_table(run.columns, "top5_error", crops) for crops in (1, 48))
    figure.suptitle(f"Crops and networks: top-5 error {one[models == 1].mean():.1f} to {many[-1]:.1f} %, printed "
                    f"{said[0]:.1f} to {said[-1]:.1f} %", fontsize=12, x=0.01, ha="left")
    return left


def printed_steps(ax: Axes, printed: Sequence[Figure4]) -> None:
    """Draw the rows of Figure 4 that print a number of crops, as the paper's points: top-5 error, GoogLeNet first."""
    rows = [row for row in printed if row.crops]
    blank(ax, xlabel="networks, and crops")
    error = [row.top5_error for row in rows]
    ax.step(range(1, len(rows)), error[1:], where="mid", color=QUIET, linewidth=1)
    ax.plot(range(len(rows)), error, markersize=8, **PAPER)
    for place, value in enumerate(error):
        ax.annotate(f"{value:g}", (place, value), (0, 8), textcoords="offset points", ha="center", fontsize=11)
    ax.annotate("GoogLeNet", (0, error[0]), (0, -20), textcoords="offset points", ha="center", fontsize=10)
    ax.set_xticks(range(len(rows)), [f"{row.models}\n{row.crops}" for row in rows])
    ax.tick_params(axis="x", length=0)
    ax.set_ylim(0, 9)
    ax.set_xlim(-1, len(rows) - 0.4)
    ax.set_title("Figure 4, printed: ImageNet", fontsize=11, loc="left")


class EnsemblePanels(NamedTuple):
    """The artists of `ensemble_panels`, which `show_ensemble` moves, and the left axes."""

    left: Axes
    others: Line2D
    chosen: Line2D
    curve: Line2D
    here: Line2D


def ensemble_panels(crops: Sequence[int], networks: Sequence[int], figure: Figure) -> EnsemblePanels:
    """Two axes without data: left for all sets of the networks and a chosen one, right for its errors over the crops.

    crops holds the numbers of crops, networks the names of the networks.
    """
    left, right = figure.subplots(1, 2, sharey=True)
    blank(left, xlabel="networks")
    blank(right, xlabel="crops (even steps)")
    left.set_xticks(networks)
    left.set_xlim(0.5, len(networks) + 0.5)
    right.set_xticks(range(len(crops)), [f"{number}" for number in crops])
    right.set_xlim(-0.3, len(crops) - 0.7)
    others, = left.plot([], [], "o", color=PALE, markersize=5, alpha=0.6, markeredgewidth=0)
    chosen, = left.plot([], [], "o", color=WITH["color"], markersize=10)
    curve, = right.plot([], [], "-", color=WITH["color"], linewidth=2)
    here, = right.plot([], [], "o", color=WITH["color"], markersize=10)
    return EnsemblePanels(left, others, chosen, curve, here)


def show_ensemble(panels: EnsemblePanels, every: tuple[np.ndarray, np.ndarray], chosen: Sequence[int],
                  curve: Sequence[Real], place: int) -> None:
    """The errors of all sets, and of the chosen one at each number of crops, on the axes of `ensemble_panels`.

    every has the number of networks in each set and its error; chosen has the names of the chosen networks; curve has
    their error at each number of crops, and place says which of these numbers is the present one.
    """
    panels.others.set_data(*every)
    panels.chosen.set_data([len(chosen)], [curve[place]])
    panels.curve.set_data(range(len(curve)), curve)
    panels.here.set_data([place], [curve[place]])
    names = ", ".join(map(str, chosen))
    panels.left.set_title(f"networks {names}: {curve[place]:.2f}" if chosen else "no network is chosen", fontsize=12,
                          loc="left")


def limits(run: Run, measure: str) -> tuple[float, float]:
    """Room for every value of a measure."""
    low, high = min(run.columns[measure]), max(run.columns[measure])
    return low - 0.06 * (high - low), high + 0.06 * (high - low)


def number_of(names: Collection[int]) -> int:
    """The set's number in a recorded run: 136 of the networks 1, 3 and 6; 0 of none."""
    return int("".join(f"{name}" for name in sorted(names)) or 0)
