"""What folding saves: the time of a small convolutional network at inference, with its batch norms and without.

The two are timed turn by turn in one process, on one thread, so that what slows the machine slows both. Where memory
happens to lie differs from process to process and moves the result more than the rounds do: record several.
"""

import time
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from bncourse import runs
from bncourse.experiments.protocol import Progress, recorded_run, tell, unusual
from bncourse.nn import fold_batchnorm, population_statistics


@dataclass(frozen=True)
class Config:
    """Rounds, images in a batch, their size, and the feature maps of each of the convolutions.

    Raises ValueError naming the field that is below 1.
    """

    rounds: int = 31
    batch: int = 32
    size: int = 32
    widths: tuple[int, ...] = (32, 64, 64)
    seed: int = 0

    def __post_init__(self):
        for name in ("rounds", "batch", "size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; expected 1 or more")

    def variant(self) -> str:
        """A name for the run's file: the batch, the size, every other field that is not the usual one, the seed."""
        return "-".join([f"batch{self.batch}", f"size{self.size}", *unusual(self, "batch", "size", "seed"),
                         f"seed{self.seed}"])


PLAN = {"time": tuple(Config(seed=seed) for seed in range(5))}  # each in a process of its own


def network(config: Config) -> nn.Sequential:
    """A network of 3 x 3 convolutions, each followed by a batch norm and a ReLU."""
    layers, channels = [], 3
    for width in config.widths:
        layers += [nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
        channels = width
    return nn.Sequential(*layers)


@torch.no_grad()
def run(config: Config, progress: Progress | None = None) -> runs.Run:
    """Time both networks and return their processor milliseconds a batch, a row for each round; nothing is written.

    Columns: `round`, and `batch_norm` and `folded`, the times of the network with its batch norms and without.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    start, generator = time.perf_counter(), torch.Generator().manual_seed(config.seed)
    images = torch.randn(config.batch, 3, config.size, config.size, generator=generator)
    model = population_statistics(network(config), [images]).eval()
    models = {"batch_norm": model, "folded": fold_batchnorm(model)}
    columns = {"round": list(range(config.rounds)), "batch_norm": [], "folded": []}
    try:
        for done in range(1, config.rounds + 1):
            for name, timed in models.items():
                columns[name].append(round(1e3 * seconds(timed, images), 3))
            tell(progress, done, config.rounds)
    finally:
        torch.set_num_threads(threads)
    return recorded_run(config, columns, data="normal", sha256=runs.fingerprint(images.numpy()),
                        seconds=time.perf_counter() - start, threads=1)


def seconds(model: nn.Module, images: torch.Tensor) -> float:
    """The processor's seconds for one forward pass."""
    began = time.process_time()
    model(images)
    return time.process_time() - began


def saved(measured: runs.Run) -> float:
    """The share of the time that folding saves: one minus the ratio of the two medians over the rounds."""
    return 1 - float(np.median(measured.columns["folded"]) / np.median(measured.columns["batch_norm"]))
