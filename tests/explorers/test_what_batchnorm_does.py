"""The explorer of lesson 14: what is written is the loss at the chosen step."""

import numpy as np
import pytest

from bncourse.explorers.what_batchnorm_does import step_explorer

SIZES = np.geomspace(0.1, 10, 5)
LOSSES = {n: {"none": SIZES * (n + 1), "batch": 1 / SIZES} for n in (0, 20)}


@pytest.fixture
def explorer():
    return step_explorer(SIZES, LOSSES)


def said(explorer):
    ax, = explorer.figure.axes
    return [text.get_text() for text in ax.texts][-2:]


def test_it_starts_at_the_step_of_training_after_the_longest_training(explorer):
    assert said(explorer) == ["without: 21.00", "batch norm: 1.00"]
    assert "a step of 1 times the rate, after 20 steps" in explorer.figure.axes[0].get_title(loc="left")


def test_the_losses_are_those_at_the_chosen_length_and_time(explorer):
    explorer.controls["step"].index, explorer.controls["trained"].index = 4, 0
    assert said(explorer) == ["without: 10.00", "batch norm: 0.10"]


def test_a_loss_beyond_a_thousand_is_not_written_out():
    far = step_explorer(SIZES, {0: {"none": SIZES * 1e5, "batch": SIZES}})
    assert said(far)[0] == "without: above 1000"


def test_every_control_changes_the_picture(explorer):
    assert explorer.dead_controls() == []
