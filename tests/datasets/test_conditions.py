"""Pictures under other conditions: what each changes, and that the pictures themselves stay."""

import numpy as np
import pytest

from bncourse.datasets import conditions


@pytest.fixture
def dot():
    """One bright pixel in an uneven grey."""
    x = np.linspace(0.1, 0.2, 3 * 6 * 7).reshape(3, 6, 7)
    x[:, 2, 3] = 1
    return x


def test_a_thicker_pen_makes_a_cross_of_a_dot(dot):
    bright = np.argwhere(conditions.thicker(dot)[0] == 1)
    assert sorted(map(tuple, bright)) == [(1, 3), (2, 2), (2, 3), (2, 4), (3, 3)]


def test_a_thinner_pen_removes_a_dot(dot):
    assert conditions.thinner(dot).max() < 0.21


def test_pens_are_each_others_opposite_on_the_negative(rng):
    x = rng.uniform(size=(2, 5, 4))
    assert np.allclose(1 - conditions.thicker(1 - x), conditions.thinner(x), atol=1e-15)


def test_no_pen_draws_a_border():
    flat = np.full((1, 4, 5), 0.7)
    assert np.all(conditions.thicker(flat) == 0.7) and np.all(conditions.thinner(flat) == 0.7)


def test_moving_there_and_back_changes_nothing(rng):
    x = rng.uniform(size=(2, 5, 4))
    there = conditions.moved(x, 3)
    assert np.array_equal(there[:, :, 3], x[:, :, 0])
    assert np.array_equal(conditions.moved(there, -3), x)


def test_noise_has_the_standard_deviation_asked_for_where_nothing_is_cut_off(rng):
    x = np.full((4, 60, 50), 0.5)
    added = conditions.noisy(x, 0.05, rng) - x
    assert added.std() == pytest.approx(0.05, rel=0.02)
    assert conditions.noisy(x, 5, rng).min() == 0 and conditions.noisy(x, 5, rng).max() == 1
