"""A recording that was interrupted goes on from its checkpoints: its columns are those of one that nothing stopped."""

import os
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from bncourse import cli, runs
from bncourse.datasets import scenes
from bncourse.experiments import classification, kept, recording
from bncourse.experiments.variants import TINY, VARIANTS, at_scale
from bncourse.paths import ROOT
from bncourse.training import checkpoint
from bncourse.training.stopping import Interrupted

CONFIG = at_scale(VARIANTS["bn-x5"], replace(TINY, steps=7, every=2, batch=8))
TIMES = ("seconds", "images_per_second")
LENGTH = {"train": 48, "val": 20}


@pytest.fixture(autouse=True)
def few_scenes(monkeypatch, tmp_path):
    monkeypatch.setattr(scenes, "LENGTH", LENGTH)
    monkeypatch.setattr(kept, "DATA", tmp_path)


def columns_of(path):
    return {name: values for name, values in runs.Run.load(path).columns.items() if name not in TIMES}


def same(one, other):
    return list(one) == list(other) and all(np.array_equal(one[name], other[name], equal_nan=True) for name in one)


@pytest.fixture(scope="module")
def uninterrupted():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scenes, "LENGTH", LENGTH)
        whole = classification.run(CONFIG).columns
    return {name: values for name, values in whole.items() if name not in TIMES}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_loses_no_step(number, tmp_path, uninterrupted, capsys):
    def interrupt(done, total):
        if done == 5:
            signal.raise_signal(number)

    with pytest.raises(Interrupted, match="stopped after step 5 of 7"):
        recording.record("classification", CONFIG, tmp_path / "runs", interrupt)
    assert recording.missing("classification", tmp_path / "runs")
    steps = []
    path = recording.record("classification", CONFIG, tmp_path / "runs", lambda done, total: steps.append(done))
    assert steps == [5, 6, 7] and same(columns_of(path), uninterrupted)
    assert "going on from step-000000005.ckpt" in capsys.readouterr().out


RECORDER = """
import sys
from pathlib import Path
from bncourse.datasets import scenes
from bncourse.experiments import kept, recording
from tests.experiments.test_resumed import CONFIG, LENGTH

scenes.LENGTH, kept.DATA = LENGTH, Path(sys.argv[1])
recording.record("classification", CONFIG, Path(sys.argv[1], "runs"), lambda *step: print("step", *step, flush=True))
"""


@pytest.mark.skipif(os.name != "posix", reason="kill -9 is of POSIX")
def test_kill_9_loses_the_steps_since_the_last_checkpoint(tmp_path, uninterrupted):
    with subprocess.Popen([sys.executable, "-c", RECORDER, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE,
                          text=True) as process:
        for line in process.stdout:
            if line == "step 5 7\n":
                process.kill()
                break
        assert process.wait() == -signal.SIGKILL
    reached = checkpoint.load(checkpoint.newest(kept.default_folder(CONFIG)))[0]["step"]
    assert reached in (4, 6, 7)  # the process may go on for a moment
    steps = []
    path = recording.record("classification", CONFIG, tmp_path / "runs", lambda done, total: steps.append(done))
    assert steps[0] == reached and same(columns_of(path), uninterrupted)


def test_a_recorded_run_says_what_to_remove_to_train_anew(tmp_path):
    path = recording.run_path("classification", CONFIG, tmp_path / "runs")
    path.parent.mkdir(parents=True)
    path.touch()
    with pytest.raises(runs.RunExists) as told:
        recording.record("classification", CONFIG, tmp_path / "runs")
    assert str(told.value).endswith(f"Remove the file, and {kept.default_folder(CONFIG)} with its checkpoints, "
                                    "to record it again")


def test_the_command_tells_on_stderr_how_far_it_is(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(runs, "RUNS", tmp_path / "runs")
    monkeypatch.setattr(classification, "PLAN", {"one": (CONFIG,)})
    options, _ = cli.parse(["runs", "record", "classification"])
    assert cli.run(options) == 0
    out, err = capsys.readouterr()
    assert f"1 of 1: {CONFIG.variant()}" in out
    assert f"{CONFIG.variant()}: step 7 of 7" in err


def test_what_is_kept_of_another_training_is_not_gone_on_with(tmp_path):
    folder = kept.default_folder(CONFIG)
    for other in (replace(CONFIG, seed=1), replace(CONFIG, processes=2)):
        kept.prepare(folder / "kept", other, scenes.CLASSES, resume=False)
        folder.mkdir(exist_ok=True)
        (folder / "kept" / kept.DESCRIPTION_FILE).replace(folder / kept.DESCRIPTION_FILE)
        with pytest.raises(kept.KeptError, match=r"it differs in (seed|processes); expected"):
            recording.record("classification", CONFIG, tmp_path / "runs")
