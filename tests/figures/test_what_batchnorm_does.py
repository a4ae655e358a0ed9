"""What the pictures of lesson 14 draw."""

import numpy as np
from matplotlib.colors import to_hex

from bncourse.figures import WITH, WITHOUT
from bncourse.figures import what_batchnorm_does as draw


def in_colour(ax, style):
    return [line for line in ax.lines if to_hex(line.get_color()).upper() == style["color"]]


def test_every_seed_is_a_point_and_the_median_is_written(rng):
    shares = {name: {"plain": {"train": rng.uniform(size=5), "test": rng.uniform(size=5)}} for name in draw.MARKS}
    axes = draw.right_with_noise(shares, "title").figure.axes
    for ax, kinds in zip(axes, shares.values(), strict=True):
        train, test = (100 * kinds["plain"][of] for of in ("train", "test"))
        assert [list(line.get_ydata()) for line in ax.lines] == [list(train), list(test)]
        assert [text.get_text() for text in ax.texts][:2] == [f"{np.median(v):.0f}" for v in (train, test)]


def test_each_look_is_a_point_and_the_network_that_does_not_learn_is_named(rng):
    points = {(a, n): (rng.uniform(0.01, 1, 4), rng.uniform(0, 80, 4)) for a in draw.MARKS for n in draw.STYLES}
    ax = draw.two_shifts(points, "title")
    drawn = [(list(line.get_xdata()), list(line.get_ydata())) for line in ax.lines]
    assert drawn == [(list(x), list(y)) for x, y in points.values()]
    place, = [text.xy for text in ax.texts if text.get_text() == "not yet learning"]
    assert place == tuple(values[0] for values in points["sigmoid", "none"])


def test_a_band_lies_between_the_medians_of_the_least_and_the_most():
    least, most = np.array([[1.0, 2], [3, 4], [2, 9]]), np.array([[5.0, 6], [7, 8], [9, 9]])
    ranges = {a: {"none": (least, most), "batch": (least / 2, most / 2)} for a in draw.MARKS}
    ax = draw.loss_along_steps([10, 20], ranges, "title", {"sigmoid": "rates 1, 2"})
    assert [list(line.get_ydata()) for line in in_colour(ax, WITHOUT)] == [[2, 4], [7, 8]]
    assert [list(line.get_ydata()) for line in in_colour(ax, WITH)] == [[1, 2], [3.5, 4]]
    assert "rates 1, 2" in [text.get_text() for text in ax.texts]


def test_every_training_has_its_line_in_the_left_band(rng):
    between = {norm: rng.uniform(size=(4, 3)) for norm in ("none", "batch")}
    ahead = {norm: (np.zeros(2), np.ones(2)) for norm in ("none", "batch")}
    left = draw.two_bands(between, [0, 5, 10], ahead, [0, 10], "title")
    for norm, style in (("none", WITHOUT), ("batch", WITH)):
        assert np.array_equal([line.get_ydata() for line in in_colour(left, style)], between[norm])
        assert len(in_colour(left.figure.axes[1], style)) == 2


def test_sizes_after_a_step_are_medians_by_layer():
    sizes = {"none": np.array([[1.0, 2], [1, 4], [3, 9]]), "batch": np.ones((3, 2))}
    ax = draw.after_one_step(sizes, "title", "size")
    assert [list(lines[0].get_ydata()) for lines in (in_colour(ax, WITHOUT), in_colour(ax, WITH))] == [[1, 4], [1, 1]]
