"""`examine`: the probes in their order, and sentences for what cannot be examined."""

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import replace
from operator import length_hint

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.optim.swa_utils import AveragedModel
from torch.utils._pytree import tree_leaves

from bncourse.doctor.checkpoint import examine_held
from bncourse.doctor.handbook import HANDBOOK
from bncourse.doctor.loader import batches, checked, described, smallest
from bncourse.doctor.norms import CLASSES, Norm, batch_norms, captured, inside
from bncourse.doctor.patient import Patient, examples, random_states_kept
from bncourse.doctor.probes.bias import bias
from bncourse.doctor.probes.company import company
from bncourse.doctor.probes.conventions import conventions
from bncourse.doctor.probes.dead import dead
from bncourse.doctor.probes.depth import depth
from bncourse.doctor.probes.digits import digits
from bncourse.doctor.probes.dropout import dropout
from bncourse.doctor.probes.folds import folds
from bncourse.doctor.probes.frozen import frozen, frozen_by_mode
from bncourse.doctor.probes.gradient import gradient
from bncourse.doctor.probes.labels import labels
from bncourse.doctor.probes.padding import padding
from bncourse.doctor.probes.shared import shared
from bncourse.doctor.probes.statistics import measuring, serving, statistics
from bncourse.doctor.probes.twice import twice
from bncourse.doctor.probes.values import values
from bncourse.doctor.report import Finding, Report, finding, joined
from bncourse.doctor.revealed import memory
from bncourse.doctor.step import Step, training_step

ONE_VALUE = "more than 1 value per channel"  # what PyTorch and this package say of a batch of one

