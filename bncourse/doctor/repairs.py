"""Repairs that are safe, done when asked for: each says what it did, or why it did nothing.

    report = examine(model, batch, loader=loader)
    for sentence in repair(model, report, loader):
        print(sentence)

The model is changed in place. Safe are modes, momentum, a bias that a batch norm takes away, and statistics measured
again, each in the layers that the report names and in no others.
"""

import copy
from collections.abc import Iterable, Iterator

import torch
from torch import nn

from bncourse.doctor.loader import batches
from bncourse.doctor.norms import batch_norms, captured
from bncourse.doctor.patient import Patient, duplicated, random_states_kept
from bncourse.doctor.probes.finite import is_shifted
from bncourse.doctor.probes.statistics import Measured, measuring
from bncourse.doctor.report import Finding, Report, listed
from bncourse.doctor.revealed import memory
from bncourse.doctor.stored import stored_of
from bncourse.doctor.trial import reason_against
from bncourse.nn.batchnorm import BATCHNORMS
from bncourse.nn.dataflow import Flow, Untraceable, is_batchnorm, is_linear, trace, watch
from bncourse.nn.fold import reasons_of_the_layer
from bncourse.nn.population import population_statistics, tracking_layers

USUAL = 0.1  # PyTorch's momentum
MEASURED = (
    "stale-statistics",
    "statistics-not-finite",
    "never-trained",
    "momentum-too-small",
    "momentum-of-another-convention",
    "averaged-weights",
)


def repair(model: nn.Module, report: Report, loader: Iterable | None = None) -> list[str]:
    """Repairs what a report says of a model where that is safe, in place; a sentence for each thing done, or not done.

    `report` is that of the same model. `loader` gives mini-batches, each x or a pair (x, labels), as training has them;
    statistics are measured over all of them. An optimizer still holds a bias that is folded away: make a new one.

    Raises ValueError or TypeError where the loader cannot be used, or is empty; then statistics are as they were.
    """
    sentences = []
    for finding in report.findings:
        if finding.name in BY_LAYER:
            sentences += [BY_LAYER[finding.name](model, path) for path in finding.layers]
        elif finding.name == "wasted-bias":
            sentences += biases(model, finding.layers, loader)
        elif finding.name not in MEASURED:
            sentences.append(f"{listed(finding.layers)}: {finding.name} is not repaired here: {finding.repair}")
    return sentences + statistics(model, [f for f in report.findings if f.name in MEASURED], loader)


def module_at(model: nn.Module, path: str) -> nn.Module | None:
    """The module at a path; None where there is none."""
    try:
        return model.get_submodule(path)
    except AttributeError:
        return None


def modes(model: nn.Module, path: str) -> str:
    """Puts a layer into eval mode, where that makes it use stored statistics, and says what was done."""
    module = module_at(model, path)
    if module is None:
        return f"{path}: not repaired; there is no such module"
    if isinstance(module, BATCHNORMS) and module.running_mean is None:
        return f"{path}: not repaired; it stores no statistics (track_running_stats=False), so eval() has none to use"
    if not any(inner.training for inner in module.modules()):
        return f"{path}: not repaired; it is in eval mode, and normalizes by the batch all the same"
    module.eval()
    if any(inner.training for inner in module_at(duplicated(model).eval(), path).modules()):
        return f"{path}: not repaired; a train() of the model's own puts it back into training mode at each eval()"
    return f"{path}: put into eval mode; model.train() puts it back into training mode"


def momentum(model: nn.Module, path: str) -> str:
    """Turns a momentum of another convention round, makes one that is too small, or 1, usual, and says so."""
    module = module_at(model, path)
    old = module.momentum if isinstance(module, BATCHNORMS) else None
    if old is None:
        return f"{path}: momentum not changed; it is not that of a batch norm of PyTorch or of this package"
    module.momentum = round(1 - old, 12) if 0.5 < old < 1 else USUAL
    return f"{path}: momentum {old:g} is now {module.momentum:g}"


