"""What the pictures of lesson 05 draw."""

import numpy as np
import pytest

from bncourse.explorers.inference import moving_averages
from bncourse.figures import inference
from bncourse.runs import Run, provenance


def test_each_way_of_testing_has_a_row_with_a_point_for_each_seed_and_their_mean():
    ax = inference.ways_to_test({"population": [0.8, 0.9], "one class": [0.1, 0.2]}, "title")
    points = [line for line in ax.lines if line.get_marker() == "o"]
    assert [list(p.get_xdata()) for p in points] == [[0.1, 0.2], [0.8, 0.9]]
    assert [t.get_text() for t in ax.texts] == ["15%", "85%"]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["one class", "population"]
    bars = [line for line in ax.lines if line not in points]
    assert [bar.get_xdata()[1] for bar in bars] == pytest.approx([0.15, 0.85])
    assert all(bar.get_solid_capstyle() == "butt" for bar in bars), "another cap would be longer than the mean"


def test_the_true_variance_is_a_line_across():
    ax = inference.bias_of_variance([2, 4], [1.0, 1.5], [2.0, 2.0], 2.0)
    assert list(ax.lines[0].get_ydata()) == [2, 2]
    assert [line.get_marker() for line in ax.lines[1:]] == ["o", "s"]


def test_each_moving_average_has_its_line_and_more_than_three_are_refused():
    told = provenance(command="python -m x", seed=0, data="glyphs", sha256="0" * 64, seconds=1)
    columns = {"step": [5, 300], "Algorithm 2": [0.5, 0.9]}
    ax = inference.tracking([Run("inference", "x", {}, told, columns | {"alpha 0.9": [0.1, 0.8]})])
    assert [text.get_text() for text in ax.texts] == ["alpha 0.9", "Algorithm 2"]
    many = columns | {f"alpha {k}": [0.1, 0.8] for k in range(4)}
    with pytest.raises(ValueError, match="have 4 moving averages; expected at most 3"):
        inference.tracking([Run("inference", "x", {}, told, many)])


def test_the_moving_average_starts_from_zero_and_forgets_by_alpha():
    assert moving_averages(np.ones(3), 0.5) == pytest.approx([0.5, 0.75, 0.875])
    assert moving_averages(np.array([3.0, 1.0]), 0.0) == pytest.approx([3, 1])


def test_the_limits_stay_when_alpha_moves(rng):
    means = rng.normal(size=20)
    ax, limits = inference.one_unit(means, np.zeros(20)), []
    for alpha in (0.0, 0.9):
        inference.moving_average(moving_averages(means, alpha), ax)
        limits.append(ax.get_ylim())
    assert limits[0] == limits[1]
