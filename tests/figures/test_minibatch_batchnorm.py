"""What the pictures of lesson 03 draw."""

import numpy as np
import pytest

from bncourse.figures import minibatch_batchnorm as draw


def test_each_of_the_four_numbers_stands_in_each_row():
    raw, alone = np.array([1.0, 2.0, 3.0, 6.0]), np.zeros(4)
    ax = draw.same_numbers(raw, {"m = 1": alone})
    paths = [line.get_xdata() for line in ax.lines if line.get_marker() in ("", "None", None)]
    assert [list(p) for p in paths] == [[v, 0] for v in raw]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["as they are", "m = 1"]


def test_the_straight_line_is_the_best_one_for_a_normal_input(rng):
    ax = draw.straight_part()
    x, y = ax.lines[1].get_data()
    sample = rng.normal(size=400_000)
    slope = np.polyfit(sample, 1 / (1 + np.exp(-sample)), 1)[0]
    assert (y[-1] - y[0]) / (x[-1] - x[0]) == pytest.approx(slope, abs=2e-3)


def test_every_logit_is_drawn_over_its_batch_size():
    ax = draw.logits_by_batch_size({2: np.array([1.0, 5.0, 9.0]), 60: np.array([4.0, 5.0])})
    clouds = [line for line in ax.lines if line.get_marker() == "."]
    assert [len(c.get_xdata()) for c in clouds] == [3, 2]
    assert [t.get_text() for t in ax.get_xticklabels()] == ["2", "60"]


def test_a_pair_is_drawn_as_the_two_numbers_that_it_is():
    ax = draw.before_and_after(np.array([2.8, 3.2]), np.array([-1.0, 1.0]), draw.sigmoid_axes())
    found = [np.array(lines.get_segments()) for lines in ax.collections]
    assert [lines[:, 0, 0].tolist() for lines in found] == [[2.8, 3.2], [-1.0, 1.0]]
    dots = [line.get_xdata()[0] for line in ax.lines if line.get_marker() == "o"]
    assert dots == [2.8, -1.0] and len(ax.lines) == 3  # and the sigmoid


def test_every_label_is_inside_however_high_the_density(rng):
    for spread in (0.0, 0.01, 1.0):
        ax = draw.before_and_after(rng.normal(size=64), spread * rng.normal(size=64), draw.sigmoid_axes())
        places = {text.get_text(): text.xy for text in ax.texts}
        assert all(places[name][1] <= 0.95 for name in "xy")


def test_the_limits_stay_when_the_numbers_change(rng):
    near, far = draw.sigmoid_axes(), draw.sigmoid_axes()
    draw.before_and_after(rng.normal(size=50), rng.normal(size=50), near)
    draw.before_and_after(rng.normal(5, 3, size=50), rng.normal(-3, 0.1, size=50), far)
    assert near.get_xlim() == far.get_xlim() and near.get_ylim() == far.get_ylim()


def test_each_network_is_a_point_over_its_batch_size_and_the_bar_is_their_mean():
    ax = draw.accuracy_in_company({2: np.array([0.2, 0.6]), 60: np.array([0.8, 0.8])}, np.array([0.9, 0.7]))
    assert [bar.get_height() for bar in ax.patches] == pytest.approx([0.4, 0.8, 0.8])
    assert [list(line.get_ydata()) for line in ax.lines] == [[0.2, 0.6], [0.8, 0.8], [0.9, 0.7]]
    assert [text.get_text() for text in ax.texts] == ["40%", "80%", "80%"]
    assert [t.get_text() for t in ax.get_xticklabels()] == ["2", "60", "fixed\nstatistics"]


def test_a_network_is_a_line_through_the_medians_of_its_seeds():
    accuracy = {"with": np.array([[0.1, 0.2, 0.9], [0.3, 0.3, 0.3]]), "without": np.full((2, 3), 0.1)}
    ax = draw.accuracy_by_rate(accuracy, [0.5, 2])
    lines = [line for line in ax.lines if line.get_linestyle() != "None"]
    assert [list(line.get_ydata()) for line in lines] == [[0.2, 0.3], [0.1, 0.1]]
    assert [text.get_text() for text in ax.texts] == ["with", "without"]
