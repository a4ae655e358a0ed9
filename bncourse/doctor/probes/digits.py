"""Digits: the mean of a channel is not many times its standard deviation, or float32 has none left for it."""

from collections.abc import Iterator

import torch

from bncourse.doctor.report import Finding, finding
from bncourse.doctor.step import Step

LIMIT = {torch.float64: 1e7, torch.float32: 1e3}  # 30 in half precision


def digits(step: Step) -> Iterator[Finding]:
    """Batch norms whose input has a mean above 1000 standard deviations in float32: digits-lost, a risk."""
    ratios = {}
    for entry in step.entries:
        rows = entry.rows.double()
        mean, std = rows.mean(0).abs(), rows.std(0, unbiased=False)
        varies = std > 0
        if varies.any():
            ratio = float((mean[varies] / std[varies]).max())
            if ratio > LIMIT.get(entry.rows.dtype, 30):
                ratios[entry.path] = max(ratio, ratios.get(entry.path, 0))
    if ratios:
        layers = sorted(ratios, key=ratios.get, reverse=True)
        yield finding(
            "digits-lost",
            layers,
            "risk",
            f"in a channel of {layers[0]} the mean is {ratios[layers[0]]:,.0f} times the standard deviation, in "
            f"{str(step.of(layers[0])[0].rows.dtype).removeprefix('torch.')}",
        )
