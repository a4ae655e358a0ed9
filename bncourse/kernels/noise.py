"""Steps of a hidden layer whose output depends on company or on chance: ghost norm, renorm, noisy norm, Dropout.

They are values for `mlp.Layer.steps`, as those of steps.py are. A step that draws random numbers keeps its generator;
`renorm` keeps its moving statistics, so each layer needs one of its own.

    layer.steps = (ghost_norm(16), RELU, Dropout(0.2, rng))
    layer.steps = (noisy_norm(16, rng), RELU)       batch norm with the noise that mini-batches of 16 would have

The letters of the shapes: N examples, M units.
"""

from typing import NamedTuple

import numpy as np

from bncourse.kernels import ghost, normalize, other_norms
from bncourse.kernels.steps import HasScale, Norm, Pair

Array = np.ndarray


def ghost_norm(virtual_batch_size: int) -> Norm:
    """Ghost batch norm with parts of this many examples; at inference, batch norm."""
    return Norm(lambda x, gamma, beta, eps: ghost.ghostnorm_forward(x, gamma, beta, virtual_batch_size, eps),
                ghost.ghostnorm_backward, normalize.batchnorm_inference)


def group_norm(groups: int) -> Norm:
    """Group norm of the units, in this many groups."""
    return Norm(lambda x, gamma, beta, eps: other_norms.groupnorm_forward(x, gamma, beta, groups, eps),
                other_norms.groupnorm_backward)


def noisy_norm(size: int, rng: np.random.Generator) -> Norm:
    """Batch norm with the noise of smaller mini-batches: x_hat is scaled and shifted at random, part by part.

    A mini-batch of `size` Gaussian values misses their mean by a Gaussian of variance 1 / size, and the logarithm of
    their standard deviation by one of variance 1 / (2 size). Here each part of so many examples gets such a shift and
    such a factor, drawn anew for each unit, part and step, in place of statistics of its own. The gradient takes them
    for constants. At inference it is batch norm.
    """

    def forward(x: Array, gamma: Array, beta: Array, eps: float | int) -> tuple[Array, tuple]:
        x_hat, cache = normalize.batchnorm_forward(x, np.ones_like(gamma), np.zeros_like(beta), eps)
        part = np.minimum(np.arange(len(x)) // size, max(len(x) // size - 1, 0))
        shape = (part[-1] + 1, x.shape[1])
        scale = 1 + rng.normal(0, np.sqrt(0.5 / size), shape)[part]
        noisy = x_hat * scale + rng.normal(0, np.sqrt(1 / size), shape)[part]
        return gamma * noisy + beta, (noisy, gamma * scale, cache)

    def backward(dy: Array, cache: tuple) -> tuple[Array, Array, Array]:
        noisy, scale, normalized = cache
        dx, _, _ = normalize.batchnorm_backward(dy * scale, normalized)
        return dx, (dy * noisy).sum(0), dy.sum(0)

    return Norm(forward, backward, normalize.batchnorm_inference)


def unsteady_norm(amount: float | int, rng: np.random.Generator) -> Norm:
    """Batch norm, and after gamma and beta noise whose distribution changes from step to step.

    For each unit and step a mean from -amount to amount and a standard deviation from 0 to amount are drawn, both
    uniformly; then each example's noise, from the Gaussian that has them (after Santurkar et al. 2018, section 2.1).
    The gradient takes the noise for a constant. At inference it is batch norm.
    """

    def forward(x: Array, gamma: Array, beta: Array, eps: float | int) -> tuple[Array, tuple]:
        y, cache = normalize.batchnorm_forward(x, gamma, beta, eps)
        mean, std = rng.uniform(-amount, amount, x.shape[1]), rng.uniform(0, amount, x.shape[1])
        return y + mean + std * rng.standard_normal(x.shape), cache

    return Norm(forward, normalize.batchnorm_backward, normalize.batchnorm_inference)


def renorm(r_max: float | int = 3, d_max: float | int = 5, momentum: float | int = 0.01) -> Norm:
    """Batch renormalization with moving statistics of its own, which start as those of the first mini-batch.

    r_max and d_max bound the correction; momentum is the weight of a new mini-batch in the moving statistics. At
    inference it is batch norm.
    """
    moving = {}

    def forward(x: Array, gamma: Array, beta: Array, eps: float | int) -> tuple[Array, object]:
        mean, var = normalize.batch_statistics(x)
        old = moving.setdefault("mean", mean), moving.setdefault("var", var)
        y, cache = normalize.batchrenorm_forward(x, gamma, beta, *old, r_max, d_max, eps)
        for name, was, new in zip(("mean", "var"), old, (mean, var), strict=True):
            moving[name] = was + momentum * (new - was)
        return y, cache

    return Norm(forward, normalize.batchrenorm_backward, normalize.batchnorm_inference)


class Dropout(NamedTuple):
    """In training each value is 0 with probability p, and divided by 1 - p otherwise; at inference it stays."""

    p: float
    rng: np.random.Generator

    def apply(self, layer: HasScale, values: list[Array], statistics: Pair | None, eps: float | int) -> tuple:
        """The values with zeros, and the factors that each was multiplied by; None in their place at inference."""
        x = values[-1]
        if statistics is not None:
            return x, None
        factors = (self.rng.random(x.shape) >= self.p) / (1 - self.p)
        return x * factors, factors

    def apply_backward(self, layer: HasScale, dy: Array, cache: object, gradients: dict) -> Array:
        """The gradient dy by the same factors."""
        return dy * cache
