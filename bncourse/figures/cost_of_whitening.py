"""The pictures of lesson 02: what whitening buys, what it costs, and what goes wrong outside the gradient step."""

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text

from bncourse.figures.style import QUIET, WITH, WITHOUT, blank, label_end, new_figure, spread, spread_labels

Array = np.ndarray
WHITENED = {"color": "#000000", "linestyle": "-"}
LOOK = {"whitened": WHITENED, "standardized": WITH, "batch norm": WITH}  # all others: WITHOUT
CORNERS = "osD"


def steps_and_condition(points: Mapping[str, tuple[Array, Array]], ax: Axes | None = None) -> Axes:
    """Gradient steps against the condition number, on log scales.

    points maps a form of the inputs to its (condition numbers, steps). The line has slope 1 and goes through the middle
    of all points but those of condition number 1.
    """
    ax = blank(ax or new_figure().add_subplot(), title="Steps follow the condition number",
               xlabel="condition number of the inputs (log scale)",
               ylabel="gradient steps to within\none millionth (log scale)")
    kappas, counts = (np.concatenate(values) for values in zip(*points.values(), strict=True))
    far = kappas > 1.01
    factor = np.exp(np.log(counts[far] / kappas[far]).mean())
    ends = np.array([1, 2 * kappas.max()])
    ax.loglog(ends, factor * ends, color=QUIET, linewidth=1.5)
    label_end(ax, ends[1], factor * ends[1], "slope 1", QUIET)
    for place, (form, (kappa, steps)) in enumerate(points.items()):
        color = LOOK.get(form, WITHOUT)["color"]
        ax.loglog(kappa, steps, "o", color=color, markersize=7, markeredgecolor="white")
        largest = np.argmax(kappa)
        away, side = [((10, -14), "left"), ((-12, 8), "right")][place % 2]
        ax.annotate(form, (kappa[largest], steps[largest]), away, textcoords="offset points", color=color, fontsize=11,
                    ha=side)
    ax.set_ylim(bottom=0.2)
    return ax


def clouds(forms: Mapping[str, Float[Array, "N 2"]], marked: tuple[int, ...] = (0, 1, 2)) -> Axes:
    """The same N examples of two features in several forms, side by side; returns the last axes.

    forms maps a name to the examples. The examples whose indices are in marked are joined by lines.
    """
    fig = new_figure(2.15)
    fig.suptitle("Both whitened clouds are round: any rotation of one is white", fontsize=12, x=0.01, ha="left")
    shades = {"as they are": WITHOUT["color"], "standardized": WITH["color"]}
    for place, (form, x) in enumerate(forms.items(), 1):
        ax = blank(fig.add_subplot(1, len(forms), place))
        ax.set_title(form, fontsize=11, loc="left")
        ax.plot(*x.T, ".", color=shades.get(form, "#B0B0B0"), markersize=2)
        corners = x[[*marked, marked[0]]]
        ax.plot(*corners.T, color="black", linewidth=1.5)
        for corner, marker in zip(corners, CORNERS, strict=False):
            ax.plot(*corner, marker, color="black", markersize=6, markeredgecolor="white")
        ax.set(xlim=(-4.5, 4.5), ylim=(-4.5, 4.5), aspect="equal", xticks=[-3, 0, 3], yticks=[-3, 0, 3])
    return ax


