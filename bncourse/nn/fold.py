"""Folding: at inference a batch norm is an affine map, which the linear layer before it can take over.

Algorithm 2 ends (line 11) with `y = s x + (beta - s E[x])`, where `s = gamma / sqrt(Var[x] + eps)`. If
x = W u + b comes from a linear layer or a convolution, then y = (s W) u + (s (b - E[x]) + beta) is one too.

    folded = fold_batchnorm(model)                   a copy of the model without the batch norms that could be folded
    print(folded.fold_report)                        where each batch norm went, or why it stayed

Both layers must agree on when they run and who uses what they return, which is most of this file: `reasons_to_stay`.
"""

import copy
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor, fx, nn
from torch.nn.utils.parametrize import is_parametrized

from bncourse.nn.batchnorm import BatchNorm2d, BatchNorm3d
from bncourse.nn.dataflow import Flow, hooked, trace
from bncourse.nn.probing import TRANSPOSED, Inference, inference, is_linear, keeps_statistics
from bncourse.nn.trying import copies, disagreement, observe

SPATIAL = (nn.BatchNorm2d, nn.BatchNorm3d, BatchNorm2d, BatchNorm3d)


@dataclass
class FoldReport:
    """What became of each batch norm of a model; printed, it is one line for each.

    `folded` maps the name of a batch norm to the name of the layer into which it was folded, and `left` maps the name
    of each of the others to the reason why it stayed. A report without any batch norm is false.
    """

    folded: dict[str, str] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.folded or self.left)

    def __str__(self) -> str:
        lines = [f"{name}: folded into {layer}" for name, layer in self.folded.items()]
        lines += [f"{name}: left, {reason}" for name, reason in self.left.items()]
        return "\n".join(lines) or "the model has no batch norm"


class Folded(nn.Sequential):
    """What stands in the place of a batch norm that was folded: the modules that came after it in its layer, if any.

    Without such modules it returns its input. `layer` is the name of the layer into which the batch norm was folded.
    `dims` is the number of axes for which folding was right: an input with others raises ValueError, since the batch
    norm would have scaled another axis than the layer does. It is None where nothing had to be assumed.
    """

    layer: str
    dims: int | None

    def forward(self, input: Tensor) -> Tensor:
        dims = self.dims
        if dims is not None:
            check_axes(input, dims, self.layer)
        for module in self:
            input = module(input)
        return input

    def extra_repr(self) -> str:
        return f"into {self.layer}"


@fx.wrap  # torch.fx takes it as one step, since it asks for a shape
def check_axes(x: Tensor, dims: int, layer: str) -> None:
    """Raises ValueError where x has not the number of axes for which a batch norm was folded into a layer."""
    if x.dim() != dims:
        raise ValueError(
            f"x has {x.dim()} axes, but this was folded into {layer} for x of {dims}; "
            f"pass fold_batchnorm such an x as its example, and it will leave this one"
        )


class Fold(NamedTuple):
    """How a batch norm is to be folded: into which layer, what it computes, and for how many axes (as in `Folded`)."""

    layer: str
    computes: Inference
    dims: int | None


