"""Statistics for inference (section 3.1): over the population, by Algorithm 2, or by moving averages.

`Population` takes in training mini-batches one after the other, after training, with the parameters frozen.
`MovingAverage` follows the mini-batches during training. That is cheaper, but the averages lag behind the network. It
is what the frameworks do, each with its own conventions (`CONVENTIONS`).

The letters of the shapes: N examples, C channels, `*spatial` the places of a map; m values in each channel.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from bncourse.kernels.arguments import check_array
from bncourse.kernels.normalize import batch_statistics

Array = np.ndarray


class Population:
    """Mean and variance of each channel over mini-batches of any sizes, in float64.

    A mini-batch has m values in each channel: N of them when x is `(N, C)`, N times the number of places when x is
    `(N, C, *spatial)`. Where m is the same for all mini-batches, `mean` and `var` are exactly those of Algorithm 2,
    line 10. Otherwise each mini-batch counts for the mean with weight m and for the variance with weight m - 1. Both
    stay unbiased by that, and a last mini-batch of a single example does no harm.
    """

    def __init__(self):
        self.batches = 0
        self.values = 0
        self._mean = 0.0
        self._within = 0.0
        self._between = 0.0

    def update(self, x: Array) -> None:
        """Take in a mini-batch x, `(N, C)` or `(N, C, *spatial)`, of any floating-point dtype.

        Raises ValueError for an empty x, and for another number of channels than the mini-batches before had.
        """
        check_array(x=x)
        if x.ndim < 2 or x.size == 0:
            raise ValueError(f"x has shape {x.shape}; expected (N, C) or (N, C, *spatial), and not empty")
        mean, var = batch_statistics(x.astype(np.float64, copy=False))
        m = x.size // x.shape[1]
        self._add(1, m, mean, m * var, 0.0)

    def merge(self, other: "Population") -> "Population":
        """Take in all that other has seen, as if its mini-batches had come here; returns self.

        So mini-batches can be shared out among processes. Raises ValueError where other has another number of
        channels.
        """
        if other.batches:
            self._add(other.batches, other.values, other._mean, other._within, other._between)
        return self

    def _add(self, batches: int, m: int, mean: Array, within: Array, between: Array | float) -> None:
        """Chan's update: the sums of squares of two parts add up, with a term for the distance of their means."""
        if self.batches and mean.shape != self._mean.shape:
            raise ValueError(f"got {mean.size} channels after {self._mean.size}; expected the same number")
        total = self.values + m
        shift = mean - self._mean
        self._between = self._between + between + np.square(shift) * (self.values * m / total)
        self._within = self._within + within
        self._mean = self._mean + shift * (m / total)
        self.batches += batches
        self.values = total

    @property
    def mean(self) -> Float[Array, "C"]:
        """`E[x] = E_B[mu_B]`: the mean of all values."""
        self._check(self.batches, "no mini-batch was seen; call update(x) first")
        return self._mean.copy()

    @property
    def var(self) -> Float[Array, "C"]:
        """`Var[x] = m/(m-1) E_B[sigma_B²]`, Algorithm 2's: the variance *within* mini-batches, unbiased.

        It misses how the mini-batches' means differ, which is nothing but noise for mini-batches drawn at
        random, and most of the variance for mini-batches sorted by class; see `total_var`.
        """
        freedom = self.values - self.batches
        self._check(freedom, "no mini-batch had two values per channel; the variance needs m >= 2")
        return self._within / freedom

    @property
    def total_var(self) -> Float[Array, "C"]:
        """Unbiased variance of all values pooled: within plus between (law of total variance).

        It does not depend on how the values were cut into mini-batches.
        """
        self._check(self.values > 1, "fewer than two values per channel were seen; the variance needs two")
        return (self._within + self._between) / (self.values - 1)

    def _check(self, enough: int | bool, otherwise: str) -> None:
        if not enough:
            raise ValueError(f"Population: {otherwise}")


