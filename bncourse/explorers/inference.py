"""The explorer of lesson 05: the weight of the old value against lag and noise of the moving average."""

import ipywidgets as widgets
import numpy as np

from bncourse.explorers.base import Explorer
from bncourse.figures.inference import moving_average, one_unit
from bncourse.kernels.statistics import MovingAverage


def moving_averages(values: np.ndarray, alpha: float) -> np.ndarray:
    """The moving average of the values `(steps,)` after each step, started from 0."""
    kept, through = MovingAverage(alpha), []
    for value in values:
        kept.update(np.array([value]), np.ones(1))
        through.append(kept.mean[0])
    return np.array(through)


def alpha_explorer(batch_means: np.ndarray, true: np.ndarray) -> Explorer:
    """Move alpha, the weight of the old value in a moving average of one unit's mean.

    A small alpha follows every mini-batch; a large one still holds the means of networks that training has left behind.
    batch_means and true, both `(steps,)`, are the unit's mean in each mini-batch and over many images, with the weights
    of one and the same step. The title gives the mean distance from true over the second half of the steps.
    """

    def draw(fig, alpha):
        ax = one_unit(batch_means, true, fig.add_subplot())

        def update(alpha):
            average = moving_averages(batch_means, alpha)
            moving_average(average, ax)
            late = np.abs(average - true)[len(true) // 2:].mean()
            steps = f"{1 / (1 - alpha):.0f} steps" if alpha else "1 step"
            ax.set_title(f"alpha {alpha:g} (remembers {steps}): mean distance {late:.2f}", fontsize=12, loc="left")

        return update

    return Explorer(
        draw,
        alt="Mini-batch means of one unit as points, the mean over many images as a black line, and the moving average "
            "as a blue line that lags behind it.",
        alpha=widgets.SelectionSlider(value=0.9, options=[0.0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999],
                                      description="alpha"),
    )
