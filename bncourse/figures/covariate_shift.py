"""The pictures of lesson 01: inputs that move, for a whole network and for each of its layers."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MultipleLocator

from bncourse.figures.style import QUIET, WITH, WITHOUT, blank, label_end, new_figure, spread, spread_labels

SATURATED = 2.89  # beyond it the sigmoid's derivative is below 0.05, a fifth of its largest value


def line_fitted_elsewhere(curve: tuple, line: tuple, here: tuple, there: tuple, moved: np.ndarray,
                          ax: Axes | None = None) -> Axes:
    """One rule y = f(x), and a line that was fitted to one part of its inputs and is asked about another part.

    All but the last are pairs of arrays (x, y): the rule as a curve, the fitted line, the training examples (here) and
    the test examples (there). moved holds the line's answer to each test input after the test inputs were given the
    mean and the spread of the training inputs.
    """
    ax = blank(ax, title="The rule is the same; the learner has seen one part of it", xlabel="x", ylabel="y")
    ax.plot(*here, ".", color=QUIET, markersize=5)
    ax.plot(*there, ".", color="black", markersize=5)
    ax.plot(*curve, color="black", linewidth=1)
    ax.plot(*line, linewidth=2, **WITHOUT)
    ax.plot(there[0], moved, ".", color=WITH["color"], markersize=5)
    label_end(ax, line[0][-1], line[1][-1], "as it is", WITHOUT["color"])
    label_end(ax, curve[0][-1], curve[1][-1], "truth", "black")
    label_end(ax, there[0].max(), moved.max(), "moved", WITH["color"])
    for (x, y), name, color in ((here, "training", QUIET), (there, "test", "black")):
        ax.annotate(name, (x.mean(), y.mean()), (18, -18), textcoords="offset points", color=color, fontsize=11)
    return ax


def conditions(pictures: dict[str, np.ndarray], training: np.ndarray, own: np.ndarray, home: float | int,
               ax: Axes | None = None) -> Axes:
    """Test accuracy under several conditions, with the statistics of training and with those of the test pictures.

    pictures maps a condition to one example `(H, W)` of it. training and own are accuracies `(seeds, conditions)` with
    either statistics. A line marks home, the accuracy on pictures like those of the training.
    """
    ax = blank(ax or new_figure(4.3).add_subplot(), title="Own statistics undo light, and the rest in part at best",
               xlabel="accuracy on the test pictures")
    down = np.arange(len(pictures))[::-1]
    ax.axvline(home, color=QUIET, linewidth=1)
    ax.annotate("no change", (home, 0), (-6, 0), textcoords="offset points", color=QUIET, fontsize=11, ha="right",
                va="center")
    for scores, style, lift, label in ((training, WITHOUT, 0.14, "training statistics"), (own, WITH, -0.14, "own")):
        middle = np.median(scores, axis=0)
        for seed in scores:
            ax.plot(seed, down + lift, "|", color=style["color"], markersize=9, markeredgewidth=1.2)
        ax.plot(middle, down + lift, "s" if style is WITH else "o", color=style["color"], markersize=7)
        ax.annotate(label, (scores[:, 0].min(), down[0] + lift), (-8, 0), textcoords="offset points",
                    color=style["color"], fontsize=11, va="center", ha="right")
    for height, picture in zip(down, pictures.values(), strict=True):
        small = ax.inset_axes((-0.11, height - 0.42, 0.09, 0.84), transform=ax.get_yaxis_transform())
        small.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        small.set_axis_off()
    ax.set_yticks(down, list(pictures))
    ax.tick_params(axis="y", length=0, pad=46)
    ax.spines["left"].set_visible(False)
    ax.set_xlim(0, 1)
    ax.set_ylim(-0.6, len(pictures) - 0.5)
    return ax


def guesses(pictures: np.ndarray, labels: np.ndarray, rows: dict[str, tuple[np.ndarray, dict]], ax: Axes) -> None:
    """N pictures `(N, H, W)` in a row, and under each picture the digits read in it, on the axes of `guess_axes`.

    rows maps a name to (digits (N,), style), in the order of `guess_axes`. Digits that differ from the labels (N,) are
    pale and struck through.
    """
    n, high, wide = pictures.shape
    ax.imshow(pictures.transpose(1, 0, 2).reshape(high, n * wide), cmap="gray", vmin=0, vmax=1,
              extent=(0, n, 0, 1), interpolation="nearest")
    for depth, (digits, style) in enumerate(rows.values()):
        y = -0.45 - 0.7 * depth
        for place, (digit, label) in enumerate(zip(digits, labels, strict=True)):
            wrong = digit != label
            ax.text(place + 0.5, y, f"{digit}", color=style["color"], fontsize=15, ha="center", va="center",
                    alpha=0.4 if wrong else 1)
            if wrong:
                ax.plot([place + 0.3, place + 0.7], [y - 0.2, y + 0.2], color=style["color"], linewidth=1.5)


def guess_axes(n: int, rows: dict[str, dict], ax: Axes | None = None) -> Axes:
    """Axes for n pictures, with the names of the rows below the pictures; rows maps a name to its style."""
    ax = blank(ax)
    for depth, (name, style) in enumerate(rows.items()):
        ax.text(-0.15, -0.45 - 0.7 * depth, name, color=style["color"], fontsize=11, ha="right", va="center")
    ax.set(xlim=(-2.6, n), ylim=(-0.1 - 0.7 * len(rows), 1), aspect="equal")
    ax.set_axis_off()
    return ax


def layer_by_layer(sizes: dict[str, tuple[np.ndarray, dict]], ax: Axes | None = None, **labels: str) -> Axes:
    """One line for each network over the network's layers, on a log scale, with a band for the seeds.

    sizes maps the name of a line to (values (seeds, layers), style); a line bears its name where it ends. labels are
    the title, xlabel and ylabel of `style.blank`.
    """
    ax = blank(ax, **labels)
    ax.set_yscale("log")
    for values, style in sizes.values():
        spread(ax, np.arange(1, values.shape[1] + 1), values, style)
    ends = {name: np.median(values[:, -1]) for name, (values, _) in sizes.items()}
    for name, height in spread_labels(ends, factor=np.divide(*ax.get_ylim()[::-1]) ** 0.075).items():
        values, style = sizes[name]
        label_end(ax, values.shape[1], height, name, style["color"])
    ax.set_xticks(range(1, values.shape[1] + 1))
    ax.minorticks_off()
    return ax


def streams(steps: np.ndarray, plain: np.ndarray, normalized: np.ndarray, title: str) -> Axes:
    """The {15, 50, 85}th percentiles of a typical sigmoid's input in each layer, through training.

    Left without batch norm (plain), right with it (normalized), both `(seeds, records, layers, 3)`, a ribbon for each
    seed; the last layer is on top. steps `(records,)` are those of the records. Returns the axes at the upper left.
    """
    layers = plain.shape[2]
    figure = new_figure(1.2 + 1.3 * layers)
    axes = figure.subplots(layers, 2, sharex=True, sharey=True)
    for row, level in zip(axes, reversed(range(layers)), strict=True):
        stream(steps, plain[:, :, level], WITHOUT, row[0])
        stream(steps, normalized[:, :, level], WITH, row[1])
        row[0].set_ylabel(f"layer {level + 1}", fontsize=11)
    for ax, style, name in zip(axes[0], (WITHOUT, WITH), ("plain sigmoid network", "with batch norm"), strict=True):
        ax.set_title(name, fontsize=12, loc="left", color=style["color"])
    for ax in axes[-1]:
        ax.set_xlabel("training steps", fontsize=11)
    axes[-1, 1].annotate("outside the grey: flat", (steps[0], -SATURATED), (0, -6), textcoords="offset points",
                         color=QUIET, fontsize=11, va="top")
    figure.suptitle(title, fontsize=12, x=0.01, ha="left")
    return axes[0, 0]


def stream(steps: np.ndarray, percentiles: np.ndarray, style: dict, ax: Axes) -> None:
    """The percentiles `(seeds, records, 3)` of one layer as ribbons; grey where the sigmoid is not saturated."""
    blank(ax)
    ax.yaxis.set_major_locator(MultipleLocator(3))
    ax.axhspan(-SATURATED, SATURATED, color="#F0F0F0", linewidth=0, zorder=0)
    for ribbon in percentiles:
        low, median, high = ribbon.T
        ax.fill_between(steps, low, high, color=style["color"], alpha=0.3, linewidth=0)
        ax.plot(steps, median, color=style["color"], linewidth=1)


def drifts(panels: dict[str, tuple[np.ndarray, np.ndarray]], title: str) -> Axes:
    """How far the percentiles of the sigmoids' inputs move in twenty steps, layer by layer, a panel for each setting.

    panels maps the heading of a panel to the movement without batch norm and with it, both `(seeds, layers, 2)`: in
    all (filled, the line their median), and by the layers below alone (hollow; layer 1 has none). Returns the left one.
    """
    figure = new_figure(3.6)
    axes = figure.subplots(1, len(panels), sharey=True)
    for ax, (heading, pair) in zip(axes, panels.items(), strict=True):
        blank(ax, xlabel="layer")
        ax.set_title(heading, fontsize=11, loc="left")
        ax.set_yscale("log")
        for moved, style, aside in zip(pair, (WITHOUT, WITH), (-0.12, 0.12), strict=True):
            layers = np.arange(1, moved.shape[1] + 1)
            ax.plot(layers + aside, np.median(moved[:, :, 0], axis=0), linewidth=1, **style)
            for seed in moved:
                ax.plot(layers + aside, seed[:, 0], "o", color=style["color"], markersize=5)
                ax.plot(layers[1:] + aside, seed[1:, 1], "o", color=style["color"], markersize=5, fillstyle="none")
        ax.set_xticks(layers)
        ax.set_xlim(0.5, len(layers) + 0.5)
    for name, moved, style, away in zip(("plain", "batch norm"), pair, (WITHOUT, WITH), (12, -12), strict=True):
        ax.annotate(name, (0.6, np.median(moved[:, 0, 0])), (0, away), textcoords="offset points", va="center",
                    fontsize=11, color=style["color"])
    axes[0].set_ylabel("movement in 20 steps\n(log scale)", fontsize=11)
    figure.suptitle(title, fontsize=12, x=0.01, ha="left")
    return axes[0]
