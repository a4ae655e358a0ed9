"""The explorer of lesson 12: choose an accuracy, and see after how many steps each network reaches it."""

from collections.abc import Mapping, Sequence

import ipywidgets as widgets
import numpy as np

from bncourse.explorers.base import Explorer
from bncourse.figures import classification
from bncourse.runs import Run


def target_explorer(variants: Mapping[str, Sequence[Run]]) -> Explorer:
    """The networks' curves and an accuracy to reach; the title says who gets there first, and when."""
    highest = max(classification.best(run) for runs in variants.values() for run in runs)

    def draw(fig, target, networks):
        shown = {name: runs for name, runs in variants.items()
                 if networks == "all" or name.startswith("bn") == (networks == "with batch norm")}
        classification.curves(shown, fig.subplots(), title=first(shown, target), target=target / 100)

    return Explorer(
        draw,
        alt="Validation accuracy against steps for the networks of section 4.2.2, the chosen accuracy as a line, and a "
            "dot where each network reaches it in the mean of its seeds.",
        target=widgets.IntSlider(value=round(50 * highest), min=2, max=int(100 * highest), description="accuracy %"),
        networks=widgets.Dropdown(options=["all", "with batch norm", "without"], description="networks"))


def first(variants: Mapping[str, Sequence[Run]], target: int) -> str:
    """Which network reaches an accuracy of `target` per cent first, in the mean of its seeds, as a sentence."""
    means = {name: np.mean([classification.steps_to(run, target / 100) for run in runs])
             for name, runs in variants.items()}
    name = min(means, key=means.get)
    if np.isinf(means[name]):
        return f"{target} %: no network gets there with every seed"
    return f"{target} %: {classification.NAMES[name]} is first, after {means[name]:,.0f} steps"
