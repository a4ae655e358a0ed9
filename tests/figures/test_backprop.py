"""What the pictures of lesson 04 draw: values on the way forward, gradients and derivatives on the way back."""

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.text import Annotation

from bncourse.explorers.backprop import three_numbers
from bncourse.figures import backprop
from bncourse.figures.style import WITH, WITHOUT

X, DY = np.array([0.0, 4.0, 5.0]), np.array([1.0, 0.0, 2.0])
FORWARD = len(backprop.NODES) - backprop.GIVEN
ORDER = (*(node.name for node in backprop.NODES[backprop.GIVEN:]), *backprop.BACKWARD)


@pytest.fixture
def lit():
    """The axes after a step."""
    values, gradients = three_numbers(X, DY, 2.0, 1.0, 13 / 3)

    def at(step):
        ax = backprop.outline()
        backprop.light(values, gradients, step, ax)
        return ax

    return at


def texts_in(ax, style):
    return [text for text in ax.texts if text.get_color() == style["color"]]


def arrows_in(ax, color):
    return [a for a in ax.texts if isinstance(a, Annotation) and a.arrow_patch.get_edgecolor()[:3] == to_rgb(color)]


def test_each_step_adds_one_value_and_then_one_gradient(lit):
    counts = [tuple(len(texts_in(lit(step), style)) - 1 for style in (WITH, WITHOUT))  # less the line on colours
              for step in range(backprop.STEPS + 1)]
    given = backprop.GIVEN
    assert counts == [*((given + k, 0) for k in range(FORWARD + 1)),
                      *((given + FORWARD, k + 1) for k in range(len(backprop.BACKWARD)))]


def test_the_node_of_the_step_alone_is_filled(lit):
    for step in range(1, backprop.STEPS + 1):
        name = ORDER[step - 1]
        filled = [line for line in lit(step).lines if line.get_markerfacecolor() != "white"]
        assert [(line.get_xdata()[0], line.get_ydata()[0]) for line in filled] == [backprop.BY_NAME[name].place]


def test_the_gradient_goes_against_the_arrows_and_leaves_the_derivative_on_each(lit):
    for step, travelled in ((FORWARD, 0), (backprop.STEPS, len(backprop.EDGES))):
        ax = lit(step)
        assert len(arrows_in(ax, WITHOUT["color"])) == travelled
        shown = [text.get_text() for text in ax.texts if text.get_bbox_patch()]
        assert sorted(shown) == sorted(edge.derivative for edge in backprop.EDGES)[:travelled]
    assert {arrow.xy for arrow in arrows_in(ax, WITHOUT["color"])} == {
        backprop.BY_NAME[edge.start].place for edge in backprop.EDGES}


def test_the_gradients_are_those_computed_by_hand():
    values, gradients = three_numbers(X, DY, 2.0, 1.0, 13 / 3)
    assert gradients["var"] == pytest.approx(-1 / 27) and gradients["mu"] == pytest.approx(-2)
    assert gradients["gamma"] == pytest.approx(1 / 3) and gradients["beta"] == pytest.approx(3)
    assert 81 * gradients["x"] == pytest.approx(np.array([6, -56, 50]))
    assert gradients["centred"] + gradients["mu"] / 3 == pytest.approx(gradients["x"])
    assert gradients["s"] / (2 * values["s"]) == pytest.approx(gradients["var"])


def test_every_node_has_a_gradient_and_every_edge_joins_nodes():
    names = {node.name for node in backprop.NODES}
    assert set(backprop.BACKWARD) == names
    assert {end for edge in backprop.EDGES for end in edge[:2]} == names


@pytest.mark.parametrize(("value", "text"), [
    (-1 / 27, "-1/27"), (2.0, "2"), (0.25, "0.25"), (1 / 3, "1/3"), (-0.0012345, "-0.00123"), (1038.4, "1038"),
    (1e-17, "0"), (-0.0, "0"), (np.pi, "3.14"),
])
def test_a_number_is_a_fraction_where_it_is_one_and_has_three_digits_elsewhere(value, text):
    assert backprop.short(value) == text


def test_of_more_than_four_numbers_three_are_shown():
    assert backprop.numbers(np.arange(4.0)) == "0\n1\n2\n3"
    assert backprop.numbers(np.arange(6.0)) == "0\n1\n2\n…"


def test_the_matrices_and_both_spectra_are_drawn():
    parts = {name: np.eye(3) for name in "abcd"}
    ax = backprop.projection(parts, np.array([1.0, 1, 0]), np.ones(3))
    assert [list(line.get_ydata()) for line in ax.lines] == [[1, 1, 1], [1, 1, 0]]
    assert sum(len(panel.images) for panel in ax.figure.axes) == 4


def test_distances_from_pytorch_are_drawn_no_lower_than_the_floor():
    reference = np.array([2.0, 1.0])
    ax = backprop.beside_pytorch({"right": reference, "wrong": reference + 0.1}, reference, "Two", 1e-12)
    right, wrong = (line.get_ydata() for line in ax.lines)
    assert right == pytest.approx(1e-12) and wrong == pytest.approx(0.1)
