"""Section 4.2's experiment (Figures 2 and 3): Inception without batch norm and with it, at several learning rates.

The variants are configurations, which variants.py writes as the paper's sentences; here one of them is trained.
While it trains, the loss, and the accuracy on the validation set from a single crop, are recorded.

    run(replace(at_scale(VARIANTS["bn-x5"], SMALL), data="tiny-imagenet-100")).columns["top1"]

A result depends on the configuration, the data, the machine and its threads alone, and not on how often training
was interrupted.
"""

import hashlib
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn

from bncourse import evaluation, runs
from bncourse.datasets import files
from bncourse.datasets.batches import Batches
from bncourse.datasets.imagenet import open_split
from bncourse.datasets.scenes import Scenes
from bncourse.datasets.subsets import held_out
from bncourse.datasets.transforms import Center, Training
from bncourse.experiments.kept import begin, default_folder
from bncourse.experiments.options import train_command
from bncourse.experiments.protocol import Progress, RecordError, recorded_run, room_for_rounding, tell
from bncourse.experiments.small_scale import PLAN
from bncourse.experiments.variants import SMALL, VARIANTS, Config, ConfigError, Scale, at_scale, from_record, to_record
from bncourse.nn import BNInception
from bncourse.training import Recipe, random_states, train
from bncourse.training.distributed import ALONE, World

VALIDATION_BATCH = 200  # pictures in a batch of the validation set
TOLERANCE = {"lr": 0}  # of a replay, which says itself how far the loss may be off

__all__ = ["PLAN", "SMALL", "TOLERANCE", "VARIANTS", "Config", "Pictures", "Scale", "at_scale", "configuration",
           "default_folder", "network", "open_pictures", "recipe", "replay", "resumed", "run"]


def network(config: Config, classes: int) -> nn.Module:
    """The variant's network for this many classes."""
    return BNInception(
        classes,
        norm="batch" if config.batchnorm else "none",
        local_response=config.local_response,
        activation=config.activation,
        stem=config.scale.stem,
        width=config.scale.width,
        dropout=config.dropout,
        init_gain=config.init_gain,
        per_activation=config.per_activation,
        image_size=config.scale.size,
    )


def recipe(config: Config, **settings) -> Recipe:
    """How the variant is trained; `settings` are further ones of the recipe, or in place of these."""
    usual = Recipe(
        steps=config.scale.steps,
        batch=config.scale.batch,
        lr=config.learning_rate(),
        momentum=config.momentum,
        decay=0.5,
        decay_steps=config.scale.halving or config.scale.steps,
        decay_speed=config.decay,
        smooth_decay=True,
        weight_decay=config.l2,
        precision=config.precision,
        channels_last=True,
        seed=config.seed,
        evaluate_every=config.scale.every,
        early_rows=True,
        devices=config.processes,
        sync_batchnorm=config.synchronized,
    )
    return replace(usual, **settings)


class Pictures(NamedTuple):
    """The pictures to train on, and those to test on."""

    train: object
    val: object

    def sha256(self) -> str:
        """One fingerprint of both."""
        return hashlib.sha256(f"{self.train.fingerprint()} {self.val.fingerprint()}".encode()).hexdigest()


def open_pictures(config: Config, folder: str | Path | None = None) -> Pictures:
    """The configuration's pictures: scenes, or of that name in the data folder, or in the folder that is named.

    Where some are held out, the training set is divided, and the validation set is not opened.
    Raises `files.DataError` where they are missing or cannot be used.
    """
    if config.data == "scenes":
        split = partial(Scenes, size=round(config.scale.size * 8 / 7))
    else:
        split = partial(open_split, files.folder() / config.data if folder is None else folder)
    return Pictures(*held_out(split("train"), config.held_out) if config.held_out else (split("train"), split("val")))


def mini_batches(config: Config, pictures: Pictures, world: World = ALONE, **settings) -> Batches:
    """The mini-batches of one process, in the variant's order and with its distortion."""
    transform = Training(config.scale.size, config.distortion, area=(config.scale.area, 1))
    return Batches(pictures.train, transform, batch=config.scale.batch // world.size, seed=config.seed,
                   order=config.shuffling, rank=world.rank, world=world.size, **settings)


def validation(config: Config, pictures: Pictures, world: World = ALONE, **settings) -> Batches:
    """The pictures of the validation set, each once, a single crop of each."""
    return Batches(pictures.val, single_crop(config), batch=VALIDATION_BATCH, order="as stored", keep_last=True,
                   rank=world.rank, world=world.size, **settings)


def single_crop(config: Config) -> Center:
    """The transform that gives the one crop by which a picture is tested."""
    return Center(config.scale.size, resize=config.scale.size if config.view == "whole" else None)


