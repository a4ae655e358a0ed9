"""Dead channels: a channel of a batch norm passes something on, or receives a gradient."""

from collections.abc import Iterator

from torch import Tensor, nn

from bncourse.doctor.report import Finding, finding
from bncourse.doctor.step import Step


def dead(step: Step) -> Iterator[Finding]:
    """Batch norms with channels that are constant at their output and whose parameters get no gradient: dead-channels.

    A risk. A gamma of 0 that has a gradient, at the end of a residual branch, is a healthy way to begin.
    """
    shares = {}
    for path in dict.fromkeys(entry.path for entry in step.entries if entry.by_batch):
        still = step.still.get(path)
        if still is None or not still.any() or still.all():
            continue
        gone = still & without_gradient(step.model.get_submodule(path), len(still))
        if gone.any():
            shares[path] = int(gone.sum()), len(gone)
    if shares:
        layers = sorted(shares, key=lambda path: shares[path][0] / shares[path][1], reverse=True)
        count, channels = shares[layers[0]]
        yield finding(
            "dead-channels",
            layers,
            "risk",
            f"{count} of {channels} channels of {layers[0]} are constant, and no gradient reaches their gamma or beta",
        )


def without_gradient(module: nn.Module, channels: int) -> Tensor:
    """In which channels none of the parameters of a batch norm has a gradient; in none where there is no parameter."""
    vectors = [p for p in module.parameters(recurse=False) if p.numel() == channels and p.grad is not None]
    if not vectors:
        return next(module.parameters(), next(module.buffers())).new_zeros(channels).bool()
    gone = vectors[0].grad.flatten() == 0
    for p in vectors[1:]:
        gone = gone & (p.grad.flatten() == 0)
    return gone
