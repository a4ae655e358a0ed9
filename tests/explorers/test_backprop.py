"""The explorer of lesson 04: nothing is cut, at any step, and it opens before the gradient is solved."""

import io

import numpy as np
import pytest
from PIL import Image

from bncourse.explorers.backprop import graph_explorer
from bncourse.figures.backprop import STEPS


@pytest.fixture(scope="module")
def explorer():
    return graph_explorer(np.array([0.0, 4.0, 5.0]), np.array([1.0, 0.0, 2.0]), 2.0, 1.0, 13 / 3)


@pytest.fixture(scope="module")
def six_examples():
    rng = np.random.default_rng(0)
    return graph_explorer(rng.normal(1e3, 300, size=6), 1e-3 * rng.normal(size=6), -2.123, 1.0, 1e-5)


@pytest.mark.parametrize("name", ["explorer", "six_examples"])
def test_nothing_touches_the_edge_of_the_picture(name, request):
    explorer = request.getfixturevalue(name)
    settings = [("step", step) for step in range(STEPS + 1)] + [("dy", dy) for dy in explorer.controls["dy"].options]
    for control, value in settings:
        explorer.controls[control].value = value
        pixels = np.asarray(Image.open(io.BytesIO(explorer.image.value)).convert("L"))
        assert all((edge == 255).all() for edge in (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1])), value
    explorer.reset()


def test_it_opens_in_the_middle_and_each_control_moves_the_picture(explorer):
    assert 0 < explorer.controls["step"].value < STEPS
    assert explorer.dead_controls() == []


def test_a_gradient_that_is_the_same_for_all_examples_shows_as_zero_in_x(explorer):
    explorer.controls["dy"].value, explorer.controls["step"].value = "1 for every example", STEPS
    assert [text.get_text() for text in explorer.figure.axes[0].texts].count("0\n0\n0") == 1
    explorer.reset()
