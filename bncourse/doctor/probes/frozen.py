"""Frozen layers: a layer whose parameters are frozen is the same function before and after a step of training."""

import json
from collections.abc import Iterator

from bncourse.doctor.norms import CLASSES
from bncourse.doctor.patient import Patient
from bncourse.doctor.report import Finding, finding
from bncourse.doctor.step import Step

FEW = 6  # as many paths as a reader copies


def frozen(patient: Patient, step: Step, optimized: bool) -> Iterator[Finding]:
    """Layers whose statistics move though their parameters are frozen: frozen-layer-moves.

    A fault where the model was handed over in training mode, as it is trained. In eval mode it is a risk where all of
    it is, and it is `optimized`: its owner may put the frozen part back into eval() after each train().
    """
    model = patient.model
    mixed = any(module.training for module in model.modules())
    if not any(p.requires_grad for p in model.parameters()) or not (model.training or (optimized and not mixed)):
        return
    paths = {entry.path for entry in step.entries if entry.by_batch}
    layers = [path for path in paths if is_frozen(model, path) and step.moved(path)]
    layers.sort(key=list(step.paths.values()).index)
    if layers:
        moved = ", ".join(step.moved(layers[0]))
        yield finding(
            "frozen-layer-moves",
            layers,
            "fault" if model.training else "risk",
            f"requires_grad is False, and one step in training mode changed {moved} of {len(layers)} such layers",
            back_to_eval(patient, layers),
        )


def frozen_by_mode(patient: Patient) -> Iterator[Finding]:
    """The same, of batch norms of known classes and by their modes alone, where there is no batch: a fault.

    Only a model in training mode is judged, some part of which is trained.
    """
    model = patient.model
    if not model.training or not any(p.requires_grad for p in model.parameters()):
        return
    tracking = [
        p for p, m in model.named_modules() if isinstance(m, CLASSES) and m.training and m.running_mean is not None
    ]
    layers = [path for path in tracking if is_frozen(model, path)]
    if layers:
        yield finding(
            "frozen-layer-moves",
            layers,
            "fault",
            f"requires_grad is False and the mode is training, in {len(layers)} layers: each forward pass changes what "
            "they store",
            back_to_eval(patient, layers),
        )


def back_to_eval(patient: Patient, layers: list[str]) -> str | None:
    """Code that puts few layers, or such as somebody wrote, into eval() by their paths; None for the handbook's."""
    known = all(isinstance(patient.model.get_submodule(path), CLASSES) for path in layers)
    if known and len(layers) > FEW:
        return None
    paths = json.dumps([patient.prefix + path for path in layers])
    return f"for path in {paths}:  # after each model.train()\n    model.get_submodule(path).eval()"


def is_frozen(model, path: str) -> bool:
    """Whether all parameters of the module at `path` are frozen: of the next module around it, where it has none."""
    while True:
        parameters = list(model.get_submodule(path).parameters())
        if parameters or not path:
            return bool(parameters) and not any(p.requires_grad for p in parameters)
        path = path.rpartition(".")[0]
