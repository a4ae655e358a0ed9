"""Is the test of section 4.2 like its training? A trained network, and the same pictures seen in four ways.

A crop of training is brought to the network's size from some other size, which makes it a little smoother. The center
of a picture of Tiny ImageNet has the network's size already: its 56 of 64 pixels are tested as they are. The views:

    center     those pixels
    between    the same square, half a pixel further right and down: each pixel is the mean of four
    whole      all of the picture, made smaller
    training   a random crop as in training, mirrored half of the time, with its colours left alone

A network with batch norm is tested once more with other averages, those of training pictures of which it sees the
center: what is lost by the moving averages alone comes back.

    python3 -m bncourse runs record views

The networks are those kept in data/cache/training; `python3 -m bncourse runs record classification` trains them. The
weights are not part of the project, so the runs cannot be replayed without training again.
"""

import copy
import time
from dataclasses import dataclass

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn import functional

from bncourse import evaluation, runs
from bncourse.datasets.batches import Batches
from bncourse.datasets.subsets import EvenSubset
from bncourse.datasets.transforms import Center, Training, to_tensor
from bncourse.doctor import examine
from bncourse.experiments import small_scale, variants
from bncourse.experiments.classification import VALIDATION_BATCH, open_pictures
from bncourse.experiments.ensembles import errors, member_record, open_member
from bncourse.experiments.protocol import Progress, recorded_run, tell
from bncourse.experiments.variants import CONTROLS
from bncourse.nn import population_statistics

VIEWS = ("center", "between", "whole", "training")
AVERAGED = 2000  # training pictures, by which the averages are computed anew
EXAMINED = 768  # pictures that the doctor is shown


@dataclass(frozen=True)
class Config:
    """A trained network to be tested, on `pictures` of the validation set, None for all of it."""

    training: variants.Config
    pictures: int | None = None

    def variant(self) -> str:
        """The name of the training, and the number of pictures where not all are taken."""
        return self.training.variant() + ("" if self.pictures is None else f"-{self.pictures}pictures")


PARTS = ("long", "annealing", "rates", "ensemble", "held out", "ensemble, longer")
PLAN = {part: tuple(map(Config, small_scale.PLAN[part])) for part in PARTS} | {
    "photographs": tuple(Config(training) for training in small_scale.PLAN["photographs"] if training.name in CONTROLS),
    "noise": tuple(Config(training) for training in small_scale.PLAN["noise"] if training.seed > 2),
}


class Between:
    """A transform that shows the center half a pixel further right and down: each pixel is the mean of four."""

    def __init__(self, size: int):
        self.size, self.shortest_side = size, round(size * 8 / 7)

    def __call__(self, image, rng: object = None) -> UInt8[Tensor, "3 size size"]:
        left, top = ((side - self.size) // 2 for side in image.size)
        pixels = to_tensor(image.crop((left, top, left + self.size + 1, top + self.size + 1)))
        return functional.avg_pool2d(pixels.float(), 2, stride=1).round().to(torch.uint8)


def transforms(training: variants.Config) -> dict:
    """The transform of each view, in the order of VIEWS."""
    size = training.scale.size
    return dict(zip(VIEWS, (Center(size), Between(size), Center(size, resize=size),
                            Training(size, "none", area=(training.scale.area, 1))), strict=True))


def run(config: Config, progress: Progress | None = None) -> runs.Run:
    """Test the network, which is kept in data/cache/training, on each picture in each view.

    Columns: `view`, its place in VIEWS; `recomputed`, 0 with the network's own averages, 1 with those of training
    pictures of which the center is seen; `top1_error` and `top5_error` in per cent; `loss`; `roughness` of the pictures
    in this view. A row for each view, and with batch norm two more, "center" and "whole" with recomputed averages.

    The configuration holds what the doctor finds in a network with batch norm that is shown some centers, or wholes.

    Raises `trainings.KeptError`, naming the network, where it is not there or not trained to its end.
    """
    start, network, pictures = time.perf_counter(), open_member(config.training), open_pictures(config.training)
    tested = pictures.val if config.pictures is None else EvenSubset(pictures.val, config.pictures)
    models, views = [network.model], transforms(config.training)
    wanted = [(0, view) for view in VIEWS]
    if config.training.batchnorm:
        models.append(with_averages_of(network.model, EvenSubset(pictures.train, AVERAGED), views["center"]))
        wanted += [(1, "center"), (1, "whole")]
    rows = []
    for recomputed, view in wanted:
        row = {"view": VIEWS.index(view), "recomputed": recomputed}
        rows.append(row | scored(models[recomputed], seen(tested, views[view])))
        tell(progress, len(rows), len(wanted))
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    about = {"pictures": len(tested), "network": member_record(network)}
    if config.training.batchnorm:
        about["doctor"] = {view: findings(network.model, seen(EvenSubset(tested, EXAMINED), views[view]))
                           for view in ("center", "whole")}
    return recorded_run(config, columns, record=about, command="python3 -m bncourse runs record views",
                        data=config.training.data, seed=config.training.seed, sha256=pictures.sha256(),
                        seconds=time.perf_counter() - start)


def seen(pictures, transform) -> list[tuple[Tensor, Tensor]]:
    """The mini-batches of images and labels, each picture once."""
    return list(Batches(pictures, transform, batch=VALIDATION_BATCH, order="as stored", keep_last=True).epoch(0))


def with_averages_of(model: nn.Module, pictures, transform) -> nn.Module:
    """A copy of the network, whose batch norms have the averages of these pictures; labels are not used."""
    return population_statistics(copy.deepcopy(model), [images for images, _ in seen(pictures, transform)])


def scored(model: nn.Module, batches: list[tuple[Tensor, Tensor]]) -> dict[str, float]:
    """The network's errors and loss, and the roughness of the images."""
    p, labels = evaluation.predict(model, batches)
    smallest = torch.finfo(torch.float32).tiny
    return errors(p.clamp_min(smallest).log(), labels) | {"roughness": roughness([images for images, _ in batches])}


def findings(model: nn.Module, batches: list[tuple[Tensor, Tensor]]) -> list[str]:
    """The names of what the doctor finds in the network, from these images in mini-batches of 32."""
    loader = torch.cat([images for images, _ in batches]).split(32)
    return [finding.name for finding in examine(model, loader[0], loader=loader).findings]


def roughness(batches: list[Float[Tensor, "_ C H W"]]) -> float:
    """How unlike its right neighbour a pixel is: half the mean squared difference, over the variance within an image.

    It is 0 where neighbours are equal, and 1 where they have nothing to do with each other.
    """
    differ = sum(images.diff(dim=3).square().mean((2, 3)).sum().item() for images in batches)
    return round(differ / (2 * sum(images.var((2, 3), correction=0).sum().item() for images in batches)), 6)


def accuracies(found: list[runs.Run], view: str = "whole", recomputed: int = 0) -> dict[str, list[float]]:
    """The top-1 accuracies in per cent of recorded runs in one view, by the network's name, in the order of the runs.

    Networks without batch norm, which have no averages to recompute, are left out where recomputed is 1.
    """
    named: dict[str, list[float]] = {}
    for run in found:
        rows = list(zip(run.columns["view"], run.columns["recomputed"], strict=True))
        if (VIEWS.index(view), recomputed) in rows:
            error = run.columns["top1_error"][rows.index((VIEWS.index(view), recomputed))]
            named.setdefault(run.config["network"]["name"], []).append(100 - error)
    return named
