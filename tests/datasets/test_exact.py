"""Exact drawing: what follows from random bits is the same everywhere, since no step is rounded in two ways."""

import numpy as np
import pytest

from bncourse.datasets.exact import between, random_bytes, rotated, uniform


@pytest.fixture
def words(rng):
    return rng.integers(0, 2**64, (20, 30), dtype=np.uint64)


def test_uniform_numbers_are_the_upper_24_bits_of_each_word(words):
    numbers = uniform(words)
    assert numbers.dtype == np.float32 and numbers.shape == words.shape
    assert [[int(number * 2**24) for number in row] for row in numbers.tolist()] == (words >> np.uint64(40)).tolist()
    assert uniform(np.array([0, 2**64 - 1], np.uint64)).tolist() == [0, 1 - 2**-24]


def test_random_bytes_are_those_of_each_word_lowest_first(words):
    assert random_bytes(words).shape == (20, 240)
    assert random_bytes(words)[3, 8:16].tobytes() == int(words[3, 1]).to_bytes(8, "little")


def test_between_stretches_0_and_1_to_the_ends_in_float32():
    found = between(-0.5, 1.5, np.array([0, 0.25, 1], np.float32))
    assert found.dtype == np.float32 and found.tolist() == [-0.5, 0, 1.5]


def test_a_rotation_by_the_tangent_of_half_the_angle_is_that_of_sine_and_cosine(rng):
    x, y, angle = rng.normal(size=(3, 100))
    right, down = rotated(x, y, np.tan(angle / 2))
    np.testing.assert_allclose(right, np.cos(angle) * x - np.sin(angle) * y, atol=1e-12)
    np.testing.assert_allclose(down, np.sin(angle) * x + np.cos(angle) * y, atol=1e-12)
