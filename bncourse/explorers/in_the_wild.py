"""The explorer of lesson 15: new pictures, and those that the new statistics are from, with batch norm and without."""

from collections.abc import Callable, Mapping

import ipywidgets as widgets
import numpy as np
from matplotlib.figure import Figure

from bncourse.explorers.base import Explorer
from bncourse.figures.in_the_wild import adaptation, adaptation_axes


def domain_explorer(before: Mapping[str, Mapping[str, np.ndarray]],
                    after: Mapping[str, Mapping[str, Mapping[str, np.ndarray]]], caption: str = "") -> Explorer:
    """Choose the kind of pictures, and which of them the new statistics are from.

    before maps "batch norm" and "no norm" to kinds of pictures, and each of these to the seeds' shares of right
    answers; after has, between the kinds and the shares, the names of what the statistics are from.
    """
    def draw(fig: Figure, **_) -> Callable:
        ax = adaptation_axes(fig)

        def update(pictures: str, source: str) -> None:
            adaptation(ax, {norm: (before[norm][pictures], after[norm][pictures][source]) for norm in before})
            ax.set_title(f"{pictures}: new statistics from {source}", fontsize=12, loc="left")

        return update

    kinds = next(iter(after.values()))
    sources = list(next(iter(kinds.values())))
    return Explorer(
        draw, caption=caption,
        alt="Right answers of five seeds on MNIST's test digits under another condition, before and after new "
            "statistics, for a network with batch norm and for one without it whose activations are rescaled.",
        pictures=widgets.Dropdown(options=list(kinds), value="fog" if "fog" in kinds else next(iter(kinds)),
                                  description="pictures"),
        source=widgets.SelectionSlider(options=sources, value=sources[len(sources) // 4], description="statistics"),
    )
