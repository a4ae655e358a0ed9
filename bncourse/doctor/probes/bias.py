"""Bias: in front of a batch norm it is taken away with the mean, so that its gradient is 0 (section 3.2)."""

from collections.abc import Iterator

import torch
from torch import Tensor

from bncourse.doctor.report import Finding, finding
from bncourse.doctor.step import BiasGradient, Step

NOTHING = {torch.float64: 1e-9, torch.float32: 1e-4}  # of the gradient's size; 0.005 in half precision
SOMETHING = 30  # times as much, for the sums within single examples


def bias(step: Step) -> Iterator[Finding]:
    """Linear layers whose bias has no gradient though their outputs have: wasted-bias, a note.

    In any wiring: over the whole batch the gradient sums to 0 in each channel, and within single examples it does not,
    as it would before instance norm, or for the keys of attention.
    """
    ratios = {}
    for path, sums in step.biases.items():
        dtype = step.model.get_submodule(path).bias.dtype
        ratio = wasted(sums, NOTHING.get(dtype, 5e-3))
        if ratio is not None:
            ratios[path] = ratio
    if ratios:
        yield finding(
            "wasted-bias",
            ratios,
            "note",
            f"the gradient of the bias is {max(ratios.values()):.0e} of the gradient's size at the layer's output; "
            f"{sum(step.model.get_submodule(path).bias.numel() for path in ratios)} parameters in all",
        )


def wasted(sums: BiasGradient, nothing: float) -> float | None:
    """The largest ratio of the bias' gradient to the size of what it adds up, where it is nothing; else None."""
    alive = sums.size > 0
    if not alive.any() or not torch.isfinite(sums.size).all():
        return None
    ratio = float(largest(sums.total, sums.size, alive))
    within = float(largest(sums.by_example, sums.size, alive))
    return ratio if ratio < nothing and within > SOMETHING * max(ratio, nothing / 100) else None


def largest(some: Tensor, size: Tensor, alive: Tensor) -> Tensor:
    """The largest ratio of two vectors, over the channels that are alive."""
    return (some.abs()[alive] / size[alive]).max()
