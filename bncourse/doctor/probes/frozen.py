"""Frozen layers: a layer whose parameters are frozen is the same function before and after a step of training."""

from collections.abc import Iterator

from bncourse.doctor.patient import Patient
from bncourse.doctor.report import Finding, finding
from bncourse.doctor.step import Step


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
    if layers:
        moved = ", ".join(step.moved(layers[0]))
        yield finding(
            "frozen-layer-moves",
            sorted(layers, key=list(step.paths.values()).index),
            "fault" if model.training else "risk",
            f"requires_grad is False, and one step in training mode changed {moved} of {len(layers)} such layers",
        )


def is_frozen(model, path: str) -> bool:
    """Whether all parameters of the module at `path` are frozen: of the next module around it, where it has none."""
    while True:
        parameters = list(model.get_submodule(path).parameters())
        if parameters or not path:
            return bool(parameters) and not any(p.requires_grad for p in parameters)
        path = path.rpartition(".")[0]
