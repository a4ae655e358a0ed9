"""BN-Inception, held to the printed table, to counts published elsewhere, and to the ONNX model of it."""

import math
from pathlib import Path

import onnx
import pytest
from torch import nn

from bncourse.nn.anatomy import parts
from bncourse.nn.googlenet import GoogLeNet
from bncourse.nn.inception import Inception, table
from bncourse.paper import figure5
from tests.nn.inceptions import PIXELS, count, layers_of, on_paper

MODULES = ("3a", "3b", "3c", "4a", "4b", "4c", "4d", "4e", "5a", "5b")
every_reading = pytest.mark.parametrize("reading", ["literal", "consistent"])


# The table.

def test_every_row_of_the_table_has_its_printed_size_but_the_two_that_print_their_input():
    sizes = {part.name: part.outputs for part in parts(on_paper(reading="consistent"), PIXELS)}
    rows = dict(zip(("conv1", "pool1", "conv2", "pool2", *MODULES), figure5()[:-1], strict=True))
    for name, row in rows.items():
        height, width, channels = row.output_size
        halved = 2 if name in ("3c", "4e") else 1
        assert sizes[name] == (channels, height // halved, width // halved), name
    assert sizes["conv2_reduce"] == (64, 56, 56)


def test_in_the_literal_reading_4c_and_4d_are_608_wide_and_4e_is_1056():
    consistent, literal = ({part.name: part.outputs for part in parts(on_paper(reading=reading), PIXELS)}
                           for reading in ("consistent", "literal"))
    wider = {name: shape for name, shape in literal.items() if shape != consistent[name]}
    assert wider == {"4c": (608, 14, 14), "4d": (608, 14, 14), "4e": (1056, 7, 7)}


@every_reading
def test_the_branches_have_the_printed_widths_and_stand_side_by_side(reading):
    found = {part.name: part for part in parts(on_paper(reading=reading), PIXELS)}
    inputs = 192
    for name, row in zip(MODULES, table(reading)[4:-1], strict=True):
        expected = {"conv1x1": row.conv1x1, "conv3x3": row.conv3x3, "double3x3": row.double3x3,
                    "pool": row.proj or inputs}
        assert found[name].branches == {branch: width for branch, width in expected.items() if width}
        assert sum(found[name].branches.values()) == found[name].outputs[0]
        inputs = found[name].outputs[0]


def test_pooling_is_average_or_maximum_as_printed():
    net = on_paper()
    kinds = {name: type(module.branches["pool"][0]) for name, module in net.named_modules()
             if isinstance(module, Inception)}
    maxima = {name[-2:] for name, kind in kinds.items() if kind is nn.MaxPool2d}
    assert maxima == {"3c", "4e", "5b"}
    assert {kind for name, kind in kinds.items() if name[-2:] not in maxima} == {nn.AvgPool2d}


# Counts.

@pytest.mark.parametrize("reading, stem, parameters, multiply_adds", [
    ("literal", "dense", 11_285_224, 2_032_600_064),
    ("consistent", "dense", 11_194_984, 2_018_851_840),
    ("literal", "separable", 11_278_528, 1_948_605_440),
    ("consistent", "separable", 11_188_288, 1_934_857_216),
])
def test_parameters_and_multiply_adds(reading, stem, parameters, multiply_adds):
    net = on_paper(reading=reading, stem=stem)
    assert sum(parameter.numel() for parameter in net.parameters()) == count(net) == parameters
    assert count(net, "multiply_adds") == multiply_adds


@every_reading
def test_the_parts_together_are_the_network(reading):
    net = on_paper(reading=reading)
    for of in ("parameters", "multiply_adds"):
        assert sum(getattr(part, of) for part in parts(net, PIXELS)) == count(net, of)


def test_with_biases_on_the_convolutions_too_it_has_the_parameters_of_the_public_pytorch_version():
    with_batchnorm, with_biases = on_paper(), on_paper(norm="none")
    gamma_and_beta = sum(layer.parameters for layer in layers_of(with_batchnorm) if layer.kind == "BatchNorm2d")
    assert gamma_and_beta == 2 * 10_016
    assert count(with_biases) - 10_016 == count(with_batchnorm) - gamma_and_beta
    assert count(with_biases) + gamma_and_beta == 11_295_240


def test_weights_of_the_literal_modules():
    weights = dict.fromkeys(MODULES, 0)
    for layer in layers_of(on_paper()):
        if layer.kind == "Conv2d" and layer.name.startswith("modules"):
            weights[layer.name.split(".")[1]] += layer.parameters
    assert weights == {"3a": 218_112, "3b": 259_072, "3c": 384_000, "4a": 608_256, "4b": 663_552, "4c": 912_384,
                       "4d": 1_140_736, "4e": 1_447_936, "5a": 2_205_696, "5b": 2_276_352}


def test_under_tf_slims_rules_the_consistent_network_has_tf_slims_10173112_variables():
    """Without the classifier; beta and both moving statistics, no gamma; a bias and no batch norm in the stem."""
    found = layers_of(on_paper(reading="consistent", stem="separable"))
    weights = sum(layer.parameters for layer in found if layer.kind == "Conv2d")
    normalized = sum(layer.outputs[0] for layer in found if layer.kind == "BatchNorm2d")
    assert weights + 3 * (normalized - 64) + 64 == 10_173_112


def test_the_separable_stem_has_the_2_7_thousand_weights_of_googlenets_table():
    net = on_paper(stem="separable")
    depthwise, pointwise = net.stem.conv1.conv
    assert depthwise.groups == 3 and depthwise.out_channels == 3 * 8
    assert depthwise.weight.numel() + pointwise.weight.numel() == 2_712


def test_the_computation_is_30_per_cent_more_than_googlenets():
    googlenet, ours = on_paper(GoogLeNet, separable=True), on_paper(stem="separable")
    assert round(count(ours, "multiply_adds") / count(googlenet, "multiply_adds"), 3) == 1.3
    assert round(count(ours) / count(googlenet), 2) == 1.61  # where the paper says 25 % more parameters


def test_two_3x3_for_each_5x5_alone_add_4_per_cent_to_googlenet():
    """Where the paper says 25 % more parameters and about 30 % more computation."""
    googlenet, added = on_paper(GoogLeNet, separable=True), {"parameters": 0, "multiply_adds": 0}
    for layer in layers_of(googlenet):
        if layer.kernel == (5, 5):
            reduced, width, places = layer.inputs[0], layer.outputs[0], math.prod(layer.outputs[1:])
            weights = 9 * reduced * width + 9 * width * width - 25 * reduced * width
            added["parameters"] += weights
            added["multiply_adds"] += weights * places
    assert {of: round(100 * more / count(googlenet, of), 1) for of, more in added.items()} == {
        "parameters": 4.1, "multiply_adds": 3.8}


# The public ONNX models.

def onnx_convolutions(name):
    """(inputs, outputs, kernel, stride) of each convolution of a model in the onnx package, in order."""
    graph = onnx.load(Path(onnx.__file__).parent / f"backend/test/data/light/{name}.onnx").graph
    sizes = {tensor.name: onnx.numpy_helper.to_array(tensor).tolist() for tensor in graph.initializer
             if tensor.name.endswith("__SHAPE")}
    found = []
    for node in graph.node:
        if node.op_type == "Conv":
            given = {attribute.name: tuple(attribute.ints) for attribute in node.attribute}
            outputs, inputs, *kernel = sizes[f"{node.input[1]}__SHAPE"]
            assert tuple(kernel) == given["kernel_shape"]
            found.append((inputs, outputs, given["kernel_shape"], given["strides"]))
    return found


@pytest.mark.parametrize("name, net", [
    ("light_inception_v2", lambda: on_paper(reading="consistent")),
    ("light_inception_v1", lambda: on_paper(GoogLeNet)),
])
def test_the_onnx_model_has_the_same_convolutions_in_the_same_order(name, net):
    ours = [(layer.inputs[0], layer.outputs[0], layer.kernel, layer.stride)
            for layer in layers_of(net()) if layer.kind == "Conv2d"]
    assert ours == onnx_convolutions(name)


def test_googlenet_has_the_shapes_of_its_table_and_the_parameters_of_caffes_model():
    shapes = [part.outputs for part in parts(on_paper(GoogLeNet), PIXELS)]
    assert shapes[-5:-2] == [(832, 7, 7), (832, 7, 7), (1024, 7, 7)]
    assert count(on_paper(GoogLeNet)) == 6_998_552
