"""Section 5's outlook on recurrent networks, measured: batch norm with statistics for each step, or shared by all.

An LSTM reads a digit in 14 steps of 56 pixels, which are mixed in one fixed order for all digits, so that no step is
blank; after the last step it names the digit. With a norm N the four gates are given `N(Wx x_t) + N(Wh h_{t-1}) + b`
and the output is a gate times `tanh(N(c_t) + b')`. N is one of `NORMS`:

    none    nothing
    batch   batch norm at every step, with the scales `gamma` at the start (Cooijmans et al. 2016, 1603.09025: 0.1)
    input   batch norm of Wx x_t alone, over the mini-batch and all steps (Laurent et al. 2015, 1510.01378)
    layer   layer norm, with the scales `gamma` at the start (Ba et al. 2016, 1607.06450)

At inference "batch" needs statistics for each step; a sequence that goes on longer than those of training has none. It
is tested with those of the last step that has some, as Cooijmans et al. do, and with the mean over all steps, which is
about what one `nn.BatchNorm1d` that is used at each step keeps.

    run(Config(norm="batch", gamma=0.1, rates=(0.001, 0.003))).columns["test"]
    gradients_over_time(Config(gamma=1.0))                 how the gradient fades on its way back to the first step
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bncourse import datasets, runs
from bncourse.experiments.digits import Examples, binary_images, evenly_spaced, minibatches
from bncourse.experiments.protocol import Progress, check_rates_and_seeds, recorded_run, tell, unusual

NORMS = ("none", "batch", "input", "layer")
STEPS, PIXELS = 14, 56  # a digit is read in so many steps, so many pixels at each
ORDER = np.random.default_rng(0).permutation(STEPS * PIXELS)
EXTRA = (2, 4, 8)  # blank steps that a test sequence has beyond those of training


@dataclass(frozen=True)
class Config:
    """Trainings of one kind, one for each of the learning rates and each of the seeds.

    gamma    the scale of the norm at the start; without meaning for "none"
    rates    of Adam; gradients are cut to a length of 1
    images   that measure the statistics, and as many test images each to choose a rate by and to report

    Raises ValueError naming the field that is not one of its values or out of range.
    """

    dataset: str = "glyphs"
    norm: str = "batch"
    gamma: float | int = 0.1
    units: int = 50
    batch: int = 60
    steps: int = 300
    rates: tuple[float | int, ...] = (0.003,)
    seeds: tuple[int, ...] = (0,)
    images: int = 1000

    def __post_init__(self):
        datasets.check_dataset("dataset", self.dataset)
        if self.norm not in NORMS:
            raise ValueError(f"norm is {self.norm!r}; expected one of {', '.join(NORMS)}")
        for name, least in {"gamma": 0, "units": 1, "batch": 2, "steps": 0, "images": 2}.items():
            if not least <= getattr(self, name) < np.inf:
                raise ValueError(f"{name} is {getattr(self, name)}; expected {least} or more")
        check_rates_and_seeds(self.rates, self.seeds)

    def variant(self) -> str:
        """A name for the run's file: data, norm, gamma, and every other field that is not usual."""
        return "-".join([self.dataset, self.norm, f"gamma{float(self.gamma)}",
                         *unusual(self, "dataset", "norm", "gamma")])


KINDS = (("none", 1.0), ("batch", 0.1), ("batch", 1.0), ("input", 1.0), ("layer", 1.0), ("layer", 0.1))
PLAN = {"norms": tuple(Config("mnist", norm, gamma, rates=(0.003, 0.01, 0.03, 0.1), seeds=(0, 1, 2, 3, 4))
                       for norm, gamma in KINDS)}


class Statistics(NamedTuple):
    """Means and variances of Wx x, of Wh h and of c at each step: lists of three tensors `(T, M)` each."""

    mean: list[Tensor]
    var: list[Tensor]

    def at(self, t: int) -> list[tuple[Tensor, Tensor]]:
        """Mean and variance `(M,)` of the three at one step; at the last step that has some where t is later."""
        return [(mean[min(t, len(mean) - 1)], var[min(t, len(var) - 1)])
                for mean, var in zip(self.mean, self.var, strict=True)]

    def shared(self) -> "Statistics":
        """The mean over all steps, as those of one step."""
        return Statistics(*([values.mean(0, keepdim=True) for values in part] for part in self))


