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

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized

from bncourse.nn.batchnorm import BATCHNORMS, BatchNorm2d, BatchNorm3d
from bncourse.nn.dataflow import TRANSPOSED, Flow, is_batchnorm, is_linear, trace, watch

SPATIAL = (nn.BatchNorm2d, nn.BatchNorm3d, BatchNorm2d, BatchNorm3d)


@dataclass
class FoldReport:
    """What became of each batch norm of a model; printed, it is one line for each.

    `folded` maps the name of a batch norm to the name of the layer into which it was folded, and `left` maps the name
    of each of the others to the reason why it stayed.
    """

    folded: dict[str, str] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        lines = [f"{name}: folded into {layer}" for name, layer in self.folded.items()]
        lines += [f"{name}: left, {reason}" for name, reason in self.left.items()]
        return "\n".join(lines) or "the model has no batch norm"


class Folded(nn.Identity):
    """What stands in the place of a batch norm that was folded: it returns its input.

    `layer` is the name of the layer into which the batch norm was folded. `dims` is the number of axes for which
    folding was right: an input with others raises ValueError, since the batch norm would have scaled another axis than
    the layer does. It is None where nothing had to be assumed.
    """

    layer: str
    dims: int | None

    def forward(self, input: Tensor) -> Tensor:
        if self.dims is not None and input.dim() != self.dims:
            raise ValueError(
                f"x has {input.dim()} axes, but this was folded into {self.layer} for x of {self.dims}; "
                f"pass fold_batchnorm such an x as its example, and it will leave this one"
            )
        return input

    def extra_repr(self) -> str:
        return f"into {self.layer}"


def fold_batchnorm(model: nn.Module, example: Tensor | tuple | None = None) -> nn.Module:
    """A copy of a model in eval mode, its batch norms folded into the layers before them (Algorithm 2, line 11).

    `model` may hold batch norms of this package and of `torch.nn`; they are folded into linear layers and into
    convolutions, transposed and grouped ones too. The copy's outputs are the model's up to rounding, and its new
    weights are computed in float64. The model itself is not changed. A batch norm that cannot be folded stays as it
    is: print the copy's attribute `fold_report`, a `FoldReport`, which says where each batch norm went, or why it
    stayed.

    Without an example the model is traced with torch.fx: the copy is right for every input, with optional arguments at
    their defaults. Raises Untraceable, a ValueError, where the model's Python asks for a tensor's shape or values.

    `example` is an input of the model, or the tuple of all its positional arguments. With it the model is run once and
    watched, which works for every model: the copy is then right for inputs that take the same path through it.
    """
    folded = copy.deepcopy(model).eval()
    folded.fold_report = report = FoldReport()
    modules = dict(folded.named_modules())
    norms = {name: module for name, module in modules.items() if isinstance(module, BATCHNORMS)}
    if not norms:
        return folded
    scratch = copy.deepcopy(folded)
    flow = trace(scratch) if example is None else watch(scratch, example)
    for name, norm in norms.items():
        reason = next(reasons_to_stay(name, modules, flow), None)
        if reason is not None:
            report.left[name] = reason
            continue
        layer = report.folded[name] = flow.source[name]
        fold_into(modules[layer], norm)
        known = name in flow.dims or isinstance(norm, SPATIAL)
        replace_by_identity(norm, layer, None if known else modules[layer].weight.dim())
    return folded


def fold_into(layer: nn.Module, norm: nn.Module) -> None:
    """Multiplies a batch norm into the layer before it, in place: W becomes s W, and b becomes s (b - E[x]) + beta.

    s = gamma / sqrt(Var[x] + eps) has one number for each output of the layer. A layer without bias is given one.
    """

    def exact(v):  # in float64, which not every device has
        return v.detach().to("cpu", torch.float64)

    s = (exact(norm.running_var) + norm.eps).rsqrt()
    s = s if norm.weight is None else s * exact(norm.weight)
    b = -exact(norm.running_mean) if layer.bias is None else exact(layer.bias) - exact(norm.running_mean)
    b = s * b if norm.bias is None else s * b + exact(norm.bias)
    w = per_output(s, layer) * exact(layer.weight)
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


def replace_by_identity(norm: nn.Module, layer: str, dims: int | None) -> None:
    """Turns a batch norm into a `Folded`, in place.

    The same object changes its class, since other modules or lists may hold it under other names. `layer` is the name
    of the layer into which the batch norm was folded; `dims` is as in `Folded`.
    """
    for name, _ in [*norm.named_parameters(recurse=False), *norm.named_buffers(recurse=False)]:
        delattr(norm, name)
    norm.__class__ = Folded
    norm.layer, norm.dims = layer, dims


def reasons_to_stay(name: str, modules: dict[str, nn.Module], flow: Flow) -> Iterator[str]:
    """The reasons why a batch norm cannot be folded, each a phrase for `FoldReport`; none where it can be.

    `name` is the batch norm's, `modules` maps names to the modules of the model, and `flow` is what `trace` or `watch`
    found. A later reason may fail to apply, or raise, where an earlier one holds, so that a caller takes the first.
    """
    norm = modules[name]
    if not is_batchnorm(norm):
        yield f"{type(norm).__name__} has a forward of its own"
    if norm.running_mean is None:
        yield "it has no running statistics"
    if norm.training:
        yield "it stays in training mode after eval()"
    if flow.calls[name] != 1:
        yield f"a forward pass calls it {flow.calls[name]} times"
    source = flow.source[name]
    if source not in modules or not is_linear(modules[source]):
        yield f"its input comes from {source}, not from a linear layer or convolution"
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
    if shared(layer, modules):
        yield f"{source} shares its parameters with another layer"
    outputs = layer.out_features if isinstance(layer, nn.Linear) else layer.out_channels
    if outputs != len(norm.running_mean) or not same_axis(layer, norm, flow.dims.get(name)):
        yield f"it normalizes another axis than {source} writes"


def same_axis(layer: nn.Module, norm: nn.Module, dims: int | None) -> bool:
    """Whether the axis along which a layer writes its outputs is the axis that the batch norm normalizes, the second.

    A convolution writes the second axis and a Linear the last: the same where its output has two axes. `dims` is the
    number of axes, and None where no example has shown it.
    """
    if dims is None:
        return not (isinstance(layer, nn.Linear) and isinstance(norm, SPATIAL))
    return dims == layer.weight.dim()


def shared(layer: nn.Module, modules: dict[str, nn.Module]) -> bool:
    """Whether another module of the model holds a parameter of the layer as well."""
    owners = Counter(id(p) for module in modules.values() for p in module.parameters(recurse=False))
    return any(owners[id(p)] > 1 for p in layer.parameters(recurse=False))


def modules_between(source: str, name: str, modules: dict[str, nn.Module]) -> list[str]:
    """The names of the modules that contain either the layer `source` or the batch norm `name`, and not both.

    What passes from the layer to the batch norm leaves or enters each of them, as their output or their input.
    """

    def holders(inner):
        return {outer for outer in modules if f"{inner}.".startswith(f"{outer}." if outer else "")}

    return sorted(holders(source) ^ holders(name))


def hooked(module: nn.Module) -> bool:
    """Whether a module has hooks, which may look at what goes in or out of it, or change it."""
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return any(getattr(module, kind) for kind in hooks)
