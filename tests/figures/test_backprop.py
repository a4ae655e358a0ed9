"""What the pictures of lesson 04 draw: values on the way forward, gradients on the way back."""

import numpy as np
import pytest

from bncourse.explorers.backprop import three_numbers
from bncourse.figures import backprop
from bncourse.figures.style import WITH, WITHOUT

X, DY = np.array([0.0, 4.0, 5.0]), np.array([1.0, 0.0, 2.0])


def numbers_at(step):
    """How many values, above the nodes, and how many gradients, below them, stand there after a step."""
    values, gradients = three_numbers(X, DY, 2.0, 1.0, 13 / 3)
    ax = backprop.outline()
    backprop.light(values, gradients, step, ax)
    return tuple(sum(text.get_color() == style["color"] for text in ax.texts) for style in (WITH, WITHOUT))


def test_each_step_adds_one_value_and_then_one_gradient():
    forward, back = len(backprop.NODES), len(backprop.BACKWARD)
    assert [numbers_at(step) for step in range(backprop.STEPS + 1)] == [
        *((k, 0) for k in range(forward + 1)), *((forward, k + 1) for k in range(back))]


def test_the_gradients_are_those_computed_by_hand():
    values, gradients = three_numbers(X, DY, 2.0, 1.0, 13 / 3)
    assert gradients["var"] == pytest.approx(-1 / 27) and gradients["mu"] == pytest.approx(-2)
    assert 81 * gradients["x"] == pytest.approx(np.array([6, -56, 50]))
    assert gradients["centred"] + gradients["mu"] / 3 == pytest.approx(gradients["x"])
    assert gradients["s"] / (2 * values["s"]) == pytest.approx(gradients["var"])


def test_every_node_has_a_gradient_and_every_edge_joins_nodes():
    names = {node.name for node in backprop.NODES}
    assert set(backprop.BACKWARD) == names == set(backprop.LETTERS)
    assert {end for edge in backprop.EDGES for end in edge} == names


def test_numbers_are_short_and_have_no_negative_zero():
    assert backprop.numbers(np.array([-0.001, 1 / 3, 2.0])) == "0\n0.33\n2"


def test_both_spectra_are_drawn():
    ax = backprop.spectrum(np.array([1.0, 1, 0]), np.ones(3))
    assert [list(line.get_ydata()) for line in ax.lines] == [[1, 1, 1], [1, 1, 0]]
