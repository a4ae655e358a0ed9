"""What the pictures of lesson 01 draw."""

import numpy as np
import pytest
from matplotlib.colors import to_hex

from bncourse.figures import WITH, WITHOUT, covariate_shift


def in_colour(ax, style):
    return [line for line in ax.lines if to_hex(line.get_color()).upper() == style["color"]]


def texts(ax):
    return {text.get_text() for text in ax.texts}


def test_every_example_here_and_there_is_a_point_and_so_is_every_moved_answer():
    here, there = (np.array([0.0, 1.0]), np.array([0.1, 0.9])), (np.array([3.0, 4.0, 5.0]), np.array([1.0, 1.1, 1.2]))
    x = np.linspace(0, 5, 9)
    ax = covariate_shift.line_fitted_elsewhere((x, np.log1p(x)), (x, x / 2), here, there, np.array([0.2, 0.3, 0.4]))
    clouds = [line.get_xydata().T.tolist() for line in ax.lines if line.get_marker() == "."]
    assert clouds == [[[0, 1], [0.1, 0.9]], [[3, 4, 5], [1, 1.1, 1.2]], [[3, 4, 5], [0.2, 0.3, 0.4]]]


def test_each_condition_has_its_picture_and_the_accuracy_of_each_seed(rng):
    pictures = {name: rng.uniform(size=(4, 4)) for name in ("fog", "darker")}
    training, own = np.array([[0.1, 0.4], [0.3, 0.5], [0.2, 0.4]]), np.full((3, 2), 0.9)
    ax = covariate_shift.conditions(pictures, training, own, home=0.95)
    ticks = [line.get_xdata() for line in in_colour(ax, WITHOUT) if line.get_marker() == "|"]
    assert np.array_equal(ticks, training)
    middle, = (line.get_xdata() for line in in_colour(ax, WITHOUT) if line.get_marker() == "o")
    assert list(middle) == [0.2, 0.4]
    assert [np.array_equal(small.images[0].get_array(), picture)
            for small, picture in zip(ax.child_axes, pictures.values(), strict=True)] == [True, True]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["fog", "darker"] and ax.get_xlim() == (0, 1)


def test_a_wrong_guess_is_struck_through_and_a_right_one_is_not(rng):
    ax = covariate_shift.guess_axes(3, {"as trained": WITHOUT, "repaired": WITH})
    covariate_shift.guesses(rng.uniform(size=(3, 4, 4)), np.array([7, 1, 2]),
                  {"as trained": (np.array([7, 9, 2]), WITHOUT), "repaired": (np.array([7, 1, 2]), WITH)}, ax)
    strokes = in_colour(ax, WITHOUT)
    assert len(strokes) == 1 and 1 < strokes[0].get_xdata()[0] < 2
    assert in_colour(ax, WITH) == []
    assert texts(ax) == {"as trained", "repaired", "7", "9", "2", "1"}


def test_the_pictures_lie_side_by_side_in_their_order():
    pictures = np.arange(3)[:, None, None] / 2 * np.ones((3, 4, 5))
    ax = covariate_shift.guess_axes(3, {})
    covariate_shift.guesses(pictures, np.zeros(3, int), {}, ax)
    assert np.array_equal(ax.images[0].get_array()[0], np.repeat([0, 0.5, 1], 5))


def test_names_that_would_lie_on_each_other_are_moved_apart():
    values = {"low": np.full((2, 3), 1.0), "lower": np.full((2, 3), 0.99), "high": np.full((2, 3), 100.0)}
    ax = covariate_shift.layer_by_layer({name: (v, WITH) for name, v in values.items()})
    heights = {text.get_text(): text.xy[1] for text in ax.texts}
    assert heights["lower"] == 0.99 and heights["high"] == 100
    assert heights["low"] > 1.2 * heights["lower"]
    assert ax.get_yscale() == "log" and list(ax.get_xticks()) == [1, 2, 3]


def test_each_layer_has_its_panel_with_its_three_percentiles(rng):
    percentiles = np.sort(rng.normal(size=(2, 5, 3, 3)), axis=-1)
    steps = np.arange(5)
    top = covariate_shift.streams(steps, percentiles, 2 * percentiles, "wandering")
    panels = np.array(top.figure.axes).reshape(3, 2)
    assert [ax.get_ylabel() for ax in panels[:, 0]] == ["layer 3", "layer 2", "layer 1"]
    left, right = panels[1]
    assert np.allclose(left.lines[1].get_ydata(), percentiles[1, :, 1, 1])
    assert np.allclose(right.lines[1].get_ydata(), 2 * percentiles[1, :, 1, 1])
    ribbon = left.collections[0].get_paths()[0].vertices[:, 1]
    assert ribbon.min() == pytest.approx(percentiles[0, :, 1, 0].min())
    assert ribbon.max() == pytest.approx(percentiles[0, :, 1, 2].max())


def test_the_whole_movement_is_filled_and_that_by_the_layers_below_hollow(rng):
    plain, normalized = rng.uniform(0.1, 1, size=(2, 2, 3, 2))
    left = covariate_shift.drifts({"slow": (plain, normalized), "fast": (normalized, plain)}, "movement")
    assert len(left.figure.axes) == 2 and left.get_yscale() == "log"
    marks = [line for line in in_colour(left, WITHOUT) if line.get_marker() == "o"]
    filled = [line.get_ydata() for line in marks if line.get_fillstyle() == "full"]
    hollow = [line.get_ydata() for line in marks if line.get_fillstyle() == "none"]
    assert np.allclose(filled, plain[:, :, 0]) and np.allclose(hollow, plain[:, 1:, 1])


def test_the_grey_ends_where_the_derivative_is_a_twentieth():
    y = 1 / (1 + np.exp(-covariate_shift.SATURATED))
    assert y * (1 - y) == pytest.approx(0.05, abs=2e-4)
