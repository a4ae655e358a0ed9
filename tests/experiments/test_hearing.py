"""A replay hears: records with another setting planted in them are caught, by their names or by their numbers."""

import json
import math
from dataclasses import fields, replace

import pytest

from bncourse.datasets import scenes
from bncourse.datasets.files import MissingData
from bncourse.experiments import classification, recording, variants
from bncourse.experiments.recording import RecordingError, differences, edited
from bncourse.experiments.scales import TINY, Scale
from bncourse.experiments.variants import VARIANTS, Config, at_scale
from bncourse.training import trainer
from tests.experiments.recorded import runs_of

FEW = at_scale(VARIANTS["bn-baseline"], replace(TINY, steps=3, every=3, batch=8))
CHANGES = {
    "learning rate": {"scale": {"lr": 0.081}}, "initial weights": {"init_gain": 1.01}, "no L2": {"l2": 0.0},
    "a fifth of L2": {"l2": 4e-5}, "Dropout": {"dropout": 0.35}, "no local response": {"local_response": False},
    "decay": {"decay": 6}, "distortion": {"distortion": "less"}, "shuffling": {"shuffling": "within-shard"},
    "momentum": {"momentum": 0.85}, "batch": {"scale": {"batch": 7}}, "no batch norm": {"batchnorm": False},
}
HEARD = {"learning rate", "Dropout", "decay", "distortion", "shuffling", "batch",
         "no batch norm"}  # on any processor; the others change the first steps by less than rounding may


def changed(config, change):
    """The configuration with this change, of its scale where the change says so."""
    scale = replace(config.scale, **change.get("scale", {}))
    return replace(config, **change | {"scale": scale})


def one_of(data):
    return next(run for run in runs_of("classification")
                if run.variant.startswith(f"{data}-bn-baseline-") and "seed0" in run.variant)


def with_settings(run, config):
    """A copy of a record whose settings were edited, as a JSON file holds them."""
    return replace(run, config=json.loads(json.dumps(variants.to_record(config))))


@pytest.fixture
def no_training(monkeypatch):
    monkeypatch.setattr(classification, "train", lambda *_, **__: pytest.fail("something was trained"))
    monkeypatch.setattr(classification, "open_pictures", lambda *_: pytest.fail("data were opened"))


# By its name, at no cost


@pytest.mark.parametrize("data", ["scenes", "tiny-imagenet-100"])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_record_with_another_setting_is_told_by_its_name(data, change, no_training):
    run = one_of(data)
    config = changed(classification.configuration(run), change)
    (sentence,) = recording.replay(with_settings(run, config))
    assert sentence == (f"the settings are of a run called {config.variant()}; expected those of the file's name: "
                        "was one edited?")


def other(config, name):
    """The configuration with another value in this field, which its type and range allow."""
    value = getattr(config, name)
    if name in variants.CHOICES:
        return replace(config, **{name: next(choice for choice in variants.CHOICES[name] if choice != value)})
    if name == "stem":
        return replace(config, stem="dense")
    return replace(config, **{name: {bool: not value, int: 7, float: 0.3, str: f"{value}2"}.get(type(value), 9)})


def test_no_setting_can_be_edited_unnoticed():
    run = one_of("scenes")
    config = classification.configuration(run)
    edits = [other(config, field.name) for field in fields(Config) if field.name not in ("scale", "processes")]
    edits += [replace(config, scale=other(config.scale, field.name)) for field in fields(Scale)]
    assert len(edits) > 25 and all(edited(with_settings(run, edit)) for edit in [*edits, replace(config, processes=2)])


def test_an_edited_record_is_refused_where_it_is_read(tmp_path, monkeypatch):
    config = classification.configuration(one_of("scenes"))
    monkeypatch.setattr(classification, "PLAN", {"one": (config,)})
    one_of("scenes").save(tmp_path)
    assert [run.variant for run in recording.recorded("classification", "one", tmp_path)] == [config.variant()]
    path = recording.run_path("classification", config, tmp_path)
    path.write_text(path.read_text().replace('"l2": 0.0002', '"l2": 0.0'))
    with pytest.raises(RecordingError, match=f"classification/{config.variant()}: the settings are of a run called "):
        recording.recorded("classification", "one", tmp_path)


# By its numbers, where the name was changed too


def test_the_steps_and_the_rates_of_every_recorded_run_are_those_of_its_settings():
    for run in runs_of("classification"):
        config, steps = classification.configuration(run), run.columns["step"]
        how = classification.recipe(config)
        due = sorted({*trainer.EARLY, *range(config.scale.every, config.scale.steps + 1, config.scale.every)})
        assert steps == due[: len(steps)] and (len(steps) == len(due) or math.isnan(run.columns["loss"][-1]))
        assert run.columns["lr"] == pytest.approx([how.learning_rate(step - 1) for step in steps], rel=1e-12)


@pytest.fixture(scope="module")
def small():
    """A small training's record, and its replay."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scenes, "LENGTH", {"train": 48, "val": 4})
        run = classification.run(FEW)
        return run, classification.replay(run)


@pytest.mark.parametrize("name", CHANGES)
def test_the_numbers_of_another_training_are_heard_on_the_same_processor_and_most_on_others(name, small, monkeypatch):
    monkeypatch.setattr(scenes, "LENGTH", {"train": 48, "val": 4})
    recorded, again = small
    assert differences(recorded, again, classification.TOLERANCE, exact=True) == []
    other = replace(recorded, columns=classification.run(changed(FEW, CHANGES[name])).columns)
    assert differences(other, again, classification.TOLERANCE, exact=True)
    if name in HEARD:
        assert differences(other, again, classification.TOLERANCE)


@pytest.fixture(scope="module", params=["scenes", "tiny-imagenet-100"])
def otherwise(request):
    """A recorded run, and its replay of five steps where rounding is other: images lie otherwise in memory."""
    recipe, run = classification.recipe, one_of(request.param)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(classification, "recipe", lambda *config, **how: recipe(*config, channels_last=False, **how))
        try:
            return run, classification.replay(run, 5)
        except MissingData as reason:
            pytest.skip(str(reason))


def test_a_right_record_is_heard_as_right_where_rounding_is_other(otherwise):
    assert differences(*otherwise, classification.TOLERANCE) == []


def test_the_columns_of_any_other_recorded_run_are_heard_but_for_weaker_l2(otherwise):
    run, again = otherwise
    others = [other for other in runs_of("classification") if other is not run
              and other.provenance["data"] == run.provenance["data"]]
    deaf = {other.config["name"] for other in others
            if not differences(replace(run, columns=other.columns), again, classification.TOLERANCE)}
    assert len(others) > 40 and deaf <= {"bn-baseline-l2"}
