"""The pictures of lesson 03: numbers and digits in different mini-batches, the sigmoid, with batch norm and without."""

from collections.abc import Sequence
from numbers import Real

import numpy as np
from matplotlib.axes import Axes

from bncourse.figures.style import QUIET, WITH, WITHOUT, blank, density, label_end, spread_labels

MARKERS = "osD^"
GRID = np.linspace(-12, 12, 361)  # inputs of a sigmoid


def same_numbers(raw: np.ndarray, rows: dict[str, np.ndarray], ax: Axes | None = None) -> Axes:
    """Four numbers as they are and as each row's normalization leaves them; rows maps a label to x_hat (4,)."""
    ax = blank(ax, title="In pairs only the order is left, alone nothing", xlabel="value")
    levels = {"as they are": raw, **rows}
    height = np.arange(len(levels))[::-1]
    for i, marker in enumerate(MARKERS):
        across = [values[i] for values in levels.values()]
        up = height + 0.13 * (1.5 - i)
        ax.plot(across, up, color=QUIET, linewidth=0.8, alpha=0.5, zorder=1)
        ax.plot(across[1:], up[1:], marker, markersize=9, color=WITH["color"], markeredgecolor="white")
        ax.plot(across[0], up[0], marker, markersize=9, color=WITHOUT["color"], markeredgecolor="white")
        ax.annotate(f"{raw[i]:g}", (across[0], up[0]), (8, 0), textcoords="offset points", va="center", fontsize=11)
    ax.set_yticks(height, list(levels))
    ax.set_ylim(-0.5, len(levels) - 0.4)
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)
    return ax


def straight_part(ax: Axes | None = None) -> Axes:
    """The sigmoid, the best straight line through it for a standard normal input, and that input's density."""
    x = np.linspace(-6, 6, 400)
    weight = np.exp(-x * x / 2) / np.sqrt(2 * np.pi)
    sigmoid = 1 / (1 + np.exp(-x))
    slope = (weight * x * sigmoid).sum() / (weight * x * x).sum()
    ax = blank(ax, title="Normal inputs of variance 1 see almost a straight line", xlabel="input of the sigmoid")
    ax.fill_between(x, weight, color=WITH["color"], alpha=0.25, linewidth=0)
    ax.plot(x, sigmoid, color="black", linewidth=2)
    near = np.abs(x) < 2.6
    ax.plot(x[near], 0.5 + slope * x[near], linewidth=2, **WITHOUT)
    label_end(ax, 6, sigmoid[-1], "sigmoid", "black")
    label_end(ax, 2.6, 0.5 + slope * 2.6, "best line", WITHOUT["color"])
    ax.annotate("inputs", (-1.1, 0.08), color=WITH["color"], fontsize=11)
    ax.set_ylim(0, 1.08)
    return ax


def logits_by_batch_size(logits: dict[int, np.ndarray], ax: Axes | None = None) -> Axes:
    """The logit of one example in many random mini-batches, and their median; logits maps a batch size m to them."""
    ax = blank(ax, title="What the network says of one digit depends on its company",
               xlabel="examples in the mini-batch, m", ylabel="logit of the right class")
    jitter = np.random.default_rng(0)
    for place, values in enumerate(logits.values()):
        across = place + jitter.uniform(-0.2, 0.2, len(values))
        ax.plot(across, values, ".", color=WITH["color"], alpha=0.35, markersize=5)
        ax.plot([place - 0.3, place + 0.3], [np.median(values)] * 2, color="black", linewidth=2)
    label_end(ax, len(logits) - 0.7, np.median(values), "median", "black")
    ax.set_xticks(range(len(logits)), [str(m) for m in logits])
    return ax