def fold_batchnorm(model: nn.Module, example: object = None) -> nn.Module:
    """A copy of a model in eval mode, its batch norms folded into the layers before them (Algorithm 2, line 11).

    `model` may hold batch norms of this package, of `torch.nn`, and any other layers with running statistics that are
    found, by trying them, to compute a batch norm or a batch norm and an activation; the activation stays. They are
    folded into linear layers and into convolutions, transposed and grouped ones too. The copy's outputs are the
    model's up to rounding, and its new weights are computed in float64. The model itself is not changed. A batch norm
    that cannot be folded stays as it is: print the copy's attribute `fold_report`, a `FoldReport`, which says where
    each batch norm went, or why it stayed.

    Without an example the model is traced with torch.fx: the copy is right for every input, with optional arguments at
    their defaults, as far as the trace can see: nothing is run. Raises Untraceable, a ValueError, where the model's
    Python asks for a tensor's shape or values.

    `example` is an input of the model: a tuple of all its positional arguments, a dict of named ones, or its one
    argument (a tensor, a list of images). With it the model is run once and watched, in float64 where it can be, and
    the copy is run too: if their outputs disagree, nothing is folded. This works for every model. The copy is then
    right for inputs that take the same path through it.

    What nobody can see is not kept: another method than `forward` that uses a layer alone, an output that `forward`
    stores in an attribute, a path that chance takes (layers skipped at random). Raises TypeError for a ScriptModule or
    an exported program: fold the model from which it was made.
    """
    refuse_compiled(model)
    folded = copy.deepcopy(model).eval()
    folded.fold_report = FoldReport()
    if not any(map(keeps_statistics, folded.modules())):
        return folded
    if example is None:
        folds, left = plan(folded, trace(copy.deepcopy(folded)))
    else:
        flow, expected, dtype = observe(folded, example)
        folds, left = plan(folded, flow)
        trial, example = copies(folded, example, dtype)
        if wrong := folds and disagreement(fold_all(trial, folds), example, expected):
            left |= dict.fromkeys(folds, f"{wrong}, so nothing was folded")
            folds = {}
    fold_all(folded, folds).fold_report = FoldReport({name: fold.layer for name, fold in folds.items()}, left)
    return folded


def refuse_compiled(model: object) -> None:
    """Raises TypeError unless a model is made of modules whose layers can be changed."""
    advice = "fold the model from which it was made"
    if not isinstance(model, nn.Module):
        raise TypeError(f"model has the type {type(model).__name__}; expected an nn.Module: {advice}")
    if isinstance(model, torch.jit.ScriptModule):
        raise TypeError(f"model is a {type(model).__name__}, whose layers are compiled: {advice}, then script")
    steps = model.graph.nodes if isinstance(model, fx.GraphModule) else ()
    if any(step.op == "call_function" and "batch_norm" in str(step.target) for step in steps):
        raise TypeError(f"model is a graph of functions, as torch.export makes it, without layers: {advice}")


def plan(model: nn.Module, flow: Flow) -> tuple[dict[str, Fold], dict[str, str]]:
    """How each batch norm of a model can be folded, and why each of the others has to stay, by their names."""
    modules, folds, left = dict(model.named_modules()), {}, {}
    owners = Counter(id(p) for module in modules.values() for p in module.parameters(recurse=False))
    for name, norm in modules.items():
        if not keeps_statistics(norm):
            continue
        if reason := next(reasons_to_stay(name, modules, flow, owners), None):
            left[name] = reason
            continue
        layer, dims = flow.source[name], axes(name, modules, flow)
        known = name in flow.dims or isinstance(norm, SPATIAL)
        folds[name] = Fold(layer, inference(norm, dims), None if known else dims)
    return folds, left


def axes(name: str, modules: dict[str, nn.Module], flow: Flow) -> int:
    """The number of axes of a batch norm's input: as an example showed it, else as its source has it."""
    return flow.dims.get(name) or modules[flow.source[name]].weight.dim()


def fold_all(model: nn.Module, folds: dict[str, Fold]) -> nn.Module:
    """Folds batch norms of a model, in place, and returns the model; `folds` says which, by their names."""
    modules = dict(model.named_modules())
    for name, fold in folds.items():
        fold_into(modules[fold.layer], fold.computes)
        replace(modules[name], fold)
    return model


def fold_into(layer: nn.Module, norm: Inference) -> None:
    """Multiplies a batch norm `s x + t` into the layer before it, in place: W becomes s W, and b becomes s b + t.

    s and t have one number for each output of the layer. A layer without bias is given one.
    """
    w = per_output(norm.scale, layer) * layer.weight.detach().to("cpu", torch.float64)
    b = norm.shift
    if layer.bias is not None:
        b = b + norm.scale * layer.bias.detach().to("cpu", torch.float64)
    layer.weight, layer.bias = (
        nn.Parameter(v.to(layer.weight), requires_grad=layer.weight.requires_grad) for v in (w, b)
    )


