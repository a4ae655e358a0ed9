"""What the pictures of lesson 02 draw."""

import numpy as np
import pytest

from bncourse.figures import cost_of_whitening
from bncourse.figures.style import WITH, WITHOUT


def drawn(ax, marker):
    return [line for line in ax.lines if line.get_marker() == marker]


def texts(ax):
    return [text.get_text() for text in ax.texts]


def test_every_sample_is_a_point_and_the_line_has_slope_one_through_their_middle():
    points = {"raw": (np.array([100.0, 400.0]), np.array([300.0, 1200.0])), "whitened": (np.ones(2), np.ones(2))}
    ax = cost_of_whitening.steps_and_condition(points)
    assert [list(line.get_xdata()) for line in drawn(ax, "o")] == [[100, 400], [1, 1]]
    line = ax.lines[0]
    assert line.get_ydata() / line.get_xdata() == pytest.approx([3, 3])
    assert {"raw", "whitened", "slope 1"} == set(texts(ax))


def test_the_same_three_examples_are_joined_in_every_form(rng):
    forms = {form: rng.normal(size=(9, 2)) for form in ("as they are", "ZCA")}
    axes = cost_of_whitening.clouds(forms).figure.axes
    for ax, x in zip(axes, forms.values(), strict=True):
        triangle = next(line for line in ax.lines if line.get_linestyle() == "-" and line.get_marker() == "None")
        assert np.array_equal(np.transpose(triangle.get_data()), x[[0, 1, 2, 0]])
    assert [ax.get_title(loc="left") for ax in axes] == ["as they are", "ZCA"]
    assert axes[0].get_xlim() == axes[1].get_xlim()


@pytest.fixture
def seconds():
    """Three rounds at two sizes."""
    slow, fast = np.array([[1.0, 60], [2, 80], [9, 90]]), np.array([[1.0, 2], [1, 4], [1, 5]])
    return {"batchnorm": fast / 1e3, "zca": slow / 1e3, "pca": 0.9 * slow / 1e3, "cholesky": 0.8 * slow / 1e3}


def test_the_cost_is_the_median_of_the_rounds_in_milliseconds(seconds):
    exponents = dict.fromkeys(seconds, 1.25)
    ax = cost_of_whitening.cost(np.array([16, 32]), seconds, exponents)
    assert [list(line.get_ydata()) for line in ax.lines[:2]] == [[1, 4], [2, 80]]
    assert "At 32 features ZCA takes 20 times" in ax.get_title(loc="left")
    assert "batch norm, slope 1.2" in texts(ax)
    assert ax.lines[0].get_color() == WITH["color"]


def test_loss_and_biases_share_their_steps_and_the_loss_is_drawn_from_zero():
    b = np.outer(np.arange(5), [1.0, -2.0])
    below = cost_of_whitening.runaway(b, np.zeros((5, 2)), np.full(5, 7.0))
    above = below.figure.axes[0]
    assert above.get_xlim() == below.get_xlim()
    assert above.get_ylim()[0] == 0 and list(above.lines[0].get_ydata()) == [7] * 5
    away = [line for line in below.lines if line.get_color() == WITHOUT["color"]]
    assert np.array_equal([line.get_ydata() for line in away], b.T)
    assert sum(line.get_color() == WITH["color"] for line in below.lines) == 2


def test_every_seed_is_a_line_of_the_explosion():
    variances = {"batch norm": np.ones((2, 3)), "moving averages": np.array([[1.0, 1e9, 1e20], [1, 1e5, 1e12]])}
    ax = cost_of_whitening.explosion(variances)
    assert ax.get_yscale() == "log"
    assert [list(line.get_ydata()) for line in ax.lines] == [[1, 1, 1]] * 2 + variances["moving averages"].tolist()
    assert texts(ax) == ["batch norm", "moving averages"]


def test_every_rate_shows_the_median_and_the_range_of_the_seeds():
    losses = {"batch norm": np.array([[1.0, 2, 4], [0.1, 0.2, 0.3]])}
    ax = cost_of_whitening.loss_by_rate(losses, [0.1, 1], steps=30)
    assert list(ax.lines[0].get_xdata()) == [0.1, 1] and list(ax.lines[0].get_ydata()) == [2, 0.2]
    band = ax.collections[0].get_paths()[0].vertices
    assert (band[:, 1].min(), band[:, 1].max()) == (0.1, 4)
    assert ax.get_ylabel().startswith("loss after 30 steps")


def test_the_third_matrix_is_the_sum_and_the_sums_of_the_rows_are_said():
    direct, through_the_set = np.eye(3), np.full((3, 3), -1 / 3)
    axes = cost_of_whitening.two_terms(direct, through_the_set).figure.axes
    matrices = [np.asarray(ax.images[0].get_array()) for ax in axes]
    assert np.allclose(matrices[0] + matrices[1], matrices[2])
    assert [ax.get_xlabel() for ax in axes] == ["rows sum to 1", "rows sum to -1", "rows sum to 0"]
    assert "-0.0" not in {text for ax in axes for text in texts(ax)}
