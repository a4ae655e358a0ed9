"""Twice a step: in a step of training each batch norm takes in each mini-batch once."""

from collections.abc import Iterator
from math import floor, isclose, log10

from bncourse.doctor.norms import CLASSES
from bncourse.doctor.report import Finding, finding
from bncourse.doctor.step import Step


def twice(step: Step) -> Iterator[Finding]:
    """Batch norms that run again in the backward pass, as gradient checkpointing lets them: counted-twice, a fault.

    Checkpointing recomputes a layer; it is healthy where the layer's statistics stand still the second time. A note
    where all such layers have a momentum with which two updates are one.
    """
    moved = dict.fromkeys(e.path for e in step.entries if e.again and e.by_batch and step.moved(e.path))
    wrong = [path for path in moved if not set_right(momentum_of(step, path))]
    if moved:
        path, *_ = layers = wrong or list(moved)
        once, again, momentum = len(step.of(path)), len(step.of(path, again=True)), momentum_of(step, path)
        seen = (
            f"{path} took in the mini-batch {once + again} times in one step: {once} in the forward pass and {again} "
            "more in the backward pass"
        )
        if not wrong:
            seen += "; its momentum allows for that" if momentum else "; in the average of all, where each counts alike"
        yield finding("counted-twice", layers, "fault" if wrong else "note", seen)


def momentum_of(step: Step, path: str) -> float | None:
    """The momentum of a batch norm; None where it averages over all mini-batches, and NaN where it is not known."""
    module = step.model.get_submodule(path)
    if isinstance(module, CLASSES):
        return module.momentum
    return step.functional[path].momentum if path in step.functional else float("nan")


def set_right(momentum: float | None) -> bool:
    """Whether taking in each mini-batch twice does no harm: in an average of all, or with momentum 1 - sqrt(1 - m).

    The latter is known by what two updates make of it, a number m of one digit such as 0.1, where `momentum` itself has
    more than two.
    """
    if momentum is None:
        return True
    both = 1 - (1 - momentum) ** 2
    return 0 < momentum < 0.5 and isclose(both, of_digits(both, 1), rel_tol=1e-3) and momentum != of_digits(momentum, 2)


def of_digits(value: float, digits: int) -> float:
    """A positive number rounded to so many digits, not counting zeros in front."""
    return round(value, digits - 1 - floor(log10(value)))
