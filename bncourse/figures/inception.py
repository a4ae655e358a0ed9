"""The pictures of lesson 11: the widths that Figure 5 prints, and what its network holds, computes and sees."""

from collections.abc import Mapping, Sequence
from numbers import Real

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.text import Text

from bncourse.figures.style import PAPER, QUIET, WITH, blank, label_end, new_figure
from bncourse.paper import Figure5

BRANCHES = {"1x1": "#56B4E9", "3x3": "#CC79A7", "double 3x3": "#E69F00", "pooling": "#BBBBBB"}
BOX = 0.88  # a module's share of its column


def width_diagram(rows: Sequence[Figure5], ax: Axes | None = None) -> Axes:
    """The modules of Figure 5 side by side, a branch as high as its number of maps; hollow points are printed widths.

    Within a branch the reductions stand before its last convolution. A module whose branches do not add up to
    its printed width has both numbers over it.
    """
    names, widths, printed = modules(rows)
    wrong = [name for name, width, says in zip(names, widths, printed, strict=True) if width != says]
    ax = blank(ax, xlabel="module, and the side of its input", ylabel="feature maps",
               title=f"{_and(wrong)} are wider than printed" if wrong else "Every module is as wide as printed")
    ax.add_collection(boxes(rows))
    for place, (name, width, says) in enumerate(zip(names, widths, printed, strict=True)):
        ax.annotate(f"{width}", (place, max(width, says)), (0, 18 if name in wrong else 7), ha="center", fontsize=10,
                    textcoords="offset points", weight="bold" if name in wrong else "normal")
        if name in wrong:
            ax.annotate(f"≠{says}", (place, max(width, says)), (0, 6), ha="center", fontsize=10,
                        textcoords="offset points")
            ax.bar(place, width - says, BOX, says, color="none", edgecolor="black", hatch="////", linewidth=0, zorder=2)
    ax.plot(range(len(names)), printed, markersize=7, zorder=3, **PAPER)
    ax.plot(0.03, 0.9, markersize=7, transform=ax.transAxes, **PAPER)
    ax.annotate("printed in Figure 5", (0.05, 0.9), xycoords="axes fraction", va="center", fontsize=10)
    name_branches(ax, rows)
    columns(ax, names, sides(rows), max(widths))
    return ax


def module_drawing(row: Figure5, inputs: int) -> Axes:
    """One module as boxes and arrows: its input at the left, a lane for each branch, what comes out at the right.

    A box is a convolution or a pooling, with the number of maps that it gives; those that stay inside a branch are
    pale. `inputs` is the number of maps that come in.
    """
    ax = new_figure(2.9).add_subplot()
    branches = {name: steps(row, name, segments, inputs) for name, segments in lanes(row, inputs).items()}
    middle, right = (len(branches) - 1) / 2, 1 + max(map(len, branches.values()))
    _box(ax, 0, middle, f"{inputs}\nmaps in", "white")
    for lane, (name, boxed) in enumerate(branches.items()):
        height, before = len(branches) - 1 - lane, (0, middle)
        for place, words in enumerate(boxed, start=1):
            last = place == len(boxed)
            _arrow(ax, before, (place, height))
            _box(ax, place, height, words, _pale(BRANCHES[name], 1 if last else 0.4))
            before = place, height
        ax.plot([before[0] + 0.33, right - 0.7], [height, height], color=QUIET, linewidth=1)
        _arrow(ax, (right - 1.03, height), (right, middle))
    widths = [segments[-1] for segments in lanes(row, inputs).values()]
    _box(ax, right, middle, f"{sum(widths)}\nmaps out", "white")
    ax.set_title(f"Out come {' + '.join(map(str, widths))} = {sum(widths)} feature maps", fontsize=12, loc="left")
    ax.set_xlim(-0.45, right + 0.45)
    ax.set_ylim(-0.5, len(branches) - 0.5)
    ax.set_axis_off()
    return ax


def steps(row: Figure5, branch: str, segments: Sequence[int], inputs: int) -> list[str]:
    """What stands in the boxes of a branch of a module, in their order: the operation and the maps that it gives."""
    kernels = {"1x1": ["1x1"], "3x3": ["1x1", "3x3"], "double 3x3": ["1x1", "3x3", "3x3"], "pooling": ["1x1"]}[branch]
    convolutions = [f"{kernel}\n{width} maps" for kernel, width in zip(kernels, segments, strict=True)]
    if branch != "pooling":
        return convolutions
    return [f"{row.pool} pool\n{inputs} maps", *(convolutions if row.proj else [])]


def _box(ax: Axes, x: Real, y: Real, words: str, color: str | tuple[float, ...]) -> None:
    ax.text(x, y, words, ha="center", va="center", fontsize=10, zorder=3,
            bbox={"boxstyle": "round,pad=0.35", "facecolor": color, "edgecolor": "black", "linewidth": 1})