class Trace(NamedTuple):
    """What a network computed at each step: Wx x, Wh h and c, as they were before any norm, and then h."""

    inputs: list[Tensor]
    returns: list[Tensor]
    cells: list[Tensor]
    states: list[Tensor]


class Network(nn.Module):
    """One layer of LSTM cells and the layer of the logits. The four parts of Wh are orthogonal to begin with, and the
    forget gates begin with a bias of 1. All norms get the same weights from the same generator.
    """

    def __init__(self, config: Config, generator: torch.Generator):
        super().__init__()
        units, self.norm = config.units, config.norm
        normal = partial(torch.randn, generator=generator)
        self.wx = nn.Parameter(normal(PIXELS, 4 * units) / PIXELS**0.5)
        self.wh = nn.Parameter(torch.cat([torch.linalg.qr(normal(units, units))[0] for _ in range(4)], dim=1))
        self.wo = nn.Parameter(normal(units, 10) / units**0.5)
        self.bias, self.output_bias = nn.Parameter(torch.zeros(4 * units)), nn.Parameter(torch.zeros(10))
        self.cell_bias = nn.Parameter(torch.zeros(units))
        self.gammas = nn.ParameterList(torch.full((m * units,), float(config.gamma)) for m in (4, 4, 1))
        with torch.no_grad():
            self.bias[:units] = 1

    def forward(self, x: Tensor, statistics: Statistics | None = None) -> tuple[Tensor, Trace]:
        """Logits `(N, 10)` of sequences x `(N, T, 56)`, and the trace; by the mini-batch's statistics unless given."""
        inputs, trace = (x @ self.wx).transpose(0, 1), Trace([], [], [], [])
        h = c = inputs.new_zeros(len(x), self.wo.shape[0])
        normal = self.over_time(inputs, statistics) if self.norm == "input" else inputs
        for t in range(len(inputs)):
            back, given = h @ self.wh, statistics.at(t) if statistics else [(None, None)] * 3
            gates = self.normalized(0, normal[t], given) + self.normalized(1, back, given) + self.bias
            forget, enter, leave, new = gates.chunk(4, dim=1)
            c = forget.sigmoid() * c + enter.sigmoid() * new.tanh()
            h = leave.sigmoid() * (self.normalized(2, c, given) + self.cell_bias).tanh()
            for values, value in zip(trace, (inputs[t], back, c, h), strict=True):
                values.append(value)
        return h @ self.wo + self.output_bias, trace

    def normalized(self, k: int, value: Tensor, given: list[tuple]) -> Tensor:
        """The k-th of the three values at one step, normalized as `norm` says: Wx x, Wh h, c."""
        if self.norm == "batch":
            return F.batch_norm(value, *given[k], self.gammas[k], training=given[k][0] is None)
        return F.layer_norm(value, value.shape[1:], self.gammas[k]) if self.norm == "layer" else value

    def over_time(self, inputs: Tensor, statistics: Statistics | None) -> Tensor:
        """The inputs `(T, N, M)`, normalized over the mini-batch and all steps."""
        mean, var = statistics.at(0)[0] if statistics else (None, None)
        flat = F.batch_norm(inputs.flatten(0, 1), mean, var, self.gammas[0], training=statistics is None)
        return flat.view_as(inputs)


def sequences(images: np.ndarray, before: int = 0, after: int = 0) -> Tensor:
    """Sequences `(N, T, 56)` of binary images `(N, 784)`, with so many blank steps before the digit and after it."""
    mixed = torch.from_numpy(images[:, ORDER].reshape(-1, STEPS, PIXELS)).float()
    return F.pad(mixed, (0, 0, before, after))


def seeded(config: Config, seed: int) -> tuple[Network, Iterator[np.ndarray]]:
    """A new network, and the indices of its mini-batches without end."""
    x, _ = binary_images(config.dataset, threshold=127).train
    return (Network(config, torch.Generator().manual_seed(seed)),
            minibatches(len(x), config.batch, np.random.default_rng(seed)))