def initial(config: Config, classes: int) -> nn.Module:
    """The variant's network with the initial weights of the configuration's seed.

    The weights are those of the network without batch norm, whether or not the variant has it. Drawn separately they
    would differ, as the biases of a network without batch norm draw random numbers too.
    """
    with random_states.unchanged():
        torch.manual_seed(config.seed)
        plain = network(replace(config, batchnorm=False, per_activation=0), classes)
        if not config.batchnorm:
            return plain
        model = network(config, classes)
    model.load_state_dict(plain.state_dict(), strict=False)
    return model


def run(config: Config, progress: Progress | None = None, *, pictures: Pictures | None = None,
        folder: Path | None = None, world: World = ALONE, workers: int = 0, checkpoint_every: int | None = None,
        compiled: bool = False, **settings) -> runs.Run:
    """Train one variant and return what was recorded; nothing is written but checkpoints, where a folder is given.

    Columns, a row for each of the steps 1, 2, 5, ... 100 and every `config.scale.every` steps: `step`; `loss`, the
    mean over the steps since the row before; `top1` and `top5`, the shares of the validation set that are right from
    a single crop, by moving averages where there is batch norm, and NaN in the early rows; `lr`; `seconds` and
    `images_per_second` of the training alone. `pictures` are opened by the configuration's name unless given. With a
    `folder` a checkpoint is written there at every test, or as often as said, and a training that was stopped goes on
    from it. `settings` go to `training.train`.
    """
    pictures = open_pictures(config) if pictures is None else pictures
    model = initial(config, len(pictures.train.classes))
    tested = validation(config, pictures, world, workers=workers)

    def evaluate(model: nn.Module) -> evaluation.Score:
        return evaluation.evaluate(model, tested.epoch(0), world.device, precision=config.precision, world=world)

    how = recipe(config, checkpoint_every=checkpoint_every or config.scale.every, compiled=compiled)
    columns = train(model, mini_batches(config, pictures, world, workers=workers), how, evaluate=evaluate,
                    device=world.device, folder=folder, progress=progress, world=world, **settings)
    return measured(config, pictures, columns, world)


def resumed(config: Config, progress: Progress | None = None) -> runs.Run:
    """`run` with checkpoints in `default_folder(config)`, as `trainings.train` has them; from the newest it goes on.

    Raises `kept.KeptError` or `checkpoint.CheckpointError` where another training, or a damaged one, is in the way.
    """
    pictures, folder = open_pictures(config), default_folder(config)
    begin(folder, config, pictures)
    return run(config, progress, pictures=pictures, folder=folder)


def measured(config: Config, pictures: Pictures, columns: dict, world: World = ALONE) -> runs.Run:
    """The columns of a training with their provenance, whose seconds are those of training, without the tests."""
    gpu = torch.cuda.get_device_name(world.device) if world.device.type == "cuda" else None
    return recorded_run(config, columns, experiment="classification", record=to_record(config),
                        command=train_command(config), data=config.data, sha256=pictures.sha256(),
                        seconds=columns["seconds"][-1], device=gpu)


def replay(recorded: runs.Run, steps: int = 300, progress: Progress | None = None) -> runs.Run:
    """A recorded run's training again, from its start to the last row within so many steps: `step`, `loss`, `lr`.

    It is trained twice, the second time from weights that are moved by a rounding error: `room of loss` says in each
    row how far rounding may have taken the loss on another processor. On as many threads of the same one, not at all.
    Raises RecordError where the run has no row within them.
    """
    config = configuration(recorded)
    rows = [step for step in recorded.columns["step"] if step <= steps]
    if not rows:
        raise RecordError(f"steps is {steps}; expected {recorded.columns['step'][0]} or more, the run's first row")
    pictures, trained = open_pictures(config), []
    how = recipe(config, steps=rows[-1], threads=recorded.provenance["threads"])
    for which in (0, 1):
        model = initial(config, len(pictures.train.classes))
        if which == 1:
            move_by_rounding(model)
        trained.append(train(model, mini_batches(config, pictures), how,
                             progress=lambda done, total, which=which: tell(progress, which * total + done, 2 * total)))
    again, moved = trained
    columns = {name: again[name] for name in ("step", "loss", "lr")}
    columns["room of loss"] = room_for_rounding(again["loss"], moved["loss"])
    return replace(measured(config, pictures, again), columns=columns)


def configuration(recorded: runs.Run) -> Config:
    """The configuration of a recorded run. Raises RecordError."""
    try:
        return from_record(recorded.config)
    except ConfigError as error:
        raise RecordError(str(error)) from None


def move_by_rounding(model: nn.Module) -> None:
    """Moves each weight by one unit in its last place, up or down by chance."""
    signs = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in model.parameters():
            unit = torch.nextafter(weight, torch.full_like(weight, torch.inf)) - weight
            weight += unit * (2 * torch.randint(2, weight.shape, generator=signs) - 1)
