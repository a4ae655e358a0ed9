"""The pictures of lesson 00: a feature before and after, the first look, Figure 3 as epochs, noise and time."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from bncourse.figures.style import PAPER, QUIET, WITH, WITHOUT, blank, label_end, new_figure, spread
from bncourse.runs import Run


def before_and_after(x: np.ndarray, y: np.ndarray) -> Axes:
    """One input of a sigmoid for m examples, `(m,)` each: x as the layer computes it, y as batch norm leaves it.

    Two panels with the sigmoid drawn into both; returns the left axes.
    """
    figure = new_figure(3.4)
    left, right = figure.subplots(1, 2, sharey=True)
    bins = np.linspace(-4, 4, 33)
    for ax, values, style, title in ((left, x, WITHOUT, "as the layer computes it"),
                                     (right, y, WITH, "after batch norm")):
        blank(ax, xlabel="input of the sigmoid")
        ax.set_title(title, fontsize=12, loc="left", color=style["color"])
        ax.hist(values, bins, weights=np.full(len(values), 1 / len(values)), color=style["color"], alpha=0.6)
        ax.plot(bins, 1 / (1 + np.exp(-bins)), color="black", linewidth=1)
        ax.set(xlim=(-4, 4), ylim=(0, 1.05), xticks=(-3, 0, 3))
    left.set_ylabel("part of the digits", fontsize=11)
    right.annotate("sigmoid", (2, 0.88), (-4, 4), textcoords="offset points", fontsize=11, ha="right")
    figure.suptitle("Batch norm moves a feature to the sigmoid's middle and spreads it", fontsize=12, x=0.01, ha="left")
    return left


def steps_and_epochs(rows: Sequence[tuple[str, float, float]], ax: Axes | None = None) -> Axes:
    """The paper's Figure 3: rows of (model, millions of steps to 72.2 %, epochs that these are).

    Inception comes first and BN-Baseline second.
    """
    plain, normalized, *changed = (epochs for _, _, epochs in rows)
    ax = blank(ax, title=f"To 72.2 %: {plain:.0f} epochs, with batch norm {normalized:.0f}, at best {min(changed):.0f}",
               xlabel="millions of steps of 32 images")
    for height, (model, millions, epochs) in enumerate(reversed(rows)):
        color = (WITH if model.startswith("BN") else WITHOUT)["color"]
        ax.plot([0, millions], [height, height], color=color, linewidth=2)
        ax.plot(millions, height, **{**PAPER, "color": color}, markersize=9, markeredgewidth=2)
        offset, side = ((10, 0), "left") if millions < 20 else ((0, 14), "right")
        ax.annotate(f"{millions:g} million steps, {epochs:.0f} epochs", (millions, height), offset,
                    textcoords="offset points", va="center", ha=side, fontsize=11)
    ax.set_yticks(range(len(rows)), [model for model, *_ in reversed(rows)])
    ax.set_ylim(-0.5, len(rows) - 0.3)
    ax.set_xlim(0, 33)
    return ax


def noise_against_size(sizes: np.ndarray, noise: np.ndarray, ax: Axes | None = None) -> Axes:
    """Mean squared error of the mini-batch gradient against m, with the line of slope -1 through its middle."""
    ax = blank(ax, title="Twice the examples, half the squared error",
               xlabel="examples in the mini-batch, m (log scale)", ylabel="squared error of the\ngradient (log scale)")
    ax.loglog(sizes, noise, "o", color=WITH["color"], markersize=8)
    middle = np.exp(np.log(sizes * noise).mean())
    ax.loglog(sizes, middle / sizes, color=QUIET, linewidth=1.5)
    label_end(ax, sizes[-1], middle / sizes[-1], "slope −1", QUIET)
    ax.set_xticks(sizes, [str(m) for m in sizes])
    ax.minorticks_off()
    return ax


def time_an_example(sizes: Sequence[int], seconds: Sequence[float], ax: Axes | None = None) -> Axes:
    """Time for one example, in microseconds, against m, when m examples go through a layer in one matrix product."""
    ax = blank(ax, title="The time of one example, in products of m examples",
               xlabel="examples in the mini-batch, m (log scale)", ylabel="microseconds\nan example")
    ax.semilogx(sizes, 1e6 * np.divide(seconds, sizes), "o-", color=WITH["color"], markersize=8)
    ax.set_ylim(bottom=0)
    ax.set_xticks(sizes, [str(m) for m in sizes])
    ax.minorticks_off()
    return ax


def first_look(with_bn: Sequence[Run], without: Sequence[Run], ax: Axes | None = None) -> Axes:
    """Test accuracy through training, with batch norm and without it; a band for the seeds."""
    ax = blank(ax, title="At this rate the same network learns sooner with batch norm",
               xlabel="training steps of 60 examples", ylabel="test accuracy")
    for runs, style, label in ((with_bn, WITH, "with"), (without, WITHOUT, "without")):
        spread(ax, np.array(runs[0].columns["step"]), np.array([run.columns["accuracy"] for run in runs]), style,
               label)
    ax.set_ylim(0, 1)
    return ax


def estimates(guesses: np.ndarray, ax: Axes) -> None:
    """Draw n mini-batch gradients `(n, 2)` as points, on the axes of `full_gradient`."""
    ax.plot(*guesses.T, ".", color=WITH["color"], alpha=0.5, markersize=6)


def full_gradient(true: np.ndarray, ax: Axes | None = None) -> Axes:
    """Axes with the gradient `(2,)` over all examples as an arrow, for `estimates`."""
    ax = blank(ax, xlabel="gradient in the first weight", ylabel="in the second")
    ax.annotate("", true, (0, 0), arrowprops={"color": "black", "width": 1.5, "headwidth": 8})
    ax.set_xlim(-3, 7)
    ax.set_ylim(-3, 4)
    return ax