def accuracy_in_company(shares: dict[int, np.ndarray], alone: np.ndarray, ax: Axes | None = None) -> Axes:
    """The share of digits read rightly in mini-batches of m, as bars with a point for each trained network.

    shares maps a batch size m to the shares of each network; alone are the same networks' by population statistics.
    """
    ax = blank(ax, title="The same networks, the same digits: only the company differs",
               xlabel="digits in the mini-batch, m", ylabel="digits read rightly")
    for place, values in enumerate([*shares.values(), alone]):
        look = WITH["color"] if place < len(shares) else QUIET
        ax.bar(place, np.mean(values), width=0.7, color=look, alpha=0.35)
        ax.plot(place + np.linspace(-0.2, 0.2, len(values)), values, "o", color=look, markersize=5,
                markeredgecolor="white")
        ax.annotate(f"{np.mean(values):.0%}", (place, np.max(values)), (0, 6), textcoords="offset points", ha="center",
                    fontsize=12)
    ax.set_xticks(range(len(shares) + 1), [*map(str, shares), "fixed\nstatistics"])
    ax.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "25%", "50%", "75%", "100%"])
    ax.set_ylim(0, 1)
    return ax


def accuracy_by_rate(accuracy: dict[str, np.ndarray], rates: Sequence[Real], ax: Axes | None = None) -> Axes:
    """Test accuracy against the learning rate: accuracy maps a network's name to its values `(rates, seeds)`.

    A line through the medians and a point for each seed. The first network is drawn as the one with batch norm.
    """
    ax = blank(ax, title="With batch norm it learns at rates a hundredfold apart", xlabel="learning rate (log scale)",
               ylabel="test accuracy")
    looks = [WITH | {"marker": "o"}, WITHOUT | {"marker": "s"}, WITHOUT | {"marker": "D", "linestyle": ":"}]
    heights = spread_labels({name: np.median(values[-1]) for name, values in accuracy.items()}, gap=0.09)
    for (name, values), look in zip(accuracy.items(), looks, strict=False):
        middle = np.median(values, axis=1)
        ax.semilogx(rates, middle, linewidth=2, markersize=7, markeredgecolor="white", **look)
        ax.semilogx(rates, values, marker=look["marker"], color=look["color"], linestyle="none", markersize=3)
        label_end(ax, rates[-1], heights[name], name, look["color"], away=10)
    ax.set_xticks(rates, [f"{rate:g}" for rate in rates])
    ax.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "25%", "50%", "75%", "100%"])
    ax.set_ylim(0, 1)
    ax.minorticks_off()
    return ax


def sigmoid_axes(ax: Axes | None = None) -> Axes:
    """Axes with the sigmoid that a feature feeds, for `before_and_after`."""
    ax = blank(ax, xlabel="input of the sigmoid", ylabel="density; sigmoid")
    ax.set_xlim(-12, 12)
    ax.set_ylim(0, 1.05)
    ax.plot(GRID, 1 / (1 + np.exp(-GRID)), color=QUIET, linewidth=1)
    label_end(ax, 12, 1, "sigmoid", QUIET)
    return ax


def before_and_after(x: np.ndarray, y: np.ndarray, ax: Axes) -> Axes:
    """One feature of a mini-batch before (x) and after (y) batch normalization, on the axes of `sigmoid_axes`.

    Fewer than eight examples, too few for a density, are drawn as lines. A dot marks the first example in each.
    """
    for values, style, label in ((x, WITHOUT, "x"), (y, WITH, "y")):
        ax.plot(values[0], 0.02, "o", color=style["color"], markersize=9, markeredgecolor="black", zorder=5)
        if len(values) < 8:
            ax.vlines(values, 0, 0.5, linewidth=2, colors=style["color"], linestyles=style["linestyle"])
            place, top = values.max(), 0.5
        else:
            density(ax, values, GRID, style)
            place, top = np.median(values), min(ax.lines[-4].get_ydata().max(), 0.95)
        ax.annotate(label, (place, top), (12 * (top == 0.95), 4), textcoords="offset points", ha="center",
                    color=style["color"], fontsize=11)
    return ax
