"""What folding saves: the time of a small convolutional network at inference, with its batch norms and without.

The two are timed turn by turn in one process, on one thread, so that what slows the machine slows both. Where memory
happens to lie differs from process to process and moves the result more than the rounds do: record several.
"""

import time
from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import nn

from bncourse import runs
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


def network(config: Config) -> nn.Sequential:
    """Convolutions of 3 x 3, each before a batch norm and a ReLU."""
    layers, channels = [], 3
    for width in config.widths:
        layers += [nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
        channels = width
    return nn.Sequential(*layers)


@torch.no_grad()
def run(config: Config) -> runs.Run:
    """Time both networks; returns their milliseconds a batch, a row for each round."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    start, generator = time.perf_counter(), torch.Generator().manual_seed(config.seed)
    images = torch.randn(config.batch, 3, config.size, config.size, generator=generator)
    model = population_statistics(network(config), [images]).eval()
    models = {"batch_norm": model, "folded": fold_batchnorm(model)}
    columns = {"round": list(range(config.rounds)), "batch_norm": [], "folded": []}
    try:
        for _ in range(config.rounds):
            for name, timed in models.items():
                columns[name].append(round(1e3 * seconds(timed, images), 3))
    finally:
        torch.set_num_threads(threads)
    return runs.Run(
        experiment="folding", variant=f"batch{config.batch}-size{config.size}-seed{config.seed}",
        config=asdict(config) | {"widths": list(config.widths)},
        provenance=runs.provenance(command=f'python -c "from bncourse.experiments.folding import Config, run; '
                                           f'run({config}).save()"', seed=config.seed, data="normal", threads=1,
                                   sha256=runs.fingerprint(images.numpy()), seconds=time.perf_counter() - start),
        columns=columns)


def seconds(model: nn.Module, images: torch.Tensor) -> float:
    began = time.process_time()
    model(images)
    return time.process_time() - began


def saved(measured: runs.Run) -> float:
    """The share of the time that folding saves: one less the ratio of the medians over the rounds."""
    return 1 - float(np.median(measured.columns["folded"]) / np.median(measured.columns["batch_norm"]))
