"""The explorer of lesson 15: new pictures, and those that the new statistics are from, with batch norm and without."""

from collections.abc import Callable

import ipywidgets as widgets

from bncourse import runs
from bncourse.experiments.company import at_best
from bncourse.experiments.domains import CLASSES, DOMAINS, PICTURES
from bncourse.explorers.base import Explorer
from bncourse.figures.in_the_wild import adaptation, adaptation_axes
from bncourse.figures.style import write_under

NORMS = {"batch": "batch norm", "none": "no norm"}
SOURCES = {f"{n} pictures": f"from {n}" for n in PICTURES} | {"1000 pictures": "after"} | dict(
    zip(("zeros alone", "zeros and ones", "digits 0 to 4"), (f"of {k}" for k in CLASSES), strict=True))


def domain_explorer(recorded: list[runs.Run]) -> Explorer:
    """Choose the kind of pictures, and which of them the new statistics are from.

    recorded are the runs of `domains.PLAN["adaptation"]`, one for each norm, each shown at its best rate.
    """
    by_norm = {NORMS[run.config["norm"]]: run for run in recorded}

    def draw(fig, **_) -> Callable:
        ax = adaptation_axes(fig)
        write_under(fig, runs.caption(*recorded))

        def update(pictures: str, source: str) -> None:
            shares = {norm: tuple(at_best(run, f"{pictures} {part}") for part in ("before", SOURCES[source]))
                      for norm, run in by_norm.items()}
            adaptation(ax, shares)
            ax.set_title(f"{pictures}: new statistics from {source}", fontsize=12, loc="left")

        return update

    return Explorer(
        draw,
        alt="Right answers of five seeds on MNIST's test digits under another condition, before and after new "
            "statistics, for a network with batch norm and for one without it whose activations are rescaled.",
        pictures=widgets.Dropdown(options=[name for name in DOMAINS if name != "same"], value="fog",
                                  description="pictures"),
        source=widgets.SelectionSlider(options=list(SOURCES), value="20 pictures", description="statistics"),
    )
