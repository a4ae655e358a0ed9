"""Bias: in front of a batch norm it is taken away with the mean, so that its gradient is 0 (section 3.2)."""

from collections.abc import Iterator

import torch
from torch import Tensor

from bncourse.doctor.report import Finding, finding
from bncourse.doctor.step import BiasGradient, Step

NOTHING = {torch.float64: 1e-9, torch.float32: 1e-4}  # of the gradient's size; 0.005 in half precision
OFFSET = 1e-6  # the same for an offset, of the largest gradient of all parameters
SOMETHING = 30  # times as much, for the sums within single examples


def bias(step: Step) -> Iterator[Finding]:
    """Linear layers whose bias has no gradient though their outputs have: wasted-bias, a note.

    In any wiring, and for offsets that somebody adds by hand as well: over the whole batch the gradient sums to 0 in
    each channel; within single examples it does not, as it would before instance norm, or for the keys of attention.
    """
    ratios = {}
    for path, sums in step.biases.items():
        dtype = step.model.get_submodule(path).bias.dtype
        ratio = wasted(sums, NOTHING.get(dtype, 5e-3))
        if ratio is not None:
            ratios[path] = ratio
    if ratios:
        seen = f"the gradient of the bias is at most {max(ratios.values()):.0e} of the sizes that it adds up"
        yield finding("wasted-bias", ratios, "note", seen)
    for path, offsets in (by_hand(step) if step.entries else {}).items():
        name, ratio = max(offsets.items(), key=lambda item: item[1])
        seen = f"the gradient of {path}.{name}".replace(" .", " ") + f" is {ratio:.0e} of the largest of all parameters"
        yield finding("wasted-bias", [path], "note", seen, f"bias=False, and no {', no '.join(offsets)}")


def by_hand(step: Step) -> dict[str, dict[str, float]]:
    """Modules of the owner's own classes that add a vector whose gradient is nothing beside those of all parameters.

    Maps each to the vectors' names with that ratio. A gradient of exactly 0 is that of a parameter without a use.
    """
    gradients = [p.grad.abs().max() for p in step.model.parameters() if p.grad is not None and p.grad.numel()]
    largest_of_all = float(max(gradients, default=0))
    found = {}
    for path, module in step.paths_of_owners():
        for name, p in module.named_parameters(recurse=False):
            vector = p.grad is not None and 1 < p.numel() == max(p.shape) and p.dtype == torch.float32
            if vector and 0 < float(p.grad.abs().max()) < OFFSET * largest_of_all:
                found.setdefault(path, {})[name] = float(p.grad.abs().max()) / largest_of_all
    return found


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
