"""Whether measured statistics would help a network that has none: it may have been trained in eval(), and be right.

A batch norm that has never run in train() has mean 0 and variance 1, and in eval() it only scales and shifts. Where
the statistics were lost, measuring them repairs the network; where it was trained like that, measuring spoils it. The
numbers look the same; labels tell.
"""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from bncourse.doctor.loader import batches
from bncourse.doctor.norms import batch_norms
from bncourse.doctor.patient import Patient, duplicated, random_states_kept
from bncourse.doctor.probes.fresh import is_new
from bncourse.doctor.probes.statistics import measuring
from bncourse.doctor.stored import stored_of

UNKNOWN = (
    "no batch norm has other statistics than those that it was made with; if the network was trained in eval(), it is "
    "right as it is, and only a loader with labels of classes tells"
)


def reason_against(model: nn.Module, loader: Iterable, measure: Callable[[nn.Module], object]) -> str:
    """Why the statistics of a model are better left as they are; "" where nothing speaks against measuring them.

    `measure` measures those of a copy in place. Only a network all of whose statistics are as they were made is tried.
    """
    if not untouched(model, loader):
        return ""
    copy = duplicated(model)
    measure(copy)
    before, after = (share_right(each, loader) for each in (model, copy))
    if before is None or after is None:
        return UNKNOWN
    if after > before:
        return ""
    return (
        f"in eval() {before:.0%} of the loader's labels are right as it is, and {after:.0%} would be with statistics "
        "of the data: it was trained in eval()"
    )


def untouched(model: nn.Module, loader: Iterable) -> bool:
    """Whether every batch norm of a model, of any kind, still has the mean 0 and variance 1 that it was made with."""
    if any(layer.complete and not is_new(layer) for layer in stored_of(model)):
        return False
    with random_states_kept():
        patient = Patient(model, next(batches(loader, model))[0])
        measured = measuring(patient, batch_norms(patient))
        with torch.no_grad(), measured:
            patient.call(measured.model)
    return measured.untouched


def share_right(model: nn.Module, loader: Iterable) -> float | None:
    """The share of a loader's labels, from 0 to 1, that have the largest of the model's outputs in eval().

    None where there are no labels, or where an output is no score `(N, K)` for each of K classes.
    """
    right = count = 0
    with random_states_kept(), torch.no_grad():
        patient = Patient(model)
        served = patient.copy(training=False)
        for x, labels in batches(loader, model):
            scores = patient.call(served, x)
            if labels is None or not scores_of_classes(scores, labels):
                return None
            right += int((scores.argmax(1) == labels.to(scores.device)).sum())
            count += len(labels)
    return right / count


def scores_of_classes(scores, labels: Tensor) -> bool:
    """Whether a model's output may be scores `(N, K)` for labels `(N,)` from 0 to K - 1."""
    fits = isinstance(scores, Tensor) and scores.dim() == 2 and len(scores) == len(labels)
    return fits and 0 <= int(labels.min()) and int(labels.max()) < scores.shape[1]
