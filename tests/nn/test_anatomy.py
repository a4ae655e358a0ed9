"""What a network consists of, held to PyTorch's own counter of operations and to what the network returns."""

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from bncourse.nn.anatomy import layers, on_paper, output_shapes, parts


def small():
    return nn.Sequential(
        nn.Conv2d(3, 8, (3, 5), stride=(1, 2), bias=False),
        nn.Conv2d(8, 16, 3, groups=4),
        nn.BatchNorm2d(16),
        nn.Flatten(),
        nn.Linear(16 * 5 * 2, 7),
    )


SHAPE = (3, 9, 11)


def test_layers_are_those_that_an_example_passes_in_order():
    assert [(layer.name, layer.kind, layer.inputs, layer.outputs) for layer in layers(small(), SHAPE)] == [
        ("0", "Conv2d", (3, 9, 11), (8, 7, 4)),
        ("1", "Conv2d", (8, 7, 4), (16, 5, 2)),
        ("2", "BatchNorm2d", (16, 5, 2), (16, 5, 2)),
        ("3", "Flatten", (16, 5, 2), (160,)),
        ("4", "Linear", (160,), (7,)),
    ]
    assert [(layer.kernel, layer.stride) for layer in layers(small(), SHAPE)][:3] == [
        ((3, 5), (1, 2)), ((3, 3), (1, 1)), (None, None)]


def test_parameters_are_all_there_and_multiply_adds_are_half_of_pytorchs_operations():
    model = small()
    counted = layers(model, SHAPE)
    with FlopCounterMode(display=False) as counter:
        model(torch.ones(1, *SHAPE))
    assert sum(layer.multiply_adds for layer in counted) * 2 == counter.get_total_flops()
    assert [layer.parameters for layer in counted] == [360, 16 * 2 * 9 + 16, 32, 0, 160 * 7 + 7]


def test_a_network_on_paper_has_shapes_and_no_values():
    model = on_paper(nn.Linear, in_features=10**7, out_features=10**7)
    assert model.weight.shape == (10**7, 10**7) and model.weight.is_meta
    assert layers(model, (10**7,))[0].multiply_adds == 10**14


def test_counting_leaves_the_model_as_it_was():
    model = small().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    layers(model, SHAPE), output_shapes(model, SHAPE), parts(model, SHAPE)
    assert model.training and all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not any(module._forward_hooks for module in model.modules())
    assert {parameter.device.type for parameter in model.parameters()} == {"cpu"}


def test_output_shapes_are_those_of_what_each_module_returns():
    model = nn.Sequential(small(), nn.ReLU())
    assert output_shapes(model, SHAPE)["0.1"] == (16, 5, 2)
    assert output_shapes(model, SHAPE)["0"] == output_shapes(model, SHAPE)[""] == (7,)


def test_parts_are_children_and_the_children_of_sequentials():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.head = small()[:4], small()[4]

        def forward(self, x):
            return self.head(self.body(x))

    found = parts(Model(), SHAPE)
    assert [part.name for part in found] == ["0", "1", "2", "3", "head"]
    assert [part.outputs for part in found] == [(8, 7, 4), (16, 5, 2), (16, 5, 2), (160,), (7,)]
    for of in ("parameters", "multiply_adds"):
        assert [getattr(part, of) for part in found] == [getattr(layer, of) for layer in layers(small(), SHAPE)]


def test_a_part_with_branches_tells_the_width_of_each():
    class Beside(nn.Module):
        def __init__(self):
            super().__init__()
            self.branches = nn.ModuleDict({"left": nn.Conv2d(3, 4, 1), "right": nn.Sequential(nn.Conv2d(3, 5, 1))})

        def forward(self, x):
            return torch.cat([branch(x) for branch in self.branches.values()], 1)

    part, = parts(nn.Sequential(nn.Sequential(Beside())), SHAPE)
    assert part.branches == {"left": 4, "right": 5} and part.outputs == (9, 9, 11)
    assert part.parameters == 9 * (3 + 1)


def test_an_example_that_the_model_does_not_take_is_refused_by_the_model():
    with pytest.raises(RuntimeError, match="channel"):
        layers(small(), (4, 9, 11))
