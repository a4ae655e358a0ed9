"""The explorer of lesson 13: which networks, how many crops, which mean; from the recorded run."""

from collections.abc import Callable

import ipywidgets as widgets
import numpy as np

from bncourse.explorers.base import Explorer
from bncourse.figures.ensembles import MEASURES, PALE, UNITS, limits, number_of
from bncourse.figures.style import WITH, blank
from bncourse.runs import Run, ensemble_table

MEANS = {"of probabilities": 0, "of logits": 1}


def ensemble_explorer(run: Run) -> Explorer:
    """Choose networks, crops and the mean: the set among all sets (left), and against the number of crops (right)."""
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
    )


def settings(run: Run) -> tuple[list[int], list[int]]:
    """The numbers of crops of a run, and its networks."""
    return sorted(set(run.columns["crops"])), [int(digit) for digit in f"{max(run.columns['members'])}"]


def drawing(run: Run) -> Callable:
    """What the explorer draws on a figure; every error is looked up before."""
    numbers, names = settings(run)
    found = {(measure, crops, logits): ensemble_table(run.columns, measure, crops, logits)
             for measure in MEASURES.values() for crops in numbers for logits in MEANS.values()}

    def draw(fig, networks, crops, mean, measure):
        left, others, chosen, line, here = panels(fig, numbers, names)

        def update(networks, crops, mean, measure):
            some, column, logits, place = set(networks), MEASURES[measure], MEANS[mean], numbers.index(crops)
            members, models, error = found[column, crops, logits]
            curve = [found[column, number, logits][2][members == number_of(some)].sum() if some else np.nan
                     for number in numbers]
            others.set_data(models, error)
            chosen.set_data([len(some)], [curve[place]])
            line.set_data(range(len(numbers)), curve)
            here.set_data([place], [curve[place]])
            left.set_ylim(limits(run, column))
            left.set_ylabel(UNITS[column], fontsize=11)
            said = ", ".join(map(str, sorted(some)))
            left.set_title(f"networks {said}: {curve[place]:.2f}" if some else "no network is chosen", fontsize=12,
                           loc="left")

        return update

    return draw


def panels(fig, numbers: list[int], names: list[int]) -> tuple:
    """The left axes and, still empty, all sets and the chosen one; right, its line over crops and the present place."""
    left, right = fig.subplots(1, 2, sharey=True)
    blank(left, xlabel="networks")
    blank(right, xlabel="crops (even steps)")
    left.set_xticks(names)
    left.set_xlim(0.5, len(names) + 0.5)
    right.set_xticks(range(len(numbers)), [f"{number}" for number in numbers])
    right.set_xlim(-0.3, len(numbers) - 0.7)
    others, = left.plot([], [], "o", color=PALE, markersize=5, alpha=0.6, markeredgewidth=0)
    chosen, = left.plot([], [], "o", color=WITH["color"], markersize=10)
    line, = right.plot([], [], "-", color=WITH["color"], linewidth=2)
    here, = right.plot([], [], "o", color=WITH["color"], markersize=10)
    return left, others, chosen, line, here
