"""The explorer of lesson 04: no formula is cut, at any step."""

import io

import numpy as np
import pytest
from PIL import Image

from bncourse.explorers.backprop import graph_explorer
from bncourse.figures.backprop import STEPS


@pytest.fixture(scope="module")
def explorer():
    return graph_explorer(np.array([0.0, 4.0, 5.0]), np.array([1.0, 0.0, 2.0]), 2.0, 1.0, 13 / 3)


def test_nothing_touches_the_edge_of_the_picture(explorer):
    for step in range(STEPS, -1, -1):
        explorer.controls["step"].value = step
        pixels = np.asarray(Image.open(io.BytesIO(explorer.image.value)).convert("L"))
        assert all((edge == 255).all() for edge in (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1])), step
