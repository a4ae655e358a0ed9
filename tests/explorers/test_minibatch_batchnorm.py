"""The explorer of lesson 03 shows what the first example's value does to itself."""

import pytest

from bncourse.explorers.minibatch_batchnorm import batch_explorer


def shown(explorer):
    """y of the first example, as the title says it."""
    return float(explorer.figure.axes[0].get_title(loc="left").rpartition("y = ")[2])


def test_every_control_changes_the_picture():
    assert batch_explorer().dead_controls() == []


def test_in_a_pair_the_value_is_lost_and_only_the_order_is_left():
    explorer = batch_explorer()
    explorer.controls["m"].value = 2
    found = []
    for first in (-9.0, 0.0, 6.0, 10.0):
        explorer.controls["first"].value = first
        found.append(shown(explorer))
    assert found == [-1, -1, 1, 1]


@pytest.mark.parametrize("m", [4, 16, 256])
def test_the_farther_the_first_example_goes_the_farther_its_y_but_never_past_the_bound(m):
    explorer = batch_explorer()
    explorer.controls["m"].value = m
    found = []
    for first in (6.0, 8.0, 10.0):
        explorer.controls["first"].value = first
        found.append(shown(explorer))
    assert found == sorted(found) and 1 < found[-1] < (m - 1) ** 0.5
