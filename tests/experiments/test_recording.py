"""Recording and replaying: whole or not at all, never twice, refused at once; and what is recorded comes again."""

import json
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bncourse import runs
from bncourse.datasets import mnist
from bncourse.datasets.files import MissingData
from bncourse.experiments import activations, recording
from bncourse.experiments.activations import PLAN, Config
from bncourse.experiments.protocol import FIRST_ROOM, LEAST_ROOM, room_for_rounding
from bncourse.experiments.recording import RecordingError, differences, missing, plan, record, recorded, replay
from bncourse.paths import ROOT
from bncourse.runs import Run, RunExists
from tests.experiments.recorded import runs_of

SMALL = Config(steps=30, sizes=(784, 12, 9, 10), records=3, test_images=150, population_batches=2)
EXPERIMENTS = sorted(path.name for path in runs.RUNS.iterdir())


@pytest.fixture
def small_plan(monkeypatch):
    """Three small runs in two parts, one of them in both."""
    a, b, c = (replace(SMALL, seed=seed) for seed in range(3))
    monkeypatch.setattr(activations, "PLAN", {"first": (a, b), "second": (b, c)})
    return [a, b, c]


@pytest.fixture
def no_training(monkeypatch):
    monkeypatch.setattr(activations, "measure", lambda *_, **__: pytest.fail("something was trained"))


# The plan


def test_no_two_planned_runs_share_a_name():
    planned = plan("activations")
    assert len({config.variant() for config in planned}) == len(planned)


def test_what_distinguishes_two_trainings_is_in_the_name():
    changes = [{"dataset": "mnist"}, {"batchnorm": False}, {"steps": 31}, {"seed": 1}, {"lr": 0.4}, {"std": 0.2},
               {"batch": 61}, {"sizes": (784, 12, 10)}, {"sizes": (784, 12, 12, 10)}, {"threshold": 0},
               {"dtype": "float32"}]
    assert len({SMALL.variant(), *(replace(SMALL, **change).variant() for change in changes)}) == 1 + len(changes)
    assert replace(SMALL, lr=1e20).variant() == "glyphs-batchnorm-12_9-30steps-lr1e20-std0.1-seed0"


def test_the_plan_has_the_seeds_the_depths_and_the_cells_that_lesson_10_shows():
    figure, staircase, grid, longer = (PLAN[part] for part in ("figure 1", "staircase", "grid", "long grid"))
    assert {(config.batchnorm, config.seed) for config in figure} == {(bn, s) for bn in (True, False) for s in range(5)}
    assert {len(config.sizes) - 2 for config in staircase} == set(range(1, 13))
    assert {config.std for config in PLAN["staircase by std"] if not config.batchnorm} == {0.2, 0.3, 0.4, 0.6}
    assert len({(config.lr, config.std) for config in grid}) == 48
    assert {config.steps for config in grid} == {2000}
    assert {config.steps for config in (*figure, *longer)} == {50_000}
    common = {(c.dataset, c.test_images, c.batch, c.dtype) for c in plan("activations")}
    assert common == {("mnist", None, 60, "float32")}


def test_what_is_recorded_is_what_is_planned():
    planned = {config.variant(): config for config in plan("activations")}
    for run in runs_of("activations"):
        assert activations.configuration(run) == planned[run.variant]
        assert run.columns["step"] == planned[run.variant].recorded_steps()
        assert not run.provenance["dirty"] and run.provenance["threads"] == 1


def test_every_recorded_run_that_can_be_replayed_has_the_name_of_its_settings():
    found = [run for name in EXPERIMENTS if recording.can_replay(name) for run in runs_of(name)]
    assert len(found) > 300 and [run.variant for run in found if recording.edited(run)] == []


def test_a_part_is_read_in_the_order_of_the_plan(small_plan, tmp_path):
    for config in reversed(small_plan):
        record("activations", config, tmp_path)
    assert [run.provenance["seed"] for run in recorded("activations", "second", tmp_path)] == [1, 2]


def test_a_part_that_is_not_whole_is_refused_with_the_command_that_makes_it(small_plan, tmp_path):
    record("activations", small_plan[1], tmp_path)
    with pytest.raises(RecordingError, match=r"1 of 2 runs are not recorded, .*-seed2.json .* runs record activations"):
        recorded("activations", "second", tmp_path)


def test_a_file_that_is_no_experiment_is_refused_before_a_folder_is_made(tmp_path):
    with pytest.raises(RecordingError, match="experiment is 'small_scale', a file that has no run"):
        record("small_scale", SMALL, tmp_path)
    assert list(tmp_path.iterdir()) == []


# Recording