def _arrow(ax: Axes, start: tuple[Real, Real], end: tuple[Real, Real]) -> None:
    ax.annotate("", (end[0] - 0.33, end[1]), (start[0] + 0.33, start[1]),
                arrowprops={"arrowstyle": "->", "color": QUIET, "shrinkA": 0, "shrinkB": 0})


def modules(rows: Sequence[Figure5]) -> tuple[list[str], list[int], list[int]]:
    """The names of the modules, the sums of their branches' widths, and the widths that Figure 5 prints."""
    inputs, names, widths, printed = _stem_width(rows), [], [], []
    for row in _modules(rows):
        inputs = sum(segments[-1] for segments in lanes(row, inputs).values())
        names.append(row.type[-3:-1])
        widths.append(inputs)
        printed.append(row.output_size[2])
    return names, widths, printed


def lanes(row: Figure5, inputs: int) -> dict[str, tuple[int, ...]]:
    """For each branch of a module the widths of its convolutions in order; the last is what it gives."""
    branches = {
        "1x1": (row.conv1x1,),
        "3x3": (row.conv3x3_reduce, row.conv3x3),
        "double 3x3": (row.double3x3_reduce, row.double3x3, row.double3x3),
        "pooling": (inputs if row.proj is None else row.proj,),
    }
    return {name: segments for name, segments in branches.items() if segments[-1]}


def boxes(rows: Sequence[Figure5], lit: int | None = None) -> PolyCollection:
    """Every convolution of every module as a box; all but module `lit` are pale, if one is lit."""
    corners, colors, inputs = [], [], _stem_width(rows)
    for place, row in enumerate(_modules(rows)):
        floor = 0
        for branch, segments in lanes(row, inputs).items():
            for i, height in enumerate(segments):
                left, step = place - BOX / 2 + BOX * i / len(segments), BOX / len(segments)
                low = floor + (segments[-1] - height) / 2
                corners.append([(left, low), (left + step, low), (left + step, low + height), (left, low + height)])
                strength = 1 if i == len(segments) - 1 else 0.5
                colors.append(_pale(BRANCHES[branch], strength if lit in (None, place) else 0.25 * strength))
            floor += segments[-1]
        inputs = floor
    return PolyCollection(corners, facecolors=colors, edgecolors="white", linewidths=0.6)


def module_row(rows: Sequence[Figure5], highest: int, ax: Axes | None = None) -> Axes:
    """Axes with a column for each module, for `light_module` and `module_words`.

    highest is the largest number of feature maps that the axes have room for.
    """
    ax = blank(ax, xlabel="module, and the side of its input", ylabel="feature maps")
    columns(ax, modules(rows)[0], sides(rows), highest)
    name_branches(ax, rows)
    return ax


def module_words(ax: Axes) -> Text:
    """A text above the columns of `module_row`, still empty."""
    return ax.text(0.02, 0.97, "", transform=ax.transAxes, va="top", fontsize=11, linespacing=1.3)


def light_module(rows: Sequence[Figure5], lit: int, ax: Axes) -> None:
    """Draw the boxes of every module on the axes of `module_row`; all modules but number `lit` are pale."""
    ax.add_collection(boxes(rows, lit))


def name_branches(ax: Axes, rows: Sequence[Figure5]) -> None:
    """Write the name of each branch beside the last module, at the height of that branch."""
    *_, last = _modules(rows)
    floor, place = 0, len(_modules(rows)) - 0.5
    for branch, segments in lanes(last, 0).items():
        ax.annotate(branch, (place, floor + segments[-1] / 2), (2, 0), textcoords="offset points", va="center",
                    fontsize=10, annotation_clip=False)
        floor += segments[-1]


def columns(ax: Axes, names: Sequence[str], grids: Sequence[int], highest: int) -> None:
    """Prepare axes for one column a module, with its name and side below, and room above the highest number of maps."""
    ax.set_xticks(range(len(names)), [f"{name}\n{side}" for name, side in zip(names, grids, strict=True)], fontsize=10)
    ax.tick_params(axis="x", length=0)
    ax.set_xlim(-0.6, len(names) - 0.4)
    ax.set_ylim(0, 1.16 * highest)


def sides(rows: Sequence[Figure5]) -> list[int]:
    """The side of each module's input, in pixels, from the printed output sizes.

    Figure 5 prints the size of the input in the two rows of stride 2, and the size of the output in all others, where
    both are equal.
    """
    return [row.output_size[0] for row in _modules(rows)]


