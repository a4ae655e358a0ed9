"""Dead channels: a channel of a batch norm passes something on, or receives a gradient."""

from collections.abc import Iterator

from bncourse.doctor.norms import CLASSES
from bncourse.doctor.report import Finding, finding
from bncourse.doctor.step import Step

SMALL = 1e-6


def dead(step: Step) -> Iterator[Finding]:
    """Batch norms with channels whose gamma is 0 and neither gamma nor beta has a gradient: dead-channels, a risk.

    A gamma of 0 that has a gradient, at the end of a residual branch, is a healthy way to begin.
    """
    shares = {}
    for path in dict.fromkeys(entry.path for entry in step.entries if entry.by_batch):
        module = step.model.get_submodule(path)
        if not isinstance(module, CLASSES) or module.weight is None or module.weight.grad is None:
            continue
        still = module.weight.grad == 0
        if module.bias is not None and module.bias.grad is not None:
            still &= module.bias.grad == 0
        gone = still & (module.weight.abs() <= SMALL)
        if gone.any():
            shares[path] = int(gone.sum()), len(gone)
    if shares:
        layers = sorted(shares, key=lambda path: shares[path][0] / shares[path][1], reverse=True)
        count, channels = shares[layers[0]]
        yield finding(
            "dead-channels",
            layers,
            "risk",
            f"{count} of {channels} channels of {layers[0]} have gamma 0, and no gradient reaches gamma or beta",
        )