def cost(features: Array, seconds: Mapping[str, Float[Array, "rounds D"]], exponents: Mapping[str, float],
         ax: Axes | None = None) -> Axes:
    """Time forward and backward against the number of features D, on log scales.

    seconds maps "batchnorm", "zca", "pca" and "cholesky" to the seconds of each round at each number of features; drawn
    are the median of the rounds and a band between their quartiles. exponents has the slope of each line, for its name.
    """
    ratio = np.median(seconds["zca"][:, -1]) / np.median(seconds["batchnorm"][:, -1])
    ax = blank(ax or new_figure().add_subplot(),
               title=f"At {features[-1]} features ZCA takes {ratio:.0f} times as long as batch norm",
               xlabel="features of the layer (log scale)", ylabel="milliseconds, forward\nand backward (log scale)")
    names = {"batchnorm": "batch norm", "zca": "ZCA", "pca": "PCA", "cholesky": "Cholesky"}
    dashes = {"batchnorm": "-", "zca": "-", "pca": "--", "cholesky": ":"}
    ends = {method: 1e3 * np.median(rounds[:, -1]) for method, rounds in seconds.items()}
    heights = spread_labels(ends, factor=1.9, down=True)
    for method, rounds in seconds.items():
        color = (WITH if method == "batchnorm" else WHITENED)["color"]
        low, middle, high = 1e3 * np.quantile(rounds, [0.25, 0.5, 0.75], axis=0)
        ax.fill_between(features, low, high, color=color, alpha=0.2, linewidth=0)
        ax.loglog(features, middle, color=color, linestyle=dashes[method], linewidth=2)
        label_end(ax, features[-1], heights[method], f"{names[method]}, slope {exponents[method]:.1f}", color)
    ax.set_xticks(features, [str(d) for d in features])
    ax.minorticks_off()
    return ax


def runaway(b: Float[Array, "steps K"], true_b: Float[Array, "steps K"], loss: Float[Array, "steps"]) -> Axes:
    """A training whose gradient step takes the mean for a constant: the loss (above) and the K biases (below).

    b has the biases after each step of that training; true_b has those of the same training with a gradient that goes
    through the mean. Returns the lower axes.
    """
    fig = new_figure(4.6)
    above, below = fig.subplots(2, 1, sharex=True, height_ratios=(1, 3.2))
    steps = np.arange(len(loss))
    blank(above, title="Every bias runs away in a straight line, and the loss never moves", ylabel="loss")
    above.plot(steps, loss, color="black", linewidth=2.5)
    above.set(ylim=(0, 1.6 * loss[0]), yticks=[0, loss[0]], yticklabels=["0", f"{loss[0]:.2f}"])
    label_end(above, steps[-1], loss[-1], "loss", "black")
    blank(below, xlabel="gradient steps", ylabel="biases $b$")
    below.plot(steps, b, color=WITHOUT["color"], linewidth=1.6)
    below.plot(steps, true_b, linewidth=3, **WITH)
    highest = np.abs(b[-1]).max()
    label_end(below, steps[-1], 0.62 * highest, "mean taken\nas a constant", WITHOUT["color"])
    label_end(below, steps[-1], 0, "mean inside\nthe gradient", WITH["color"])
    below.set_xlim(0, len(steps))
    return below


def explosion(variances: Mapping[str, Float[Array, "seeds steps"]], ax: Axes | None = None) -> Axes:
    """The variance of a layer's input through training, on a log scale.

    variances maps a way to normalize to the variances (seeds, steps), a line for each seed.
    """
    ax = blank(ax or new_figure().add_subplot(),
               title="At rate 1 moving averages as constants blow the model up",
               xlabel="training steps of 60 examples", ylabel="variance in the\nsecond layer (log scale)")
    for way, runs in variances.items():
        look = LOOK.get(way, WITHOUT)
        ax.semilogy(runs.T, linewidth=1.8, **look)
        label_end(ax, runs.shape[1] - 1, np.exp(np.median(np.log(runs[:, -1]))), way, look["color"])
    return ax


