"""What a network consists of: the shapes, parameters and multiply-adds of its layers, counted without computing.

The network runs once on tensors of PyTorch's device "meta", which have shapes and no values. A multiply-add
is one product and its sum; only convolutions and linear layers are counted, as is customary.

    net = on_paper(BNInception, reading="consistent")
    layers(net, (3, 224, 224))[0]    Layer(name='stem.conv1.conv', kind='Conv2d', ...)
    parts(net, (3, 224, 224))[5]     Part(name='3a', outputs=(256, 28, 28), branches={'conv1x1': 64, ...
"""

import copy
import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import nn


def on_paper(network: Callable[..., nn.Module], **choices) -> nn.Module:
    """The network of these choices with shapes and without values, built at once and weighing nothing."""
    with torch.device("meta"):
        return network(**choices)


class Layer(NamedTuple):
    """A layer without sublayers: shapes without the batch, `(C, H, W)` or `(C,)`, and kernel and stride or None."""

    name: str
    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    kernel: tuple[int, int] | None
    stride: tuple[int, int] | None
    parameters: int
    multiply_adds: int


def layers(model: nn.Module, shape: tuple[int, ...]) -> list[Layer]:
    """The layers that one example of this shape passes, in the order in which it does."""
    return [describe(*call) for call in calls(model, shape) if is_layer(call[1])]


def output_shapes(model: nn.Module, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    """The shape of what each module returns for one example of this shape, by the module's name."""
    return {name: outputs for name, _, _, outputs in calls(model, shape)}


class Part(NamedTuple):
    """A row of the network's table: the shape it returns, and where it has branches, the width of each."""

    name: str
    outputs: tuple[int, ...]
    branches: dict[str, int]
    parameters: int
    multiply_adds: int


def parts(model: nn.Module, shape: tuple[int, ...]) -> list[Part]:
    """The model's layers and modules, in the order in which an example of this shape passes them.

    A part is a direct child of the model, or a child of one if that is a Sequential; it is named by what it is
    called there. Its branches are the entries of its attribute `branches`.
    """
    called = calls(model, shape)
    shapes = {name: outputs for name, _, _, outputs in called}
    counted = [describe(*call) for call in called if is_layer(call[1])]
    names = []
    for name, child in model.named_children():
        inner = [part for part, _ in child.named_children()] if isinstance(child, nn.Sequential) else []
        names += [f"{name}.{part}" for part in inner] or [name]
    return [part_of(model, name, shapes, counted) for name in names]


def part_of(model: nn.Module, name: str, shapes: dict[str, tuple[int, ...]], counted: list[Layer]) -> Part:
    """One part of the network: its output, the widths of its branches, its parameters and multiply-adds."""
    branches = getattr(model.get_submodule(name), "branches", {})
    widths = {branch: shapes[f"{name}.branches.{branch}"][0] for branch in branches}
    within = [layer for layer in counted if f"{layer.name}.".startswith(f"{name}.")]
    parameters = sum(layer.parameters for layer in within)
    multiply_adds = sum(layer.multiply_adds for layer in within)
    return Part(name.split(".")[-1], shapes[name], widths, parameters, multiply_adds)


def calls(model: nn.Module, shape: tuple[int, ...]) -> list[tuple[str, nn.Module, tuple[int, ...], tuple[int, ...]]]:
    """What one example of this shape passes: each module's name, itself, and the shapes of its input and output."""
    model = copy.deepcopy(model).to("meta").eval()
    seen = []

    def note(name, module, inputs, output):
        seen.append((name, module, tuple(inputs[0].shape[1:]), tuple(output.shape[1:])))

    for name, module in model.named_modules():
        module.register_forward_hook(lambda *called, name=name: note(name, *called))
    with torch.no_grad():
        model(torch.empty(1, *shape, device="meta"))
    return seen


def is_layer(module: nn.Module) -> bool:
    return not list(module.children())


def describe(name: str, module: nn.Module, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> Layer:
    """A layer, its weights counted once for each place of the output that they produce."""
    places = math.prod(outputs[1:])
    weighs = isinstance(module, nn.Conv2d | nn.Linear)
    return Layer(
        name,
        type(module).__name__,
        inputs,
        outputs,
        module.kernel_size if isinstance(module, nn.Conv2d) else None,
        module.stride if isinstance(module, nn.Conv2d) else None,
        sum(parameter.numel() for parameter in module.parameters()),
        module.weight.numel() * places if weighs else 0,
    )
