"""What batch norm really does, measured: three tests of Santurkar et al. (2018), and gamma and beta alone.

The network of `kernels.mlp` on digits, without batch norm, with it, or with noise after it, at several learning rates
and from several seeds. While it trains, `measure` looks a few times at one mini-batch: at the loss and the gradient
along the step that training is about to take, at what a layer's gradient becomes when the layers below have taken
theirs, and at how far that moves the inputs of the activations.

    run(Config(norm="batch", rates=(0.1, 0.3), seeds=(0, 1))).columns["loss at 4"]
    run(Config(trained="scales", steps=2000)).columns["test"]          gamma and beta alone, random weights

After Santurkar et al. (2018, 1805.11604), sections 2.1, 2.2 and 3.1, and Frankle et al. (2020, 2003.00152).
"""

import copy
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bncourse import datasets, runs
from bncourse.experiments.digits import Examples, binary_images, evenly_spaced, minibatches, right, scale_by_inputs
from bncourse.experiments.protocol import Progress, check_rates_and_seeds, recorded_run, tell, unusual
from bncourse.kernels import mlp
from bncourse.kernels.noise import unsteady_norm
from bncourse.kernels.steps import ACTIVATIONS, BATCH_NORM

NORMS = ("none", "batch", "noisy")
TRAINED = ("all", "scales", "last")
MULTIPLES = (0.5, 1, 2, 4)  # of the learning rate: the steps along which loss and gradient are looked at


@dataclass(frozen=True)
class Config:
    """Trainings of one kind, one for each of the learning rates and each of the seeds.

    norm     "none", "batch", or "noisy": batch norm, then noise of this `amount` as `unsteady_norm` draws it
    trained  "all" parameters; "scales", every gamma and beta and nothing else; "last", the layer of the logits alone
    records  how often a training is measured, at even distances, the last time at its end

    Raises ValueError naming the field that is not one of its values or out of range.
    """

    dataset: str = "glyphs"
    norm: str = "batch"
    amount: float | int = 1.0
    activation: str = "relu"
    trained: str = "all"
    batch: int = 60
    steps: int = 600
    rates: tuple[float | int, ...] = (0.1,)
    seeds: tuple[int, ...] = (0,)
    records: int = 6
    sizes: tuple[int, ...] = (784, 100, 100, 100, 10)

    def __post_init__(self):
        datasets.check_dataset("dataset", self.dataset)
        for name, values in {"norm": NORMS, "activation": tuple(ACTIVATIONS), "trained": TRAINED}.items():
            if getattr(self, name) not in values:
                raise ValueError(f"{name} is {getattr(self, name)!r}; expected one of {', '.join(values)}")
        for name, least in {"amount": 0, "batch": 2, "steps": 1, "records": 1}.items():
            if not least <= getattr(self, name) < np.inf:
                raise ValueError(f"{name} is {getattr(self, name)}; expected {least} or more")
        check_rates_and_seeds(self.rates, self.seeds)
        if self.trained == "scales" and self.norm == "none":
            raise ValueError("trained is 'scales', but norm is 'none'; expected a norm that has gamma and beta")

    def variant(self) -> str:
        """A name for the run's file: data, activation, norm, and every other field that is not usual."""
        named = ("dataset", "activation", "norm")
        return "-".join([self.dataset, self.activation, self.norm, *unusual(self, *named)])


SEEDS = (0, 1, 2, 3, 4)
RATES = {"sigmoid": (0.3, 1.0, 3.0, 10.0), "relu": (0.03, 0.1, 0.3, 1.0)}
PLAN = {
    "tests": tuple(Config(dataset="mnist", activation=activation, rates=RATES[activation], seeds=SEEDS, **kind)
                   for activation in ACTIVATIONS for kind in (
                       *(dict(norm=norm) for norm in NORMS), dict(norm="noisy", amount=2.0))),
    "scales": tuple(Config(dataset="mnist", norm=norm, trained=trained, records=1, seeds=SEEDS,
                           rates=(0.3, 1.0, 3.0, 10.0))
                    for norm, trained in (("batch", "scales"), ("none", "last"))),
}


def init(config: Config, rng: np.random.Generator) -> mlp.Network:
    """The network: weights of variance 2 / D for ReLU and 1 / D for a sigmoid, for D inputs of a layer; its steps.

    Every norm gets the same weights from the same rng.
    """
    network = mlp.init(config.sizes, config.norm != "none", std=1.0, rng=rng)
    scale_by_inputs(network, config.activation)
    for layer, noise in zip(network, rng.spawn(len(network)), strict=True):
        norm = {"none": None, "batch": BATCH_NORM, "noisy": unsteady_norm(config.amount, noise)}[config.norm]
        layer.steps = (*((norm,) if norm else ()), ACTIVATIONS[config.activation])
    return network


