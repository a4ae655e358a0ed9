"""The explorers of lesson 10: scrub through a training, and through the grid of learning rates and scales."""

import ipywidgets as widgets
import numpy as np

from bncourse.explorers.base import Explorer, moving
from bncourse.figures import figure_one


def training_explorer(steps: np.ndarray, accuracy: dict[str, np.ndarray], inputs: dict[str, np.ndarray],
                      caption: str = "") -> Explorer:
    """Move through two trainings; see the inputs of one sigmoid of the last hidden layer, and each test accuracy.

    steps and accuracy are those of `figures.figure_one.one_moment`; inputs maps the same keys to `(records, images)`.
    """
    def draw(fig, step):
        show = figure_one.one_moment(steps, accuracy, fig)

        def update(step):
            place = int(np.flatnonzero(steps == step)[0])
            show({kind: values[place] for kind, values in inputs.items()}, place)

        return update

    return Explorer(
        draw,
        alt="Left, test accuracy against steps for both networks, the present step marked. Right, densities of what "
            "one sigmoid of the last hidden layer is fed at this step, and their 15th, 50th and 85th percentiles.",
        caption=caption,
        step=widgets.SelectionSlider(options=[(f"{step:,}", int(step)) for step in steps],
                                     value=int(steps[len(steps) // 2]), description="step"))


def grid_explorer(steps: list[int], accuracies: dict[str, np.ndarray], rates: list[float | int],
                  scales: list[float | int], caption: str = "") -> Explorer:
    """Choose a step; see the accuracy of every learning rate and initial scale, without batch norm and with it.

    steps are those of the records. accuracies maps the name of a panel to accuracies `(records, scales, rates)`, NaN
    where a setting was not trained. Settings within the chosen number of points of the panel's best have a frame. The
    explorer starts at the first step that is 1,000 or more, and at one point.
    """
    def draw(fig, step, points):
        axes = figure_one.grid(tuple(accuracies), rates, scales, fig)
        title = fig.suptitle("", fontsize=12, x=0.01, ha="left")
        moving(title)

        def update(step, points):
            for ax, (name, values) in zip(axes, accuracies.items(), strict=True):
                ax.set_title(f"{name}: {figure_one.heat(values[steps.index(step)], ax, points)}", loc="left")
            title.set_text(f"after {step:,} steps: test accuracy, %")

        return update

    return Explorer(
        draw, caption=caption, figsize=(6.4, 5.0),
        alt="Two heat maps of test accuracy over learning rate and initial standard deviation at the chosen step, "
            "without batch norm and with it. A frame marks each setting that is close to the best of its map.",
        step=widgets.SelectionSlider(options=[(f"{step:,}", step) for step in steps],
                                     value=next(step for step in steps if step >= 1_000), description="step"),
        points=widgets.SelectionSlider(options=[0.5, 1, 2, 5, 10], value=1, description="within"))
