"""Section 4.2's training: the network that a configuration describes, the same run again, its first steps again."""

import json
import math
import shlex
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL.Image import Resampling
from torch import nn

from bncourse import cli, evaluation, runs
from bncourse.datasets import scenes
from bncourse.datasets.transforms import normalize, to_tensor
from bncourse.experiments import classification, scoring, trainings, variants
from bncourse.experiments.classification import initial, mini_batches, open_pictures, recipe, replay, run, validation
from bncourse.experiments.options import train_command, with_options
from bncourse.experiments.protocol import FIRST_ROOM
from bncourse.experiments.recording import differences
from bncourse.experiments.small_scale import PLAN
from bncourse.experiments.variants import KNOWN, SMALL, TINY, VARIANTS, at_scale
from bncourse.nn.inception import PerActivation
from bncourse.paths import ROOT
from bncourse.training.distributed import World

FEW = replace(TINY, steps=6, every=3, batch=16)
TIMES = ("seconds", "images_per_second")


@pytest.fixture(autouse=True)
def few_scenes(monkeypatch):
    monkeypatch.setattr(scenes, "LENGTH", {"train": 64, "val": 40})


def few(name):
    return at_scale(VARIANTS[name], FEW)


def equal(one, other):
    return all(np.array_equal(one[name], other[name], equal_nan=True) for name in one if name not in TIMES)


def kinds(model):
    found = [type(module).__name__ for module in model.modules()]
    return {name: found.count(name) for name in ("BatchNorm2d", "LocalResponseNorm", "ReLU", "Sigmoid")}


@pytest.mark.parametrize("name, expected", [
    ("inception", (0, 2, 69, 0)), ("bn-baseline", (69, 2, 69, 0)), ("bn-x5", (69, 0, 69, 0)),
    ("bn-x5-sigmoid", (69, 0, 0, 69)), ("inception-sigmoid", (0, 2, 0, 69)),
])
def test_a_variant_has_the_layers_that_its_sentences_say(name, expected):
    model = initial(few(name), 16)
    assert tuple(kinds(model).values()) == expected
    assert model.dropout.p == (0.0 if name.startswith("bn-x") else 0.4)


def test_the_variants_begin_with_the_same_weights():
    plain, normal = (dict(initial(few(name), 16).named_parameters()) for name in ("inception", "bn-x30"))
    shared = [name for name in plain if name in normal]
    assert len(shared) == 71 and all(torch.equal(plain[name], normal[name]) for name in shared)


def test_members_have_larger_weights_and_activations_of_their_own():
    base, first, fourth = (initial(at_scale(KNOWN[name], FEW), 16) for name in ("bn-x30", "member-1", "member-4"))
    assert torch.equal(fourth.modules_5[-1].branches["conv1x1"].conv.weight,
                       base.modules_5[-1].branches["conv1x1"].conv.weight)
    torch.testing.assert_close(first.stem.conv1.conv.weight, 1.5 * base.stem.conv1.conv.weight)
    assert sum(isinstance(module, PerActivation) for module in fourth.modules()) == 14


def test_weights_depend_on_the_seed_and_the_callers_random_numbers_stay():
    state = torch.get_rng_state()
    one, same, other = (initial(replace(few("bn-x5"), seed=seed), 16).classifier.weight for seed in (0, 0, 1))
    assert torch.equal(one, same) and not torch.equal(one, other)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("scale", [SMALL, FEW], ids=["small", "few"])
