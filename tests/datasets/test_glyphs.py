"""Glyphs: the same pictures everywhere, digits to the eye, and too varied for a linear classifier."""

import numpy as np
import pytest

from bncourse import runs
from bncourse.datasets import glyphs
from bncourse.kernels import mlp


def test_the_pictures_are_the_same_on_every_machine():
    train, test = (runs.fingerprint(*glyphs.load(split, n=500)) for split in ("train", "test"))
    assert train == "ce8590e9476814301a375d6b0c25401b5784f16148b5a442962d6200e4021dbf"
    assert test == "d2b674934d8a41871776ff9b190a4cfb0e1a272d067e6ae1ea5c33f780e0e13c"


@pytest.mark.parametrize("split, n", [("train", 10_000), ("test", 2_000)])
def test_images_are_bytes_and_labels_are_digits(split, n):
    images, labels = glyphs.load(split)
    assert images.shape == (n, 28, 28) and images.dtype == np.uint8
    assert labels.shape == (n,) and labels.dtype == np.int64
    assert np.bincount(labels).min() > 0.08 * n and labels.max() == 9


def test_fewer_pictures_are_the_first_of_more():
    images, labels = glyphs.load(n=200)
    for n in (0, 1, 60):
        fewer, their_labels = glyphs.load(n=n)
        np.testing.assert_array_equal(fewer, images[:n])
        np.testing.assert_array_equal(their_labels, labels[:n])


def test_another_seed_and_another_split_give_other_pictures():
    pictures = [image.tobytes() for split in ("train", "test") for seed in (0, 1)
                for image in glyphs.load(split, n=300, seed=seed)[0]]
    assert len(set(pictures)) == len(pictures)


def test_a_digit_is_dark_on_light_and_inside_its_frame():
    images, _ = glyphs.load(n=1000)
    ink = images > 127
    assert ink.any(axis=(1, 2)).all()
    assert 0.04 < ink.mean() < 0.25
    border = np.ones((28, 28), bool)
    border[1:-1, 1:-1] = False
    assert (ink & border).sum() < 0.01 * ink.sum()


@pytest.mark.parametrize("digit", glyphs.DRAWINGS)
def test_every_drawing_keeps_to_the_grid_and_to_its_random_numbers(digit):
    assert len(glyphs.DRAWINGS[digit]) >= 3
    for drawing in glyphs.DRAWINGS[digit]:
        points = drawing.replace(",", " ").split()
        assert all(len(point) == 2 and point.isdigit() for point in points)
        assert len(set(points)) <= glyphs.POINTS


def test_a_curve_passes_through_its_points(rng):
    points = list(rng.normal(size=(5, 3, 2)))  # five points in three hands
    for path in (points, [*points, points[0]]):
        lines = glyphs.lines(path)
        assert len(lines) == 4 * (len(path) - 1)
        for i, point in enumerate(path[:-1]):
            np.testing.assert_allclose(lines[4 * i][0], point, atol=1e-15)
        np.testing.assert_allclose(lines[-1][1], path[-1], atol=1e-15)


def test_a_closed_curve_through_eight_points_of_a_circle_is_round():
    angles = np.linspace(0, 2 * np.pi, 8, endpoint=False)
    points = list(np.stack([np.cos(angles), np.sin(angles)], axis=1)[:, None])
    starts = np.array([start for start, _ in glyphs.lines([*points, points[0]])])
    np.testing.assert_allclose(np.hypot(*starts.T), 1, atol=0.02)


def test_the_distance_is_that_of_the_nearest_point_of_the_lines(rng):
    lines = list(rng.uniform(0, 28, (3, 2, 2, 2)).astype(np.float32))  # three lines (start, end) in two hands
    t = np.linspace(0, 1, 2001)[:, None, None]
    on_lines = np.concatenate([start + t * (end - start) for start, end in lines])  # (points, 2 hands, xy)
    distance = glyphs.distance_to(lines)
    for x, y in rng.integers(0, 28, (50, 2)):
        brute = np.sqrt(((on_lines - [x, y]) ** 2).sum(2)).min(0)
        np.testing.assert_allclose(distance[:, y, x], brute, atol=0.02)


def error(sizes, batchnorm, lr, std, pictures, rng):
    """Test error after 400 steps of SGD on mini-batches of 60."""
    x, t, x_test, t_test = pictures
    network = mlp.init(sizes, batchnorm, std, rng=rng)
    for _ in range(400):
        batch = rng.integers(len(x), size=60)
        _, gradients, _ = mlp.loss_and_gradients(network, x[batch], t[batch])
        mlp.sgd_step(network, gradients, lr)
    population = mlp.population(network, np.split(x[:2000], 10)) if batchnorm else None
    return np.mean(mlp.predict(network, x_test, population) != t_test)


def test_a_linear_classifier_stays_clearly_behind_the_small_network(rng):
    (images, t), (test_images, t_test) = glyphs.load(), glyphs.load("test")
    pictures = images.reshape(-1, 784) / 255, t, test_images.reshape(-1, 784) / 255, t_test
    linear = error((784, 10), False, 0.3, 0.01, pictures, rng)
    network = error((784, 100, 100, 100, 10), True, 3.0, 0.1, pictures, rng)
    assert 0.1 < linear < 0.3
    assert linear > 1.5 * network


def test_an_unknown_split_and_a_negative_number_are_refused():
    with pytest.raises(ValueError, match="split is 'validation'; expected 'train' or 'test'"):
        glyphs.load("validation")
    with pytest.raises(ValueError, match="n is -1; expected the number of pictures"):
        glyphs.load(n=-1)


def test_what_one_caller_does_to_its_pictures_another_does_not_see():
    for array in glyphs.load("test", 10):
        array += 1
    for array, others in zip(glyphs.load("test", 10), glyphs.load("test", 20), strict=True):
        assert np.array_equal(array, others[:10])