def train(config: Config, lr: float | int, seed: int) -> Iterator[tuple[int, mlp.Network, Examples]]:
    """Yields the step, the network and its next mini-batch whenever it is to be measured, last after the last step.

    The network is the same object each time, and goes on training.
    """
    weights, order = np.random.default_rng(seed).spawn(2)
    x, t = binary_images(config.dataset, threshold=127).train
    network, indices = init(config, weights), minibatches(len(x), config.batch, order)
    looks = set(np.linspace(config.steps / config.records, config.steps, config.records).round().astype(int).tolist())
    for step in range(config.steps + 1):
        i = next(indices)
        if step in looks:
            yield step, network, (x[i], t[i])
        _, gradients, _ = mlp.loss_and_gradients(network, x[i], t[i])
        mlp.sgd_step(network, chosen(config, gradients), lr)


def chosen(config: Config, gradients: list[mlp.Layer]) -> list[mlp.Layer]:
    """The gradients, with zeros in place of those of the parameters that are not to be trained; changed in place."""
    *hidden, last = gradients
    frozen = {"all": [], "last": [p for layer in hidden for p in layer.parameters()],
              "scales": [*(layer.w for layer in hidden), *last.parameters()]}
    for parameter in frozen[config.trained]:
        parameter[...] = 0
    return gradients


def measure(config: Config, network: mlp.Network, batch: Examples, lr: float | int) -> dict[str, float]:
    """Every number that is recorded of a network, as `accuracies`, `along`, `shift` and `drift` name them.

    The noise of "noisy" is on for `drift` alone. Where not all parameters are trained, the accuracies alone.
    """
    if config.trained != "all":
        return accuracies(config, network)
    calm = quiet(config, network)
    return accuracies(config, network) | along(calm, *batch, lr) | shift(calm, *batch, lr) | drift(network, *batch, lr)


def quiet(config: Config, network: mlp.Network) -> mlp.Network:
    """The same network, its parameters shared, without noise."""
    calm = [copy.copy(layer) for layer in network]
    for layer in calm if config.norm == "noisy" else ():
        layer.steps = (BATCH_NORM, ACTIVATIONS[config.activation])
    return calm


def accuracies(config: Config, network: mlp.Network) -> dict[str, float]:
    """Shares of right answers: `train` on 2000 training images, `chosen` and `test` on 2000 test images each.

    A learning rate is to be chosen by the one and reported by the other. `calm` is `test` with statistics that were
    measured without noise.
    """
    digits = binary_images(config.dataset, threshold=127)
    some, (x, t) = evenly_spaced(digits.train, 2000), evenly_spaced(digits.test, 4000)
    batches = [some[0][k:k + config.batch] for k in range(0, 20 * config.batch, config.batch)]
    statistics, calm = (mlp.population(each, batches) for each in (network, quiet(config, network)))
    return {"train": right(network, some, statistics), "chosen": right(network, (x[::2], t[::2]), statistics),
            "test": right(network, (x[1::2], t[1::2]), statistics), "calm": right(network, (x[1::2], t[1::2]), calm)}


def along(network: mlp.Network, x: np.ndarray, t: np.ndarray, lr: float | int) -> dict[str, float]:
    """The loss of one mini-batch and its gradient after steps of several sizes along that gradient.

    `loss` is the loss where the network is, in nats, and `gradient` the length of its gradient. After a step of
    a times the learning rate, for each a of `MULTIPLES`, `loss at a` is the loss, `change at a` the length of the
    difference of the gradients, and `cosine at a` that of the angle between them.
    """
    loss, gradients, _ = mlp.loss_and_gradients(network, x, t)
    here, row = flat(gradients), {"loss": float(loss), "gradient": length(flat(gradients))}
    for a in MULTIPLES:
        there, found, _ = mlp.loss_and_gradients(moved(network, gradients, a * lr), x, t)
        row |= {f"loss at {a}": float(there), f"change at {a}": length(flat(found) - here),
                f"cosine at {a}": cosine(flat(found), here)}
    return row


