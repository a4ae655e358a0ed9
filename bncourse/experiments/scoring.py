"""Section 4.2.3: trained networks on the validation set, from a single crop or from 144, alone and as an ensemble.

    for name, score in score_each(["member1", "member2"], crops=True):
        print(name, 1 - score.top1)
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from bncourse import evaluation
from bncourse.datasets.batches import Batches
from bncourse.datasets.subsets import EvenSubset
from bncourse.evaluation import Crops, Score
from bncourse.experiments.classification import VALIDATION_BATCH, open_pictures, single_crop
from bncourse.experiments.trainings import KeptError, Trained, at_least, trained
from bncourse.nn import fold_batchnorm
from bncourse.training.distributed import device_named

ENSEMBLE = "ensemble"


def score_each(paths: Sequence[str | os.PathLike], *, data: str | None = None, pictures_in: Path | None = None,
               first: int | None = None, **how) -> Iterator[tuple[str, Score]]:
    """Yields the name and the score of each trained network, and then those of their ensemble where there are several.

    paths        the folders of the trainings, or checkpoints in them
    data         the name of the pictures, whose validation set is taken; what the training was tested on unless given
    pictures_in  their folder, where the data folder does not hold them
    first        how many pictures, evenly spread; None for all
    how          goes to `predict`

    Raises KeptError where networks and pictures do not fit together, and what `trained` and `open_pictures` raise.
    """
    networks = [trained(path) for path in paths]
    members = []
    for path, network in zip(paths, networks, strict=True):
        config = network.config if data is None else replace(network.config, data=data, held_out=0)
        pictures = open_pictures(config, pictures_in).val
        if list(pictures.classes) != network.classes:
            raise KeptError(f"{path} knows {len(network.classes)} classes, {network.classes[0]} the first, and the "
                            f"pictures are of {len(pictures.classes)}, {pictures.classes[0]} the first; "
                            "expected the same classes")
        if first is not None and not 1 <= first <= len(pictures):
            raise KeptError(f"first is {first}; expected 1 to {len(pictures):,}, the number of pictures")
        p, labels = predict(network, pictures if first is None else EvenSubset(pictures, first), **how)
        members.append(p)
        yield f"{network.config.name}, {network.steps:,} steps", evaluation.score(p, labels)
    if len(members) > 1:
        if len({len(p) for p in members}) > 1:
            raise KeptError("the networks were tested on different pictures; expected data, the name of one set")
        yield f"{ENSEMBLE} of {len(members)}", evaluation.score(evaluation.ensemble(members), labels)


def predict(network: Trained, pictures, *, crops: bool = False, fold: bool = False, precision: str | None = None,
            device: str | None = None, workers: int = 0) -> tuple[Tensor, Tensor]:
    """The network's class probabilities `(N, K)` for the pictures, and the labels.

    With `crops`, of 144 crops of each; at the small scales, of the 48 of the centre square, which of square pictures
    have the same mean.
    """
    config = network.config
    at_least("workers", workers, 0)
    transform = single_crop(config)
    if crops:
        transform = Crops(config.scale.size, squares=3 if config.scale.name == "imagenet" else 1)
    device = device_named(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    model = network.model
    if fold:
        model = fold_batchnorm(model, torch.zeros(1, 3, config.scale.size, config.scale.size))
    model = model.to(device, memory_format=torch.channels_last)
    batches = Batches(pictures, transform, batch=4 if crops else VALIDATION_BATCH, order="as stored", keep_last=True,
                      workers=workers)
    return evaluation.predict(model, batches.epoch(0), device, precision=precision or config.precision)
