"""`examine`: the probes in their order, and sentences for what cannot be examined."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.optim.swa_utils import AveragedModel
from torch.utils._pytree import tree_leaves

from bncourse.doctor.checkpoint import examine_held
from bncourse.doctor.loader import batches, checked, smallest
from bncourse.doctor.norms import Norm, batch_norms
from bncourse.doctor.patient import Patient, examples, random_states_kept
from bncourse.doctor.probes.bias import bias
from bncourse.doctor.probes.company import company
from bncourse.doctor.probes.conventions import conventions
from bncourse.doctor.probes.dead import dead
from bncourse.doctor.probes.depth import depth
from bncourse.doctor.probes.digits import digits
from bncourse.doctor.probes.dropout import dropout
from bncourse.doctor.probes.frozen import frozen
from bncourse.doctor.probes.gradient import gradient
from bncourse.doctor.probes.labels import labels
from bncourse.doctor.probes.padding import padding
from bncourse.doctor.probes.shared import shared
from bncourse.doctor.probes.statistics import Measured, measuring, statistics
from bncourse.doctor.probes.twice import twice
from bncourse.doctor.probes.values import values
from bncourse.doctor.report import Finding, Report, finding, joined
from bncourse.doctor.step import Step, training_step

ONE_VALUE = "more than 1 value per channel"  # what PyTorch and this package say of a batch of one


def examine(model: nn.Module, batch=None, *, loader=None, optimizer=None, seed: int = 0) -> Report:
    """What is wrong with the batch norms of a model, as a `Report`.

    model       any PyTorch model: batch norms of PyTorch, of this package, functional ones, and hand-written ones
    batch       what the model is called with: a tensor, a tuple of positional arguments, or a dict of keyword
                arguments, of at least two examples that differ. Without one only modes and stored numbers are examined
    loader      mini-batches of training, each such a batch or a pair of one and labels; a DataLoader or a list. With
                it the stored statistics are compared with the data, and the labels with the mini-batches
    optimizer   the optimizer of the training, whose weight decay is looked at
    seed        of the random numbers that passes draw

    Hand the model over as it is trained, in train() with its frozen parts in eval(), or as it is served, in eval().
    Nothing of it is changed, not even by an error: every pass runs on a copy, and random states are put back.

    Raises TypeError where `model` is no module or `loader` cannot be gone through twice, and ValueError where the model
    cannot run on the batch, with what it raised, and where the loader is empty.
    """
    check_model(model)
    if loader is not None:
        checked(loader)
    with random_states_kept():
        if batch is None and loader is not None:
            batch = next(iter(batches(loader, model)))[0]
        patient = Patient(model, batch, seed)
        norms = batch_norms(patient)
        remarks: list[str] = []
        held = [f for f in examine_held(model, optimizer) if f.name != "averaged-weights" or loader is None]
        found = [*held, *of_the_batch(patient, norms, loader, remarks)]  # a loader tells more of averaged weights
    return Report(tuple(joined(found)), tuple(remarks), len(norms))


def check_model(model) -> None:
    """Raises TypeError or ValueError, in a sentence, where a model is none that can be examined."""
    if not isinstance(model, nn.Module):
        raise TypeError(f"model is a {type(model).__name__}; expected a torch.nn.Module")
    if isinstance(model, torch.jit.ScriptModule):
        raise ValueError("model is scripted, which hides its layers; examine it before torch.jit.script or trace")
    lazy = [name for name, p in model.named_parameters() if is_lazy(p)]
    if lazy:
        raise ValueError(f"{lazy[0]} is lazy, with no shape yet; pass a batch through the model first")


def of_the_batch(patient: Patient, norms: dict[str, Norm], loader, remarks: list[str]) -> Iterator[Finding]:
    """The findings of all probes that let the model run; `remarks` takes in what could not be done, and why."""
    if patient.batch is None:
        yield from company(patient, norms)
        return
    try:
        yield from company(patient, norms)
    except Exception as error:
        raise ValueError(cannot_run(patient, error)) from error
    yield from conventions(patient, norms)
    yield from gradient(patient, norms)
    step = stepped(patient, norms, remarks)
    if isinstance(step, Finding):
        yield step
        return
    measured, last = None, None
    if loader is not None:
        measured, last, told = read(patient, norms, loader, remarks)
        yield from labels(told, list(norms), patient.seed)
    if step is None:
        return
    count = examples(patient.batch)
    yield from frozen(patient, step)
    yield from values(step, count, last)
    for probe in (twice, shared, bias, digits, depth, dead):
        yield from probe(step)
    yield from padding(step, count)
    dropped = list(dropout(patient, norms))
    yield from dropped
    if measured is not None:
        explained = {path for f in dropped for path in f.layers}
        still = {path for path in norms if not any(e.by_batch for e in step.of(path))}
        yield from statistics(measured, isinstance(patient.model, AveragedModel), still, explained)


def stepped(patient: Patient, norms: dict[str, Norm], remarks: list[str]) -> Step | Finding | None:
    """A step of training; or the finding that a channel has one value; or None, and a remark on what it raised."""
    step = Step(patient.copy(training=True), norms)
    try:
        return training_step(patient, step)
    except Exception as error:
        if ONE_VALUE in str(error) and step.entries:
            return finding("one-value-per-channel", [step.entries[-1].path], "fault", f"in train() it raises '{error}'")
        remarks.append(f"Not examined in training: {cannot_run(patient, error)}")
        return None


def read(patient: Patient, norms: dict[str, Norm], loader, remarks: list[str]) -> tuple[Measured, int, list]:
    """What a loader shows: the measured statistics, the size of its smallest mini-batch, and the labels of each."""
    measured, told, seen, sizes = measuring(patient, norms), [], 0, []
    with torch.no_grad(), measured:
        for x, answers in batches(loader, patient.model, patient.batch):
            seen += 1
            sizes.append(examples(x))
            if answers is not None and len(answers) == sizes[-1]:
                told.append(answers.cpu().numpy())
            try:
                patient.call(measured.model, x)
            except Exception as error:
                if ONE_VALUE not in str(error):
                    raise ValueError(f"mini-batch {seen} of the loader: {cannot_run(patient, error, x)}") from error
    if hasattr(loader, "__len__") and seen < len(loader):
        remarks.append(f"The loader ended after {seen} of {len(loader)} mini-batches; its statistics are of those.")
    return measured, smallest(loader, min(sizes)), told


def cannot_run(patient: Patient, error: Exception, batch=None) -> str:
    """A sentence: what the model raised, on which batch, if not the patient's own, and where its parameters are."""
    tensors = [t for t in tree_leaves(patient.batch if batch is None else batch) if isinstance(t, Tensor)]
    given = ", ".join(f"{tuple(t.shape)} {t.dtype} on {t.device}" for t in tensors) or "no tensor"
    held = sorted({f"{p.dtype} on {p.device}" for p in patient.model.parameters()})
    return (
        f"the model raised {type(error).__name__} on the batch ({error}); the batch has {given}, the parameters are "
        f"{', '.join(held) or 'none'}; expected what the model is called with, as a tensor or a tuple of arguments"
    )