def train(config: Config, lr: float | int, seed: int) -> Network:
    """The network after `config.steps` steps of Adam at a learning rate, from a seed."""
    network, indices = seeded(config, seed)
    x, t = binary_images(config.dataset, threshold=127).train
    optimizer = torch.optim.Adam(network.parameters(), lr)
    for _ in range(config.steps):
        i = next(indices)
        optimizer.zero_grad()
        F.cross_entropy(network(sequences(x[i]))[0], torch.from_numpy(t[i])).backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
    return network


@torch.no_grad()
def population(config: Config, network: Network) -> Statistics | None:
    """The statistics of each step over training sequences, in one mini-batch; None for a norm that needs none.

    For "input" they are those over all steps together, as those of one step.
    """
    if config.norm in ("none", "layer"):
        return None
    x, _ = evenly_spaced(binary_images(config.dataset, threshold=127).train, config.images)
    _, trace = network(sequences(x))
    values = [torch.stack(part) for part in trace[:3]]  # (T, N, M) each
    if config.norm == "input":
        values = [part.flatten(0, 1)[None] for part in values]
    return Statistics([part.mean(1) for part in values], [part.var(1) for part in values])


def measure(config: Config, network: Network) -> dict[str, float]:
    """Shares of right answers on test sequences, half of the images to choose a rate by and half to report.

    `train` is on training images; `chosen` and `test` are on sequences as in training; `later k` has k blank steps
    before the digit, `longer k` after it. For "batch" these are by the statistics of each step, and names that begin
    with `shared` by their mean over all steps.
    """
    digits, statistics = binary_images(config.dataset, threshold=127), population(config, network)
    x, t = evenly_spaced(digits.test, 2 * config.images)
    chosen, test = (x[::2], t[::2]), (x[1::2], t[1::2])
    kinds = {"": statistics} | ({"shared ": statistics.shared()} if config.norm == "batch" else {})
    row = {"train": right(network, evenly_spaced(digits.train, config.images), statistics),
           "chosen": right(network, chosen, statistics)}
    for kind, used in kinds.items():
        row[f"{kind}test"] = right(network, test, used)
        row |= {f"{kind}later {extra}": right(network, test, used, before=extra) for extra in EXTRA}
        row |= {f"{kind}longer {extra}": right(network, test, used, after=extra) for extra in EXTRA}
    return row


@torch.no_grad()
def right(network: Network, data: Examples, statistics: Statistics | None, before: int = 0, after: int = 0) -> float:
    """The share of digits that the network names, with so many blank steps before or after them."""
    x, t = data
    logits, _ = network(sequences(x, before, after), statistics)
    return float(np.mean(logits.argmax(1).numpy() == t))


def gradients_over_time(config: Config, network: Network | None = None, seed: int = 0) -> np.ndarray:
    """The length of the gradient of one mini-batch's loss for the state h_t, `(14,)`, in a network or in a new one."""
    new, indices = seeded(config, seed)
    x, t = binary_images(config.dataset, threshold=127).train
    i = next(indices)
    logits, trace = (network or new)(sequences(x[i]))
    found = torch.autograd.grad(F.cross_entropy(logits, torch.from_numpy(t[i])), trace.states)
    return np.array([float(gradient.norm()) for gradient in found])


def run(config: Config, progress: Progress | None = None) -> runs.Run:
    """Train the networks and test them. Columns, with a row for each learning rate and seed:

    `lr`, `seed`, what `measure` finds, and `faded`: the decades by which the gradient for the state h is smaller after
    the first step than after the last but one, in the new network. The last state alone meets the logits directly.
    """
    start, rows = time.perf_counter(), []
    pairs = [(lr, seed) for seed in config.seeds for lr in config.rates]
    for done, (lr, seed) in enumerate(pairs, 1):
        gradient = gradients_over_time(config, seed=seed)
        faded = float(f"{np.log10(gradient[-2] / gradient[0]):.4g}")
        rows.append({"lr": lr, "seed": seed, "faded": faded} | measure(config, train(config, lr, seed)))
        tell(progress, done, len(pairs))
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    return recorded_run(config, columns, data=config.dataset, seconds=time.perf_counter() - start,
                        sha256=binary_images(config.dataset, threshold=127).sha256, seed=config.seeds[0])
