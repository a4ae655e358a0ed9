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
        means = {name: np.mean([classification.steps_to(run, target / 100) for run in runs])
                 for name, runs in shown.items()}
        first = min(means, key=means.get)
        title = f"{target:.0f} %: no network gets there with every seed"
        if np.isfinite(means[first]):
            title = f"{target:.0f} %: {classification.NAMES[first]} is first, after {means[first]:,.0f} steps"
        classification.curves(shown, fig.subplots(), title=title, target=target / 100)

    return Explorer(
        draw,
        alt="Validation accuracy against steps for the networks of section 4.2.2, the chosen accuracy as a line, and a "
            "dot where each network reaches it in the mean of its seeds.",
        target=widgets.IntSlider(value=round(50 * highest), min=2, max=int(100 * highest), description="accuracy %"),
        networks=widgets.Dropdown(options=["all", "with batch norm", "without"], description="networks"))
