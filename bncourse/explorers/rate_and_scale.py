"""The explorer of lesson 07: choose a learning rate and an initial scale, and see how the loss of a network goes."""

from collections.abc import Sequence

import ipywidgets as widgets
import numpy as np

from bncourse.explorers.base import Explorer
from bncourse.figures import rate_and_scale
from bncourse.runs import Run, stack

NAMES = {"sigmoid": "sigmoid", "relu": "ReLU"}


def cell_explorer(recorded: Sequence[Run], caption: str = "") -> Explorer:
    """Choose an activation, a rate and a scale; see the loss of every seed, without batch norm and with it.

    recorded are runs of `experiments.sensitivity` over one grid, for both activations, with batch norm and without.
    """
    curves, accuracy, rates, scales = by_cell(recorded)
    steps = np.array([int(name.removeprefix("loss ")) for name in recorded[0].columns if name.startswith("loss ")])

    def draw(fig, activation, rate, scale):
        show = rate_and_scale.one_cell(steps, fig)

        def update(activation, rate, scale):
            cell = scales.index(scale) * len(rates) + rates.index(rate)
            chosen = {name: (activation, name == "with batch norm") for name in rate_and_scale.STYLES}
            right = [np.median(accuracy[key][:, cell]) for key in chosen.values()]
            show({name: curves[key][:, cell] for name, key in chosen.items()},
                 f"{NAMES[activation]}, rate {two_digits(rate)}, scale {two_digits(scale)}: "
                 f"{right[0]:.0%} without, {right[1]:.0%} with")

        return update

    return Explorer(
        draw, caption=caption,
        alt="Loss against steps for one learning rate and one initial standard deviation, five seeds without batch "
            "norm and five with it; in the title the test accuracies.",
        activation=widgets.ToggleButtons(options=[(name, key) for key, name in NAMES.items()], description="units"),
        rate=_slider(rates, 1.0, "learning rate"), scale=_slider(scales, 0.1, "initial scale"))


def by_cell(recorded: Sequence[Run]) -> tuple[dict, dict, list[float], list[float]]:
    """Losses `(seeds, cells, looks)` and accuracies `(seeds, cells)` by (activation, batchnorm); rates; scales.

    A cell is a place of the grid: the rates of the smallest scale come first.
    """
    curves, accuracy = {}, {}
    for key in dict.fromkeys((run.config["activation"], run.config["batchnorm"]) for run in recorded):
        runs = [run for run in recorded if (run.config["activation"], run.config["batchnorm"]) == key]
        looks = [name for name in runs[0].columns if name.startswith("loss ")]
        curves[key] = np.stack([stack(runs, name) for name in looks], axis=-1)
        accuracy[key] = stack(runs, "accuracy")
    return curves, accuracy, list(recorded[0].config["rates"]), list(recorded[0].config["scales"])


def two_digits(value: float) -> str:
    """A number with two digits, without an exponent: 0.032, 10, 100."""
    return f"{float(f'{value:.2g}'):g}"


def _slider(values: Sequence[float], first: float, name: str) -> widgets.SelectionSlider:
    options = [(two_digits(value), value) for value in values]
    return widgets.SelectionSlider(options=options, value=first, description=name)