MEASURE_BY_HAND = (
    "from bncourse.doctor.repairs import repair  # which measures batch norms that somebody wrote as well\n"
    "repair(model, report, loader)"
)


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

    Raises TypeError where `model` is no module, `optimizer` no optimizer, or `loader` cannot be gone through twice, and
    ValueError where the model cannot run on the batch, with what it raised, and where the loader is empty.
    """
    check_model(model)
    check_optimizer(optimizer)
    if loader is not None:
        checked(loader)
    with random_states_kept(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what a model warns of, its owner has seen
        check_batch(batch)
        if batch is not None or loader is not None:
            check_numbers(model, batch)
        if batch is None and loader is not None:
            batch = next(iter(batches(loader, model)))[0]
        return Examination(Patient(model, batch, seed), loader, optimizer).report(model)


def check_model(model) -> None:
    """Raises TypeError or ValueError, in a sentence, where a model is none that can be examined."""
    if not isinstance(model, nn.Module):
        raise TypeError(f"model is {described(model)}; expected a torch.nn.Module")
    if isinstance(model, torch.jit.ScriptModule):
        raise ValueError("model is scripted, which hides its layers; examine it before torch.jit.script or trace")
    lazy = [name for name, p in model.named_parameters() if is_lazy(p)]
    if lazy:
        raise ValueError(f"{lazy[0]} is lazy, with no shape yet; pass a batch through the model first")


def check_optimizer(optimizer) -> None:
    """Raises TypeError where an optimizer is none."""
    if optimizer is not None and not isinstance(getattr(optimizer, "param_groups", None), list):
        raise TypeError(f"optimizer is {described(optimizer)}; expected a torch.optim.Optimizer")


def check_numbers(model: nn.Module, batch) -> None:
    """Raises ValueError where a model, or its batch, is on the device meta: nothing can be measured there."""
    held = {"the model": [*model.parameters(), *model.buffers()], "the batch": tree_leaves(batch)}
    for what, tensors in held.items():
        if any(isinstance(t, Tensor) and t.is_meta for t in tensors):
            raise ValueError(
                f"{what} is on the device meta, whose tensors have shapes and no numbers; expected one with numbers "
                "(model.to_empty(device='cpu'), then load_state_dict), or no batch and no loader, for the modes alone"
            )


def check_batch(batch) -> None:
    """Raises TypeError where a batch is nothing that a model can be called with, and ValueError where it is empty."""
    if batch is None:
        return
    if not isinstance(batch, Tensor | tuple | dict):
        raise TypeError(
            f"batch is {described(batch)}; expected a tensor, a tuple of arguments, or a dict of keyword arguments"
            + ("; torch.from_numpy makes a tensor" if type(batch).__module__ == "numpy" else "")
        )
    if not examples(batch):
        raise ValueError(f"batch is {described(batch)} without an example; expected at least one tensor with examples")


class Examination:
    """An examination of a patient, probe by probe; `remarks` takes in what could not be done, and why.

    `norms` are the patient's batch norms, `memories` what those that somebody wrote remember, and `functional` the
    calls of `F.batch_norm` by the modules that make them.
    """

    def __init__(self, patient: Patient, loader, optimizer):
        self.patient, self.loader, self.optimizer = patient, loader, optimizer
        capture, model = captured(patient) if examples(patient.batch) else None, patient.copy(training=True)
        self.norms = batch_norms(patient, capture)
        self.calls, self.functional = (capture.calls, capture.functional) if capture else ({}, {})
        self.memories = {path: memory(norm, norm.of(model)) for path, norm in self.norms.items() if norm.by_hand}
        self.remarks: list[str] = []

    def report(self, model: nn.Module) -> Report:
        """All findings, with the paths of layers in `model`, as it was handed over."""
        share, before = examples(self.patient.batch) or None, self.patient.prefix
        by_hand = {before + path: held for path, held in self.memories.items()}
        functional = {before + path: called for path, called in self.functional.items()}
        if self.optimizer is not None and not trains(self.optimizer, model):
            self.remarks.append("The optimizer holds no parameter of the model; expected the one that trains it.")
        held = list(examine_held(model, self.optimizer, by_hand, functional, share))
        if self.loader is not None:  # which tells more of averaged weights than their presence
            held = [each for each in held if each.name != "averaged-weights"]
        found = self.of_the_batch() if share else self.of_the_modes()
        named = [replace(each, layers=tuple(before + path for path in each.layers)) for each in found]
        found = [fitting(each, model) for each in joined([*held, *named])]
        return Report(tuple(found), tuple(self.remarks), len(self.found()))

    def found(self) -> set[str]:
        """The paths of all batch norms: a module inside another one that never runs itself is a part of that one."""
        paths = self.norms.keys() | self.functional
        run = {path for path in paths if path in self.functional or self.norms[path].arguments is not None}
        return {path for path in paths if path in run or not any(inside(path, outer) for outer in run)}

    def of_the_modes(self) -> Iterator[Finding]:
        """The findings of the probes that need no batch."""
        yield from company(self.patient, self.norms)
        yield from frozen_by_mode(self.patient)

    def of_the_batch(self) -> Iterator[Finding]:
        """The findings of all probes that let the model run."""
        self.look_at_the_batch()
        yield from company(self.patient, self.norms)
        yield from conventions(self.norms, self.memories)
        yield from gradient(self.patient, self.norms)
        yield from folds(self.patient, self.calls)
        read = self.read() if self.loader is not None else None
        step, dropped = self.step(), []
        if isinstance(step, Finding):
            yield step
        elif step is not None:
            yield from self.of_the_step(step, read)
            dropped = list(dropout(self.patient, self.norms))
            yield from dropped
        if read is not None:
            by_batch = {entry.path for entry in step.entries if entry.by_batch} if isinstance(step, Step) else None
            yield from read.findings(by_batch, {path for each in dropped for path in each.layers})

    def read(self) -> "Read":
        """What the loader shows."""
        return Read(self.patient, self.norms, self.functional, self.loader, self.remarks)

    def look_at_the_batch(self) -> None:
        """Lets a copy run at inference; raises ValueError where it cannot, and remarks on a batch that tells little."""
        batch, model = self.patient.batch, self.patient.copy(training=False)
        try:
            with torch.no_grad():
                self.patient.call(model)
        except Exception as error:
            if ONE_VALUE not in str(error):
                raise ValueError(cannot_run(self.patient, error)) from error
        tensors = [t for t in tree_leaves(batch) if isinstance(t, Tensor) and t.is_floating_point()]
        if any(not torch.isfinite(t).all() for t in tensors):
            self.remarks.append(
                "The batch holds NaN or infinity; expected numbers. What follows from them is no finding."
            )
        if examples(batch) == 1:
            self.remarks.append("The batch has one example; with several that differ more can be seen.")
        elif all(torch.equal(t, t[:1].expand_as(t)) for t in tensors if t.dim()) and tensors:
            self.remarks.append("All examples of the batch are equal; with several that differ more can be seen.")

    def step(self) -> Step | Finding | None:
        """A step of training; or the finding that a channel has one value; or None, and a remark on what it raised."""
        step = Step(self.patient.copy(training=True), self.norms)
        try:
            return training_step(self.patient, step)
        except Exception as error:
            if ONE_VALUE in str(error) and step.entries:
                layers = [step.entries[-1].path]
                return finding("one-value-per-channel", layers, "fault", f"in train() it raises '{error}'")
            self.remarks.append(f"Not examined in training: {cannot_run(self.patient, error)}")
            return None

    def of_the_step(self, step: Step, read: "Read | None") -> Iterator[Finding]:
        """The findings in a step of training, for mini-batches of the size of the batch, or of those that were read."""
        count = examples(self.patient.batch)
        yield from frozen(self.patient, step, self.optimizer is not None)
        yield from values(step, count, *(read.sizes if read else ()))
        for probe in (twice, shared, bias, digits, depth, dead):
            yield from probe(step)
        yield from padding(step, count)


class Read:
    """What a loader shows: the statistics that its mini-batches have, their sizes, and their labels."""

    def __init__(self, patient: Patient, norms: dict[str, Norm], functional: Iterable[str], loader, remarks: list[str]):
        self.patient, self.norms = patient, norms
        self.measured, self.served = measuring(patient, norms, functional), serving(patient, norms)
        self.told, sizes = [], []
        for x, answers in batches(loader, patient.model, patient.batch):
            sizes.append(examples(x))
            if answers is not None and len(answers) == sizes[-1]:
                self.told.append(answers.cpu().numpy())
            self.measure(x, len(sizes))
        if len(sizes) < length_hint(loader):
            remarks.append(f"The loader ended after {len(sizes)} of {length_hint(loader)} mini-batches.")
        self.sizes = max(sizes), smallest(loader, min(sizes))

    def measure(self, x, number: int) -> None:
        """Lets both copies run on a mini-batch; one with a single value in a channel is left out."""
        for watch in (self.measured, self.served):
            try:
                with torch.no_grad(), watch:
                    self.patient.call(watch.model, x)
            except Exception as error:
                if ONE_VALUE not in str(error):
                    said = cannot_run(self.patient, error, x)
                    raise ValueError(f"mini-batch {number} of the loader: {said}") from error

    def findings(self, by_batch: set[str] | None, explained: set[str]) -> Iterator[Finding]:
        """The findings in what was read.

        `by_batch` are the layers that training normalizes by the mini-batch, None where that is not known; `explained`
        are layers of which another finding says why their variance differs.
        """
        yield from labels(self.told, list(self.norms), self.patient.seed)
        model = self.patient.model
        if model.training and self.measured.untouched:
            return  # a new model, which nobody has trained
        still = set() if by_batch is None else set(self.norms) - by_batch
        if self.measured.untouched:
            still = set(self.measured.moments)  # lost, or never needed: trained in eval()
        averaged = isinstance(model, AveragedModel)
        yield from statistics(self.measured, self.served, averaged, still, explained)


def fitting(found: Finding, model: nn.Module) -> Finding:
    """The finding, with a repair that knows batch norms of somebody's own, where it names one of them.

    `population_statistics` measures those of PyTorch and of this package alone, and no other has their `momentum`.
    """
    own = [path for path in found.layers if not isinstance(model.get_submodule(path), CLASSES)]
    if own and "population_statistics(" in found.repair:
        return replace(found, repair=MEASURE_BY_HAND)
    if own and found.repair == HANDBOOK["momentum-of-another-convention"].repair:
        return replace(found, repair="F.batch_norm(..., momentum=0.1)  # the weight of the new mini-batch")
    return found


def trains(optimizer, model: nn.Module) -> bool:
    """Whether an optimizer holds a parameter of the model."""
    own = {id(p) for p in model.parameters()}
    return any(id(p) in own for group in optimizer.param_groups for p in group["params"])


def cannot_run(patient: Patient, error: Exception, batch=None) -> str:
    """A sentence: what the model raised, on which batch, if not the patient's own, and where its parameters are."""
    tensors = [t for t in tree_leaves(patient.batch if batch is None else batch) if isinstance(t, Tensor)]
    given = ", ".join(f"{tuple(t.shape)} {t.dtype} on {t.device}" for t in tensors) or "no tensor"
    held = sorted({f"{p.dtype} on {p.device}" for p in patient.model.parameters()})
    return (
        f"the model raised {type(error).__name__} on the batch ({error}); the batch has {given}, the parameters are "
        f"{', '.join(held) or 'none'}; expected what the model is called with: a tensor, a tuple of arguments, or a "
        "dict of keyword arguments"
    )
