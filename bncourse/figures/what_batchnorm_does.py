"""The pictures of lesson 14: two measures of the shift, noise after batch norm, the loss along a step, a large step."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bncourse.figures.style import QUIET, WITH, WITHOUT, blank, new_figure, spread

NOISY = {"color": "#CC79A7", "linestyle": ":"}
STYLES = {"none": WITHOUT, "batch": WITH, "noisy": NOISY}
NAMES = {"none": "without", "batch": "batch norm", "noisy": "noisy batch norm"}
MARKS = {"sigmoid": "o", "relu": "s"}
ACTIVATIONS = {"sigmoid": "sigmoid", "relu": "ReLU"}


def panels(titles: Sequence[str], title: str, height: float | int = 3.6, **shared: bool) -> list[Axes]:
    """Panels side by side in one figure, each with its title, under a title for all."""
    fig = new_figure(height, margin=0.06)
    fig.suptitle(title, fontsize=12, x=0.01, ha="left", wrap=True)
    axes = list(fig.subplots(1, len(titles), **shared))
    for ax, name in zip(axes, titles, strict=True):
        blank(ax, title=name)
        ax.title.set_fontsize(11)
    return axes


def right_with_noise(shares: Mapping[str, Mapping[str, Mapping[str, np.ndarray]]], title: str) -> Axes:
    """Shares of right answers on training and test digits, by kind of network, one panel for each activation.

    shares maps an activation to kinds of network (the name under the axis), and each of them to "train" and "test",
    a value for each seed.
    """
    axes = panels([ACTIVATIONS[name] for name in shares], title, sharey=True)
    for ax, kinds in zip(axes, shares.values(), strict=True):
        for place, values in enumerate(kinds.values()):
            for shift, name, color, face in ((-0.14, "train", QUIET, "white"), (0.14, "test", WITH["color"], None)):
                seeds = 100 * np.asarray(values[name])
                ax.plot([place + shift] * len(seeds), seeds, "o", color=color, markerfacecolor=face, markersize=5,
                        alpha=0.8)
                ax.annotate(f"{np.median(seeds):.0f}", (place + shift, seeds.max()), (0, 5),
                            textcoords="offset points", ha="center", fontsize=10, color=color)
        ax.set_xticks(range(len(kinds)), list(kinds), fontsize=10)
        ax.set_xlim(-0.5, len(kinds) - 0.5)
    lowest = min(100 * np.min(seeds) for kinds in shares.values() for values in kinds.values()
                 for seeds in values.values())
    axes[0].set_ylim(10 * np.floor((lowest - 5) / 10), 102)
    axes[0].set_ylabel("right answers (%)", fontsize=11)
    axes[-1].annotate("training digits, hollow", (0.03, 0.14), xycoords="axes fraction", color=QUIET, fontsize=10)
    axes[-1].annotate("test digits, filled", (0.03, 0.05), xycoords="axes fraction", color=WITH["color"], fontsize=10)
    return axes[0]


def two_shifts(points: Mapping[tuple[str, str], tuple[np.ndarray, np.ndarray]], title: str,
               ax: Axes | None = None) -> Axes:
    """Two measures of internal covariate shift against each other.

    points maps an activation and a norm to drifts and angles in degrees, each a value for every look at the training.
    Sigmoids are filled, ReLUs hollow; the first look at sigmoids without batch norm is named.
    """
    ax = blank(ax or new_figure(4.2).add_subplot(), title=title,
               xlabel="shift of the distribution: mean of an activation's input, in spreads (log)",
               ylabel="shift of the gradient: angle (degrees)")
    for (activation, norm), (drifts, angles) in points.items():
        color = STYLES[norm]["color"]
        ax.plot(drifts, angles, MARKS[activation], color=color, markersize=7, alpha=0.85,
                markerfacecolor="white" if activation == "relu" else color)
    first = tuple(values[0] for values in points["sigmoid", "none"])
    ax.annotate("not yet learning", first, (-9, 0), textcoords="offset points", ha="right", va="center", fontsize=10,
                color=WITHOUT["color"])
    ax.set_xscale("log")
    ax.set_ylim(0, 95)
    for norm, place in (("batch", (0.2, 0.62)), ("none", (0.68, 0.93)), ("noisy", (0.9, 0.62))):
        ax.annotate(NAMES[norm], place, xycoords="axes fraction", ha="center", color=STYLES[norm]["color"], fontsize=11)
    ax.annotate("filled: sigmoid, hollow: ReLU", (0.02, 0.05), xycoords="axes fraction", color=QUIET, fontsize=10)
    return ax


def loss_along_steps(looks: Sequence[int], ranges: Mapping[str, Mapping[str, tuple[np.ndarray, np.ndarray]]],
                     title: str, notes: Mapping[str, str] | None = None) -> Axes:
    """The least and the most loss along the step that training is about to take, while it trains.

    ranges maps an activation to norms, and each to the least and the most loss, both `(seeds, looks)`; drawn are the
    medians over the seeds. notes are written under the titles of the panels, by activation.
    """
    axes = panels([ACTIVATIONS[name] for name in ranges], title, sharey=True)
    for ax, (activation, kinds) in zip(axes, ranges.items(), strict=True):
        for norm, (least, most) in kinds.items():
            low, high = np.median(least, axis=0), np.median(most, axis=0)
            color = STYLES[norm]["color"]
            ax.fill_between(looks, low, high, color=color, alpha=0.3, linewidth=0)
            ax.plot(looks, low, color=color, linewidth=1.5, linestyle=STYLES[norm]["linestyle"])
            ax.plot(looks, high, color=color, linewidth=1.5, linestyle=STYLES[norm]["linestyle"])
        ax.set_xlabel("step of training", fontsize=11)
        ax.annotate((notes or {}).get(activation, ""), (0.98, 0.97), xycoords="axes fraction", ha="right", va="top",
                    fontsize=10, color=QUIET)
    axes[0].set_ylabel("loss (nats)", fontsize=11)
    axes[0].set_ylim(bottom=0)
    write_names(axes[-1], 0.75)
    return axes[0]


def write_names(ax: Axes, height: float) -> None:
    """Write the two kinds of network in their colours on the right, from this share of the height down."""
    for norm, y in (("none", height), ("batch", height - 0.09)):
        ax.annotate(NAMES[norm], (0.98, y), xycoords="axes fraction", ha="right", color=STYLES[norm]["color"],
                    fontsize=11)


def two_bands(between: Mapping[str, np.ndarray], steps: Sequence[int],
              along: Mapping[str, tuple[np.ndarray, np.ndarray]], looks: Sequence[int], title: str) -> Axes:
    """Left, the band between trainings at several rates; right, the band of the loss along the step of one training.

    between maps a norm to losses `(rates, steps)`, along to the least and the most loss at each look.
    """
    left, right = panels(["between four trainings", "along the step of one training"], title, sharey=True)
    for norm, losses in between.items():
        color = STYLES[norm]["color"]
        left.fill_between(steps, losses.min(axis=0), losses.max(axis=0), color=color, alpha=0.3, linewidth=0)
        left.plot(steps, losses.T, color=color, linewidth=0.8, linestyle=STYLES[norm]["linestyle"])
    for norm, (least, most) in along.items():
        color = STYLES[norm]["color"]
        right.fill_between(looks, least, most, color=color, alpha=0.3, linewidth=0)
        for edge in (least, most):
            right.plot(looks, edge, color=color, linewidth=1.2, linestyle=STYLES[norm]["linestyle"])
    for ax in (left, right):
        ax.set_xlabel("step of training", fontsize=11)
        ax.set_ylim(0, 3.2)
    left.set_ylabel("loss (nats)", fontsize=11)
    write_names(left, 0.91)
    return left


def after_one_step(sizes: Mapping[str, np.ndarray], title: str, ylabel: str, ax: Axes | None = None) -> Axes:
    """How large the inputs of each layer's activations are after one step; sizes maps a norm to `(seeds, layers)`."""
    ax = blank(ax, title=title, xlabel="hidden layer", ylabel=ylabel)
    for norm, values in sizes.items():
        layers = np.arange(1, values.shape[1] + 1)
        spread(ax, layers, values, STYLES[norm], NAMES[norm])
    ax.axhline(1, color=QUIET, linewidth=0.8)
    ax.set_yscale("log")
    ax.set_xticks(layers)
    return ax


