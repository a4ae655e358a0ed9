"""What the pictures of lesson 08 draw."""

import numpy as np
import pytest

from bncourse.figures import WITH, WITHOUT, jacobians


def line(ax, place=0):
    return ax.lines[place].get_ydata()


def test_a_spectrum_falls_from_the_largest_singular_value_and_the_conjecture_is_at_one():
    ax = jacobians.spectra({"new": (np.array([[0.0, 3.0, 1.0], [0.0, 5.0, 1.0]]), WITH)})
    assert list(line(ax)) == [1, 1]
    assert list(line(ax, 1)) == [4, 1, 0]
    assert "new" in [text.get_text() for text in ax.texts]


def test_gradients_come_down_from_one_and_theory_is_dotted():
    gradient = np.array([[3.0, 2.0, 0.0], [4.0, 2.0, 0.0], [5.0, 2.0, 0.0]])
    ax = jacobians.descents({"a": jacobians.Curve(gradient, WITH, 10.0)}, jacobians.depth_axes(depth=3))
    assert list(line(ax)) == pytest.approx([1, 100, 10_000])
    assert list(line(ax, 1)) == pytest.approx([1, 10, 100]) and ax.lines[1].get_linestyle() == ":"
    assert ax.texts[-1].xy == (2, pytest.approx(1e4))


def test_no_theory_no_dotted_line():
    ax = jacobians.descents({"a": jacobians.Curve(np.zeros((2, 4)), WITHOUT)}, jacobians.depth_axes(depth=4))
    assert len(ax.lines) == 1


@pytest.mark.parametrize(("end", "name", "height"), [(30.0, "a, above", 13.5), (-30.0, "a, below", -1),
                                                     (2.0, "a", 2)])
def test_a_line_that_leaves_the_axes_is_named_at_their_edge(end, name, height):
    ax = jacobians.descents({"a": jacobians.Curve(np.array([[end, 0.0]]), WITH)}, jacobians.depth_axes(depth=2))
    assert ax.texts[-1].get_text() == name and np.log10(ax.texts[-1].xy[1]) == pytest.approx(height)


def test_growth_in_training_leaves_out_what_diverged_and_names_the_rates():
    kept, lost = np.array([[1.4, 1.2], [1.6, 1.0]]), np.array([[1.4, np.nan]])
    left = jacobians.growth_in_training((0, 10), {0.1: kept, 1.0: np.vstack([kept, lost])}, {1.0: lost})
    right = left.figure.axes[1]
    assert [list(line(left, place)) for place in (1, 2)] == [[1.5, 1.1]] * 2
    assert sorted(text.get_text() for text in left.texts) == ["0.1", "1"] and not right.texts
    assert [tick.get_text() for tick in left.get_xticklabels()] == ["0", "10"]
