"""Statistics for inference (section 3.1): over the population, by Algorithm 2, or by moving averages.

`Population` streams over training mini-batches after training, with the parameters frozen. `MovingAverage`
follows the mini-batches during training, which is cheaper, lags, and is what the frameworks do.
"""

import numpy as np
from jaxtyping import Float, Shaped

from bncourse.kernels.normalize import batch_statistics

Array = np.ndarray


class Population:
    """Mean and variance of each channel over mini-batches of any sizes, in float64.

    A mini-batch has m values in each channel: N of them when x is `(N, C)`, N times the locations when x is
    `(N, C, *spatial)`. With equal m, `mean` and `var` are Algorithm 2's, lines 10 and 11, to the letter. With
    ragged mini-batches each counts for the mean by its m and for the variance by its m - 1, which
    keeps both unbiased and lets a last mini-batch of one example pass.
    """

    def __init__(self):
        self.batches = 0
        self.values = 0
        self._mean = 0.0
        self._within = 0.0
        self._between = 0.0

    def update(self, x: Shaped[Array, "N C *spatial"]) -> None:
        """Take in one mini-batch. Raises ValueError when it is empty or has another number of channels."""
        if x.size == 0:
            raise ValueError(f"x has shape {x.shape}: no values to average; leave empty mini-batches out")
        mean, var = batch_statistics(x.astype(np.float64, copy=False))
        m = x.size // x.shape[1]
        self._add(1, m, mean, m * var, 0.0)

    def merge(self, other: "Population") -> "Population":
        """Take in all that other has seen, as if its mini-batches had come here; returns self."""
        if other.batches:
            self._add(other.batches, other.values, other._mean, other._within, other._between)
        return self

    def _add(self, batches: int, m: int, mean: Array, within: Array, between: Array | float) -> None:
        """Chan's update: sums of squares add, plus what the two means differ by."""
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
        return self._mean

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
