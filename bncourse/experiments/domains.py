"""Section 5's outlook on domain adaptation, measured: new statistics for pictures of another kind, and nothing else.

A small convolutional network learns digits and is tested on the same test digits under other conditions (`DOMAINS`):
as it is; after a recomputation of its population statistics on pictures of the new kind, without their labels
(Algorithm 2, lines 7 to 11; AdaBN, Li et al. 2016, 1603.04779); and with the statistics of few pictures, or of pictures
of few classes.

The counter-witness is a network that was trained without any norm. `with_identity_norms` gives it batch norms
afterwards that change nothing on the pictures of its training, by gamma = sqrt(Var[x]) and beta = E[x] as section 3
has it; then its activations can be rescaled to their old means and variances in just the same way.

    run(Config(norm="none", rates=(0.03, 0.1))).columns["fog after"]
"""

import copy
import functools
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bncourse import datasets, runs
from bncourse.datasets import conditions
from bncourse.experiments.digits import Examples, evenly_spaced, minibatches
from bncourse.experiments.protocol import Progress, check_rates_and_seeds, recorded_run, tell, unusual
from bncourse.nn import population_statistics

NORMS = ("none", "batch")
PICTURES = (2, 5, 10, 20, 50, 100, 200, 500)  # how many of the new kind the statistics are from
CLASSES = (1, 2, 5)  # how many kinds of digits are among them, where not all are
Pictures = np.ndarray  # (N, 28, 28), 0 for paper and 1 for ink


def blurred(x: Pictures) -> Pictures:
    """The pictures out of focus: each pixel becomes the mean of itself and its four neighbours, four times."""
    for _ in range(4):
        x = conditions.with_neighbors(x).mean(0)
    return x


DOMAINS: dict[str, Callable[[Pictures], Pictures]] = {
    "same": lambda x: x,
    "dark": lambda x: 0.3 * x,
    "fog": lambda x: 0.5 * x + 0.5,
    "noise": lambda x: conditions.noisy(x, 0.5, np.random.default_rng(0)),
    "blur": blurred,
    "thick": lambda x: conditions.thicker(conditions.thicker(x)),
    "inverted": lambda x: 1 - x,
}


@dataclass(frozen=True)
class Config:
    """Trainings of one kind, one for each of the learning rates and each of the seeds.

    norm     "batch" before each ReLU, or "none"
    widths   feature maps of the two convolutions, and units of the layer after them
    images   how many training pictures the statistics are from, and how many test pictures each there are to choose
             a rate by and to report

    Raises ValueError naming the field that is not one of its values or out of range.
    """

    dataset: str = "glyphs"
    norm: str = "batch"
    widths: tuple[int, ...] = (16, 32, 64)
    batch: int = 60
    steps: int = 600
    rates: tuple[float | int, ...] = (0.1,)
    seeds: tuple[int, ...] = (0,)
    images: int = 1000

    def __post_init__(self):
        datasets.check_dataset("dataset", self.dataset)
        if self.norm not in NORMS:
            raise ValueError(f"norm is {self.norm!r}; expected one of {', '.join(NORMS)}")
        for name, least in {"batch": 2, "steps": 0, "images": 2}.items():
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}; expected {least} or more")
        if len(self.widths) != 3 or min(self.widths) < 1:
            raise ValueError(f"widths is {self.widths}; expected three positive numbers")
        check_rates_and_seeds(self.rates, self.seeds)

    def variant(self) -> str:
        """A name for the run's file: data, norm, and every other field that is not usual."""
        return "-".join([self.dataset, self.norm, *unusual(self, "dataset", "norm")])


PLAN = {"adaptation": tuple(Config("mnist", norm, rates=(0.01, 0.03, 0.1, 0.3, 1.0), seeds=(0, 1, 2, 3, 4))
                            for norm in NORMS)}


def network(config: Config, seed: int) -> nn.Sequential:
    """Two convolutions and two layers, ReLUs between, in He's initialization; both norms get the same weights.

    A norm stands before each ReLU: batch norm, or an `nn.Identity` where there is none.
    """
    one, two, three = config.widths
    generator, bias = torch.Generator().manual_seed(seed), config.norm == "none"
    layers = [nn.Conv2d(1, one, 5, 2, 2, bias=bias), nn.Conv2d(one, two, 5, 2, 2, bias=bias),
              nn.Linear(49 * two, three, bias=bias), nn.Linear(three, 10)]
    for layer in layers:
        nn.init.kaiming_normal_(layer.weight, generator=generator)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
    kinds = (nn.BatchNorm2d, nn.BatchNorm2d, nn.BatchNorm1d)
    norms = [nn.Identity() if config.norm == "none" else kind(width)
             for kind, width in zip(kinds, config.widths, strict=True)]
    first, second, third = ((layer, norm, nn.ReLU()) for layer, norm in zip(layers, norms, strict=False))
    return nn.Sequential(*first, *second, nn.Flatten(), *third, layers[-1])


def tensor(x: Pictures) -> Tensor:
    """Pictures as the network takes them, `(N, 1, 28, 28)` in float32."""
    return torch.from_numpy(x).float()[:, None]


