"""What the pictures of lesson 07 draw."""

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from bncourse.figures import WITH, WITHOUT
from bncourse.figures import rate_and_scale as draw


def in_colour(ax, style):
    return [line for line in ax.lines if to_hex(line.get_color()).upper() == style["color"]]


def test_the_curve_of_ten_w_lies_on_that_of_w(rng):
    base, other = np.sort(rng.uniform(size=20))[::-1], np.ones(20)
    below, scaled = draw.equal_curves(base, base.copy(), other).lines[1:]
    assert np.array_equal(below.get_xydata(), scaled.get_xydata())
    assert below.get_linewidth() > 3 * scaled.get_linewidth() and below.get_color() != scaled.get_color()


def test_angles_are_drawn_in_degrees_and_the_level_of_theory_in_both_panels():
    left = draw.settling({"c = 1": np.array([0.5, 0.2])}, {"rate 1": np.array([0.1, 0.2])}, 0.2)
    right = left.figure.axes[1]
    for ax, values in ((left, [0.5, 0.2]), (right, [0.1, 0.2])):
        level, line = ax.lines
        assert np.allclose(level.get_ydata(), np.degrees(0.2)) and np.allclose(line.get_ydata(), np.degrees(values))
    assert [text.get_text() for text in left.get_legend().get_texts()] == ["c = 1"]


def test_a_loss_that_is_not_finite_has_no_point():
    curves = {"without": (np.array([0.1, 1, 10]), np.array([0.1, np.nan, np.inf])),
              "with batch norm": (np.array([0.2, 2, 20]), np.array([0.3, 0.2, 0.4]))}
    ax = draw.least_squares(curves, 0.5)
    assert [len(line.get_xdata()) for line in (*in_colour(ax, WITHOUT)[:1], *in_colour(ax, WITH))] == [1, 3]
    assert any("0.5" in text.get_text() for text in ax.texts)


@pytest.fixture
def panels(rng):
    return {name: rng.uniform(size=(3, 5)) for name in ("a, without", "a, with batch norm", "b, without", "b, other")}


def test_a_cross_stands_in_each_cell_that_diverged_and_scales_grow_upward(panels):
    diverged = {name: values > 0.7 for name, values in panels.items()}
    axes = draw.grids(panels, [0.01, 0.0316228, 0.1, 0.316228, 1], [0.1, 1, 10], diverged)
    for ax, (name, values) in zip(axes, panels.items(), strict=True):
        crosses, = [line for line in ax.lines if line.get_marker() == "x"]
        assert sorted(crosses.get_xydata().tolist()) == sorted([c, r] for r, c in np.argwhere(values > 0.7).tolist())
        assert ax.get_title(loc="left") == name and ax.get_ylim()[0] < ax.get_ylim()[1]
        assert np.array_equal(ax.images[0].get_array(), values)
    assert [text.get_text() for text in axes[2].get_xticklabels()] == ["0.01", "0.1", "1"]  # whole decades only
    assert [text.get_text() for text in axes[0].get_yticklabels()] == ["0.1", "1", "10"]


def test_two_panels_make_one_row(panels):
    two = dict(list(panels.items())[:2])
    none = {name: np.zeros((3, 5), bool) for name in two}
    assert len(draw.grids(two, [1, 10, 100, 1000, 1e4], [0.1, 1, 10], none)) == 2


def test_one_cell_shows_the_median_of_the_seeds_and_what_is_not_finite_at_the_upper_edge():
    figure, steps = Figure(), np.array([1, 10, 100])
    show = draw.one_cell(steps, figure)
    show({"without": np.array([[2, np.nan, np.nan]] * 3),
          "with batch norm": np.array([[2, 1, 0.5], [2, 2, 1], [2, 3, 3]])}, "a title")
    ax, = figure.axes
    (with_it,), (without,) = in_colour(ax, WITH), in_colour(ax, WITHOUT)
    assert with_it.get_ydata().tolist() == [2, 2, 1]
    assert without.get_ydata().tolist() == [2, 1e4, 1e4] and ax.get_ylim()[1] > 1e4
    assert ax.get_title(loc="left") == "a title"
