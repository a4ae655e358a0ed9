"""A training that is kept in a folder: through the command, interrupted and gone on with, read back, tested."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from bncourse import cli, evaluation, runs
from bncourse.datasets import scenes
from bncourse.evaluation import Crops
from bncourse.experiments import classification, scoring, trainings
from bncourse.experiments.trainings import trained
from bncourse.training import checkpoint

TRAIN = ["train", "bn-x5", "--steps", "12", "--every", "4"]
TIMES = ("seconds", "images_per_second")


@pytest.fixture(scope="module", autouse=True)
def few_scenes():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scenes, "LENGTH", {"train": 96, "val": 40})
        patch.delenv("BNCOURSE_DATA", raising=False)
        yield


def command(*options):
    parsed, _ = cli.parse([str(option) for option in options])
    return cli.run(parsed)


@pytest.fixture(scope="module")
def done(tmp_path_factory, few_scenes):
    """The folders of two trainings that nothing interrupted."""
    folders = [tmp_path_factory.mktemp("kept") / name for name in ("one", "two")]
    for seed, folder in enumerate(folders):
        assert command(*TRAIN, "--folder", folder, "--seed", seed) == 0
    return folders


def run_in(folder):
    path, = (folder / "classification").glob("*.json")
    return runs.Run.load(path)


def refused(capsys, *options):
    """The one sentence with which a command refuses."""
    capsys.readouterr()
    assert command(*options) == 1
    told = capsys.readouterr().err
    assert told.startswith(f"bncourse {options[0]}: ") and told.count("\n") == 1
    return told


def test_without_data_a_small_version_trains_on_scenes_and_says_so(tmp_path, capsys):
    assert command("train", "inception", "--steps", 2, "--folder", tmp_path) == 0
    told = capsys.readouterr().out
    assert "inception on scenes: 96 synthetic pictures of 16 classes, tiny scale" in told
    assert "Scenes are for trying out: python3 -m bncourse data says which photographs there are" in told
    assert "written: " in told
    assert run_in(tmp_path).columns["step"] == [1, 2]


def test_the_same_command_goes_on_and_gives_the_run_that_nothing_interrupted(done, tmp_path, capsys):
    class Stopped(Exception):
        pass

    def stop(step, _):
        if step == 7:
            raise Stopped

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trainings.reports.Terminal, "__call__", lambda self, step, total: stop(step, total))
        with pytest.raises(Stopped):
            command(*TRAIN, "--folder", tmp_path)
    assert not (tmp_path / "classification").exists()
    assert command(*TRAIN, "--folder", tmp_path, "--resume") == 0
    assert "going on from step-000000004.ckpt" in capsys.readouterr().out
    whole, resumed = run_in(done[0]), run_in(tmp_path)
    assert list(whole.columns) == list(resumed.columns)
    assert all(np.array_equal(values, resumed.columns[name], equal_nan=True)
               for name, values in whole.columns.items() if name not in TIMES)
    one, other = (trained(folder).model.state_dict() for folder in (done[0], tmp_path))
    assert all(torch.equal(value, other[name]) for name, value in one.items())


def test_checkpoints_are_as_far_apart_as_asked_and_no_half_of_anything_stays(tmp_path):
    assert command("train", "--steps", 5, "--every", 5, "--checkpoint", 2, "--folder", tmp_path) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "classification", "step-000000004.ckpt", "step-000000005.ckpt", "training.json"]


def test_a_run_is_recorded_where_runs_are_if_asked(tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "RUNS", tmp_path / "runs")
    assert command("train", "--steps", 1, "--folder", tmp_path / "kept", "--record") == 0
    assert run_in(tmp_path / "runs").config["name"] == "bn-x5"
    assert not (tmp_path / "kept" / "classification").exists()


def test_outside_a_clone_nothing_is_recorded(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(trainings, "INSTALLED", True)
    assert command("train", "--steps", 1, "--folder", tmp_path / "kept", "--record") == 1
    assert "runs are recorded in a clone of the course" in capsys.readouterr().err


def with_other_classes(open_pictures):
    def opened(*arguments):
        pictures = open_pictures(*arguments)
        pictures.train.classes = ["goldfish", *pictures.train.classes[1:]]
        return pictures
    return opened


def test_rows_go_to_tensorboard_and_where_it_is_missing_the_refusal_says_so(tmp_path, monkeypatch):
    rows = []
    monkeypatch.setattr(trainings.reports, "tensorboard", lambda folder: rows.append)
    trainings.tensorboard_writer(tmp_path)({"step": 1})
    assert rows == [{"step": 1}]

    def missing(folder):
        raise ImportError("TensorBoard is not installed")

    monkeypatch.setattr(trainings.reports, "tensorboard", missing)
    with pytest.raises(trainings.KeptError, match="TensorBoard is not installed"):
        trainings.tensorboard_writer(tmp_path)


def test_what_cannot_be_kept_is_refused_before_any_work(done, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(classification, "train", None)  # never called
    again = refused(capsys, *TRAIN, "--folder", done[0])
    assert "is recorded already; choose another seed, or remove it and its folder of checkpoints" in again
    other = refused(capsys, *TRAIN, "--folder", done[0], "--seed", 5)
    assert "holds another training: it differs in seed; expected the same, or choose another folder" in other
    monkeypatch.setattr(trainings, "run_path", lambda config, folder, record: folder)
    monkeypatch.setattr(classification, "open_pictures", with_other_classes(classification.open_pictures))
    assert "holds another training: it differs in classes; expected" in refused(capsys, *TRAIN, "--folder", done[0])
    absent = refused(capsys, *TRAIN, "--folder", tmp_path, "--resume")
    assert "holds no checkpoint to go on from; leave resume out to begin" in absent


@pytest.mark.parametrize("options, told", [
    (["bn-x6"], "variant is 'bn-x6'; expected one of inception,"),
    (["--steps", "0"], "steps is 0; expected an int of 1 or more"),
    (["--lr", "nan"], "lr is nan; expected a positive number"),
    (["--width", "-1"], "width is -1.0; expected a positive number"),
    (["--seed", "-1"], "seed is -1; expected an int of 0 or more"),
    (["--workers", "-1"], "workers is -1; expected an int of 0 or more"),
    (["--held-out", "-1"], "held_out is -1; expected the number of pictures of each class"),
    (["--held-out", "6"], "to train on; expected more than 6, which are held out of each class"),
    (["--decay", "0"], "decay is 0.0; expected a positive number"),
    (["--checkpoint", "0"], "checkpoint_every is 0; expected an int of 1 or more"),
    (["--data", "nothing"], "nothing is no folder; expected a folder with train and val"),
    (["--data", "../elsewhere"], "../elsewhere is no folder; expected scenes, a set in the data folder"),
])
def test_wrong_words_are_one_sentence(options, told, tmp_path, capsys):
    assert told in refused(capsys, "train", *options, "--folder", tmp_path)


def test_pictures_are_named_by_a_word_or_by_a_folder_but_not_by_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photo.jpg").touch()
    assert trainings.pictures_named("scenes") == ("scenes", None)
    assert trainings.pictures_named(".") == (tmp_path.name, Path("."))
    with pytest.raises(trainings.KeptError, match="is no folder"):
        trainings.pictures_named(f"{tmp_path / 'photo.jpg'}")


@pytest.mark.parametrize("name", ["train", "evaluate"])
def test_the_help_fits_a_screen(name, capsys):
    with pytest.raises(SystemExit):
        cli.parse([name, "--help"])
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("  ") for line in lines) <= 24 and max(map(len, lines)) <= 80


def test_rows_without_a_test_are_not_told_unless_the_network_diverged():
    told = []
    tell = trainings.listener_of_tests(told.append)
    early = {"step": 1, "loss": 2.0, "top1": math.nan, "top5": math.nan}
    for row in (early, early | {"step": 4, "top1": 0.5, "top5": 0.9}, early | {"step": 5, "loss": math.inf}):
        tell(row)
    assert told == [{"step": 4, "loss": 2.0, "top1": 0.5, "top5": 0.9}, {"step": 5, "loss": math.inf}]


def test_a_network_is_read_back_from_its_folder_or_one_checkpoint(done):
    newest, earlier = trained(done[0]), trained(checkpoint.path_of(done[0], 8))
    assert (newest.steps, earlier.steps) == (12, 8) and newest.classes == scenes.CLASSES
    assert not newest.model.training and newest.config.name == "bn-x5"
    assert not torch.equal(newest.model.classifier.weight, earlier.model.classifier.weight)


def test_the_score_of_a_network_is_the_last_of_its_run(done):
    (name, score), = scoring.score_each([done[0]])
    assert name == "bn-x5, 12 steps"
    assert score == evaluation.Score(*(run_in(done[0]).columns[key][-1] for key in ("top1", "top5")), 40)


def test_a_network_that_was_tested_on_held_out_pictures_is_scored_on_them_unless_others_are_named(tmp_path, capsys):
    assert command("train", "--steps", 2, "--batch", 8, "--held-out", 1, "--folder", tmp_path) == 0
    assert "Tested on 16 pictures of the training set, 1 of each class" in capsys.readouterr().out
    (_, held), = scoring.score_each([tmp_path])
    (_, validation), = scoring.score_each([tmp_path], data="scenes")
    assert held == evaluation.Score(*(run_in(tmp_path).columns[key][-1] for key in ("top1", "top5")), 16)
    assert validation.examples == 40 and run_in(tmp_path).config["held_out"] == 1


def test_several_networks_are_tested_together(done):
    *alone, (name, together) = scoring.score_each(done)
    members = [scoring.predict(trained(folder), scenes.Scenes("val", size=32)) for folder in done]
    mean = (members[0][0] + members[1][0]) / 2
    assert name == "ensemble of 2" and len(alone) == 2
    assert together == evaluation.score(mean, members[0][1])


def test_crops_and_folding_change_what_they_should(done):
    network, pictures = trained(done[0]), scenes.Scenes("val", 6, size=32)
    single, labels = scoring.predict(network, pictures)
    folded, _ = scoring.predict(network, pictures, fold=True)
    torch.testing.assert_close(folded, single)
    crops, same = scoring.predict(network, pictures, crops=True)
    images = Crops(28, squares=1)(pictures.image(3))
    alone, _ = evaluation.predict(network.model, [(classification.Batches(
        pictures, Crops(28, squares=1), batch=1, order="as stored").load(np.array([3]), 0)[0], labels[:1])])
    torch.testing.assert_close(crops[3:4], alone)
    assert len(images) == 48 and torch.equal(labels, same) and not torch.allclose(crops, single)


def test_folding_folds_and_imagenets_crops_are_144(done, monkeypatch):
    class Seen(Exception):
        pass

    def seen(*arguments, **options):
        raise Seen(*arguments[1:], options)

    network, pictures = trained(done[0]), scenes.Scenes("val", 2, size=32)
    monkeypatch.setattr(scoring, "fold_batchnorm", seen)
    with pytest.raises(Seen):
        scoring.predict(network, pictures, fold=True)
    monkeypatch.setattr(scoring, "Crops", seen)
    for scale, squares in (("tiny", 1), ("imagenet", 3)):
        config = replace(network.config, scale=replace(network.config.scale, name=scale))
        with pytest.raises(Seen) as told:
            scoring.predict(network._replace(config=config), pictures, crops=True)
        assert told.value.args == ({"squares": squares},)


def test_an_ensemble_sees_the_same_pictures(done, monkeypatch):
    lengths = iter((3, 4))
    monkeypatch.setattr(scoring, "predict", lambda *_, **__: (torch.eye(16)[:(n := next(lengths))], torch.arange(n)))
    with pytest.raises(trainings.KeptError, match="tested on different pictures; expected data"):
        list(scoring.score_each(done))


def test_the_evaluate_command_tells_errors_in_per_cent(done, capsys):
    assert command("evaluate", *done, "--first", 20) == 0
    header, *lines = capsys.readouterr().out.splitlines()
    assert header.split() == ["top-1", "error", "top-5", "error"]
    assert [line.split(",")[0].split(" of ")[0] for line in lines] == ["bn-x5", "bn-x5", "ensemble"]
    (_, score), = scoring.score_each(done[:1], first=20)
    assert f"{1 - score.top1:.2%}" in lines[0] and lines[0].endswith("of 20 pictures")


@pytest.mark.parametrize("options, told", [
    (["--first", "0"], "first is 0; expected 1 to 40"),
    (["--first", "41"], "first is 41; expected 1 to 40"),
    (["--data", "nothing"], "nothing is no folder"),
    (["--data", "../elsewhere"], "../elsewhere is no folder; expected scenes, a set in the data folder, or the path"),
    (["--workers", "-1"], "workers is -1; expected an int of 0 or more"),
])
def test_wrong_words_of_evaluate_are_one_sentence(done, options, told, capsys):
    assert told in refused(capsys, "evaluate", done[0], *options)


def test_what_is_no_training_is_refused(done, tmp_path, capsys):
    assert "holds no training.json; expected the folder of a training" in refused(capsys, "evaluate", tmp_path)
    about = json.loads((done[0] / trainings.DESCRIPTION_FILE).read_text())
    (tmp_path / trainings.DESCRIPTION_FILE).write_text(json.dumps(about))
    assert "holds no checkpoint yet" in refused(capsys, "evaluate", tmp_path)
    about["config"]["scale"]["width"] = 0.25
    (tmp_path / trainings.DESCRIPTION_FILE).write_text(json.dumps(about))
    checkpoint.path_of(tmp_path, 12).write_bytes(checkpoint.path_of(done[0], 12).read_bytes())
    assert "is not of the network that training.json beside it describes" in refused(capsys, "evaluate", tmp_path)
    about["config"]["activation"] = "tanh"
    (tmp_path / trainings.DESCRIPTION_FILE).write_text(json.dumps(about))
    assert "does not describe a training" in refused(capsys, "evaluate", tmp_path)
    (tmp_path / trainings.DESCRIPTION_FILE).write_text("{}")
    assert "does not describe a training" in refused(capsys, "evaluate", tmp_path)


def test_networks_and_pictures_of_other_classes_are_refused(done, tmp_path, capsys):
    about = json.loads((done[0] / trainings.DESCRIPTION_FILE).read_text())
    about["classes"][0] = "goldfish"
    (tmp_path / trainings.DESCRIPTION_FILE).write_text(json.dumps(about))
    checkpoint.path_of(tmp_path, 12).write_bytes(checkpoint.path_of(done[0], 12).read_bytes())
    told = refused(capsys, "evaluate", tmp_path)
    assert "knows 16 classes, goldfish the first, and the pictures are of 16, warm plain disc the first" in told