def shift(network: mlp.Network, x: np.ndarray, t: np.ndarray, lr: float | int) -> dict[str, float]:
    """How the gradient of a layer's w changes when the layers below take a step: Santurkar's measure of the shift.

    For each layer k from the second on, counted from 1: `gradient k` is the length of its gradient, `shift k` the
    length of the difference, `turn k` the cosine of the angle between the gradients before and after.
    """
    _, gradients, _ = mlp.loss_and_gradients(network, x, t)
    row = {}
    for k in range(1, len(network)):
        below = [*moved(network[:k], gradients[:k], lr), *network[k:]]
        before, after = gradients[k].w.ravel(), mlp.loss_and_gradients(below, x, t)[1][k].w.ravel()
        row |= {f"gradient {k + 1}": length(before), f"shift {k + 1}": length(after - before),
                f"turn {k + 1}": cosine(after, before)}
    return row


def drift(network: mlp.Network, x: np.ndarray, t: np.ndarray, lr: float | int) -> dict[str, float]:
    """How far one step moves the inputs of the last hidden layer's activations, in their standard deviations.

    `drift` is the change of a unit's mean over one mini-batch, divided by the standard deviation over it: the median
    over the units. It is the shift that section 1 of the paper defines.
    """
    _, gradients, tape = mlp.loss_and_gradients(network, x, t)
    before = tape.hidden[-1].y
    after = mlp.forward(moved(network, gradients, lr), x)[1].hidden[-1].y
    spread = np.maximum(before.std(0), np.finfo(float).tiny)
    return {"drift": float(np.median(np.abs(after.mean(0) - before.mean(0)) / spread))}


def moved(network: mlp.Network, gradients: list[mlp.Layer], lr: float | int) -> mlp.Network:
    """A copy of these layers after one step of SGD."""
    layers = [copy.copy(layer) for layer in network]
    for layer in layers:
        for name in ("w", "b", "gamma", "beta"):
            if getattr(layer, name) is not None:
                setattr(layer, name, getattr(layer, name).copy())
    mlp.sgd_step(layers, gradients, lr)
    return layers


def flat(gradients: list[mlp.Layer]) -> np.ndarray:
    """All parameters of all layers, or their gradients, one after the other in one array."""
    return np.concatenate([p.ravel() for layer in gradients for p in layer.parameters()])


def length(vector: np.ndarray) -> float:
    return float(np.sqrt(vector @ vector))


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    """The cosine of the angle between two vectors; 0 where one of them is 0."""
    lengths = length(one) * length(other)
    return float(one @ other / lengths) if lengths else 0.0


def run(config: Config, progress: Progress | None = None) -> runs.Run:
    """Train the networks and measure them. Columns, with a row for each learning rate, seed and look:

    `lr`, `seed`, `step`, and what `measure` finds; numbers have six digits. A training whose numbers have overflowed
    goes on, and its rows hold infinities and NaN.
    """
    start, rows = time.perf_counter(), []
    pairs = [(lr, seed) for seed in config.seeds for lr in config.rates]
    for done, (lr, seed) in enumerate(pairs, 1):
        with np.errstate(over="ignore", invalid="ignore"):
            rows += [{"lr": lr, "seed": seed, "step": step} | measure(config, network, batch, lr)
                     for step, network, batch in train(config, lr, seed)]
        tell(progress, done, len(pairs))
    columns = {name: [float(f"{row[name]:.6g}") if name not in ("seed", "step") else row[name] for row in rows]
               for name in rows[0]}
    sha256 = binary_images(config.dataset, threshold=127).sha256
    return recorded_run(config, columns, data=config.dataset, sha256=sha256,
                        seconds=time.perf_counter() - start, seed=config.seeds[0])


def at_rate(recorded: runs.Run, lr: float | int) -> dict[str, np.ndarray]:
    """The columns of a recorded run at one learning rate, each as an array `(seeds, looks)`."""
    here = np.array(recorded.columns["lr"]) == lr
    seeds = len(recorded.config["seeds"])
    return {name: np.array(values, dtype=float)[here].reshape(seeds, -1) for name, values in recorded.columns.items()}


def best_rate(recorded: runs.Run) -> float | int:
    """The learning rate whose accuracy `chosen`, the median over the seeds after the last step, is the highest."""
    return max(recorded.config["rates"], key=lambda lr: np.median(at_rate(recorded, lr)["chosen"][:, -1]))


def loss_range(rows: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The least and the most loss after steps of all `MULTIPLES`, each `(seeds, looks)`, from the rows of `at_rate`."""
    losses = np.array([rows[f"loss at {a}"] for a in MULTIPLES])
    return losses.min(axis=0), losses.max(axis=0)
