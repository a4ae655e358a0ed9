"""Section 3.3's conjecture, measured: how the size of gradients changes from layer to layer, new and after training.

The network is that of `kernels.mlp` with many equal hidden layers: with batch norm or without, with skip connections or
without, with weights from a Gaussian or orthogonal ones. What is measured is the squared gradient of the loss for the
output of each hidden layer, and for the layer's weights. If the Jacobians of the layers had singular values of one,
the first would be the same in all layers.

    run(Config(activation="relu", depth=50)).columns["gradient"]
"""

import time
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from bncourse import datasets, runs
from bncourse.experiments.digits import binary_images, minibatches
from bncourse.experiments.protocol import Progress, from_record, recorded_run, tell, unusual
from bncourse.kernels import mlp
from bncourse.kernels.jacobians import LINEAR
from bncourse.kernels.steps import BATCH_NORM, RELU, SIGMOID, SKIP, TANH, Activation, Norm

ACTIVATIONS = {"relu": RELU, "linear": LINEAR, "tanh": TANH, "sigmoid": SIGMOID}
NORMS, WEIGHTS = ("batch", "scale", "none"), ("gaussian", "orthogonal")
TOLERANCE = {"step": 0, "layer": 0, "loss": 0.02} | dict.fromkeys(("gradient", "weights", "spread"), 0.05)


def scale_forward(x: np.ndarray, gamma: np.ndarray, beta: np.ndarray, eps: float | int) -> tuple:
    """`gamma x`, with one gamma, `(1,)`, for all units; beta and eps have no part in it."""
    return gamma * x, (x, gamma)


def scale_backward(dy: np.ndarray, cache: tuple) -> tuple:
    """The gradients for x, gamma and beta, the last of which is zero."""
    x, gamma = cache
    return gamma * dy, np.sum(dy * x, dtype=gamma.dtype).reshape(1), np.zeros_like(gamma)


SCALE = Norm(scale_forward, scale_backward, lambda x, gamma, beta, mean, var, eps: gamma * x)


@dataclass(frozen=True)
class Config:
    """One network, and its training where steps is not 0.

    norm     "batch", before the activation; "scale", a learned factor behind it as in SkipInit; or "none"
    skip     whether each layer adds its input to what it gives; the first one, of another width, does not, and it has
             no factor either
    weights  "gaussian", with variance 2/D before a ReLU and 1/D before others, for D inputs; or "orthogonal"
    branch   the first gamma of the norm
    records  after how many steps to measure; 0 is the new network

    Raises ValueError naming the field that is not one of its values or out of range.
    """

    dataset: str = "glyphs"
    activation: str = "relu"
    norm: str = "batch"
    skip: bool = False
    weights: str = "gaussian"
    branch: float | int = 1.0
    depth: int = 50
    width: int = 128
    batch: int = 128
    lr: float | int = 0.1
    records: tuple[int, ...] = (0,)
    seed: int = 0

    def __post_init__(self):
        datasets.check_dataset("dataset", self.dataset)
        for name, known in {"activation": tuple(ACTIVATIONS), "norm": NORMS, "weights": WEIGHTS}.items():
            if getattr(self, name) not in known:
                raise ValueError(f"{name} is {getattr(self, name)!r}; expected one of {', '.join(known)}")
        for name, least in {"depth": 1, "width": 1, "batch": 2, "seed": 0}.items():
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}; expected {least} or more")
        if not self.records or self.records[0] < 0 or any(a >= b for a, b in pairwise(self.records)):
            raise ValueError(f"records is {self.records}; expected numbers of steps in ascending order")
        if not 0 < self.lr < np.inf:
            raise ValueError(f"lr is {self.lr}; expected a positive number")

    def variant(self) -> str:
        """A name for the run's file: data, activation, norm, every other field that is not usual, the seed."""
        named = ("dataset", "activation", "norm", "seed")
        return "-".join([self.dataset, self.activation, self.norm, *unusual(self, *named), f"seed{self.seed}"])


def each_seed(*configurations: dict) -> tuple[Config, ...]:
    """Configurations on MNIST, each with the seeds 0 to 4."""
    return tuple(Config("mnist", seed=seed, **fields) for fields in configurations for seed in range(5))


TRAINED = {"depth": 20, "batch": 60, "records": (0, 1, 10, 100, 1000)}
RATES = (0.001, 0.01, 0.1, 1.0)
PLAN = {
    "new": each_seed(*({"activation": activation, "width": 1024, "batch": batch}
                       for activation, batch in (("relu", 8), ("relu", 128), ("linear", 8), ("linear", 32),
                                                 ("linear", 128), ("tanh", 128), ("sigmoid", 128))),
                     {"norm": "none", "width": 1024}),
    "skips": each_seed({"skip": True, "width": 512}, {"norm": "none", "skip": True, "width": 512},
                       {"norm": "scale", "skip": True, "branch": 50**-0.5, "width": 512},
                       {"norm": "scale", "skip": True, "branch": 0.0, "width": 512}),
    "trained": each_seed(*({"norm": "batch", "lr": lr, **TRAINED} for lr in RATES),
                         *({"norm": "none", "lr": lr, **TRAINED} for lr in RATES[1:])),
}


