"""What the pictures of lesson 00 draw."""

import numpy as np

from bncourse.figures import start_here


def test_the_papers_steps_are_hollow_and_start_at_zero():
    ax = start_here.steps_and_epochs([("Inception", 31.0, 774.3), ("BN-Baseline", 13.3, 332.2), ("BN-x5", 2.1, 52.4)])
    ends = [line for line in ax.lines if line.get_marker() == "o"]
    assert sorted(line.get_xdata()[0] for line in ends) == [2.1, 13.3, 31.0]
    assert all(line.get_markerfacecolor() == "none" for line in ends)
    assert ax.get_xlim()[0] == 0
    assert "31 million steps, 774 epochs" in {t.get_text() for t in ax.texts}


def test_every_example_is_in_the_histogram_before_and_after(rng):
    x = 0.5 + 0.03 * rng.normal(size=40)
    left = start_here.before_and_after(x, (x - x.mean()) / x.std())
    for ax in left.figure.axes:
        assert np.isclose(sum(bar.get_height() for bar in ax.patches), 1)
        (grid, curve), = [line.get_data() for line in ax.lines]
        assert np.allclose(curve, 1 / (1 + np.exp(-grid)))
    needle, spread = (sum(bar.get_height() > 0 for bar in ax.patches) for ax in left.figure.axes)
    assert needle < 4 < spread


def test_the_line_beside_the_measured_noise_has_slope_minus_one():
    sizes = np.array([1, 2, 4])
    ax = start_here.noise_against_size(sizes, 3.0 / sizes)
    points, line = ax.lines
    assert np.allclose(points.get_ydata(), line.get_ydata())
    assert np.allclose(np.diff(np.log(line.get_ydata())) / np.diff(np.log(sizes)), -1)


def test_twice_the_examples_in_the_same_time_take_half_of_it_each():
    ax = start_here.time_an_example([1, 2, 4], [3e-6, 3e-6, 6e-6])
    assert np.allclose(ax.lines[0].get_xydata(), [(1, 3), (2, 1.5), (4, 1.5)])


def test_the_limits_stay_when_the_batch_grows(rng):
    ax, limits = start_here.full_gradient(np.ones(2)), []
    for scale in (1, 0.1):
        start_here.estimates(scale * rng.normal(size=(9, 2)), ax)
        limits.append((ax.get_xlim(), ax.get_ylim()))
    assert limits[0] == limits[1]