def test_the_recipe_halves_the_rate_as_the_configuration_says(scale):
    for config in (at_scale(config, scale) for config in VARIANTS.values()):
        rule = recipe(config)
        for step in (0, scale.steps // 3, scale.steps):
            assert rule.learning_rate(step) == pytest.approx(config.learning_rate() * 2 ** (-step / config.halving()))
        assert (rule.weight_decay, rule.momentum, rule.steps) == (config.l2, config.momentum, scale.steps)


def test_the_validation_set_is_seen_once_by_all_processes_together():
    config = few("bn-x5")
    pictures = open_pictures(config)
    seen = [labels for rank in range(3) for _, labels in validation(config, pictures, World(rank, 3)).epoch(0)]
    assert sorted(torch.cat(seen).tolist()) == sorted(pictures.val.labels.tolist())


def test_held_out_pictures_are_tested_on_and_not_trained_on():
    config = replace(few("bn-x5"), held_out=1)
    pictures, whole = open_pictures(config), open_pictures(few("bn-x5"))
    assert (len(pictures.train), len(pictures.val)) == (64 - 16, 16) and sorted(pictures.val.labels) == list(range(16))
    assert {pictures.train.name(i) for i in range(48)}.isdisjoint(pictures.val.name(i) for i in range(16))
    assert pictures.sha256() != whole.sha256()
    assert train_command(config).endswith(" --held-out 1 --record")
    recorded = run(config)
    assert recorded.provenance["sha256"] == pictures.sha256() and recorded.variant != few("bn-x5").variant()
    assert differences(recorded, replay(recorded), {"lr": 0}) == []


def test_a_whole_picture_is_tested_made_smaller_and_a_center_as_it_is():
    center, whole = few("bn-x5"), replace(few("bn-x5"), view="whole")
    pictures = open_pictures(center)
    image = pictures.val.image(0)
    assert image.size == (32, 32)
    smaller = image.resize((28, 28), Resampling.BILINEAR)
    for config, expected in ((center, image.crop((2, 2, 30, 30))), (whole, smaller)):
        images, _ = next(iter(validation(config, pictures).epoch(0)))
        assert torch.equal(images[:1], normalize(to_tensor(expected)[None]))
        network = trainings.Trained(config, pictures.val.classes, 0, initial(config, 16))
        scored, _ = scoring.predict(network, pictures.val)
        assert torch.equal(scored, evaluation.predict(network.model, validation(config, pictures).epoch(0))[0])
    assert train_command(whole).endswith(" --view whole --record") and whole.variant() != center.variant()
    assert run(whole).columns["loss"] == run(center).columns["loss"]


def test_inceptions_rate_and_decay_are_tried_together_on_held_out_pictures():
    tried = PLAN["held out"]
    assert {(config.scale.lr, config.decay, config.seed) for config in tried} == {
        (lr, decay, 0) for lr in (0.01, 0.02, 0.03) for decay in (0.3, 1, 3, 6)} | {(0.005, 0.3, 0), (0.005, 1, 0)}
    assert {(config.held_out, config.name, config.scale.steps, config.data) for config in tried} == {
        (50, "inception", 8000, "tiny-imagenet-100")}


def test_every_planned_training_is_told_by_the_train_command():
    assert all(train_command(config).startswith(f"python3 -m bncourse train {config.name} ")
               for part in PLAN.values() for config in part)


def test_orders_are_those_of_the_variants():
    pictures = open_pictures(few("inception"))
    for name, changes in (("inception", False), ("bn-x5", True)):
        batches = mini_batches(few(name), pictures)
        labels = [torch.cat([labels for _, labels in batches.epoch(epoch)]).tolist() for epoch in range(2)]
        assert (labels[0] != labels[1]) is changes


def test_a_run_has_early_rows_and_tests_and_is_the_same_again(tmp_path):
    config = few("bn-x5")
    first, again = run(config), run(config)
    columns = first.columns
    assert columns["step"] == [1, 2, 3, 5, 6]
    assert [np.isnan(value) for value in columns["top1"]] == [True, True, False, True, False]
    assert equal(columns, again.columns) and list(columns) == list(again.columns)
    assert runs.Run.load(first.save(tmp_path)).provenance == first.provenance
    assert first.provenance["sha256"] == open_pictures(config).sha256() and first.provenance["data"] == "scenes"


def test_another_seed_is_another_run():
    one, other = (run(replace(few("bn-x5"), seed=seed)) for seed in (0, 1))
    assert not equal(one.columns, other.columns) and one.variant != other.variant


@pytest.mark.parametrize("steps, rows", [(2, 2), (4, 3), (300, 5)])
def test_the_first_steps_of_a_recorded_run_are_repeated(steps, rows, tmp_path):
    recorded = runs.Run.load(run(few("bn-baseline")).save(tmp_path))
    again = replay(recorded, steps)
    room = again.columns.pop("room of loss")
    assert again.columns == {name: recorded.columns[name][:rows] for name in ("step", "loss", "lr")}
    assert len(room) == rows and FIRST_ROOM <= room[0] < 1e-3
    assert again.provenance["sha256"] == recorded.provenance["sha256"]


def test_another_dropout_is_heard_in_a_replay_and_a_rounding_error_is_not(tmp_path, monkeypatch):
    config = with_options(few("inception"), steps=20)
    recorded = runs.Run.load(run(config).save(tmp_path))
    assert differences(recorded, replay(recorded), {"lr": 0}) == []
    edited = replace(recorded, config=recorded.config | {"dropout": 0.3})
    assert [said.split()[0] for said in differences(recorded, replay(edited), {"lr": 0})] == ["loss"]
    start = classification.initial

    def rounded(*arguments):
        model = start(*arguments)
        classification.move_by_rounding(model)
        return model

    monkeypatch.setattr(classification, "initial", rounded)
    assert differences(recorded, replay(recorded), {"lr": 0}) == []


def test_a_replay_of_no_row_is_refused():
    recorded = run(with_options(few("bn-x5"), steps=1))
    with pytest.raises(ValueError, match="steps is 0; expected 1 or more"):
        replay(recorded, 0)


def test_a_network_that_diverges_is_a_run_too(tmp_path):
    recorded = run(with_options(few("inception-x5"), lr=1e6))
    assert recorded.columns["step"][-1] < 6 and not np.isfinite(recorded.columns["loss"][-1])
    assert np.isnan(recorded.columns["top1"][-1])
    recorded.save(tmp_path)


# The command of a run.

def configuration(options):
    """What the train command makes of a command line."""
    made = {}

    def keep(config, *_, **__):
        made["config"] = config

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bncourse.experiments.trainings.train", keep)
        parsed, _ = cli.parse(options)
        assert cli.run(parsed) == 0
    return made["config"]


@pytest.mark.parametrize("config", [
    *KNOWN.values(), few("bn-x5"), replace(few("bn-x5"), l2=0.0),
    with_options(at_scale(VARIANTS["bn-x5"], SMALL), lr=0.02, seed=3, precision="bf16", data="tiny-imagenet-100"),
    with_options(VARIANTS["bn-x5"], batch=256, lr=0.012, steps=625_000),
    with_options(few("bn-x5"), held_out=2, decay=2.5), PLAN["seen whole"][1], *PLAN["held out"][:9],
], ids=lambda config: config.variant())
def test_the_command_of_a_run_makes_its_configuration(config):
    told = shlex.split(train_command(config))
    if told[:2] == ["python3", "-m"]:
        assert told[2:4] == ["bncourse", "train"] and told[-1] == "--record"
        assert configuration(told[3:]).variant() == config.variant()
    else:
        code = told[2].replace("import Config, Scale, run; run(", "import Config, Scale; found = (")
        found = {}
        exec(code.removesuffix(".save()"), found)
        assert found["found"] == config


def test_the_command_in_each_recorded_run_makes_what_was_recorded():
    recorded = runs.find("classification")
    assert recorded
    for each in recorded:
        assert configuration(shlex.split(each.provenance["command"])[3:]) == variants.from_record(each.config)


def test_the_commands_that_lesson_12_gives_see_as_many_images_at_the_same_rate_for_each(tmp_path):
    cells = json.loads((ROOT / "notebooks" / "12_imagenet_runs.ipynb").read_text(encoding="utf-8"))["cells"]
    lines = [line for cell in cells for line in cell["source"] if "-m bncourse train bn-x30 " in line]
    told = [shlex.split(line.replace("/data/imagenet", tmp_path.as_posix())) for line in lines]
    made = [configuration(words[words.index("bncourse") + 1:]) for words in told if "--data" in words]
    gpus = [math.prod(int(words[words.index(option) + 1]) for option in ("--nnodes", "--nproc-per-node")
                      if option in words) for words in told]
    assert gpus == [1, 8, 32] == [config.scale.batch // 32 for config in made]
    assert {config.scale.batch * config.scale.steps for config in made} == {32 * 6_000_000}
    assert [config.learning_rate() / config.scale.batch for config in made] == pytest.approx([30 * 0.0015 / 32] * 3)
    assert {config.halving() * config.scale.batch for config in made} == {VARIANTS["bn-x30"].halving() * 32}


def test_a_larger_batch_halves_the_rate_after_as_many_examples():
    usual, larger = VARIANTS["bn-x5"], with_options(VARIANTS["bn-x5"], batch=256)
    assert larger.halving() * 256 == usual.halving() * 32
    assert with_options(usual, steps=1000).halving() == usual.halving()
    small = with_options(at_scale(usual, SMALL), batch=64, steps=4000)
    assert small.halving() * 6 == 4000  # once in a run, whatever its batch


def test_most_runs_are_told_by_the_train_command():
    assert train_command(VARIANTS["bn-x30"]) == (
        "python3 -m bncourse train bn-x30 --scale imagenet --data scenes --seed 0 --precision float32 --record")
    assert train_command(replace(few("bn-x5"), l2=0.0)).startswith("python -c ")  # L2 is none of the command's options
    told = train_command(replace(VARIANTS["bn-x5"], processes=8, synchronized=True))
    assert told.startswith("torchrun --nproc-per-node 8 -m bncourse train bn-x5 --scale imagenet ")
    assert told.endswith(" --precision float32 --synchronized --record")


def test_the_names_of_runs_differ_where_anything_does():
    configs = [with_options(at_scale(config, scale), seed=seed, lr=lr)
               for config in KNOWN.values() for scale in (SMALL, TINY) for seed in (0, 1) for lr in (0.01, 0.02)]
    assert len({config.variant() for config in configs}) == len(set(configs)) == len(configs)


def test_the_network_takes_the_images_of_its_scale():
    config = few("inception")
    images, _ = next(mini_batches(config, open_pictures(config)).epoch(0))
    assert isinstance(classification.network(config, 16), nn.Module)
    assert classification.network(config, 16)(images).shape == (16, 16)
    assert json.loads(json.dumps(variants.to_record(config)))["scale"]["batch"] == 16
