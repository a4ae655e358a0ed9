"""How good a network is: errors at 1 and at 5, from a single crop, from 144 crops, from several networks.

    score(probabilities, labels)                    Score(top1=0.748, top5=0.922, examples=50000)
    evaluate(model, batches)                        the same of a model, a batch at a time
    predict(model, batches)                         class probabilities `(N, K)` and labels `(N,)`
    Crops(224)                                      a transform for Batches: 144 crops of each picture
    score(ensemble([p1, p2, p3]), labels)           the arithmetic mean of the networks' probabilities

Where a picture comes as many crops, its probabilities are the mean over them (section 4.2.3, after Szegedy et al.
2014). Models run in eval mode, by population statistics, and come back in the mode in which they were.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from PIL import Image
from torch import Tensor, nn

from bncourse.datasets import crops
from bncourse.training import to_input
from bncourse.training.distributed import ALONE, World

PIXELS = 36 * 224**2  # of the images in one forward pass on a CPU, where 144 crops at once take 1.5 times as long
ON_GPU = 8  # times as many


class Score(NamedTuple):
    """How good a network is: its top-1 and top-5 accuracy, from 0 to 1, and the number of examples.

    `top1` is the share of examples whose label is the most probable class, and `top5` the share of those whose label is
    among the five most probable.
    """

    top1: float
    top5: float
    examples: int


def score(probabilities: Float[Tensor, "N K"], labels: Int[Tensor, "N"]) -> Score:
    """Top-1 and top-5 accuracy of class probabilities, or of logits or any other numbers that grow with them.

    `probabilities` is (N, K), a row for each example, and `labels` (N,) holds classes from 0 to K - 1. Of equally
    probable classes the first is taken first, so that a network which says the same of all classes is right as often
    as chance. An example whose label has the probability NaN counts as wrong. Raises ValueError where there are no
    examples, or where a label is not a class.
    """
    if not len(probabilities):
        raise ValueError("there are no examples; expected one or more")
    first, fifth = hits(probabilities, labels)
    return Score(first / len(labels), fifth / len(labels), len(labels))


def hits(probabilities: Tensor, labels: Tensor) -> tuple[int, int]:
    """How many labels are the most probable class, and how many are among the five most probable; see `score`."""
    examples, classes = probabilities.shape
    if labels.shape != (examples,):
        raise ValueError(f"labels have shape {tuple(labels.shape)}; expected ({examples},), one for each example")
    low, high = labels.min().item(), labels.max().item()
    if low < 0 or high >= classes:
        raise ValueError(f"labels are {examples} from {low} to {high}; expected {examples} from 0 to {classes - 1}")
    own = probabilities.gather(1, labels[:, None])
    earlier = torch.arange(classes, device=labels.device) < labels[:, None]
    before = ((probabilities > own) | ((probabilities == own) & earlier)).sum(1)
    number = ~own[:, 0].isnan()
    return int((number & (before < 1)).sum()), int((number & (before < 5)).sum())


def evaluate(model: nn.Module, batches: Iterable, device: str | torch.device = "cpu", *, world: World = ALONE,
             **settings) -> Score:
    """Top-1 and top-5 accuracy of a model over mini-batches of images and labels, where each example counts once.

    `batches` and `settings` are those of `predictions`, and `device` is where the model is. Where several processes of
    `world` each have a share of the mini-batches, all of them get the score of all examples. Raises ValueError where
    there is no example.
    """
    counts = [(*hits(p, labels), len(labels)) for p, labels in predictions(model, batches, device, **settings)]
    first, fifth, examples = world.totals(*map(float, np.sum([(0, 0, 0), *counts], 0)))
    if not examples:
        raise ValueError("batches holds no example; expected one or more")
    return Score(first / examples, fifth / examples, int(examples))


def predict(model: nn.Module, batches: Iterable, device: str | torch.device = "cpu",
            **settings) -> tuple[Float[Tensor, "N K"], Int[Tensor, "N"]]:
    """Class probabilities (N, K) and labels (N,) of all mini-batches together, on the CPU.

    The arguments are those of `predictions`. Raises ValueError where there is no example.
    """
    found = list(predictions(model, batches, device, **settings))
    if not found:
        raise ValueError("batches holds no example; expected one or more")
    probabilities, labels = zip(*found, strict=True)
    return torch.cat(probabilities), torch.cat(labels)


def predictions(model: nn.Module, batches: Iterable, device: str | torch.device = "cpu", *,
                precision: str = "float32") -> Iterator[tuple[Tensor, Tensor]]:
    """Yields a model's class probabilities `(n, K)` and the labels `(n,)` of each mini-batch, on the CPU.

    `model` gives scores of K classes, and is on `device`. `batches` is a series of pairs of images and labels. Images
    are `(n, 3, H, W)`, or `(n, crops, 3, H, W)`: then the crops of all pictures share forward passes of at most PIXELS
    pixels, and a picture's probabilities are the mean over its crops. `precision` is "float32", or "bf16" where
    products may be rounded to bfloat16. Between mini-batches the model is in the mode in which it was.
    """
    device = torch.device(device)
    for images, labels in batches:
        if not len(images):
            continue
        with at_inference(model), torch.inference_mode(), torch.autocast(device.type, torch.bfloat16,
                                                                        enabled=precision == "bf16"):
            single = images.flatten(0, -4)  # (n * crops, 3, H, W)
            parts = single.split(per_pass(single, device))
            logits = [model(to_input(part, device, channels_last=True)).float() for part in parts]
            p = torch.cat(logits).softmax(1)
            p = p.view(len(images), -1, p.shape[1]).mean(1).cpu()
        yield p, labels.cpu()


def per_pass(images: Tensor, device: torch.device) -> int:
    """The number of images, all shaped like these, that one forward pass on the device takes."""
    return max(1, PIXELS * (1 if device.type == "cpu" else ON_GPU) // images[0, 0].numel())


@contextmanager
def at_inference(model: nn.Module) -> Iterator[None]:
    """A context with the model in eval mode, after which each of its modules is in the mode in which it was."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training


