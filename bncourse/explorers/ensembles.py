"""The explorer of lesson 13: which networks, how many crops, which mean; from the recorded run."""

from collections.abc import Callable, Sequence

import ipywidgets as widgets
import numpy as np
from matplotlib.figure import Figure

from bncourse.explorers.base import Explorer
from bncourse.figures.ensembles import MEASURES, UNITS, ensemble_panels, limits, number_of, show_ensemble
from bncourse.runs import Run, ensemble_table

MEANS = {"of probabilities": 0, "of logits": 1}


def ensemble_explorer(run: Run) -> Explorer:
    """Choose networks, crops, mean and measure; see the error of the ensemble among all ensembles, and against crops.

    run is a recorded run of `experiments.ensembles`.
    """
    numbers, names = settings(run)
    first = ensemble_table(run.columns, "top5_error", numbers[-1])[2][-1]
    return Explorer(
        drawing(run),
        alt=f"Left, top-5 error against the number of networks, a pale dot for each of the {2 ** len(names) - 1} sets. "
            f"Lit are all {len(names)} networks with {numbers[-1]} crops: {first:.1f} %. Right, the error of the "
            "chosen set against the number of crops.",
        networks=widgets.SelectMultiple(options=names, value=tuple(names), rows=len(names), description="networks"),
        crops=widgets.SelectionSlider(options=numbers, value=numbers[-1], description="crops"),
        mean=widgets.ToggleButtons(options=list(MEANS), value="of probabilities", description="mean"),
        measure=widgets.ToggleButtons(options=list(MEASURES), value="top-5", description="measure"),
        grids=[{"networks": some_sets(names), "crops": numbers}, {"mean": list(MEANS), "measure": list(MEASURES)}],
    )


def some_sets(names: Sequence[int]) -> list[tuple[int, ...]]:
    """Each network by itself, then the first two, three and so on, and the pair of the first and the fourth."""
    grown = [tuple(names[:count]) for count in range(2, len(names) + 1)]
    return [*((name,) for name in names), (names[0], names[3]), *grown] if len(names) > 3 else grown


def settings(run: Run) -> tuple[list[int], list[int]]:
    """The numbers of crops and the names of the networks in a run, both in order."""
    return sorted(set(run.columns["crops"])), [int(digit) for digit in f"{max(run.columns['members'])}"]


def drawing(run: Run) -> Callable:
    """The draw function of the explorer; it looks every error of the run up before the first picture."""
    numbers, names = settings(run)
    found = {(measure, crops, logits): ensemble_table(run.columns, measure, crops, logits)
             for measure in MEASURES.values() for crops in numbers for logits in MEANS.values()}

    def draw(fig: Figure, **_) -> Callable:
        panels = ensemble_panels(numbers, names, fig)

        def update(networks: Sequence[int], crops: int, mean: str, measure: str) -> None:
            chosen, column, logits = set(networks), MEASURES[measure], MEANS[mean]
            members, models, error = found[column, crops, logits]
            curve = [found[column, number, logits][2][members == number_of(chosen)].sum() if chosen else np.nan
                     for number in numbers]
            show_ensemble(panels, (models, error), sorted(chosen), curve, numbers.index(crops))
            panels.left.set_ylim(limits(run, column))
            panels.left.set_ylabel(UNITS[column], fontsize=11)

        return update

    return draw
