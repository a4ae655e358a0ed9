"""Folding: at inference a batch norm is an affine map, which the linear layer before it can take over.

Algorithm 2 ends (line 11) with `y = s x + (beta - s E[x])`, where `s = gamma / sqrt(Var[x] + eps)`. If
x = W u + b comes from a linear layer or a convolution, then y = (s W) u + (s (b - E[x]) + beta) is one too.
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
    """What became of each batch norm: `folded` maps its name to the layer that took it, `left` to why not."""

    folded: dict[str, str] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        lines = [f"{name}: folded into {layer}" for name, layer in self.folded.items()]
        lines += [f"{name}: left, {reason}" for name, reason in self.left.items()]
        return "\n".join(lines) or "the model has no batch norm"


class Folded(nn.Identity):
    """Stands where a batch norm was, and returns x.

    Raises ValueError where x has not `dims` axes, if that was taken for granted: with others, the batch norm
    would have scaled another axis than the layer before it does.
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
    """A copy of the model in eval mode, its batch norms folded into the layers before them (Algorithm 2).

    Folds batch norms of this package and of `torch.nn` into linear layers and (transposed, grouped)
    convolutions. Outputs are the same up to rounding; the weights are computed in float64. The model itself
    is not changed. What cannot be folded is left as it is: print the copy's `fold_report`, which says
    where each batch norm went, or why it stayed.

    Without an example the model is traced with torch.fx, and raises Untraceable (a ValueError) where its
    Python asks for shapes or values; what is found holds for every input, with optional arguments at their
    defaults. With an example, a tensor or the tuple of all positional arguments, the model is run once on it
    and watched, which always works; the copy is then right for inputs that take the same path.
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
    """W becomes s W, and b becomes s (b - E[x]) + beta."""

    def exact(v):
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
    """s, one number for each output channel, shaped to broadcast against the layer's weight."""
    if isinstance(layer, TRANSPOSED):  # weight: (in, out / groups, *kernel), group after group along in
        s = s.reshape(layer.groups, -1).repeat_interleave(layer.in_channels // layer.groups, dim=0)
    else:
        s = s[:, None]
    return s.reshape(*s.shape, *[1] * (layer.weight.dim() - 2))


def replace_by_identity(norm: nn.Module, layer: str, dims: int | None) -> None:
    """Turns the batch norm into a `Folded`: itself, so that whatever else holds it, a list say, sees it."""
    for name, _ in [*norm.named_parameters(recurse=False), *norm.named_buffers(recurse=False)]:
        delattr(norm, name)
    norm.__class__ = Folded
    norm.layer, norm.dims = layer, dims


def reasons_to_stay(name: str, modules: dict[str, nn.Module], flow: Flow) -> Iterator[str]:
    """Why a batch norm has to stay: the first of these, if there is any."""
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
    """Why a linear layer cannot take the batch norm that follows it."""
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
    """Whether the layer writes the axis of x that is normalized, the second (a Linear writes the last)."""
    if dims is None:
        return not (isinstance(layer, nn.Linear) and isinstance(norm, SPATIAL))
    return dims == layer.weight.dim()


def shared(layer: nn.Module, modules: dict[str, nn.Module]) -> bool:
    """Whether a parameter of the layer belongs to another layer too."""
    owners = Counter(id(p) for module in modules.values() for p in module.parameters(recurse=False))
    return any(owners[id(p)] > 1 for p in layer.parameters(recurse=False))


def modules_between(source: str, name: str, modules: dict[str, nn.Module]) -> list[str]:
    """The modules that hold one of the two and not both: x is their output or their input."""

    def holders(inner):
        return {outer for outer in modules if f"{inner}.".startswith(f"{outer}." if outer else "")}

    return sorted(holders(source) ^ holders(name))


def hooked(module: nn.Module) -> bool:
    """Whether someone else looks at what goes in or out of the module."""
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return any(getattr(module, kind) for kind in hooks)
