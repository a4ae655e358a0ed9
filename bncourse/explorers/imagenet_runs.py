"""The explorer of lesson 12: choose an accuracy, and see after how many steps each network reaches it."""

from collections.abc import Mapping, Sequence

import ipywidgets as widgets
import numpy as np

from bncourse.explorers.base import Explorer, moving
from bncourse.figures import imagenet_runs
from bncourse.runs import Run, best, steps_to


def target_explorer(variants: Mapping[str, Sequence[Run]]) -> Explorer:
    """Choose an accuracy; see after how many steps each network reaches it, and which network is first.

    variants maps the name of a network, a key of `figures.imagenet_runs.NAMES`, to its runs, one for each seed.
    """
    highest = max(best(run) for runs in variants.values() for run in runs)

    def draw(fig, target):
        ax = imagenet_runs.curves(variants, fig.subplots(), band=False)
        marks = imagenet_runs.target_marks(list(variants), ax)

        def update(target):
            imagenet_runs.show_target(marks, target, mean_steps(variants, target))
            ax.set_title(first_to_reach(variants, target), fontsize=12, loc="left")

        moving(marks.line, *marks.rings.values())
        return update

    return Explorer(
        draw,
        alt="Validation accuracy against steps for the networks of section 4.2.2, the chosen accuracy as a line, and a "
            "ring where each network reaches it in the mean of its seeds.",
        target=widgets.IntSlider(value=round(60 * highest), min=2, max=int(100 * highest), description="accuracy %"))


def mean_steps(variants: Mapping[str, Sequence[Run]], target: int) -> dict[str, float]:
    """The steps after which each network is right in `target` per cent, in the mean of its seeds; infinity: never."""
    return {name: float(np.mean([steps_to(run, target / 100) for run in runs]))
            for name, runs in variants.items()}


def first_to_reach(variants: Mapping[str, Sequence[Run]], target: int) -> str:
    """Which network reaches an accuracy of `target` per cent first, or which two, or how many, as a sentence."""
    means = mean_steps(variants, target)
    least = min(means.values())
    if np.isinf(least):
        return f"{target} %: no network gets there with every seed"
    names = [imagenet_runs.NAMES[name] for name, steps in means.items() if steps == least]
    who = " and ".join(names) if len(names) < 3 else f"{len(names)} networks"
    return f"{target} %: {who} first, after {least:,.0f} steps"
