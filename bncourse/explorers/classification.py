"""The explorer of lesson 12: choose an accuracy, and see after how many steps each network reaches it."""

from collections.abc import Mapping, Sequence

import ipywidgets as widgets
import numpy as np

from bncourse.explorers.base import Explorer
from bncourse.figures import classification
from bncourse.figures.style import QUIET
from bncourse.runs import Run


def target_explorer(variants: Mapping[str, Sequence[Run]]) -> Explorer:
    """The networks' curves and an accuracy to reach; the title says who gets there first, and when."""
    highest = max(classification.best(run) for runs in variants.values() for run in runs)

    def draw(fig, target):
        ax = classification.curves(variants, fig.subplots())
        line = ax.axhline(0, color=QUIET, linewidth=1)
        dots = {name: ax.plot([], [], "o", color=classification.color_of(name))[0] for name in variants}

        def update(target):
            line.set_ydata([target, target])
            for name, steps in mean_steps(variants, target).items():
                dots[name].set_data(([steps], [target]) if np.isfinite(steps) else ([], []))
            ax.set_title(first(variants, target), fontsize=12, loc="left")

        update(target)
        return update

    return Explorer(
        draw,
        alt="Validation accuracy against steps for the networks of section 4.2.2, the chosen accuracy as a line, and a "
            "dot where each network reaches it in the mean of its seeds.",
        target=widgets.IntSlider(value=round(50 * highest), min=2, max=int(100 * highest), description="accuracy %"))


def mean_steps(variants: Mapping[str, Sequence[Run]], target: int) -> dict[str, float]:
    """The steps after which each network is right in `target` per cent, in the mean of its seeds; infinity: never."""
    return {name: float(np.mean([classification.steps_to(run, target / 100) for run in runs]))
            for name, runs in variants.items()}


def first(variants: Mapping[str, Sequence[Run]], target: int) -> str:
    """Which network reaches an accuracy of `target` per cent first, as a sentence."""
    means = mean_steps(variants, target)
    name = min(means, key=means.get)
    if np.isinf(means[name]):
        return f"{target} %: no network gets there with every seed"
    return f"{target} %: {classification.NAMES[name]} is first, after {means[name]:,.0f} steps"