@functools.lru_cache(maxsize=2)
def loaded(dataset: str, split: str) -> Examples:
    """Images (N, 28, 28) uint8 and labels of a split, kept from one training to the next; read-only for that reason."""
    examples = datasets.load(dataset, split)
    for array in examples:
        array.flags.writeable = False
    return examples


def pictures(config: Config, split: str, n: int) -> tuple[Pictures, np.ndarray]:
    """n pictures, at even distances over a split, and their labels."""
    images, labels = evenly_spaced(loaded(config.dataset, split), n)
    return images / np.float32(255), labels


def train(config: Config, lr: float | int, seed: int) -> nn.Sequential:
    """The network after `config.steps` steps of SGD with momentum 0.9 at a learning rate, from a seed."""
    model, (images, labels) = network(config, seed), loaded(config.dataset, "train")
    order = minibatches(len(images), config.batch, np.random.default_rng(seed))
    for _ in descent(model, images, labels, islice(order, config.steps), lr):
        pass
    return model


def descent(model: nn.Module, images: np.ndarray, labels: np.ndarray, order: Iterable[np.ndarray], lr: float | int
            ) -> Iterator[float]:
    """Trains a network in place by SGD with momentum 0.9, and yields the loss of each mini-batch after its step.

    images are uint8, and order has the indices of each mini-batch. Parameters that need no gradient stay as they are.
    """
    optimizer = torch.optim.SGD(model.parameters(), lr, momentum=0.9)
    for i in order:
        loss = F.cross_entropy(model(tensor(images[i] / np.float32(255))), torch.from_numpy(labels[i]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield float(loss.detach())


@torch.no_grad()
def with_identity_norms(model: nn.Sequential, source: Tensor) -> nn.Sequential:
    """The network of "none" with a batch norm in place of each `nn.Identity`, which changes nothing on the source.

    The statistics are those of the source pictures, gamma = sqrt(Var[x] + eps) and beta = E[x] (section 3). The other
    layers are the model's own.
    """
    layers, x = [], source
    for layer in model:
        if isinstance(layer, nn.Identity):
            layer = (nn.BatchNorm2d if x.dim() == 4 else nn.BatchNorm1d)(x.shape[1])
            population_statistics(layer, [x]).eval()
            layer.weight.copy_((layer.running_var + layer.eps).sqrt())
            layer.bias.copy_(layer.running_mean)
        layers.append(layer)
        x = layer(x)
    return nn.Sequential(*layers)


def at_home(config: Config, model: nn.Sequential) -> nn.Sequential:
    """The trained network with batch norms that hold the statistics of training pictures, in eval mode."""
    source = tensor(pictures(config, "train", config.images)[0])
    return (with_identity_norms(model, source) if config.norm == "none" else
            population_statistics(model, [source])).eval()


def adapted(model: nn.Sequential, x: Pictures) -> nn.Sequential:
    """A copy of the network with the statistics of these pictures; nothing else is new."""
    return population_statistics(copy.deepcopy(model), [tensor(x)])


@torch.no_grad()
def right(model: nn.Sequential, x: Pictures, t: np.ndarray) -> float:
    """The share of pictures that the network names rightly."""
    return float(np.mean(model(tensor(x)).argmax(1).numpy() == t))


def measure(config: Config, model: nn.Sequential) -> dict[str, float]:
    """Shares of right answers of a network from `at_home`: `chosen`, and for each domain D on the other test pictures

    `D before`, as the network is; `D after`, with the statistics of training pictures of this kind; `D from n`, of n
    of them; `D of k`, of those whose label is below k.
    """
    x, t = pictures(config, "test", 2 * config.images)
    new, labels = pictures(config, "train", config.images)
    row = {"chosen": right(model, x[::2], t[::2])}
    for name, condition in DOMAINS.items():
        test, unlabelled = condition(x[1::2]), condition(new)
        parts = {"after": unlabelled} | {f"from {n}": unlabelled[:n] for n in PICTURES} | {
            f"of {k}": unlabelled[labels < k] for k in CLASSES}
        row[f"{name} before"] = right(model, test, t[1::2])
        row |= {f"{name} {part}": right(adapted(model, some), test, t[1::2]) for part, some in parts.items()}
    return row


def run(config: Config, progress: Progress | None = None) -> runs.Run:
    """Train the networks and test them. Columns: `lr`, `seed` and what `measure` finds, a row for each rate and seed.

    The numbers of a network that has diverged are those of a guess.
    """
    start, rows = time.perf_counter(), []
    pairs = [(lr, seed) for seed in config.seeds for lr in config.rates]
    for done, (lr, seed) in enumerate(pairs, 1):
        rows.append({"lr": lr, "seed": seed} | measure(config, at_home(config, train(config, lr, seed))))
        tell(progress, done, len(pairs))
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    sha256 = runs.fingerprint(*loaded(config.dataset, "train"), *loaded(config.dataset, "test"))
    return recorded_run(config, columns, data=config.dataset, sha256=sha256, seconds=time.perf_counter() - start,
                        seed=config.seeds[0])