def loss_by_rate(losses: Mapping[str, Float[Array, "rates seeds"]], rates: Sequence[Real], steps: int,
                 ax: Axes | None = None) -> Axes:
    """The loss after so many steps against the learning rate, on log scales.

    losses maps a way to normalize to the losses of each seed at each rate: a line through the medians, a band for the
    range.
    """
    ax = blank(ax or new_figure().add_subplot(),
               title="As constants the statistics do far worse at rates 0.1 and 0.3",
               xlabel="learning rate (log scale)", ylabel=f"loss after {steps} steps\n(log scale)")
    for way, found in losses.items():
        spread(ax, np.asarray(rates), found.T, LOOK.get(way, WITHOUT) | {"marker": "o"}, way)
    ax.set(xscale="log", yscale="log")
    ax.set_xticks(rates, [f"{rate:g}" for rate in rates])
    ax.set_yticks([0.1, 0.2, 0.5, 1, 2], ["0.1", "0.2", "0.5", "1", "2"])
    ax.minorticks_off()
    return ax


def two_terms(direct: Float[Array, "m m"], through_the_set: Float[Array, "m m"]) -> Axes:
    """The Jacobian of m normalized values as the sum of two matrices; returns the last axes.

    direct is the term of each value on itself; through_the_set is the term by way of the mean and the variance. The
    entries are printed with one decimal.
    """
    fig = new_figure(3.1)
    parts = {"through the value": direct, "+ through the set": through_the_set, "= both": direct + through_the_set}
    largest = np.abs(direct).max()
    fig.suptitle("Shift all numbers by the same amount: the two terms cancel", fontsize=12, x=0.01, ha="left")
    for place, (name, part) in enumerate(parts.items(), 1):
        ax = blank(fig.add_subplot(1, 3, place))
        ax.set_title(name, fontsize=11)
        ax.imshow(part, cmap="PuOr", vmin=-largest, vmax=largest)
        for (i, j), value in np.ndenumerate(np.round(part, 1) + 0.0):
            ax.text(j, i, f"{value:.1f}", ha="center", va="center", fontsize=9,
                    color="white" if abs(value) > 0.6 * largest else "black")
        ax.set(xticks=[], yticks=[])
        ax.set_xlabel(f"rows sum to {np.round(part.sum(1).mean(), 1) + 0.0:g}", fontsize=11)
    return ax


class Descent(NamedTuple):
    """The artists of one panel of `descent_panels`, which `show_descent` moves."""

    levels: list[Line2D]
    path: Line2D
    words: Text

    def artists(self) -> list[Artist]:
        return [*self.levels, self.path, self.words]


def descent_panels(forms: Sequence[str], levels: int, figure: Figure) -> dict[str, Descent]:
    """A panel for each form of the inputs, side by side, its artists still empty: form -> `Descent`.

    levels is the number of level lines in each panel.
    """
    panels = {}
    for ax, form in zip(figure.subplots(1, len(forms)), forms, strict=True):
        blank(ax, title=form)
        ax.set(xlim=(-1.3, 1.3), ylim=(-1.3, 1.3), aspect="equal", xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
        lines = [ax.plot([], [], color="#B0B0B0", linewidth=1)[0] for _ in range(levels)]
        path, = ax.plot([], [], ".-", color=LOOK.get(form, WITHOUT)["color"], linewidth=1.6, markersize=5)
        ax.plot(0, 0, "+", color="black", markersize=9)
        words = ax.text(0, -1.32, "", ha="center", va="top", fontsize=11, color=WHITENED["color"], clip_on=False)
        panels[form] = Descent(lines, path, words)
    return panels


def show_descent(panel: Descent, levels: Sequence[Float[Array, "2 P"]], errors: Float[Array, "k 2"], condition: float,
                 steps: str) -> None:
    """One descent in its panel: P points of each level line, the k errors of the weights on the way, the numbers below.

    condition is the condition number of the loss, steps says how many steps the descent needs.
    """
    for line, level in zip(panel.levels, levels, strict=True):
        line.set_data(*level)
    panel.path.set_data(*errors[np.abs(errors).max(axis=1) < 9].T)  # a descent that has left the panel is not followed
    panel.words.set_text(f"$\\kappa$ = {condition:,.1f}\nsteps: {steps}")