def ensemble(members: Sequence[Float[Tensor, "N K"]]) -> Float[Tensor, "N K"]:
    """An ensemble's class probabilities (N, K): the arithmetic mean of its networks' (section 4.2.3).

    `members` holds the probabilities (N, K) of each network. Raises ValueError where their shapes differ, or where
    there are none.
    """
    shapes = {tuple(p.shape) for p in members}
    if len(shapes) != 1:
        raise ValueError(f"members have the shapes {sorted(shapes)}; expected one shape, of one network or more")
    return torch.stack(list(members)).mean(0)


class Crops:
    """A transform that makes 144 crops of each picture: 4 scales x 3 squares x 6 crops x 2 mirrors (section 4.2.3).

    `datasets.crops` says where the crops lie. `size` is the side of a crop in pixels. `squares` is 3, or 1 for the
    middle square alone: of a square picture the three squares are one, and 48 crops have the same mean as 144.
    Called with a picture, it returns the crops `(crops, 3, size, size)` uint8, each followed by its mirror image; the
    random generator that `Batches` hands it is not used. Raises ValueError for another number of squares.
    """

    def __init__(self, size: int = 224, squares: int = 3):
        if squares not in (1, 3):
            raise ValueError(f"squares is {squares}; expected 3, or 1 for the centre alone")
        self.size, self.squares = size, squares

    def __len__(self) -> int:
        return len(crops.SCALES) * self.squares * crops.CROPS * crops.MIRRORS

    @property
    def shortest_side(self) -> int:
        """The shorter side, in pixels, that a picture needs lest it be enlarged."""
        return self.sides()[-1]

    def sides(self) -> list[int]:
        """The shorter sides to which a picture is resized, in pixels."""
        return crops.shorter_sides(self.size)

    def __call__(self, image: Image.Image, rng: np.random.Generator | None = None) -> UInt8[Tensor, "crops 3 S S"]:
        found = [crop for side in self.sides() for crop in self.at_scale(image, side)]
        upright = torch.from_numpy(np.stack(found)).permute(0, 3, 1, 2)  # (crops / 2, 3, S, S)
        return torch.stack([upright, upright.flip(3)], 1).flatten(0, 1)

    def at_scale(self, image: Image.Image, side: int) -> Iterator[UInt8[np.ndarray, "S S 3"]]:
        """The crops of a picture whose shorter side is brought to `side`, without mirror images."""
        image = image.resize(crops.resized(*image.size, side), Image.Resampling.BILINEAR)
        for square in crops.squares(*image.size, self.squares):
            for place in crops.six_places(square, self.size):
                yield np.asarray(image.crop(place).resize((self.size, self.size), Image.Resampling.BILINEAR))
