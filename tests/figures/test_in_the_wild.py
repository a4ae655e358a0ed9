"""The pictures of lesson 15 show the values that they are given, and no name covers another."""

import numpy as np

from bncourse.figures import in_the_wild as draw
from bncourse.figures.style import new_figure


def lines(ax, points):
    """The heights of the lines of so many points."""
    return [line.get_ydata() for line in ax.lines if len(line.get_ydata()) == points]


def test_marks_stand_at_the_medians_before_and_after(rng):
    shares = {norm: {name: (rng.uniform(0.1, 0.5, 5), rng.uniform(0.6, 1, 5)) for name in ("fog", "noise", "dark")}
              for norm in ("batch norm", "no norm")}
    ax = draw.before_and_after(shares, "title")
    expected = [100 * np.median(v) for by in shares.values() for pair in by.values() for v in pair]
    ranges = [[100 * v.min(), 100 * v.max()] for by in shares.values() for pair in by.values() for v in pair]
    assert np.allclose(np.ravel(lines(ax, 1)), expected) and np.allclose(lines(ax, 2), ranges)
    marks = [line for line in ax.lines if len(line.get_ydata()) == 1]
    assert [mark.get_markerfacecolor() == "white" for mark in marks] == [True, False] * 6
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["fog", "noise", "dark"]
    assert [arrow.xy[1] for arrow in ax.texts[:6]] == expected[1::2]


def test_lines_by_length_go_through_the_medians_and_their_names_stand_apart(rng):
    rows = {name: {steps: rng.uniform(0.4, 0.5, 5) for steps in (0, 2, 4)} for name in list(draw.LINES)[:4]}
    ax = draw.by_length(rows, "title", "steps")
    assert np.allclose(lines(ax, 3), [[100 * np.median(v) for v in by.values()] for by in rows.values()])
    heights = sorted(text.xy[1] for text in ax.texts)
    assert {text.get_text() for text in ax.texts} == set(rows) and min(np.diff(heights)) > 7.9


def test_gradients_are_shares_of_the_last_but_one(rng):
    gradients = {name: rng.uniform(1, 2, (5, 7)) for name in ("no norm", "layer norm")}
    gradients["no norm"][:, -1] = 100
    ax = draw.fading(gradients, "title")
    expected = [np.median(v[:, :-1] / v[:, -2:-1], axis=0) for v in gradients.values()]
    assert np.allclose(lines(ax, 6), expected) and all(line[-1] == 1 for line in lines(ax, 6))
    assert ax.get_ylabel() == "gradient over step 6's (log scale)"


def test_an_adaptation_stands_at_the_medians_and_writes_them(rng):
    shares = {norm: (rng.uniform(0.1, 0.5, 5), rng.uniform(0.6, 1, 5)) for norm in ("no norm", "batch norm")}
    ax = draw.adaptation_axes(new_figure())
    draw.adaptation(ax, shares)
    medians = [100 * np.median(values) for pair in shares.values() for values in pair]
    marks, seeds = ax.lines[1::2], ax.lines[::2]
    assert np.allclose([mark.get_xydata()[0] for mark in marks], list(zip(medians, (0, 0, 1, 1), strict=True)))
    assert np.allclose([dots.get_xdata() for dots in seeds], [100 * v for pair in shares.values() for v in pair])
    assert [text.get_text() for text in ax.texts] == [f"{median:.0f}" for median in medians]
    assert [line.get_markerfacecolor() == "white" for line in marks] == [True, False] * 2
