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
    """A network built on the device "meta": its parameters have shapes, no values, and take no memory.

    `network` is a class or function that returns a module, and `choices` are its arguments. Returns that module. It
    can be counted by the functions of this file, and cannot compute.
    """
    with torch.device("meta"):
        return network(**choices)


class Layer(NamedTuple):
    """One call of a layer, that is, of a module that contains no other module.

    `name` is the layer's name in the model, and `kind` the name of its class. `inputs` and `outputs` are the shapes of
    one example before and after the layer, `(C, H, W)` or `(C,)`, without the batch. `kernel` and `stride` are those of
    a convolution, height before width, and None for other layers. `parameters` counts the numbers that training
    changes, and `multiply_adds` the products that the layer computes for one example.
    """

    name: str
    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    kernel: tuple[int, int] | None
    stride: tuple[int, int] | None
    parameters: int
    multiply_adds: int


def layers(model: nn.Module, shape: tuple[int, ...]) -> list[Layer]:
    """The layers that one example passes on its way through the model, in this order.

    `shape` is the example's, `(C, H, W)` for an image. A layer that is called twice is listed twice. The model itself
    is not changed, since a copy of it is called. Raises what the model raises for an example of another shape.
    """
    return [describe(*call) for call in calls(model, shape) if is_layer(call[1])]


def output_shapes(model: nn.Module, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    """The shape that each module of the model returns for one example, by the module's name, without the batch.

    `shape` is the example's, `(C, H, W)` for an image. Of a module that is called twice, the last call counts.
    """
    return {name: outputs for name, _, _, outputs in calls(model, shape)}


class Part(NamedTuple):
    """One row of a network's table, such as those of Figure 5.

    `name` is the part's name, and `outputs` the shape that it returns for one example. `branches` maps the name of
    each branch of an Inception module to its number of feature maps, and is empty for other parts. `parameters` and
    `multiply_adds` are sums over the part's layers, as in `Layer`.
    """

    name: str
    outputs: tuple[int, ...]
    branches: dict[str, int]
    parameters: int
    multiply_adds: int


def parts(model: nn.Module, shape: tuple[int, ...]) -> list[Part]:
    """The rows of the model's table, in the order in which the model's children were added.

    A direct child of the model is one part, unless it is a Sequential: then each of the Sequential's children is one.
    A part's name is the last word of its name in the model, "3a" of "modules_3.3a", and its branches are the
    entries of its attribute `branches`. `shape` is that of one example, `(C, H, W)` for an image.
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
    """The table's row for the module called `name`.

    `shapes` are those of `output_shapes`, and `counted` the layers of the whole model, of which those inside the module
    are summed.
    """
    branches = getattr(model.get_submodule(name), "branches", {})
    widths = {branch: shapes[f"{name}.branches.{branch}"][0] for branch in branches}
    within = [layer for layer in counted if f"{layer.name}.".startswith(f"{name}.")]
    parameters = sum(layer.parameters for layer in within)
    multiply_adds = sum(layer.multiply_adds for layer in within)
    return Part(name.split(".")[-1], shapes[name], widths, parameters, multiply_adds)


def calls(model: nn.Module, shape: tuple[int, ...]) -> list[tuple[str, nn.Module, tuple[int, ...], tuple[int, ...]]]:
    """Every call of a module while one example passes the model, in the order in which the calls end.

    A call is the module's name, the module itself, and the shapes of its first input and of its output, without the
    batch. The example has no values: a copy of the model runs in eval mode on the device "meta".
    """
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
    """Whether a module contains no other module."""
    return not list(module.children())


def describe(name: str, module: nn.Module, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> Layer:
    """What `Layer` tells about one call of a module, of which `calls` gives the four facts.

    Each weight of a convolution is multiplied once for every place of its feature map, and each weight of a linear
    layer once. Other layers count no multiply-adds.
    """
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
