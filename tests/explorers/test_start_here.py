"""The explorer of lesson 00: the cloud of mini-batch gradients around the full one."""

import numpy as np
import pytest

from bncourse.explorers.start_here import EXAMPLES, batch_explorer


@pytest.fixture(scope="module")
def explorer():
    return batch_explorer()


@pytest.mark.parametrize("size", [0, 5, 10])
def test_all_sixty_gradients_are_in_view_and_the_arrow_is_the_mean_of_all_examples(explorer, size):
    explorer.controls["m"].value = size
    ax, = explorer.figure.axes
    cloud, = ax.lines
    points, (x, y) = cloud.get_xydata(), (ax.get_xlim(), ax.get_ylim())
    assert len(points) == 60
    assert np.all(points > (x[0], y[0])) and np.all(points < (x[1], y[1]))
    arrow, = ax.texts
    assert arrow.xy == pytest.approx(EXAMPLES.mean(axis=0))


def test_the_steps_of_an_epoch_are_rounded_up(explorer):
    explorer.controls["m"].value, explorer.controls["examples"].value = 10, 2000
    explorer.controls["epochs"].value = 3
    assert explorer.figure.axes[0].get_title(loc="left") == "m = 1024: 6 steps make 3 epochs of 2,000 examples"
    explorer.controls["epochs"].value = 1
    assert explorer.figure.axes[0].get_title(loc="left") == "m = 1024: 2 steps make 1 epoch of 2,000 examples"
