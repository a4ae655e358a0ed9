"""The experiment on covariate shift at small size: what it records, that it repeats, and what it refuses."""

from dataclasses import replace

import numpy as np
import pytest

from bncourse.experiments import shift
from bncourse.experiments.shift import Config, run
from bncourse.kernels.normalize import batch_statistics

SMALL = Config(train="glyphs", test="glyphs", steps=40, train_images=400, test_images=200)


def test_with_the_same_writers_at_home_and_abroad_nothing_is_lost():
    columns = run(replace(SMALL, steps=200)).columns
    assert columns["home"] == columns["training"]
    assert columns["home"][0] > 0.4
    assert columns["own"][0] == pytest.approx(columns["home"][0], abs=0.05)


def test_a_seed_decides_everything_that_is_recorded():
    first, again, other = run(SMALL), run(SMALL), run(replace(SMALL, seed=1))
    assert first.columns == again.columns != other.columns
    assert (first.variant, other.variant) == tuple(
        f"glyphs-to-glyphs-steps40-train_images400-test_images200-seed{seed}" for seed in (0, 1))


def test_standardized_pixels_have_mean_zero_and_the_variance_that_eps_leaves(rng):
    x, eps = rng.uniform(size=(300, 5)) * [0, 0.01, 0.1, 1, 3], 1e-3
    x_hat = shift.standardized(x, batch_statistics(x), eps)
    assert np.abs(x_hat.mean(0)).max() < 1e-12
    assert np.allclose(x_hat.var(0), x.var(0) / (x.var(0) + eps), rtol=1e-12)


def test_the_light_falls_out_of_the_pixels_own_statistics(rng):
    x, contrast, light = rng.uniform(size=(50, 4)), rng.uniform(0.1, 2, 4), rng.normal(size=4)
    changed = contrast * x + light
    own = [shift.standardized(v, batch_statistics(v), 0.0) for v in (x, changed)]
    assert np.allclose(*own, rtol=1e-9)


def test_the_pictures_are_the_first_of_their_split_in_shades_from_0_to_1():
    few, t = shift.pictures("glyphs", "test", 3)
    more, _ = shift.pictures("glyphs", "test", 5)
    assert few.shape == (3, 28, 28) and t.shape == (3,)
    assert np.array_equal(few, more[:3])
    assert few.min() == 0 and 0.8 < more.max() <= 1


def test_more_pictures_than_there_are_cannot_be_had():
    with pytest.raises(ValueError, match="n is 2001, but glyphs has 2000 test pictures; expected at most as many"):
        shift.pictures("glyphs", "test", 2001)


def test_unknown_data_is_refused_by_the_field_that_names_it():
    with pytest.raises(ValueError, match="test is 'letters'; expected one of glyphs, mnist"):
        Config(test="letters")
