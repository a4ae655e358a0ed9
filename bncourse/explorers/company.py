"""The explorer of lesson 09: the size of the mini-batches, the learning rate and the statistics at the test."""

from collections.abc import Callable

import ipywidgets as widgets
import numpy as np

from bncourse import runs
from bncourse.explorers.base import Explorer
from bncourse.figures.company import NAMES, bars, bars_axes

STATISTICS = {"Algorithm 2": "test", "layer by layer": "in order", "the test mini-batch's own": "own"}
GUESSING = 0.15  # a share of right answers which says that a network has not learned the ten digits


def accuracies() -> dict[tuple, dict[str, np.ndarray]]:
    """The recorded accuracies of all seeds by norm, size and rate, and then by the column that names the statistics."""
    found = {}
    for run in (run for run in runs.find("company") if run.config["images"] is None):
        rates = np.array(run.columns["lr"])
        for rate in run.config["rates"]:
            found[run.config["norm"], run.config["batch"], rate] = {
                column: np.array(run.columns[column])[rates == rate] for column in STATISTICS.values()}
    return found


def company_explorer() -> Explorer:
    """Move the size of the mini-batches and the rate, choose the statistics; watch five normalizers."""
    found = accuracies()
    sizes = sorted({m for _, m, _ in found})
    rates = sorted(rate for rate in {rate for _, _, rate in found} if all(("none", m, rate) in found for m in sizes))

    def draw(fig, **_) -> Callable:
        ax = bars_axes(fig.add_subplot())

        def update(m: int, rate: float, statistics: str) -> None:
            shown = {NAMES[norm]: found[norm, m, rate][STATISTICS[statistics]] for norm in NAMES}
            bars(shown, ax)
            best = max(shown, key=lambda name: np.median(shown[name]))
            found_out = f"{best} is ahead" if np.median(shown[best]) > GUESSING else "none has learned the digits"
            ax.set_title(f"mini-batches of {m}, rate {rate:g}: {found_out}", fontsize=12, loc="left")

        return update

    return Explorer(
        draw,
        alt="Right answers on test digits of MNIST after 1,000 steps, for networks with no norm, batch norm, batch "
            "renorm, layer norm and group norm, five seeds each.",
        m=widgets.SelectionSlider(options=sizes, value=sizes[0], description="m"),
        rate=widgets.SelectionSlider(options=rates, value=0.1, description="rate"),
        statistics=widgets.Dropdown(options=list(STATISTICS), description="statistics"),
    )
