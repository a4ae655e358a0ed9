"""The explorer of lesson 10 that shows a grid of trainings."""

import numpy as np
import pytest

from bncourse.explorers.figure_one import grid_explorer


@pytest.fixture
def explorer(rng):
    tables = {name: rng.uniform(0.1, 0.95, (2, 2, 3)) for name in ("without", "with batch norm")}
    tables["without"][1] = [[0.94, 0.90, np.nan], [0.92, 0.951, 0.2]]
    return grid_explorer([100, 1000], tables, [0.1, 0.5, 2], [0.01, 0.1], caption="where it is from")


@pytest.mark.parametrize("points, told", [(0.5, "1 of 5 settings within 0.5 points of its best"),
                                          (5, "3 of 5 settings within 5 points of its best")])
def test_the_titles_count_the_settings_that_come_close_enough_to_the_best(explorer, points, told):
    explorer.controls["points"].value = points
    assert explorer.figure.axes[0].get_title(loc="left") == f"without: {told}"


def test_it_starts_at_a_thousand_steps_and_each_of_its_controls_changes_the_picture(explorer):
    assert explorer.values() == {"step": 1000, "points": 1}
    assert not explorer.dead_controls()
