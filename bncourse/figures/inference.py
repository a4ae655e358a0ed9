"""The pictures of lesson 05: one network tested in several ways, the bias of the variance, moving averages."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from bncourse.figures.style import QUIET, WITH, WITHOUT, blank, label_end, spread, spread_labels
from bncourse.runs import Run

SHADES = ({"color": "#56B4E9", "linestyle": "--"}, {"color": "#CC79A7", "linestyle": "-."},
          {"color": "#E69F00", "linestyle": ":"})  # of the moving averages in `tracking`, at most three


def ways_to_test(accuracies: Mapping[str, Sequence[float]], title: str, ax: Axes | None = None) -> Axes:
    """Test accuracy for several ways to test the same networks: a point for each seed, a bar to their mean.

    accuracies maps a way to the accuracies of the seeds, from 0 to 1.
    """
    ax = blank(ax, title=title, xlabel="test accuracy")
    for height, values in enumerate(reversed(accuracies.values())):
        ax.plot([0, np.mean(values)], [height, height], color="#DDDDDD", linewidth=8, zorder=0,
                solid_capstyle="butt")  # another cap would be longer than the mean
        ax.plot(values, [height] * len(values), "o", color=WITH["color"], markersize=8, alpha=0.7)
        ax.annotate(f"{np.mean(values):.0%}", (max(values), height), (12, 0), textcoords="offset points", va="center",
                    fontsize=11)
    ax.set_yticks(range(len(accuracies)), list(reversed(accuracies)))
    ax.set_ylim(-0.5, len(accuracies) - 0.5)
    ax.set_xlim(0, 1.08)
    return ax


def bias_of_variance(sizes: Sequence[int], plain: Sequence[float], corrected: Sequence[float], true: float,
                     ax: Axes | None = None) -> Axes:
    """The mean of the mini-batch variances against the batch size m, beside the true variance.

    plain are the biased variances, corrected the same times m/(m-1), one for each of the sizes.
    """
    ax = blank(ax, title="m/(m-1) repairs what the mini-batch's own mean takes away",
               xlabel="examples in the mini-batch, m (log scale)", ylabel="mean variance")
    ax.axhline(true, color=QUIET, linewidth=1)
    ax.annotate(f"true variance, {true:g}", (np.sqrt(sizes[0] * sizes[1]), true), (0, 8), textcoords="offset points",
                fontsize=10, color=QUIET)
    ax.plot(sizes, corrected, "o", markersize=8, **WITH)
    ax.plot(sizes, plain, "s", markersize=8, **WITHOUT)
    label_end(ax, sizes[-1], corrected[-1] + 0.03 * true, "corrected", WITH["color"])
    label_end(ax, sizes[-1], plain[-1] - 0.05 * true, "as it is", WITHOUT["color"])
    ax.set_xscale("log")
    ax.set_xticks(sizes, [str(m) for m in sizes])
    ax.minorticks_off()
    ax.set_ylim(0, 1.2 * true)
    return ax


def tracking(recorded: Sequence[Run], ax: Axes | None = None) -> Axes:
    """Test accuracy through training with the statistics of Algorithm 2 and of up to three moving averages.

    recorded are runs of `experiments.inference` with one configuration and several seeds; the band holds the seeds. The
    axis of steps has marks from 5 to 300. Raises ValueError for more than three moving averages.
    """
    ax = blank(ax, title="A slow moving average still holds its starting values",
               xlabel="training steps of 60 examples (log scale)", ylabel="test accuracy")
    steps = np.array(recorded[0].columns["step"])
    names = [name for name in recorded[0].columns if name != "step"]
    if len(names) > 1 + len(SHADES):
        raise ValueError(f"the runs have {len(names) - 1} moving averages; expected at most {len(SHADES)}, one for "
                         "each colour in SHADES")
    styles = dict(zip(names, (WITH, *SHADES), strict=False))
    for name, style in styles.items():
        spread(ax, steps, np.array([run.columns[name] for run in recorded]), style)
    ends = {name: np.median([run.columns[name][-1] for run in recorded]) for name in names}
    for name, height in spread_labels(ends, gap=0.07).items():
        label_end(ax, steps[-1], height, name, styles[name]["color"])
    ax.set_xscale("log")
    ax.set_xticks([5, 10, 30, 100, 300], ["5", "10", "30", "100", "300"])
    ax.minorticks_off()
    ax.set_ylim(0, 1.1)
    return ax


def one_unit(batch_means: np.ndarray, true: np.ndarray, ax: Axes | None = None) -> Axes:
    """The mean input of one unit through training: in each mini-batch (points), and over many images (line).

    The names of the points, of the line, and of what `moving_average` draws stand above the data.
    """
    steps = np.arange(1, len(true) + 1)
    ax = blank(ax, xlabel="training step", ylabel="mean of one unit's input")
    ax.plot(steps, batch_means, ".", color=QUIET, alpha=0.4, markersize=4)
    ax.plot(steps, true, color="black", linewidth=2)
    low, high = min(batch_means.min(), 0), max(batch_means.max(), 0)
    ax.set_xlim(0, len(true))
    ax.set_ylim(low - 0.05 * (high - low), high + 0.2 * (high - low))
    for place, words, color in ((0.01, "mini-batches (points)", QUIET), (0.37, "many images", "black"),
                                (0.62, "moving average", WITH["color"])):
        ax.annotate(words, (place, 0.98), xycoords="axes fraction", va="top", fontsize=11, color=color)
    return ax


def moving_average(average: np.ndarray, ax: Axes) -> None:
    """Draw the moving average after each step, on the axes of `one_unit`."""
    ax.plot(np.arange(1, len(average) + 1), average, linewidth=2, **WITH)
