"""How a network is trained: every number that the result depends on, and nothing about the network or the data.

What section 4.2.1 says of the rate is written as rules: a learning rate that decays "6 times faster" is
`replace(recipe, decay_speed=6 * recipe.decay_speed)`, and five times the learning rate is `lr=5 * recipe.lr`.
"""

import math
from dataclasses import dataclass, fields

PRECISIONS = ("float32", "bf16")
COUNTS = ("steps", "batch", "decay_steps", "devices")
OPTIONAL_COUNTS = ("evaluate_every", "checkpoint_every", "threads")  # or None
LARGEST_FACTOR = 3e38  # of a tensor in float32
MOST_STEPS = 999_999_999  # as a checkpoint's name has nine digits
LARGEST_SEED = 2**32 - 1  # a larger one is two words to NumPy, and other seeds then share their random numbers


class RecipeError(ValueError):
    """A recipe with a value that cannot be; the message names the field."""


@dataclass(frozen=True)
class Recipe:
    """How a network is trained: stochastic gradient descent with momentum, its schedule, and how it is computed.

    A recipe is frozen; `dataclasses.replace` makes another. Gradients are never clipped.

    steps, batch:      steps to take; examples in each, over all devices together
    lr, momentum:      v = momentum v + dw, then w = w - lr v
    decay:             lr is multiplied by this every `decay_steps` steps, at once or, with `smooth_decay`, in
                       equal parts at each step; `decay_speed` times as often (6 in section 4.2.1)
    weight_decay:      L2: weight_decay w is added to dw. gamma, beta and biases are excluded unless `decay_everything`
    precision:         "float32", or "bf16": products in bfloat16 (autocast), weights and statistics in float32
    channels_last:     images and weights lie in memory with their channels innermost
    compiled:          the network goes through torch.compile
    seed:              seeds what the network itself draws, such as Dropout
    evaluate_every:    steps between rows of the columns; None for one row, at the end
    early_rows:        rows after steps 1, 2, 5, 10, 20, 50 and 100 as well, of the loss alone, by which a training
                       can be compared with a repetition of its beginning
    checkpoint_every:  steps between checkpoints; None for one, at the end
    sync_batchnorm:    batch norm over the mini-batches of all devices, instead of over each device's own
    devices:           processes that share each mini-batch, one for each device
    threads:           threads of each process on the CPU; None leaves what the environment says

    Raises TypeError where a field has another type, and RecipeError where its value cannot be; both name the field.
    """

    steps: int
    batch: int = 32
    lr: float | int = 0.0015
    momentum: float | int = 0.9
    decay: float | int = 1.0
    decay_steps: int = 1
    decay_speed: float | int = 1
    smooth_decay: bool = False
    weight_decay: float | int = 0.0
    decay_everything: bool = False
    precision: str = "float32"
    channels_last: bool = False
    compiled: bool = False
    seed: int = 0
    evaluate_every: int | None = None
    early_rows: bool = False
    checkpoint_every: int | None = None
    sync_batchnorm: bool = False
    devices: int = 1
    threads: int | None = None

    def __post_init__(self):
        for field in fields(self):
            check_type(field.name, getattr(self, field.name), field.type)
        for name in COUNTS + OPTIONAL_COUNTS:
            value = getattr(self, name)
            check(name, value, value is None or 1 <= value <= MOST_STEPS, f"1 or more, and at most {MOST_STEPS:,}")
        check("lr", self.lr, 0 < self.lr <= LARGEST_FACTOR, f"a positive number, at most {LARGEST_FACTOR:g}")
        check("momentum", self.momentum, 0 <= self.momentum < 1, "0 or more, and below 1")
        check("decay", self.decay, 0 < self.decay <= 1, "a factor above 0, at most 1, where 1 keeps lr as it is")
        check("decay_speed", self.decay_speed, 0 < self.decay_speed < math.inf, "a positive number")
        check("weight_decay", self.weight_decay, 0 <= self.weight_decay <= LARGEST_FACTOR,
              f"0 or more, and at most {LARGEST_FACTOR:g}")
        check("precision", self.precision, self.precision in PRECISIONS, " or ".join(map(repr, PRECISIONS)))
        check("seed", self.seed, 0 <= self.seed <= LARGEST_SEED, f"0 or more, and at most {LARGEST_SEED:,}")
        check("batch", self.batch, self.batch % self.devices == 0,
              f"a multiple of devices, which is {self.devices}, so that each takes as many examples")

    @property
    def batch_per_device(self) -> int:
        """The number of examples in the mini-batch of one device."""
        return self.batch // self.devices

    def learning_rate(self, step: int) -> float:
        """The learning rate of the step that follows `step` others; `learning_rate(0)`, that of the first, is lr."""
        age = self.decay_speed * step / self.decay_steps
        return self.lr * self.decay ** (age if self.smooth_decay else math.floor(age))


def check(name: str, value, right: bool, expected: str) -> None:
    """Raises RecipeError, with the field's name, its value and what was expected, unless the value is right."""
    if not right:
        raise RecipeError(f"{name} is {value!r}; expected {expected}")


def check_type(name: str, value, kind) -> None:
    """Raises TypeError, naming the field, unless the value has the type `kind`. A bool does not count as a number."""
    if not isinstance(value, kind) or isinstance(value, bool) != (kind is bool):
        names = str(getattr(kind, "__name__", kind)).replace(" | ", " or ")
        raise TypeError(f"{name} is {value!r} of type {type(value).__name__}; expected {names}")