class MovingAverage:
    """Moving averages of the mini-batches' mean and variance (section 3.1), started at 0 and 1 as in the frameworks.

    alpha is the weight of the *old* value, between 0 and 1; with None all updates have one weight (the cumulative
    mean). After 1/(1 - alpha) updates the weight of the start has fallen to about a third, after three times as many
    to 5 %. `mean` and `var` are the averages, `(C,)` once there was an update. Raises ValueError for an alpha that is
    out of range.
    """

    def __init__(self, alpha: float | int | None = 0.9):
        _check_weight("alpha", alpha, "old")
        self.alpha = alpha
        self.updates = 0
        self.mean: Array | float = 0.0
        self.var: Array | float = 1.0

    @classmethod
    def from_torch_momentum(cls, momentum: float | int | None) -> "MovingAverage":
        """As `torch.nn.BatchNorm*d` keeps its buffers: momentum weighs the *new* value, None is cumulative."""
        _check_weight("momentum", momentum, "new")
        return cls(None if momentum is None else 1 - momentum)

    def to_torch_momentum(self) -> float | None:
        """The momentum that makes `torch.nn.BatchNorm*d` forget as fast: `1 - alpha`."""
        return None if self.alpha is None else 1 - self.alpha

    def update(self, mean: Array, var: Array) -> None:
        """`average <- alpha average + (1 - alpha) new`, for the statistics `(C,)` of one mini-batch.

        The variance is kept as given. Algorithm 1's is biased; the paper's for inference is m/(m-1) of it,
        and the frameworks differ (`CONVENTIONS`). Raises ValueError where the shapes differ.
        """
        check_array(mean=mean, var=var)
        expected = mean.shape if self.updates == 0 else np.shape(self.mean)
        if not mean.shape == var.shape == expected:
            raise ValueError(f"mean has shape {mean.shape} and var {var.shape}; expected {expected} for both")
        self.updates += 1
        alpha = 1 - 1 / self.updates if self.alpha is None else self.alpha
        self.mean = alpha * self.mean + (1 - alpha) * mean
        self.var = alpha * self.var + (1 - alpha) * var


def _check_weight(name: str, value: float | int | None, of: str) -> None:
    if value is not None and not 0 <= value <= 1:
        raise ValueError(f"{name} is {value}; expected the weight of the {of} value, from 0 to 1, or None")


def expected_variance(rho: Array | Sequence[float | int] | float | int, m: int, pixels: int) -> Array | float:
    """The mean of the biased variance of m images of so many pixels, where the true variance is 1 (section 3.2).

    rho is the correlation between any two pixels of one image; different images are independent. Returns a value
    for each rho: 1 - 1/m for rho = 1, where an image is one number, and 1 - 1/(m pixels) for rho = 0.
    """
    return 1 - (1 + (pixels - 1) * np.asarray(rho)) / (m * pixels)


class Convention(NamedTuple):
    """How one framework keeps its moving averages; all normalize with the biased variance in training.

    `parameter` is the framework's name for the weight, and `weighs` says which value the weight multiplies, "old" or
    "new". `default` and `eps` are the values that are used when none is given; None means that there is no default.
    `running_var` is "biased" or "unbiased". `axis` is the axis of the channels. `one_value` says what training gives
    for a channel with m = 1. `checked` is the version in which all this was tried.
    """

    framework: str
    parameter: str
    weighs: str
    default: float | None
    eps: float | None
    running_var: str
    axis: int | None
    one_value: str
    checked: str

    def alpha(self, value: float | int | None = None) -> float:
        """The weight of the old value, for the framework's parameter (its default unless given)."""
        value = self.default if value is None else value
        if value is None:
            raise ValueError(f"{self.framework} has no default for {self.parameter}; expected a value")
        return value if self.weighs == "old" else 1 - value


CONVENTIONS = (
    Convention("PyTorch", "momentum", "new", 0.1, 1e-5, "unbiased", 1, "ValueError", "torch 2.13.0"),
    Convention("Keras", "momentum", "old", 0.99, 1e-3, "biased", -1, "beta", "keras 3.15.1"),
    Convention("TensorFlow fused", "exponential_avg_factor", "new", 1.0, 1e-3, "unbiased", -1, "beta on a CPU",
               "tensorflow 2.21.0"),
    Convention("Flax", "momentum", "old", 0.99, 1e-5, "biased", -1, "beta", "flax 0.12.8"),
    Convention("ONNX", "momentum", "old", 0.9, 1e-5, "biased", 1, "beta", "onnx 1.23.2"),
    Convention("cuDNN", "exponentialAverageFactor", "new", None, None, "unbiased", None, "NaN", "not run"),
)
