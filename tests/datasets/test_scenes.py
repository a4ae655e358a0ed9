"""Scenes: the same pictures everywhere, sixteen classes in which shape, surface and colour all count."""

import numpy as np
import pytest

from bncourse.datasets.scenes import CLASSES, Scenes, color


@pytest.fixture(scope="module")
def scenes():
    return Scenes(n=1000, size=32)


def test_the_pictures_are_the_same_on_every_machine():
    found = {(split, size): Scenes(split, n=100, size=size).fingerprint()[:16]
             for split, size in (("train", 64), ("val", 33))}
    assert found == {("train", 64): "029aac6c4a57b580", ("val", 33): "3cc9d513128dd089"}


def test_images_are_bytes_and_classes_about_equally_frequent(scenes):
    assert scenes.images.shape == (1000, 32, 32, 3) and scenes.images.dtype == np.uint8
    assert scenes.labels.dtype == np.int64 and len(scenes) == 1000
    assert np.bincount(scenes.labels, minlength=16).min() > 30 and scenes.labels.max() == 15
    assert scenes.classes == CLASSES and len(set(CLASSES)) == 16
    np.testing.assert_array_equal(scenes.image(5), scenes.images[5])
    assert scenes.name(5) == "scenes: train/5 (seed 0)"


def test_fewer_scenes_are_the_first_of_more(scenes):
    for n in (0, 1, 300):
        fewer = Scenes(n=n, size=32)
        np.testing.assert_array_equal(fewer.images, scenes.images[:n])
        np.testing.assert_array_equal(fewer.labels, scenes.labels[:n])


def test_another_seed_and_another_split_give_other_pictures_and_another_size_the_same_finer(scenes):
    sets = [Scenes(split, n=50, size=8, seed=seed) for split in ("train", "val") for seed in (0, 1)]
    assert len({image.tobytes() for some in sets for image in some.images}) == 200
    finer = Scenes(n=50, size=64)
    np.testing.assert_array_equal(finer.labels, scenes.labels[:50])
    reduced = finer.images.reshape(50, 32, 2, 32, 2, 3).mean((2, 4))
    assert np.abs(reduced - scenes.images[:50]).mean() < 8


def object_pixels(size=32):
    """Scenes, and in each the pixels around its middle, which its object mostly covers."""
    scenes = Scenes(n=1000, size=size)
    return scenes, scenes.images[:, size * 7 // 16:size * 9 // 16, size * 7 // 16:size * 9 // 16].reshape(1000, -1, 3)


def test_the_object_has_the_colour_and_the_surface_of_its_class():
    scenes, middle = object_pixels()
    bluer = (middle[:, :, 1:].max(2).astype(int) - middle[:, :, 0]).mean(1)
    warm, cool = bluer[scenes.labels % 2 == 0], bluer[scenes.labels % 2 == 1]
    assert np.mean(warm < 20) > 0.9 and np.mean(cool > 20) > 0.8
    contrast = middle.mean(2).std(1)
    plain, striped = contrast[scenes.labels // 2 % 2 == 0], contrast[scenes.labels // 2 % 2 == 1]
    assert np.median(striped) > 2 * np.median(plain)


def test_no_class_is_known_by_its_mean_colour_alone(scenes):
    means = scenes.images.mean((1, 2))
    centres = np.array([means[scenes.labels == label].mean(0) for label in range(16)])
    nearest = ((means[:, None] - centres) ** 2).sum(2).argmin(1)
    assert np.mean(nearest == scenes.labels) < 0.25


def test_hues_go_once_around():
    corners = [(1, 0, 0), (1, 1, 0), (0, 1, 0), (0, 1, 1), (0, 0, 1), (1, 0, 1)]
    for k, corner in enumerate(corners):
        values = np.float32(k / 6), np.float32(1), np.float32(1)
        np.testing.assert_allclose(color(*(value.reshape(1) for value in map(np.asarray, values))),
                                   np.array(corner)[:, None], atol=1e-6)


@pytest.mark.parametrize("call, told", [
    (lambda: Scenes("test"), "split is 'test'; expected 'train' or 'val'"), (lambda: Scenes(n=-1), "n is -1"),
    (lambda: Scenes(size=7), "size is 7; expected 8 pixels or more"),
])
def test_what_cannot_be_is_refused(call, told):
    with pytest.raises(ValueError, match=told):
        call()
