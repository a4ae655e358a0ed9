"""Recipes: what they refuse, and the schedule of the learning rate."""

import json
from dataclasses import asdict, replace
from itertools import pairwise

import pytest

from bncourse.training import Recipe
from bncourse.training.recipe import check_type

BASELINE = Recipe(steps=1000, lr=0.0015, decay=0.94, decay_steps=60, weight_decay=1e-4)


@pytest.mark.parametrize("field, value, said", [
    ("steps", 0, "steps is 0; expected 1 or more"),
    ("batch", -1, "batch is -1; expected 1 or more"),
    ("lr", 0.0, "lr is 0.0; expected a positive number"),
    ("lr", float("inf"), "lr is inf; expected a positive number"),
    ("momentum", 1.0, "momentum is 1.0; expected 0 or more, and below 1"),
    ("decay", 1.1, "decay is 1.1; expected a factor above 0, at most 1"),
    ("decay_steps", 0, "decay_steps is 0; expected 1 or more"),
    ("decay_speed", 0, "decay_speed is 0; expected a positive number"),
    ("weight_decay", -1e-4, "weight_decay is -0.0001; expected 0 or more"),
    ("precision", "fp8", "precision is 'fp8'; expected 'float32' or 'bf16'"),
    ("seed", -1, "seed is -1; expected 0 or more"),
    ("evaluate_every", 0, "evaluate_every is 0; expected 1 or more"),
    ("checkpoint_every", 0, "checkpoint_every is 0; expected 1 or more"),
    ("threads", 0, "threads is 0; expected 1 or more"),
    ("devices", 5, "batch is 32; expected a multiple of devices, which is 5"),
])
def test_a_value_out_of_range_is_named(field, value, said):
    with pytest.raises(ValueError, match=said):
        Recipe(**{"steps": 10, field: value})


@pytest.mark.parametrize("field, value, kind, said", [
    ("steps", 10.0, int, "steps is 10.0 of type float; expected int"),
    ("steps", True, int, "steps is True of type bool; expected int"),
    ("lr", "0.1", float | int, "lr is '0.1' of type str; expected float or int"),
    ("compiled", 1, bool, "compiled is 1 of type int; expected bool"),
    ("evaluate_every", 2.5, int | None, "evaluate_every is 2.5 of type float; expected int or None"),
])
def test_a_value_of_another_type_is_named(field, value, kind, said):
    with pytest.raises(TypeError):
        Recipe(**{"steps": 10, field: value})
    with pytest.raises(TypeError, match=said):  # of our own: under test, beartype speaks first
        check_type(field, value, kind)


def test_a_recipe_survives_json():
    assert Recipe(**json.loads(json.dumps(asdict(BASELINE)))) == BASELINE


@pytest.mark.parametrize("smooth", [False, True])
def test_the_learning_rate_falls_by_its_factor_every_decay_steps(smooth):
    recipe = replace(BASELINE, smooth_decay=smooth)
    assert recipe.learning_rate(0) == recipe.lr
    for times in range(1, 10):
        assert recipe.learning_rate(60 * times) == pytest.approx(recipe.lr * 0.94**times)


def test_between_its_drops_the_learning_rate_rests_or_falls_evenly():
    at_once = [BASELINE.learning_rate(step) for step in range(61)]
    assert set(at_once[:60]) == {BASELINE.lr} and at_once[60] < BASELINE.lr
    smooth = [replace(BASELINE, smooth_decay=True).learning_rate(step) for step in range(61)]
    ratios = [after / before for before, after in pairwise(smooth)]
    assert ratios == [pytest.approx(0.94**(1 / 60))] * 60


@pytest.mark.parametrize("smooth", [False, True])
def test_six_times_faster_is_the_same_schedule_in_a_sixth_of_the_steps(smooth):
    slow = replace(BASELINE, smooth_decay=smooth)
    fast = replace(slow, decay_speed=6 * slow.decay_speed)
    for step in range(200):
        assert fast.learning_rate(step) == pytest.approx(slow.learning_rate(6 * step), rel=1e-12)


def test_each_device_takes_its_share_of_the_batch():
    assert replace(BASELINE, batch=32, devices=8).batch_per_device == 4
