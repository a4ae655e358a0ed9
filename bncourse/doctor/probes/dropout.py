"""Dropout before batch norm: what enters a batch norm has the same variance in train() and in eval() (Li et al. 2018).

Two passes in training mode differ by Dropout alone: in the second it does nothing. Where the variance that enters a
batch norm is larger in the first, the stored variance is too large for eval().
"""

from collections.abc import Iterator
from math import exp, log

import torch

from bncourse.doctor.norms import Norm
from bncourse.doctor.patient import Patient
from bncourse.doctor.report import Finding, finding
from bncourse.doctor.step import Step
from bncourse.doctor.watch import Called

DROPOUTS = {
    "dropout",
    "dropout_",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "feature_dropout",
    "alpha_dropout",
    "feature_alpha_dropout",
    "native_dropout",
}
RATIO = 1.1


class Dropped(Step):
    """The forward pass of a step, with Dropout or without it; `drops` counts its calls that drop anything."""

    def __init__(self, model, norms, on: bool):
        super().__init__(model, norms)
        self.on, self.drops = on, 0

    def function(self, path, called: Called):
        if called.name not in DROPOUTS:
            return super().function(path, called)
        before = called.args[0] if called.args else called.kwargs["input"]
        before = before.clone()
        result = called.run()
        self.drops += not torch.equal(before, result[0] if isinstance(result, tuple) else result)
        return result if self.on else before


def dropout(patient: Patient, norms: dict[str, Norm]) -> Iterator[Finding]:
    """Batch norms into which Dropout brings variance: dropout-before-batchnorm, a risk.

    The mean over channels of the logarithm of the ratio must exceed that of 1.1, by three standard errors.
    """
    on = forward(patient, norms, on=True)
    if not on.drops:
        return
    off = forward(patient, norms, on=False)
    ratios = {}
    for path in dict.fromkeys(entry.path for entry in on.entries if entry.by_batch):
        pairs = zip(on.of(path), off.of(path), strict=False)
        logs = torch.cat([(log_variance(a.rows) - log_variance(b.rows)) for a, b in pairs])
        logs = logs[torch.isfinite(logs)]
        if len(logs) > 1 and logs.mean() - 3 * logs.std() / len(logs) ** 0.5 > log(RATIO):
            ratios[path] = exp(float(logs.mean()))
    if ratios:
        layers = sorted(ratios, key=ratios.get, reverse=True)
        yield finding(
            "dropout-before-batchnorm",
            layers,
            "risk",
            f"the variance that enters {layers[0]} is {ratios[layers[0]]:.2f} times as large in train() as in eval()",
        )


def forward(patient: Patient, norms: dict[str, Norm], on: bool) -> Dropped:
    """A forward pass of a copy in training mode, with Dropout on or off."""
    watch = Dropped(patient.copy(training=True), norms, on)
    with torch.no_grad(), watch:
        patient.call(watch.model)
    return watch


def log_variance(rows: torch.Tensor) -> torch.Tensor:
    """The logarithm of the variance of each channel of rows `(positions, C)`."""
    return rows.double().var(0, unbiased=False).log()
