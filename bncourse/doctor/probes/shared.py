"""One layer, several inputs: a batch norm has one mean and one variance, which must suit all that passes through."""

from collections.abc import Iterator
from math import exp

import torch

from bncourse.doctor.report import Finding, finding
from bncourse.doctor.step import Entry, Step

OFFSET, RATIO = 0.5, 1.5  # standard deviations; of variances


def shared(step: Step) -> Iterator[Finding]:
    """Batch norms that a forward pass calls with inputs of different statistics: shared-by-different-inputs, a risk.

    The differences must exceed five times what chance explains; two views of the same kind of data are healthy.
    """
    distances = {}
    for path in dict.fromkeys(entry.path for entry in step.entries if entry.by_batch):
        first, *others = step.of(path)
        apart = [distance(first, other) for other in others if other.rows.shape[1] == first.rows.shape[1]]
        if apart:
            offset, ratio = max(d[0] for d in apart), max(d[1] for d in apart)
            chance = 5 / min(first.examples, *(other.examples for other in others)) ** 0.5
            if offset > max(OFFSET, chance) or ratio > max(RATIO, exp(chance)):
                distances[path] = offset, ratio, len(others) + 1
    if distances:
        layers = sorted(distances, key=lambda path: max(distances[path][0], distances[path][1] - 1), reverse=True)
        offset, ratio, calls = distances[layers[0]]
        yield finding(
            "shared-by-different-inputs",
            layers,
            "risk",
            f"{layers[0]} runs {calls} times in a forward pass, on inputs whose means are up to {offset:.1f} standard "
            f"deviations apart and whose variances differ by a factor of up to {ratio:,.3g}",
        )


def distance(some: Entry, others: Entry) -> tuple[float, float]:
    """How far two inputs are apart: the offset in standard deviations, and the factor between the variances.

    Both are root mean squares over channels, the second of logarithms.
    """
    (mean, var), (other_mean, other_var) = (
        (rows.mean(0), rows.var(0, unbiased=False) + 1e-5) for rows in (some.rows.double(), others.rows.double())
    )
    offset = ((mean - other_mean).square() / torch.maximum(var, other_var)).mean().sqrt()
    return float(offset), exp(float((var / other_var).log().square().mean().sqrt()))