def test_what_is_recorded_is_left_out_the_next_time(small_plan, tmp_path):
    assert missing("activations", tmp_path) == small_plan
    path = record("activations", small_plan[1], tmp_path)
    assert missing("activations", tmp_path) == [small_plan[0], small_plan[2]]
    assert Run.load(path).columns == activations.run(small_plan[1]).columns


def test_a_run_is_never_overwritten_and_nothing_is_trained_to_find_out(tmp_path, no_training):
    path = recording.run_path("activations", SMALL, tmp_path)
    path.parent.mkdir()
    path.write_text("precious")
    with pytest.raises(RunExists, match="never overwritten"):
        record("activations", SMALL, tmp_path)
    assert path.read_text() == "precious"


def test_a_folder_that_cannot_be_written_to_is_refused_before_anything_is_trained(tmp_path, monkeypatch, no_training):
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordingError, match=r"file.activations cannot be written to \(.+\); expected a folder"):
        record("activations", SMALL, tmp_path / "file")

    def full(**_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(recording.tempfile, "TemporaryFile", full)
    with pytest.raises(RecordingError, match=r"cannot be written to \(Permission denied"):
        record("activations", SMALL, tmp_path)


@pytest.mark.parametrize(("experiment", "part", "sentence"), [
    ("inference", None, "experiment is 'inference', which has no PLAN"),
    ("small_scale", None, "experiment is 'small_scale', a file that has no run; expected one of activations, "),
    ("nothing", None, "experiment is 'nothing'; expected the name of a file of bncourse/experiments"),
    ("a.b", None, r"experiment is 'a\.b'; expected"),
    ("activations", "figure 2", "part is 'figure 2'; expected one of figure 1, grid, more seeds, staircase, "),
])
def test_an_unknown_experiment_or_part_is_refused_by_name(experiment, part, sentence):
    with pytest.raises(RecordingError, match=sentence):
        plan(experiment, part)


RECORDER = """
import os, sys, time
from dataclasses import replace
from bncourse.experiments.activations import Config
from bncourse.experiments.recording import record

def writing(unfinished, path, link=os.link):
    print("writing", flush=True)
    time.sleep(float(sys.argv[2]))
    return link(unfinished, path)

os.link = writing
for seed in range(9):
    print("training", flush=True)
    record("activations", replace({config}, seed=seed), sys.argv[1], lambda *_: print("step", flush=True))
"""


@pytest.mark.parametrize(("moment", "pause", "whole"), [("training", 0, 0), ("step", 0, 0), ("writing", 60, 0),
                                                        ("training", 0, 2), ("step", 0, 3)])
def test_killing_it_at_any_moment_leaves_whole_records_alone(tmp_path, moment, pause, whole):
    command = [sys.executable, "-c", RECORDER.format(config=SMALL), str(tmp_path), str(pause)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            whole -= line == "writing\n" and moment != "writing"
            if whole <= 0 and line == f"{moment}\n":
                process.kill()
                break
    found = runs.find("activations", tmp_path)
    assert [run.provenance["seed"] for run in found] == list(range(len(found)))
    assert all(run.columns["step"] == SMALL.recorded_steps() for run in found)
    unfinished = list(Path(tmp_path, "activations").glob(".*")) if moment == "writing" else []
    if moment == "writing":
        assert len(unfinished) == 1 and found == []
        assert record("activations", SMALL, tmp_path).exists()


# Replaying


def one_of_each_data():
    """Of each experiment that can be replayed, the first run on each data."""
    first = {(name, run.provenance["data"]): run for name in EXPERIMENTS if recording.can_replay(name)
             for run in reversed(runs_of(name))}
    return [pytest.param(run, id=" ".join(of)) for of, run in first.items()]


@pytest.mark.parametrize("run", one_of_each_data())
def test_the_first_steps_of_a_recorded_run_come_again(run):
    if "mnist" in run.provenance["data"] and not mnist.available():  # a test does not download
        pytest.skip("MNIST is not there; BNCOURSE_DATA names the folder that holds it")
    try:
        assert replay(run, steps=300) == []
    except MissingData as reason:
        pytest.skip(str(reason))


def test_a_replay_has_the_rows_within_the_steps_and_of_the_same_unit(tmp_path):
    whole = activations.run(replace(SMALL, spacing="early"))
    again = activations.replay(whole, steps=20)
    assert {name: values for name, values in again.columns.items() if not name.startswith("room of ")} == {
        name: values[:5] for name, values in whole.columns.items()}
    assert whole.columns["step"][:5] == [0, 1, 3, 10, 20]
    assert replay(whole, steps=20) == []


@pytest.mark.parametrize(("name", "row", "off"), [("accuracy", 2, 0.01), ("p50", 0, -0.01), ("spread", 3, math.nan)])
def test_what_differs_is_said_with_column_and_row(name, row, off):
    again = activations.run(SMALL)
    changed = json.loads(json.dumps(again.columns))
    changed[name][row] += off
    (sentence,) = differences(replace(again, columns=changed), again, activations.TOLERANCE)
    assert sentence.startswith(f"{name} in row {row} is {again.columns[name][row]}, recorded {changed[name][row]}; ")


def test_rounding_is_no_difference_and_other_data_are_one():
    again = activations.run(SMALL)
    near = {name: [value * (1 + 1e-6) for value in values] for name, values in again.columns.items() if name != "unit"}
    assert differences(replace(again, columns=near | {"step": again.columns["step"], "unit": again.columns["unit"]}),
                       again, activations.TOLERANCE) == []
    other = replace(again, provenance=again.provenance | {"sha256": "0" * 64})
    (sentence,) = differences(other, again, activations.TOLERANCE)
    assert sentence.startswith("the data are others: SHA-256 ")


def test_a_replay_may_say_itself_how_far_rounding_takes_each_row():
    recorded = activations.run(replace(SMALL, steps=0))
    recorded = replace(recorded, columns={"loss": [2.5, 2.5, 2.5]})
    again = replace(recorded, columns={"loss": [2.5, 2.6, 2.9], "room of loss": [0.1, 0.2, math.inf]})
    assert differences(recorded, again, {}) == []
    (sentence,) = differences(recorded, replace(again, columns=again.columns | {"room of loss": [0.1, 0.05, 0.1]}), {})
    assert sentence == "loss in row 2 is 2.9, recorded 2.5; expected a difference of at most 0.1"


def test_where_every_digit_counts_there_is_no_room():
    recorded = replace(activations.run(replace(SMALL, steps=0)), columns={"loss": [2.5, math.nan], "x": [1.0, 1.0]})
    again = replace(recorded, columns={"loss": [2.5 + 1e-15, math.nan], "x": [1.0, 1.0], "room of loss": [0.1, 0.1]})
    assert differences(recorded, again, {"x": 1}) == differences(recorded, recorded, {}, exact=True) == []
    (sentence,) = differences(recorded, again, {"x": 1}, exact=True)
    assert sentence.startswith("loss in row 0 is 2.5")


def test_the_room_is_ten_times_what_a_rounding_error_did_up_to_the_next_row():
    assert room_for_rounding([2.0, 2.0, 2.0, 2.0], [2.0, 2.01, 2.0, 2.5]) == pytest.approx([FIRST_ROOM, 0.1, 5, 5])
    assert room_for_rounding([1.0, 1.0], [1.0, 1.0]) == [FIRST_ROOM, LEAST_ROOM]
    assert room_for_rounding([1.0, 1.0], [1.01, 1.0]) == pytest.approx([0.1, 0.1])
    assert room_for_rounding([1.0, 1.0, 1.0], [1.0, math.nan]) == [FIRST_ROOM, math.inf, math.inf]


@pytest.mark.parametrize("change", [{"lr": 4.1}, {"std": 0.202}, {"batch": 61}, {"seed": 1}, {"threshold": 128}])
def test_another_setting_is_heard_where_rounding_grows_fast(change):
    config = replace(SMALL, batchnorm=False, dtype="float32", lr=4.0, std=0.2, spacing="early")
    assert replay(activations.run(config), steps=30) == []
    assert replay(replace(activations.run(replace(config, **change)), config=activations.run(config).config), steps=30)


def test_a_rounding_error_of_the_weights_is_given_room():
    config = replace(SMALL, batchnorm=False, dtype="float32", lr=4.0, std=0.2)
    moved = activations.measure(config, config.recorded_steps(), moved=True)
    assert moved.columns["p15"] != activations.run(config).columns["p15"]
    assert replay(moved, steps=30) == []


def test_values_that_are_not_finite_agree_with_themselves():
    again = activations.run(replace(SMALL, steps=0))
    diverged = replace(again, columns={"p50": [math.nan, math.inf, -math.inf]})
    assert differences(diverged, diverged, {}) == []
    assert len(differences(replace(diverged, columns={"p50": [math.nan, -math.inf, 1.0]}), diverged, {"p50": 1.0})) == 1


@pytest.mark.parametrize(("name", "steps", "sentence"), [
    ("folding", 300, "folding has no replay; expected an experiment that can be repeated"),
    ("shift", -1, "steps is -1; expected 0 or more"),
])
def test_what_cannot_be_replayed_is_refused(name, steps, sentence):
    with pytest.raises(RecordingError, match=sentence):
        replay(runs_of(name)[0], steps)