def ledger(totals: Mapping[str, int], printed: Real, ax: Axes | None = None) -> Axes:
    """Counted parameters beside the number that the paper prints.

    totals maps a network to its parameters; the first is the network as Figure 5 prints it. printed is the paper's
    number.
    """
    missing = printed - next(iter(totals.values()))
    ax = blank(ax, xlabel="parameters, in millions",
               title=f"{missing / 1e6:.1f} of {printed / 1e6:.1f} million parameters are unexplained")
    for height, total in enumerate(reversed(totals.values())):
        first = height == len(totals) - 1
        ax.barh(height, total / 1e6, 0.62, color=_pale(WITH["color"], 1 if first else 0.45))
        ax.annotate(f"{total / 1e6:.2f}", (0, height), (6, 0), textcoords="offset points", va="center", fontsize=11,
                    color="white" if first else "black")
        if first:
            ax.barh(height, missing / 1e6, 0.62, total / 1e6, color="none", edgecolor=QUIET, hatch="///", linewidth=0)
        ax.plot(printed / 1e6, height, markersize=9, **PAPER)
    ax.annotate(f"printed {printed / 1e6:g}", (printed / 1e6, len(totals) - 0.55), ha="center", fontsize=11,
                annotation_clip=False)
    ax.set_yticks(range(len(totals)), list(reversed(totals)))
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(-0.5, len(totals) - 0.3)
    ax.set_xlim(0, 1.1 * max(printed, *totals.values()) / 1e6)
    return ax


def shares_of_work(names: Sequence[str], parameters: Sequence[int], multiply_adds: Sequence[int],
                   ax: Axes | None = None) -> Axes:
    """Each part's share of all parameters (upwards) and of all multiply-adds (downwards), in per cent."""
    held, done = (100 * np.asarray(numbers) / sum(numbers) for numbers in (parameters, multiply_adds))
    half = int(np.searchsorted(done.cumsum(), 50)) + 1
    ax = blank(ax, ylabel="share of the network, %",
               title=f"Up to {names[half - 1]}: {done[:half].sum():.0f} % of the work, "
                     f"{held[:half].sum():.0f} % of the parameters")
    ax.bar(range(len(names)), held, 0.8, color=_pale(WITH["color"], 1))
    ax.bar(range(len(names)), -done, 0.8, color=_pale(WITH["color"], 0.45))
    ax.axhline(0, color="black", linewidth=1)
    ax.axvline(half - 0.5, color=QUIET, linewidth=1, linestyle=":")
    for words, place, across, up in (("parameters", (0.02, 0.96), "left", "top"),
                                     ("multiply-adds", (0.98, 0.04), "right", "bottom")):
        ax.annotate(words, place, xycoords="axes fraction", ha=across, va=up, fontsize=11)
    ax.set_xticks(range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor")
    ax.tick_params(axis="x", length=0)
    highest = max(held.max(), done.max()) * 1.1
    ax.set_ylim(-highest, highest)
    ax.set_yticks(ticks := np.arange(-20, 21, 10), [f"{abs(tick)}" for tick in ticks])
    return ax


def more_than_googlenet(measured: Mapping[str, Real], printed: Mapping[str, Real], ax: Axes | None = None, *,
                        title: str = "") -> Axes:
    """How much more than GoogLeNet the network holds and computes, in per cent.

    measured maps a quantity to the counted per cent (filled), printed maps some of the quantities to the paper's
    (hollow).
    """
    ax = blank(ax, xlabel="more than GoogLeNet, %", title=title)
    for height, (name, value) in enumerate(reversed(measured.items())):
        ax.plot([0, value], [height, height], color=QUIET, linewidth=1, zorder=1)
        ax.plot(value, height, "o", color=WITH["color"], markersize=7, zorder=3)
        ax.annotate(f"{value:.1f}", (value, height), (0, 10), textcoords="offset points", ha="center", fontsize=11,
                    color=WITH["color"])
        if name in printed:
            ax.plot(printed[name], height, markersize=13, zorder=2, **PAPER)
            label_end(ax, printed[name], height, f"printed {printed[name]:g}", "black", away=14)
    ax.set_yticks(range(len(measured)), list(reversed(measured)))
    ax.set_ylim(-0.6, len(measured) - 0.4)
    ax.set_xlim(0, 1.1 * max(measured.values()))
    return ax


def _modules(rows: Sequence[Figure5]) -> list[Figure5]:
    return [row for row in rows if row.type.startswith("inception")]


def _stem_width(rows: Sequence[Figure5]) -> int:
    """The width of what the first module sees."""
    return rows[[row.type.startswith("inception") for row in rows].index(True) - 1].output_size[2]


def _pale(color: str, strength: float | int) -> tuple[float, ...]:
    """The colour mixed with white."""
    channels = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return tuple(1 - strength * (1 - channels))


def _and(names: Sequence[str]) -> str:
    return ", ".join(names[:-1]) + " and " + names[-1] if len(names) > 1 else names[0]
