"""Section 4.2.3 at a small scale: six trained networks, every set of them, and 1 to 48 crops of each picture.

    for k in 1 2 3 4 5 6; do python3 -m bncourse train member-$k --scale small --data tiny-imagenet-100; done
    python3 -m bncourse runs record ensembles

The first line trains the six networks of `variants.MEMBERS` and keeps them in data/cache/training; the second tests
them there. With --steps 20000 --every 2000 --view whole they are those of the longer run. The weights are
not part of the project, so a run cannot be replayed without training again; it holds a fingerprint of each.
"""

import hashlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from bncourse import evaluation, runs
from bncourse.datasets.batches import Batches
from bncourse.datasets.subsets import EvenSubset
from bncourse.evaluation import Crops
from bncourse.experiments import small_scale, trainings
from bncourse.experiments.classification import open_pictures
from bncourse.experiments.protocol import Progress, recorded_run
from bncourse.experiments.trainings import KeptError, Trained
from bncourse.experiments.variants import Config as Training

CROPS = (1, 2, 12, 24, 36, 48)
SINGLE = {"center": 8, "whole": 10}  # by the view: a crop of a square's first scale, whose mirror image follows
PICTURES = 4  # in a batch: 192 images
SIX, SIX_LONGER = small_scale.PLAN["ensemble"], small_scale.PLAN["ensemble, longer"]


@dataclass(frozen=True)
class Config:
    """Trained networks to be tested together, on `pictures` of the validation set, None for all of it.

    Raises ValueError unless there are one to nine networks, all on the same data.
    """

    members: tuple[Training, ...]
    pictures: int | None = None

    def __post_init__(self):
        if not 1 <= len(self.members) <= 9:
            raise ValueError(f"members are {len(self.members)}; expected 1 to 9, each a digit of `members`")
        if len(data := {member.data for member in self.members}) > 1:
            raise ValueError(f"members were trained on {', '.join(sorted(data))}; expected one set of pictures")

    def variant(self) -> str:
        """A name for the run's file; where the networks are not the six usual ones, with the first digits of a
        SHA-256 of the names of their trainings."""
        name = f"{self.members[0].data}-{len(self.members)}members-{self.members[0].scale.steps}steps"
        if self.members != SIX:
            names = " ".join(member.variant() for member in self.members)
            name += f"-{hashlib.sha256(names.encode()).hexdigest()[:8]}"
        return name if self.pictures is None else f"{name}-{self.pictures}pictures"


PLAN = {"six": (Config(SIX),), "six, longer": (Config(SIX_LONGER),)}


class Means(NamedTuple):
    """A network's class probabilities `(N, K)`: the mean over a picture's crops, and the mean of their logarithms."""

    p: Float[Tensor, "N K"]
    log_p: Float[Tensor, "N K"]


def run(config: Config, progress: Progress | None = None) -> runs.Run:
    """Test every set of the networks, which are those kept in data/cache/training; see `every_subset` for the columns.

    Raises `trainings.KeptError`, naming the network, where one is not there or not trained to its end.
    """
    start, networks, found = time.perf_counter(), [open_member(member) for member in config.members], []
    pictures = open_pictures(config.members[0])
    tested = pictures.val if config.pictures is None else EvenSubset(pictures.val, config.pictures)
    for number, network in enumerate(networks):
        p, labels = crop_probabilities(network, tested)
        found.append({crops: mean_over_crops(p, crops) for crops in CROPS})
        if progress:
            progress(number + 1, len(networks))
    table = list(every_subset(found, labels))
    about = {"pictures": len(labels), "networks": [member_record(network) for network in networks]}
    columns = {name: [row[name] for row in table] for name in table[0]}
    return recorded_run(config, columns, record=about, command="python3 -m bncourse runs record ensembles",
                        data=config.members[0].data, seed=config.members[0].seed, sha256=pictures.sha256(),
                        seconds=time.perf_counter() - start)