def step_axes(sizes: np.ndarray, top: float | int, fig: Figure) -> Axes:
    """Empty axes for losses against the length of a step along the gradient, in multiples of the training's step."""
    ax = blank(fig.add_subplot(), xlabel="length of the step, in steps of training (log)", ylabel="loss (nats)")
    ax.set_xscale("log")
    ax.set_xlim(sizes[0], sizes[-1])
    ax.set_ylim(0, top)
    ax.axvline(1, color=QUIET, linewidth=0.8)
    ax.annotate("the step of training", (1, 1), (4, -4), xycoords=("data", "axes fraction"),
                textcoords="offset points", va="top", color=QUIET, fontsize=10)
    return ax


def loss_along_step(ax: Axes, sizes: np.ndarray, losses: Mapping[str, np.ndarray], place: int) -> None:
    """Draw the losses `(sizes,)` of each norm on `step_axes`, with a mark at one place and the loss written there."""
    ax.axvline(sizes[place], color="black", linewidth=0.8, linestyle=":")
    top = ax.get_ylim()[1]
    for norm, values in losses.items():
        ax.plot(sizes, values, linewidth=2, **STYLES[norm])
        if values[place] <= top:
            ax.plot(sizes[place], values[place], "o", color=STYLES[norm]["color"])
    for height, (norm, values) in zip((0.92, 0.83), losses.items(), strict=False):
        loss = f"{values[place]:.2f}" if values[place] < 1000 else "above 1000"
        ax.annotate(f"{NAMES[norm]}: {loss}", (0.03, height), xycoords="axes fraction", color=STYLES[norm]["color"],
                    fontsize=11)


