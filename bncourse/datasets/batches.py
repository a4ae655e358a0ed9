"""Mini-batches of pictures for a network: decoded, transformed, shuffled, shared out to processes.

    batches = Batches(open_split(folder, "train"), Training(224), batch=32, workers=2)
    for images, labels in batches.epoch(0):
        ...

What an epoch yields depends on the seed and the epoch alone: each example draws its crop, mirror and distortion from
random numbers of its own, made of the seed, the epoch and its index. It does not matter how many workers there are,
or whether the epoch is entered in its middle.

Workers are threads: Pillow decodes, resizes and multiplies colours outside Python's lock.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from PIL import Image

from bncourse.datasets.files import WrongData
from bncourse.datasets.shuffling import batches_of, epoch_order, generator
from bncourse.datasets.transforms import normalize

AHEAD = 2  # batches that each worker prepares ahead of the network


@runtime_checkable
class Pictures(Protocol):
    """What `Batches` asks of a split of a data set; `imagenet.Split` and `scenes.Scenes` have it.

    `len` is the number of pictures, and `labels` holds the label of each. `image(i, shortest_side)` is picture i, whose
    shorter side need have no more pixels than `shortest_side` where that is not None. `name(i)` is what messages call
    picture i.
    """

    labels: Sequence[int] | np.ndarray

    def __len__(self) -> int: ...

    def image(self, i: int, shortest_side: int | None) -> Image.Image: ...

    def name(self, i: int) -> str: ...


class Batches:
    """The mini-batches of one process: images (N, 3, H, W) float32, normalized, and labels (N,) int64.

    `pictures` is a split of a data set, such as `imagenet.open_split` or `scenes.Scenes` gives. `transform(image, rng)`
    makes bytes (3, H, W) of an image, by random numbers from `rng`; where it has an attribute `shortest_side`, it needs
    no more pixels than that, and pictures are decoded at a reduced size.

    `batch` is the number of examples in each mini-batch of this process. `seed` is that of the order and of the
    transform. `order` is one of `shuffling.ORDERS`. Of `world` processes the one called `rank` takes its share of every
    epoch (see `shuffling.batches_of`); `keep_last` keeps the examples that fill no whole mini-batch, for evaluation.
    `workers` threads prepare mini-batches ahead of the network; with 0 the caller's own thread prepares each.

    A corrupted picture ends the epoch with WrongData, which names it. With corrupted="skip" such a picture is left out
    of its mini-batch, and `skipped` maps its name to what is wrong with it. Raises ValueError for other arguments.
    """

    def __init__(self, pictures: Pictures, transform: Callable, *, batch: int, seed: int = 0, order: str = "full",
                 rank: int = 0, world: int = 1, workers: int = 0, corrupted: str = "raise", keep_last: bool = False):
        if corrupted not in ("raise", "skip"):
            raise ValueError(f"corrupted is {corrupted!r}; expected 'raise' or 'skip'")
        if workers < 0:
            raise ValueError(f"workers is {workers}; expected 0 (in the caller's own thread) or more")
        epoch_order(0, order)
        self.pictures, self.transform, self.seed, self.order = pictures, transform, seed, order
        self.places = batches_of(len(pictures), batch, rank, world, keep_last)
        self.batch, self.workers, self.corrupted = batch, workers, corrupted
        self.skipped: dict[str, str] = {}

    def __len__(self) -> int:
        """The number of mini-batches in an epoch of this process."""
        return len(self.places)

    def epoch(self, epoch: int = 0, start: int = 0) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """The mini-batches of an epoch, by its number, from the mini-batch `start` on.

        Yields pairs of images (n, 3, H, W) float32 and labels (n,) int64. Pictures of the mini-batches before `start`
        are not decoded. Raises WrongData for a corrupted picture, unless corrupted pictures are skipped.
        """
        order = epoch_order(len(self.pictures), self.order, seed=self.seed, epoch=epoch)
        wanted = iter([order[place] for place in self.places[start:]])
        if not self.workers:
            yield from (self.load(indices, epoch) for indices in wanted)
            return
        pool = ThreadPoolExecutor(self.workers, "pictures")
        try:
            ahead: deque[Future] = deque()
            for indices in wanted:
                ahead.append(pool.submit(self.load, indices, epoch))
                if len(ahead) > AHEAD * self.workers:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def load(self, indices: np.ndarray, epoch: int) -> tuple[torch.Tensor, torch.Tensor]:
        """One mini-batch, of the examples with these indices: images and labels, as `epoch` yields them.

        Raises WrongData for a corrupted picture, and where all pictures are corrupted and skipped.
        """
        images, labels = [], []
        for i in indices.tolist():
            try:
                image = self.pictures.image(i, getattr(self.transform, "shortest_side", None))
            except WrongData as error:
                if self.corrupted == "raise":
                    raise
                self.skipped[self.pictures.name(i)] = str(error)
                continue
            images.append(self.transform(image, generator(self.seed, epoch, i)))
            labels.append(int(self.pictures.labels[i]))
        if not images:
            raise WrongData(f"all {len(indices)} pictures of a batch are corrupted; the last is "
                            f"{self.pictures.name(int(indices[-1]))}")
        return normalize(torch.stack(images)), torch.tensor(labels)
