"""The pictures of lesson 09 show the values that they are given, and no name covers another."""

import numpy as np
import pytest

from bncourse.figures import company as draw
from bncourse.figures.style import new_figure

SIZES = (2, 4, 8, 16, 64)


@pytest.fixture
def by_size(rng):
    return {name: {m: rng.uniform(60, 95, 5) for m in SIZES} for name in draw.NAMES.values()}


def drawn(ax):
    """The heights of the lines of several points."""
    return [list(line.get_ydata()) for line in ax.lines if len(line.get_ydata()) > 1]


def test_the_law_is_drawn_as_a_line_and_the_measurement_as_dots():
    measured = {m: [1 / m, 2 / m, 3 / m] for m in (4, 16, 64)}
    ax = draw.noise_law(measured, (0, 1, 2))
    law = [[(1 + level**2 / 2) / m for m in measured] for level in (0, 1, 2)]
    assert np.allclose(drawn(ax)[::2], law)
    assert np.allclose(drawn(ax)[1::2], [[k / m for m in measured] for k in (1, 2, 3)])


def test_orders_are_marked_at_their_medians(rng):
    right = {norm: {order: rng.uniform(0.2, 0.9, 5) for order in ("shuffled", "fixed")}
             for norm in ("batch norm", "no norm")}
    marks = [line[0] for line in drawn(draw.orders(right, "title")) if len(line) == 2]
    assert np.allclose(marks, [100 * np.median(v) for by in right.values() for v in by.values()])


def test_a_line_by_a_setting_goes_through_the_medians_and_ends_with_its_name(by_size):
    ax = draw.by_setting(by_size, "title", "m", "%", low=50, lines={"no norm": 70.0})
    medians = [[np.median(seeds) for seeds in values.values()] for values in by_size.values()]
    assert np.allclose(drawn(ax)[:-1], medians) and drawn(ax)[-1] == [70.0] * len(SIZES)
    heights = sorted(text.xy[1] for text in ax.texts)
    low, high = ax.get_ylim()
    assert min(np.diff(heights)) >= 0.99 * (high - low) / 14 and low == 50


def test_small_mini_batches_are_shown_whole_and_enlarged(by_size):
    repaired = dict.fromkeys(SIZES, 80.0)
    whole, large = draw.by_size(by_size, repaired).figure.axes
    medians = [[np.median(seeds) for seeds in values.values()] for values in by_size.values()]
    assert np.allclose(drawn(whole), [*medians, [80.0] * len(SIZES)]) and np.allclose(drawn(large), drawn(whole))
    assert [text.get_text() for text in whole.texts] == list(by_size)


def test_bars_stand_at_medians_in_per_cent(rng):
    shares = {name: rng.uniform(0.1, 1, 5) for name in draw.NAMES.values()}
    ax = draw.bars(shares, draw.bars_axes(new_figure().add_subplot()))
    assert np.allclose([bar.get_height() for bar in ax.patches], [100 * np.median(v) for v in shares.values()])
