"""The explorer of lesson 01: light that is repaired, and light that is not."""

import re

import numpy as np
import pytest

from bncourse.experiments import shift
from bncourse.explorers.covariate_shift import shift_explorer
from bncourse.kernels.normalize import batch_statistics


@pytest.fixture(scope="module")
def classifier():
    """A classifier of glyphs, the statistics of its training pictures, and other pictures with their labels."""
    images, t = shift.pictures("glyphs", "test", 1300)
    x = shift.flat(images[:1000])
    statistics = batch_statistics(x)
    network = shift.classifier(shift.standardized(x, statistics, 1e-3), t[:1000], seed=0, steps=200)
    return network, statistics, images[1000:], t[1000:]


@pytest.fixture
def explorer(classifier):
    return shift_explorer(*classifier)


def accuracies(explorer):
    """The two per cents that the picture names: with the training statistics, with the pictures' own."""
    title = explorer.figure.axes[0].get_title(loc="left")
    return [int(number) for number in re.findall(r"(\d+)%", title)]


def set_to(explorer, **values):
    for name, value in values.items():
        explorer.controls[name].value = value
    return accuracies(explorer)


def test_fog_breaks_it_and_the_pictures_own_statistics_repair_it(explorer):
    as_trained, repaired = accuracies(explorer)
    assert as_trained < 40 < 60 < repaired


def test_without_a_change_there_is_nothing_to_repair(explorer):
    as_trained, repaired = set_to(explorer, contrast=1, light=0)
    assert as_trained == pytest.approx(repaired, abs=5)


def test_a_shadow_is_repaired_pixel_by_pixel(explorer):
    as_trained, repaired = set_to(explorer, contrast=1, light=0, shadow=0.9)
    assert as_trained < repaired - 10


def test_a_negative_is_read_worse_than_by_guessing(explorer):
    assert set_to(explorer, contrast=-1, light=1)[1] < 5


def test_more_pictures_of_the_fog_repair_more(explorer):
    (as_trained, with_two), (_, with_all) = set_to(explorer, n=2), set_to(explorer, n=300)
    assert as_trained + 10 < with_two < with_all - 5


def test_every_control_changes_the_picture(explorer):
    assert explorer.dead_controls() == []


def test_the_pictures_themselves_are_left_alone(classifier):
    before = classifier[2].copy()
    set_to(shift_explorer(*classifier), contrast=0.2, light=0.3, shadow=0.5)
    assert np.array_equal(classifier[2], before)
