"""Section 4.2.3's crops one at a time: the error of a trained network on each of the 48 crops of a picture alone.

    python3 -m bncourse train member-1 --scale small --data tiny-imagenet-100
    python3 -m bncourse runs record crops

The first line trains a network of the ensemble, and the second tests all six, which are kept in data/cache/training.
Their mean over crops is in the runs of ensembles.py; these say which crops it gains from. The weights are not part
of the project, so the runs cannot be replayed without training again.
"""

import time
from dataclasses import dataclass

from bncourse import runs
from bncourse.datasets.crops import CROPS, MIRRORS
from bncourse.datasets.subsets import EvenSubset
from bncourse.experiments.classification import open_pictures
from bncourse.experiments.ensembles import (
    SIX,
    SIX_LONGER,
    crop_probabilities,
    errors,
    mean_over_crops,
    member_record,
    open_member,
    order,
)
from bncourse.experiments.protocol import Progress, recorded_run, tell
from bncourse.experiments.variants import Config as Training


@dataclass(frozen=True)
class Config:
    """A trained network to be tested, on `pictures` of the validation set, None for all of it."""

    member: Training
    pictures: int | None = None

    def variant(self) -> str:
        """The name of the training, and the number of pictures where not all are taken."""
        return self.member.variant() + ("" if self.pictures is None else f"-{self.pictures}pictures")


PLAN = {"members": tuple(map(Config, SIX)), "members, longer": tuple(map(Config, SIX_LONGER))}


def run(config: Config, progress: Progress | None = None) -> runs.Run:
    """Test the network, which is kept in data/cache/training, on each crop of each picture alone.

    Columns, a row for each of the 48 crops: `scale`, 0 to 3, of which the first is that of the single crop; `place`, 0
    to 3 in the corners, 4 in the centre, 5 the whole square made smaller; `mirrored`, 0 or 1; `top1_error` and
    `top5_error` in per cent, and `loss`, as `ensembles.every_subset` has them.

    Raises `trainings.KeptError`, naming the network, where it is not there or not trained to its end.
    """
    start, network, pictures = time.perf_counter(), open_member(config.member), open_pictures(config.member)
    tested = pictures.val if config.pictures is None else EvenSubset(pictures.val, config.pictures)
    p, labels = crop_probabilities(network, tested)
    rows = []
    places = order(config.member.view)
    for crop in range(len(places)):
        scale, place = divmod(crop // MIRRORS, CROPS)
        alone = mean_over_crops(p[:, [places.index(crop)]], 1)
        rows.append({"scale": scale, "place": place, "mirrored": crop % MIRRORS} | errors(alone.log_p, labels))
        tell(progress, len(rows), len(places))
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    about = {"pictures": len(labels), "network": member_record(network)}
    return recorded_run(config, columns, record=about, command="python3 -m bncourse runs record crops",
                        data=config.member.data, seed=config.member.seed, sha256=pictures.sha256(),
                        seconds=time.perf_counter() - start)
