"""A network and mini-batches small enough to train in a moment, with all that makes resuming hard.

The network has batch norm, shared weights and Dropout, which draws from PyTorch's random state; the mini-batches
draw from it too when an epoch is opened, as PyTorch's own loader does, and the last one of an epoch is smaller.
"""

import math
from collections import namedtuple

import torch
from torch import nn

from bncourse.nn import BatchNorm2d

Score = namedtuple("Score", "top1 top5")
CLASSES = 16


def network(seed, width=4, dropout=0.3):
    """Weights from the seed; the caller's random state stays."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(nn.Conv2d(3, width, 3), nn.BatchNorm2d(width), nn.ReLU(),
                             nn.Conv2d(width, width, 3, bias=False), BatchNorm2d(width), nn.ReLU(),
                             nn.Flatten(), nn.Dropout(dropout), nn.Linear(4 * width, CLASSES))


class Examples:
    """Shuffled anew each epoch, every process its own mini-batches of `batch`; examples of random numbers."""

    def __init__(self, seed, count=44, batch=8, rank=0, world=1, dtype=torch.float32):
        self.seed, self.batch, self.rank, self.world = seed, batch, rank, world
        generator = torch.Generator().manual_seed(seed)
        self.labels = torch.randint(CLASSES, (count,), generator=generator)
        self.images = torch.randn(count, 3, 6, 6, generator=generator, dtype=dtype)
        self.images[:, 0] += self.labels[:, None, None].to(dtype)
        self.opened = []

    def __len__(self):
        return math.ceil(len(self.labels) / (self.batch * self.world))

    def epoch(self, number, start=0):
        self.opened.append((number, start))
        torch.randint(2, (1,))  # as torch.utils.data.DataLoader does
        order = torch.randperm(len(self.labels), generator=torch.Generator().manual_seed(self.seed + number))
        for joint in order.split(self.batch * self.world)[start:]:
            own = joint[self.rank::self.world]
            yield self.images[own], self.labels[own]


def evaluate_on(examples):
    """A function for `train`: the shares of the examples that are right at once, and within two guesses."""

    def evaluate(model):
        best = model(examples.images).topk(2).indices == examples.labels[:, None]
        return Score(float(best[:, 0].double().mean()), float(best.any(1).double().mean()))

    return evaluate


def without_times(columns):
    """The columns that are the same whenever a training is repeated."""
    return {name: values for name, values in columns.items() if name not in ("seconds", "images_per_second")}


def same(one, other):
    """Whether two models hold the same, bit for bit."""
    there, here = one.state_dict(), other.state_dict()
    return list(there) == list(here) and all(torch.equal(there[name], here[name]) for name in there)