BY_LAYER = {
    "batch-statistics-at-inference": modes,
    "frozen-layer-moves": modes,
    "momentum-of-another-convention": momentum,
    "momentum-too-small": momentum,
}


def statistics(model: nn.Module, findings: list[Finding], loader: Iterable | None) -> list[str]:
    """Measures the statistics of the layers that findings name, over the loader's mini-batches, and says so.

    Frozen layers whose statistics are merely those of other data keep them: layers above were trained on them. So does
    a layer whose eps makes up for a negative variance, and a network that measured statistics would spoil.
    """
    paths = list(dict.fromkeys(path for finding in findings for path in finding.layers))
    broken = {path for finding in findings if finding.name != "stale-statistics" for path in finding.layers}
    if not paths:
        return []
    if loader is None:
        return [f"{listed(tuple(paths))}: statistics not measured; that needs a loader: repair(model, report, loader)"]
    frozen = {path for path in paths if path not in broken and is_frozen(module_at(model, path))}
    common = {path: others for path in paths if (others := sharing(model, module_at(model, path)))}
    shifted = {layer.name for layer in stored_of(model) if is_shifted(layer)} & set(paths)
    chosen = [path for path in paths if path not in {*frozen, *common, *shifted}]
    sentences = [f"{path}: not measured; it is frozen, and what follows was trained on these statistics"
                 for path in frozen]  # fmt: skip
    sentences += [f"{path}: not measured; it shares its statistics with {listed(others)}: give each its own buffers"
                  for path, others in common.items()]  # fmt: skip
    sentences += [f"{path}: not measured; eps makes up for its negative variance, and the outputs are finite"
                  for path in shifted]  # fmt: skip
    reason = chosen and reason_against(model, loader, lambda trial: measure_all(trial, chosen, loader))
    if reason:
        return [*sentences, f"{listed(tuple(chosen))}: not measured; {reason}"]
    return sentences + measure_all(model, chosen, loader)


def measure_all(model: nn.Module, paths: list[str], loader: Iterable) -> list[str]:
    """Gives the layers at some paths the statistics of a loader, whoever wrote them, and says so."""
    known = {path: module for path in paths if has_statistics(module := module_at(model, path))}
    sentences = []
    if known:
        measure(model, set(known.values()), loader)
        sentences.append(f"{listed(tuple(known))}: statistics measured over the loader's mini-batches")
    others = [path for path in paths if path not in known]
    return sentences + (measure_by_hand(model, others, loader) if others else [])


def sharing(model: nn.Module, module: nn.Module | None) -> tuple[str, ...]:
    """The paths of the other modules that keep their statistics in the buffers of a module."""
    own = {buffer.data_ptr() for buffer in module.buffers(recurse=False) if buffer.dim()} if module else set()
    others = ((path, other) for path, other in model.named_modules() if other is not module)
    return tuple(path for path, other in others if own & {b.data_ptr() for b in other.buffers(recurse=False)})


def has_statistics(module: nn.Module | None) -> bool:
    """Whether a module is a batch norm of PyTorch or of this package with running statistics."""
    return isinstance(module, BATCHNORMS) and module.running_mean is not None


def is_frozen(module: nn.Module | None) -> bool:
    """Whether a module has parameters, and none of them is trained."""
    trained = [p.requires_grad for p in module.parameters()] if module is not None else []
    return len(trained) > 0 and not any(trained)


def measure(model: nn.Module, chosen: set[nn.Module], loader: Iterable) -> None:
    """Gives the chosen batch norms the population statistics of a loader; those of all others stay."""
    others = [layer for layer in tracking_layers(model).values() if layer not in chosen]
    before = [(buffer, buffer.clone()) for layer in others for buffer in layer.buffers(recurse=False)]
    population_statistics(model, loader, include_frozen=True)
    for buffer, value in before:
        buffer.copy_(value)


