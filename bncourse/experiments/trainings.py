"""A training of section 4.2 that is kept in a folder, and the network that is read back from it.

    train(config)                        checkpoints and, at the end, the run, in `default_folder(config)`
    trained("data/cache/training/x")     its configuration, its classes and its network

What lies in the folder, and how it is made ready, kept.py says. The same training, started again, goes on from its
newest checkpoint.
"""

import math
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn

from bncourse import runs
from bncourse.experiments import classification
from bncourse.experiments.kept import DESCRIPTION_FILE, KeptError, begin, default_folder, read_description, relative
from bncourse.experiments.variants import Config, from_record
from bncourse.paths import INSTALLED
from bncourse.training import checkpoint, contents, reports
from bncourse.training.distributed import join


class Trained(NamedTuple):
    """A network that was trained, in eval mode, with its configuration, the names of its classes, and its steps."""

    config: Config
    classes: list[str]
    steps: int
    model: nn.Module


def train(config: Config, pictures_in: Path | None = None, *, folder: Path | None = None, device: str | None = None,
          workers: int = 0, checkpoint_every: int | None = None, resume: bool = False, record: bool = False,
          tensorboard: bool = False, compiled: bool = False) -> Path:
    """Trains as the configuration says, tells how it goes, and returns the path of the run that it writes.

    The run is written beside the checkpoints, in `folder`, or into data/runs if it is to be recorded. Under torchrun
    each process calls this. `pictures_in` is the folder of the pictures where the data folder does not hold them;
    `resume` refuses to begin where there is no checkpoint; checkpoints are written at every test unless
    `checkpoint_every` says otherwise. Raises before any work where the work could not be kept:
    KeptError, `runs.RunExists`, `files.DataError`, `checkpoint.CheckpointError`.
    """
    at_least("workers", workers, 0)
    at_least("checkpoint_every", checkpoint_every, 1)
    with join(device or ("cuda" if torch.cuda.is_available() else "cpu")) as world:
        config = replace(config, processes=world.size)
        folder = default_folder(config) if folder is None else Path(folder)
        path = run_path(config, folder, record)
        pictures = classification.open_pictures(config, pictures_in)
        if world.rank == 0:
            begin(folder, config, pictures, resume)
        report = reports.Terminal(config.name, config.scale.batch)
        listeners = [report.row, tensorboard_writer(folder)] if tensorboard and world.rank == 0 else [report.row]
        run = classification.run(config, report, pictures=pictures, world=world, workers=workers, folder=folder,
                                 compiled=compiled, record=listener_of_tests(*listeners),
                                 checkpoint_every=checkpoint_every)
        if world.rank == 0:
            run.save(path.parent.parent)
            print(f"written: {relative(path)}", flush=True)
    return path


def pictures_named(told: str) -> tuple[str, Path | None]:
    """The name of the pictures that an option tells, and their folder where it tells a path. Raises KeptError."""
    path = Path(told)
    if path.is_dir():
        return path.resolve().name, path
    if path.name != told:
        raise KeptError(f"{told} is no folder; expected scenes, a set in the data folder, or the path of a folder")
    return told, None


def at_least(name: str, value: int | None, least: int) -> None:
    """Raises KeptError where the value is smaller than `least`; None is no value."""
    if value is not None and value < least:
        raise KeptError(f"{name} is {value}; expected an int of {least} or more")


def run_path(config: Config, folder: Path, record: bool) -> Path:
    """The file of the run. Raises RunExists where it is recorded already, KeptError outside a clone."""
    if record and INSTALLED:
        raise KeptError("runs are recorded in a clone of the course; leave record out, and the run is written "
                        "beside the checkpoints")
    path = Path(runs.RUNS if record else folder) / "classification" / f"{config.variant()}.json"
    if path.exists():
        raise runs.RunExists(f"{relative(path)} is recorded already; choose another seed, or remove it and "
                             "its folder of checkpoints to train anew")
    return path


def trained(path: str | os.PathLike) -> Trained:
    """The network of a training's newest checkpoint, or of the checkpoint whose file is named.

    Raises KeptError or `checkpoint.CheckpointError` where there is none.
    """
    path = Path(path)
    folder, file = (path.parent, path) if path.is_file() else (path, checkpoint.newest(path))
    told = read_description(folder / DESCRIPTION_FILE)
    if file is None:
        raise KeptError(f"{relative(folder)} holds no checkpoint yet; expected one, written in training")
    config = from_record(told["config"])
    facts, state = checkpoint.load(file)
    contents.check_kinds(facts, state, str(relative(file)))
    model = classification.initial(config, len(told["classes"]))
    try:
        model.load_state_dict(state["model"])
    except (RuntimeError, AttributeError):  # another name or shape, and what is no tensor
        raise KeptError(f"{relative(file)} is not of the network that {DESCRIPTION_FILE} beside it describes") from None
    return Trained(config, told["classes"], facts["step"], model.eval())


def listener_of_tests(*listeners: Callable[[dict], None]) -> Callable[[dict], None]:
    """A listener that hands some rows of a training on to all of these: rows with a test, and a loss that diverged."""

    def tell(row: dict) -> None:
        known = {name: value for name, value in row.items() if name == "loss" or math.isfinite(value)}
        if "top1" in known or not math.isfinite(row["loss"]):
            for listener in listeners:
                listener(known)

    return tell


def tensorboard_writer(folder: Path) -> Callable[[dict], None]:
    """A listener that writes rows for TensorBoard. Raises KeptError where TensorBoard is not installed."""
    try:
        return reports.tensorboard(folder)
    except ImportError as error:
        raise KeptError(str(error)) from None
