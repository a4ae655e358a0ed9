"""The pictures of lesson 06: moved pictures, the cube of N, C and H W, losses side by side, correlated pixels, and
before or after."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection

from bncourse.figures.style import QUIET, WITH, WITHOUT, blank, label_end, spread
from bncourse.kernels.statistics import expected_variance

PER_ACTIVATION = {"color": "#CC79A7", "linestyle": "-."}
PER_EXAMPLE = {"color": "#E69F00", "linestyle": ":"}
NAMES = {"relu": "ReLU"}
SIZE = {"N": 4, "C": 6, "HW": 6}
ACROSS, UP, DEEP = np.array([1.0, 0.0]), np.array([0.0, 1.0]), np.array([0.55, 0.4])


def accuracy_of_moved_digits(pixels: Sequence[int], per_map: np.ndarray, per_activation: np.ndarray,
                             ax: Axes | None = None) -> Axes:
    """Test accuracy against how many pixels the digits were rolled, for the two ways to normalize feature maps.

    per_map and per_activation are accuracies (seeds, pixels): with one mean for each feature map, and with one mean for
    each activation.
    """
    ax = blank(ax, title="Batch norm per activation ties the network to the locations",
               xlabel="test digits rolled to the right, in pixels", ylabel="test accuracy")
    spread(ax, np.asarray(pixels), per_map, WITH | {"marker": "o"}, "per feature map")
    spread(ax, np.asarray(pixels), per_activation, PER_ACTIVATION | {"marker": "s"}, "per activation")
    ax.set_xticks(pixels)
    ax.set_ylim(0, 1)
    return ax


def losses_of_two(one: np.ndarray, other: np.ndarray, title: str, ax: Axes | None = None) -> Axes:
    """The training losses `(steps,)` of one network with two layers: a broad grey line, and dashes upon it."""
    ax = blank(ax, title=title, xlabel="training step", ylabel="training loss, nats")
    steps = np.arange(1, len(one) + 1)
    ax.plot(steps, one, color="#BBBBBB", linewidth=7)
    ax.plot(steps, other, color=WITH["color"], linewidth=1.5, linestyle="--")
    for height, words, color in ((0.95, "broad: PyTorch's layer", QUIET),
                                 (0.86, "dashed: the NumPy layer", WITH["color"])):
        ax.annotate(words, (0.98, height), xycoords="axes fraction", ha="right", fontsize=11, color=color)
    ax.set_ylim(0)
    return ax


def correlation(rho: Sequence[float | int], simulated: Sequence[float], m: int, pixels: int, seen: Mapping[str, float],
                ax: Axes | None = None) -> Axes:
    """The estimated variance of a feature map against the correlation of its pixels, for three corrections.

    The corrections are none (with the simulated points at the correlations rho), the factor m'/(m'-1) with m' = m times
    pixels, and the factor m/(m-1); the true variance is 1. seen maps names to correlations measured in feature maps.
    """
    grid = np.linspace(0, 1, 101)
    plain, every = expected_variance(grid, m, pixels), m * pixels
    ax = blank(ax, title="The factor m'/(m'-1) is right for independent pixels only",
               xlabel="correlation between two pixels of an image", ylabel="estimated variance, truth 1")
    ax.axhline(1, color=QUIET, linewidth=1)
    for values, style, name, lift in ((plain * m / (m - 1), PER_EXAMPLE, "times m/(m-1)", 0),
                                      (plain * every / (every - 1), WITH, "times m'/(m'-1)", 0.015),
                                      (plain, WITHOUT, "as it is", -0.015)):
        ax.plot(grid, values, linewidth=2, **style)
        label_end(ax, 1, values[-1] + lift, name, style["color"])
    ax.plot(rho, simulated, "s", color=WITHOUT["color"], markersize=6, clip_on=False)
    for name, place in seen.items():
        ax.axvline(place, color=QUIET, linewidth=1, linestyle=":")
        ax.annotate(f"{name} {place:.2f}", (place, 0.72), (4, 0), textcoords="offset points", fontsize=10, color=QUIET)
    ax.set_xlim(0, 1)
    ax.set_ylim(0.7, 1.36)
    return ax


def before_or_after(accuracy: Mapping[tuple[str, float], tuple[np.ndarray, np.ndarray]],
                    ax: Axes | None = None) -> Axes:
    """Batch norm before or after the activation: the difference of the two accuracies, in percentage points.

    accuracy maps (activation, learning rate) to the accuracies of the seeds (before, after).
    """
    ax = blank(ax, xlabel="accuracy after minus accuracy before, in points",
               title="Before or after? It depends on activation and rate")
    ax.axvline(0, color=QUIET, linewidth=1)
    for height, (before, after) in enumerate(reversed(accuracy.values())):
        gain = 100 * (np.asarray(after) - np.asarray(before))
        ax.plot(gain, [height] * len(gain), "o", color=WITH["color"], markersize=8, alpha=0.6)
        ax.plot(np.median(gain), height, "|", color="black", markersize=18, markeredgewidth=2)
    for place, words in ((0.02, "better before"), (0.98, "better after")):
        ax.annotate(words, (place, 1), xycoords="axes fraction", ha="left" if place < 0.5 else "right", va="top",
                    fontsize=11, color=QUIET)
    ax.set_yticks(range(len(accuracy)), [f"{NAMES.get(name, name)}, rate {lr:g}" for name, lr in reversed(accuracy)])
    ax.set_ylim(-0.6, len(accuracy) - 0.2)
    widest = 5 * np.ceil(max(np.abs(ax.get_xlim())) / 5)  # so that one picture more or less moves a point, not the axis
    ax.set_xlim(-widest, widest)
    return ax


def corner(examples: bool, channels: int, locations: bool) -> dict[str, range]:
    """The set that is averaged together with the front corner of the cube, as ranges along "N", "C" and "HW".

    The corner is the first example, the last channel and the last location. examples and locations say whether the
    average runs over them, channels over how many channels.
    """
    n, c, hw = SIZE.values()
    return {"N": range(n if examples else 1), "C": range(c - channels, c),
            "HW": range(hw) if locations else range(hw - 1, hw)}


def cube(lit: Mapping[str, range], ax: Axes) -> None:
    """Draw the block of a mini-batch on the axes of `cube_axes`; lit, as `corner` gives it, is coloured."""
    c, hw = SIZE["C"], SIZE["HW"]
    cells, colors = [], []
    for axes, fixed, corner_of in (
        (("C", "HW"), ("N", 0), lambda i, j: i * ACROSS + j * UP),
        (("C", "N"), ("HW", hw - 1), lambda i, j: i * ACROSS + hw * UP + j * DEEP),
        (("N", "HW"), ("C", c - 1), lambda i, j: c * ACROSS + i * DEEP + j * UP),
    ):
        for i in range(SIZE[axes[0]]):
            for j in range(SIZE[axes[1]]):
                cells.append([corner_of(i + a, j + b) for a, b in ((0, 0), (1, 0), (1, 1), (0, 1))])
                on = i in lit[axes[0]] and j in lit[axes[1]] and fixed[1] in lit[fixed[0]]
                colors.append(WITH["color"] if on else "#F2F2F2")
    ax.add_collection(PolyCollection(cells, facecolors=colors, edgecolors=QUIET, linewidths=0.8))


def cube_axes(ax: Axes | None = None) -> Axes:
    """Axes with the names of a block's sides, for `cube`: N into the page, C to the right, locations upwards."""
    ax = blank(ax)
    n, c, hw = SIZE.values()
    ax.annotate("C, feature maps", (c / 2, -0.6), ha="center", fontsize=11)
    ax.annotate("H W, locations", (-0.5, hw / 2), ha="center", va="center", rotation=90, fontsize=11)
    ax.annotate("N, examples", (c + 0.5 * n * DEEP[0] + 0.5, 0.5 * n * DEEP[1] - 0.5), fontsize=11)
    ax.set_xlim(-1, 20)
    ax.set_ylim(-1, hw + n * DEEP[1] + 0.3)
    ax.set_aspect("equal")
    ax.axis("off")
    return ax
