"""Twice a step: in a step of training each batch norm takes in each mini-batch once."""

from collections.abc import Iterator

from bncourse.doctor.report import Finding, finding
from bncourse.doctor.step import Step


def twice(step: Step) -> Iterator[Finding]:
    """Batch norms that run again in the backward pass, as gradient checkpointing lets them: counted-twice, a fault.

    Checkpointing recomputes a layer; it is healthy where the layer's statistics stand still the second time.
    """
    layers = {e.path: None for e in step.entries if e.again and e.by_batch and step.moved(e.path)}
    if layers:
        path = next(iter(layers))
        once, again = len(step.of(path)), len(step.of(path, again=True))
        yield finding(
            "counted-twice",
            layers,
            "fault",
            f"{path} took in the mini-batch {once + again} times in one step: {once} in the forward pass and {again} "
            f"more in the backward pass",
        )