def init(config: Config, rng: np.random.Generator) -> mlp.Network:
    """The new network, in float32; its hidden layers have the steps that config asks for."""
    sizes = (784, *[config.width] * config.depth, 10)
    network = mlp.init(sizes, config.norm == "batch", std=1.0, rng=rng, dtype=np.float32)
    *hidden, output = network
    for layer in hidden:
        D, M = layer.w.shape
        if config.weights == "orthogonal" and D == M:
            q, r = np.linalg.qr(layer.w)
            layer.w = q * np.sign(np.diag(r))
        else:
            layer.w *= np.float32(np.sqrt((2 if config.activation == "relu" else 1) / D))
        if config.norm == "batch" or (config.norm == "scale" and config.skip and D == M):
            size = 1 if config.norm == "scale" else M
            layer.gamma, layer.beta = np.full(size, config.branch, np.float32), np.zeros(size, np.float32)
        layer.steps = hidden_steps(config, add_input=config.skip and D == M)
    output.w /= np.float32(np.sqrt(config.width))
    return network


def hidden_steps(config: Config, add_input: bool) -> tuple:
    """What a hidden layer does after its affine map."""
    g = ACTIVATIONS[config.activation]
    steps = {"batch": (BATCH_NORM, g), "scale": (g, SCALE), "none": (g,)}[config.norm]
    return (*steps, SKIP) if add_input else steps


def observed(network: mlp.Network, x: np.ndarray, t: np.ndarray) -> tuple[dict[str, list[float]], list[mlp.Layer]]:
    """What one mini-batch shows of each hidden layer, the lowest first, and the gradients of the parameters.

    `gradient`  log10 of the sum of the squared gradient for the layer's output, over all examples and units
    `weights`   log10 of the same sum for the layer's weights
    `spread`    log10 of the standard deviation of x = Wu over the examples, the root mean square over the units
    `loss`      the loss of the mini-batch, the same in each row
    """
    sums: list[float] = []

    def look(dz: np.ndarray, _: None) -> np.ndarray:
        """The gradient as it is; the sum of its squares is kept."""
        sums.append(square_sum(dz))
        return dz

    window = Activation(lambda z: (z, None), look)  # a last step that lets everything through, and sees the gradient
    watched = [mlp.Layer(p.w, p.b, p.gamma, p.beta, (*p.steps, window)) for p in network[:-1]] + network[-1:]
    loss, gradients, tape = mlp.loss_and_gradients(watched, x, t)
    spread = [np.sqrt(trace.x.var(0, dtype=float).mean()) for trace in tape.hidden]
    rows = {"gradient": sums[::-1], "weights": [square_sum(layer.w) for layer in gradients[:-1]], "spread": spread}
    with np.errstate(divide="ignore"):
        seen = {name: [six_digits(np.log10(value)) for value in values] for name, values in rows.items()}
    return {**seen, "loss": [six_digits(loss)] * len(sums)}, gradients


def square_sum(values: np.ndarray) -> float:
    """The sum of the squares, in float64."""
    return float(np.sum(np.square(values, dtype=float)))


def six_digits(value: float | np.floating) -> float:
    """The number with six digits; float32 has hardly more."""
    return float(f"{value:.6g}")


def measured_growth(gradient: list[float] | np.ndarray, margin: int = 5) -> float | np.ndarray:
    """The factor a layer by which squared gradients grow on the way down, from log10 values, the lowest layer first.

    gradient is `(..., layers)`. The factor is the mean one between layer 1 + margin and as many layers below the top:
    the layers near the digits are still under their influence.
    """
    gradient = np.asarray(gradient)
    low, high = margin, gradient.shape[-1] - 1 - margin
    if low >= high:
        raise ValueError(f"gradient has {gradient.shape[-1]} layers; expected more than {2 * margin + 1}, or a margin "
                         f"below {margin}")
    return 10 ** ((gradient[..., low] - gradient[..., high]) / (high - low))


def run(config: Config, progress: Progress | None = None) -> runs.Run:
    """Make a network, train it where config asks for it, and observe it after each of `config.records` steps.

    A row for each hidden layer at each of these moments, with the columns `step`, `layer` (1 is the lowest), and those
    of `observed`. A mini-batch is observed before its step.
    """
    return measure(config, config.records, progress)


def measure(config: Config, rows: tuple[int, ...], progress: Progress | None = None) -> runs.Run:
    """The run of a configuration, observed after each of these steps; the training ends with the last of them."""
    start = time.perf_counter()
    (x, t), _, sha256 = binary_images(config.dataset, threshold=127)
    rng, order = np.random.default_rng(config.seed).spawn(2)
    network, batches = init(config, rng), minibatches(len(x), config.batch, order)
    columns: dict[str, list] = {name: [] for name in TOLERANCE}
    with np.errstate(all="ignore"):  # a training that diverges is recorded as it is
        for step in range(rows[-1] + 1):
            i = next(batches)
            if step in rows:
                seen, gradients = observed(network, x[i], t[i])
                place = {"step": [step] * config.depth, "layer": list(range(1, config.depth + 1))}
                for name, values in (place | seen).items():
                    columns[name] += values
            else:
                _, gradients, _ = mlp.loss_and_gradients(network, x[i], t[i])
            mlp.sgd_step(network, gradients, config.lr)
            tell(progress, step + 1, rows[-1] + 1)
    return recorded_run(config, columns, data=config.dataset, sha256=sha256, seconds=time.perf_counter() - start)


def replay(recorded: runs.Run, steps: int) -> runs.Run:
    """A recorded run again, to its last row within ten steps at most: in the training after, rounding grows."""
    config = from_record(Config, recorded.config)
    return measure(config, tuple(step for step in config.records if step <= min(steps, 10)))
