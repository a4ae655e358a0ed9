"""What the pictures of lesson 06 draw."""

import numpy as np
import pytest

from bncourse.figures import WITH, convolution


def test_independent_pixels_are_repaired_by_one_factor_and_equal_ones_by_the_other():
    ax = convolution.correlation([0, 1], [0.98, 0.75], 4, 16, {"maps": 0.2})
    by_images, by_values = (line.get_ydata() for line in ax.lines[1:3])
    assert by_values[0] == pytest.approx(1) and by_images[-1] == pytest.approx(1)
    assert "maps 0.20" in [t.get_text() for t in ax.texts]


def test_each_kind_of_network_has_its_line_over_the_moves():
    ax = convolution.accuracy_of_moved_digits([0, 2], np.array([[0.8, 0.8]]), np.array([[0.8, 0.3]]))
    assert [list(line.get_ydata()) for line in ax.lines] == [[0.8, 0.8], [0.8, 0.3]]


def test_only_the_moves_that_were_tried_are_marked():
    ax = convolution.accuracy_of_moved_digits([0, 2], np.array([[0.8, 0.8]]), np.array([[0.8, 0.3]]))
    assert list(ax.get_xticks()) == [0, 2] and [line.get_marker() for line in ax.lines] == ["o", "s"]


def test_the_losses_of_two_layers_are_one_broad_line_and_dashes():
    ax = convolution.losses_of_two(np.array([2.0, 1.0]), np.array([2.0, 1.5]), "title")
    assert [list(line.get_ydata()) for line in ax.lines] == [[2.0, 1.0], [2.0, 1.5]]
    assert ax.lines[0].get_linewidth() > 2 * ax.lines[1].get_linewidth()


def test_gains_are_after_minus_before_in_points_and_zero_is_in_the_middle():
    ax = convolution.before_or_after({("relu", 0.1): (np.array([0.5, 0.6]), np.array([0.6, 0.5]))})
    assert list(ax.lines[1].get_xdata()) == pytest.approx([10, -10])
    assert sum(ax.get_xlim()) == pytest.approx(0)


@pytest.mark.parametrize(("choice", "lit"), [
    ((True, 1, True), 6 + 4 + 24),     # batch norm: a column of the front, one of the top, the whole side
    ((False, 6, True), 36 + 6 + 6),    # layer norm: the front, a row of the top, a column of the side
    ((False, 1, True), 6 + 1 + 6),     # instance norm
    ((True, 1, False), 1 + 4 + 4),     # per activation
    ((False, 1, False), 3),            # the corner alone
])
def test_the_lit_cells_are_those_of_one_set(choice, lit):
    ax = convolution.cube_axes()
    convolution.cube(convolution.corner(*choice), ax)
    cells, = ax.collections
    blue = [face for face in cells.get_facecolors() if np.allclose(face[:3], [0, 0x72 / 255, 0xB2 / 255])]
    assert WITH["color"] == "#0072B2" and len(blue) == lit
    assert len(cells.get_paths()) == 36 + 24 + 24