def measure_by_hand(model: nn.Module, paths: list[str], loader: Iterable) -> list[str]:
    """Gives batch norms that somebody wrote the statistics of a loader, and says so; each shows where it keeps them."""
    with random_states_kept():
        patient = Patient(model, next(iter(batches(loader, model)))[0])
        capture = captured(patient)
        norms = batch_norms(patient, capture)
        measured = measuring(patient, norms, capture.functional)
        with torch.no_grad(), measured:
            for x, _ in batches(loader, model):
                patient.call(measured.model, x)
        sentences = []
        for path in paths:
            names = places(model, path, norms, measured) if path in measured.moments else (None, None)
            if not all(names):
                sentences.append(f"{path}: not measured; it is no batch norm whose statistics could be found")
                continue
            moments = measured.moments[path]
            for name, value in zip(names, (moments.mean, moments.var), strict=True):
                owner, _, attribute = name.rpartition(".")
                statistic = getattr(model.get_submodule(owner), attribute)
                statistic.data.copy_(value.reshape(statistic.shape))
            kept = " and ".join(name.rpartition(".")[2] for name in names)
            sentences.append(f"{path or 'the model'}: {kept} measured over the loader's mini-batches")
    return sentences


def places(model: nn.Module, path: str, norms: dict, measured: Measured) -> tuple[str | None, str | None]:
    """The names in the model of the mean and the variance that a module of somebody's own keeps; None where unknown."""
    if path not in norms:
        return measured.buffers.get(path, (None, None))
    held = memory(norms[path], module_at(model, path))
    return tuple(f"{path}.{name}".lstrip(".") if name else None for name in (held.mean, held.var))


def biases(model: nn.Module, paths: tuple[str, ...], loader: Iterable | None) -> Iterator[str]:
    """Takes away the biases of layers that feed one batch norm each and nothing else, and says so.

    The batch norm's running mean is lowered by the bias, so that the outputs stay the same in both modes.
    """
    try:
        flows = [flow_of(model, training, loader) for training in (True, False)]
    except Untraceable as error:
        yield f"{listed(paths)}: bias not folded away; {error}"
        return
    for path in paths:
        layer = module_at(model, path)
        name, reason = norm_behind(model, path, flows)
        if reason:
            yield f"{path}: bias not folded away; {reason}"
            continue
        norm = model.get_submodule(name)
        with torch.no_grad():
            norm.running_mean -= layer.bias.to(norm.running_mean)
        layer.bias = None
        yield f"{path}: bias folded into the running mean of {name}; the outputs are the same"


def flow_of(model: nn.Module, training: bool, loader: Iterable | None) -> Flow:
    """Who feeds whom in a model in a mode: for any input, or else for that of the loader. Raises Untraceable."""
    try:
        return trace(copy.deepcopy(model).train(training))
    except Untraceable:
        if loader is None:
            raise
    return watch(copy.deepcopy(model).train(training), next(batches(loader, model))[0])


def norm_behind(model: nn.Module, path: str, flows: list[Flow]) -> tuple[str, str]:
    """The name of the batch norm that a linear layer feeds, and why its bias cannot go there; "" where it can."""
    modules = dict(model.named_modules())
    if path not in modules or not is_linear(modules[path]) or modules[path].bias is None:
        return "", "it is no linear layer or convolution with a bias"
    reached = [flow for flow in flows if flow.calls[path]]
    names = {name for flow in reached for name, source in flow.source.items() if source == path}
    if len(names) != 1:
        return "", f"it feeds {', '.join(sorted(names)) or 'no layer directly'}; expected one batch norm"
    (name,) = names
    if not (name in modules and is_batchnorm(modules[name]) and modules[name].running_mean is not None):
        return name, f"{name} is no batch norm of PyTorch or of this package with running statistics"
    if any(flow.calls[name] != flow.calls[path] or flow.source.get(name, path) != path for flow in flows):
        return name, f"{name} has other inputs as well"
    return name, next((r for flow in reached for r in reasons_of_the_layer(path, name, modules, flow)), "")