def per_output(s: Tensor, layer: nn.Module) -> Tensor:
    """The vector s, one number for each output of a layer, shaped to broadcast against the layer's weight.

    Outputs are the first axis of a weight; in a transposed convolution the second, within each group.
    """
    if isinstance(layer, TRANSPOSED):  # weight: (in, out / groups, *kernel), group after group along in
        s = s.reshape(layer.groups, -1).repeat_interleave(layer.in_channels // layer.groups, dim=0)
    else:
        s = s[:, None]
    return s.reshape(*s.shape, *[1] * (layer.weight.dim() - 2))


def replace(norm: nn.Module, fold: Fold) -> None:
    """Turns a batch norm into a `Folded`, in place.

    The same object changes its class, since other modules or lists may hold it under other names. Modules that came
    after the batch norm inside it keep their names.
    """
    after = {name: getattr(norm, name, module) for name, module in fold.computes.after.items()}
    for name, _ in [*norm.named_parameters(recurse=False), *norm.named_buffers(recurse=False)]:
        delattr(norm, name)
    norm.__class__ = Folded
    norm.layer, norm.dims, norm._modules = fold.layer, fold.dims, after


def reasons_to_stay(name: str, modules: dict[str, nn.Module], flow: Flow, owners: Counter) -> Iterator[str]:
    """The reasons why a batch norm cannot be folded, each a phrase for `FoldReport`; none where it can be.

    `name` is the batch norm's, `modules` maps names to the modules of the model, `flow` is what `trace` or `watch`
    found, and `owners` counts the modules that hold each parameter, by its id. A later reason may fail to apply, or
    raise, where an earlier one holds, so that a caller takes the first.
    """
    norm = modules[name]
    if isinstance(norm, torch.jit.ScriptModule):
        yield "it is compiled (ScriptModule): fold before scripting"
    if norm.running_mean is None:
        yield "it has no running statistics"
    if norm.training:
        yield "it stays in training mode after eval()"
    if flow.calls[name] != 1:
        yield f"a forward pass calls it {flow.calls[name]} times"
    if any(map(hooked, norm.modules())):
        yield f"{name} has hooks"
    source = flow.source[name]
    if source not in modules or not is_linear(modules[source]):
        yield f"its input comes from {source}, not from a linear layer or convolution"
    if inference(norm, axes(name, modules, flow)) is None:
        yield f"{type(norm).__name__} has a forward of its own, which is not batch norm and an activation"
    if any(owners[id(p)] > 1 for p in modules[source].parameters(recurse=False)):
        yield f"{source} shares its parameters with another layer"
    yield from reasons_of_the_layer(source, name, modules, flow)


def reasons_of_the_layer(source: str, name: str, modules: dict[str, nn.Module], flow: Flow) -> Iterator[str]:
    """The reasons why the linear layer `source` cannot take the batch norm `name` that follows it, each a phrase."""
    layer, norm = modules[source], modules[name]
    for between in modules_between(source, name, modules):
        if hooked(modules[between]):
            yield f"{between} has hooks"
        if is_parametrized(modules[between]):
            yield f"{between} computes its parameters (remove_parametrizations would fix them)"
    if flow.calls[source] != 1:
        yield f"a forward pass calls {source} {flow.calls[source]} times"
    if others := flow.uses[source] - {source, name}:
        yield f"the output of {source} is used by {', '.join(sorted(others))} as well"
    if readers := flow.reads[source] | flow.reads[name]:
        yield f"{', '.join(sorted(readers))} reads what {source} or {name} holds"
    outputs = layer.out_features if isinstance(layer, nn.Linear) else layer.out_channels
    if outputs != len(norm.running_mean) or not flow.aligned.get(name, may_align(layer, norm)):
        yield f"it normalizes another axis than {source} writes"


def may_align(layer: nn.Module, norm: nn.Module) -> bool:
    """Whether the axis along which a layer writes its outputs may be the second, which the batch norm normalizes.

    A convolution writes the second axis and a Linear the last: the same where its output has two axes.
    """
    return not (isinstance(layer, nn.Linear) and isinstance(norm, SPATIAL))


def modules_between(source: str, name: str, modules: dict[str, nn.Module]) -> list[str]:
    """The names of the modules that contain either the layer `source` or the batch norm `name`, and not both.

    What passes from the layer to the batch norm leaves or enters each of them, as their output or their input.
    """

    def holders(inner):
        return {outer for outer in modules if f"{inner}.".startswith(f"{outer}." if outer else "")}

    return sorted(holders(source) ^ holders(name))
