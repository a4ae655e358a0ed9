"""Stored statistics: they are those of the layer's inputs, with the weights as they are now (Algorithm 2).

A copy of the model reads the loader's mini-batches: batch norms normalize by the mini-batch, as in training, and all
else is as at inference. Mean and variance of what enters each batch norm are put together by the law of total variance.
"""

from collections.abc import Iterable, Iterator
from math import exp

import torch
from torch import Tensor, nn

from bncourse.doctor.norms import CLASSES, Norm
from bncourse.doctor.patient import Patient
from bncourse.doctor.report import Finding, finding
from bncourse.doctor.revealed import memory
from bncourse.doctor.watch import Called, Functional, Watch, first_tensor

# Offsets in standard deviations and factors between variances, root mean squares over channels: a risk, a fault.
OFFSETS, RATIOS = (0.3, 0.5), (1.5, 2.0)


class Moments:
    """Mean and variance `(C,)` of many values, taken in a mini-batch at a time, in float64."""

    def __init__(self):
        self.count, self.mean, self.squares = 0, 0.0, 0.0

    def update(self, x: Tensor, axis: int) -> None:
        """Takes in x, with channels along an axis: the law of total variance, as Chan et al. add up (1979)."""
        rows = x.detach().movedim(axis, -1).flatten(0, -2).double()
        mean = rows.mean(0)
        total = self.count + len(rows)
        offset = mean - self.mean
        self.squares = self.squares + (rows - mean).square().sum(0) + offset.square() * (self.count * len(rows) / total)
        self.mean = self.mean + offset * (len(rows) / total)
        self.count = total

    @property
    def var(self) -> Tensor:
        """The unbiased variance of all values."""
        return self.squares / max(self.count - 1, 1)


class Measured(Watch):
    """Measures what enters each batch norm: `moments`, and `stored`, the mean, variance and eps beside them.

    `buffers` are the names in the model of those that a module hands to `F.batch_norm`, by the module.
    """

    def __init__(self, model: nn.Module, norms: dict[str, Norm]):
        self.stored = {path: stored(norm, norm.of(model)) for path, norm in norms.items()}  # before modules have hooks
        self.norms, self.moments, self.buffers = norms, {}, {}
        self.names = {id(buffer): name for name, buffer in model.named_buffers()}
        super().__init__(model)

    def enter(self, path, module, args, kwargs):
        x = first_tensor(args, kwargs)
        if path in self.norms and self.stored[path] and x is not None:
            self.moments.setdefault(path, Moments()).update(x, self.norms[path].axis)

    def function(self, path, called: Called):
        known = Functional.of(called)
        if known is not None and path not in self.norms and known.running_mean is not None:
            with torch._C.DisableTorchFunction():
                self.stored.setdefault(path, (known.running_mean.clone(), known.running_var.clone(), known.eps))
                self.moments.setdefault(path, Moments()).update(known.input, 1)
                held = known.running_mean, known.running_var
                self.buffers.setdefault(path, tuple(self.names.get(id(statistic)) for statistic in held))
        return called.run()

    @property
    def untouched(self) -> bool:
        """Whether all that is stored is what layers are made with: mean 0 and variance 1."""
        kept = [pair for pair in self.stored.values() if pair]
        return all(bool((mean == 0).all() and (var == 1).all()) for mean, var, _ in kept)


def stored(norm: Norm, module: nn.Module) -> tuple[Tensor, Tensor, float] | None:
    """The mean and the variance that a batch norm remembers, copied, and its eps; None where it remembers none."""
    held = memory(norm, module)
    if not held.mean or not held.var:
        return None
    mean, var = (getattr(module, name).detach().flatten().double().clone() for name in (held.mean, held.var))
    eps = getattr(module, "eps", 1e-5)
    return mean, var, eps if isinstance(eps, float) else 1e-5


def serving(patient: Patient, norms: dict[str, Norm]) -> Measured:
    """A copy ready to be measured as it is served."""
    return Measured(patient.copy(training=False), norms)


def measuring(patient: Patient, norms: dict[str, Norm], functional: Iterable[str] = ()) -> Measured:
    """A copy ready to be measured: batch norms in the modes of training, and all other modules in eval mode.

    `functional` are the paths of modules that call `F.batch_norm` with statistics of their own: batch norms as well.
    """
    model = patient.copy(training=True)
    modes = {module: module.training for module in model.modules()}
    model.eval()
    for path, module in model.named_modules():
        if path in norms or path in functional or isinstance(module, CLASSES):
            module.training = modes[module]
    return Measured(model, norms)


def statistics(measured: Measured, served: Measured, averaged: bool, frozen: set[str],
               explained: set[str]) -> Iterator[Finding]:
    """Batch norms whose stored statistics are not those of the loader's data: stale-statistics.

    What enters a layer is `measured` behind layers that normalize by the mini-batch, and in a model that is `served`,
    behind layers that use what they have stored; the smaller distance counts. A fault from half a standard deviation,
    or a factor of 2 between the variances, on; a risk from 0.3 or 1.5 on, and for layers in `frozen`, which are
    meant to keep the statistics that they have. `averaged` says that the model is an average of weights, which has a
    name of its own; in `explained` layers another finding says why variances differ.
    """
    distances = {path: apart(moments, *measured.stored[path]) for path, moments in measured.moments.items()}
    for path in set(distances) & set(served.moments):
        other = apart(served.moments[path], *measured.stored[path])
        distances[path] = min(distances[path][0], other[0]), min(distances[path][1], other[1])
    distances |= {path: (distances[path][0], 1.0) for path in explained & set(distances)}
    for severity, layers in graded(distances, frozen).items():
        layers.sort(key=lambda path: max(distances[path][0], distances[path][1] - 1), reverse=True)
        offset, ratio = distances[layers[0]]
        yield finding(
            "averaged-weights" if averaged else "stale-statistics",
            layers,
            severity,
            f"{layers[0] or 'the model'}: the stored mean is {offset:.2g} standard deviations away from that of "
            f"{measured.moments[layers[0]].count:,} values, and the variance differs by a factor of {ratio:.3g}",
        )


def graded(distances: dict[str, tuple[float, float]], frozen: set[str]) -> dict[str, list[str]]:
    """The paths of the layers by severity, of those that are too far from the data."""
    grades = {}
    for path, (offset, ratio) in distances.items():
        for severity, most, factor in zip(("fault", "risk"), OFFSETS[::-1], RATIOS[::-1], strict=True):
            if not (offset < most and ratio < factor):
                grades.setdefault("risk" if path in frozen else severity, []).append(path)
                break
    return grades


def apart(moments: Moments, mean: Tensor, var: Tensor, eps: float) -> tuple[float, float]:
    """How far stored statistics are from measured ones: the offset in standard deviations, the factor of variances."""
    mean, var = mean.double().to(moments.mean), var.double().to(moments.mean)
    offset = ((mean - moments.mean).square() / (moments.var + eps)).mean().sqrt()
    logs = ((var + eps) / (moments.var + eps)).log()
    return float(offset), exp(min(float(logs.square().mean().sqrt()), 50.0))