def open_member(member: Training) -> Trained:
    """The trained network of this configuration, from the folder where trainings are kept.

    Raises KeptError where it is missing, of another configuration, or not trained to its end.
    """
    network = trainings.trained(trainings.default_folder(member))
    if network.config != member or network.steps != member.scale.steps:
        raise KeptError(f"{member.name} was trained for {network.steps} steps as {network.config.variant()}; expected "
                        f"{member.scale.steps} as {member.variant()}")
    return network


def member_record(network: Trained) -> dict:
    """A network as the run's configuration holds it: name, training, steps, and the SHA-256 of its weights."""
    weights = [value.numpy() for value in network.model.state_dict().values()]
    return {"name": network.config.name, "training": network.config.variant(), "steps": network.steps,
            "weights": runs.fingerprint(*weights)}


def crop_probabilities(network: Trained, pictures) -> tuple[Float[Tensor, "N 48 K"], Int[Tensor, "N"]]:
    """The class probabilities of each picture's 48 crops, in the order of averaging, and the labels."""
    crops = Crops(network.config.scale.size, squares=1)
    batches = Batches(pictures, crops, batch=PICTURES, order="as stored", keep_last=True)
    singles = ((images.flatten(0, 1), labels.repeat_interleave(len(crops))) for images, labels in batches.epoch(0))
    p, labels = evaluation.predict(network.model, singles)
    return p.unflatten(0, (-1, len(crops)))[:, order(network.config.view)], labels[::len(crops)]


def order(view: str) -> list[int]:
    """The 48 crops of a square in the order of averaging: the single crop of the view, its mirror image, the others.

    The single crop is the one by which the network was tested in training; the others come scale by scale.
    """
    first = [SINGLE[view], SINGLE[view] + 1]
    return first + [crop for crop in range(48) if crop not in first]


def mean_over_crops(p: Float[Tensor, "N crops K"], crops: int) -> Means:
    """Both means over the first `crops` crops of each picture.

    A probability that float32 rounded to zero counts as the smallest positive one that float32 has, so that its
    logarithm is finite.
    """
    some = p[:, :crops].double().clamp_min(torch.finfo(torch.float32).tiny)
    return Means(some.mean(1), some.log().mean(1))


def every_subset(members: Sequence[dict[int, Means]], labels: Int[Tensor, "N"]) -> Iterator[dict]:
    """Yields a row for every set of the networks, every number of crops, and both ways to average.

    `members` has for each network its `Means` by the number of crops. A row's columns are:

    members                the numbers of those in the set, from 1, as digits: 136 is the first, third and sixth
    crops                  of each picture
    logits                 0: the mean of the probabilities of all members' crops; 1: of their logits, then a softmax,
                           which is the geometric mean of the probabilities
    top1_error, top5_error in per cent
    loss                   the mean over pictures of minus the logarithm of the label's probability
    """
    numbers = range(len(members))
    for chosen in (some for size in numbers for some in combinations(numbers, size + 1)):
        for crops in members[0]:
            p = evaluation.ensemble([members[k][crops].p for k in chosen])
            log_p = evaluation.ensemble([members[k][crops].log_p for k in chosen]).log_softmax(1)
            name = {"members": int("".join(str(k + 1) for k in chosen)), "crops": crops}
            yield name | {"logits": 0} | errors(p.log(), labels)
            yield name | {"logits": 1} | errors(log_p, labels)


def errors(log_p: Float[Tensor, "N K"], labels: Int[Tensor, "N"]) -> dict[str, float]:
    """The top-1 and the top-5 error in per cent, and the loss, from the logarithms of the class probabilities."""
    score = evaluation.score(log_p, labels)
    loss = -log_p.gather(1, labels[:, None]).mean().item()
    return {"top1_error": round(100 * (1 - score.top1), 6), "top5_error": round(100 * (1 - score.top5), 6),
            "loss": round(loss, 9)}
