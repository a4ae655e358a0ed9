"""All normalization cases that ONNX ships with its wheel: 27 of single operators, 5 converted from PyTorch.

Forward only, in float32, within ONNX's own tolerances. ONNX keeps a biased moving variance, and its momentum
weighs the old value.
"""

from importlib import import_module
from math import prod
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
import pytest
from onnx.backend.test.case import node as onnx_node

from bncourse.kernels import normalize

OPERATORS = {
    "BatchNormalization": ("batch_normalization", 4),
    "InstanceNormalization": ("instance_normalization", 2),
    "GroupNormalization": ("groupnormalization", 2),
    "LayerNormalization": ("layernormalization", 19),
}
CONVERTED = Path(onnx.__file__).parent / "backend" / "test" / "data" / "pytorch-converted"


class Case(NamedTuple):
    name: str
    operator: str
    attributes: dict
    inputs: list[np.ndarray]
    outputs: list[np.ndarray]
    tolerances: dict[str, float]


def operator_cases():
    """The cases of single operators; importing ONNX's modules makes them."""
    for module, _ in OPERATORS.values():
        import_module(f"{onnx_node.__name__}.{module}")
    for case in onnx_node._NodeTestCases:
        first, *others = case.model.graph.node
        if first.op_type in OPERATORS and not others:
            inputs, outputs = case.data_sets[0]
            yield Case(
                case.name, first.op_type, attributes(first), list(inputs), list(outputs), tolerances(case)
            )


def converted_cases():
    """The batch norms converted from PyTorch, whose parameters are in the model."""
    for folder in sorted(CONVERTED.glob("test_BatchNorm*")):
        graph = onnx.load(folder / "model.onnx").graph
        (node,) = graph.node
        arrays = {a.name: onnx.numpy_helper.to_array(a) for a in graph.initializer}
        x, y = (tensor(folder / "test_data_set_0" / f"{name}_0.pb") for name in ("input", "output"))
        parameters = [arrays[name] for name in node.input[1:]]
        yield Case(
            folder.name, node.op_type, attributes(node), [x, *parameters], [y], {"rtol": 1e-3, "atol": 1e-7}
        )


def attributes(node):
    return {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}


def tolerances(case):
    return {"rtol": case.rtol, "atol": case.atol}


def tensor(path):
    return onnx.numpy_helper.to_array(onnx.load_tensor(path))


def batch_normalization(x, gamma, beta, mean, var, epsilon=1e-5, momentum=0.9, training_mode=0, **_):
    if not training_mode:
        return [normalize.batchnorm_inference(x, gamma, beta, mean, var, epsilon)]
    statistics = normalize.batch_statistics(x)
    moved = [momentum * old + (1 - momentum) * new for old, new in zip((mean, var), statistics, strict=True)]
    return [normalize.batchnorm_forward(x, gamma, beta, epsilon)[0], *moved]


def instance_normalization(x, gamma, beta, epsilon=1e-5):
    return [normalize.instancenorm_forward(x, gamma, beta, epsilon)[0]]


def group_normalization(x, gamma, beta, num_groups, epsilon=1e-5):
    return [normalize.groupnorm_forward(x, gamma, beta, num_groups, epsilon)[0]]


def layer_normalization(x, gamma, beta, axis=-1, epsilon=1e-5):
    """Ours keeps the first axis: what ONNX keeps in front becomes one. It returns 1/std with the mean."""
    axis %= x.ndim
    examples = x.reshape(prod(x.shape[:axis]), *x.shape[axis:])
    y, _ = normalize.layernorm_forward(examples, gamma, beta, epsilon)
    mean, var = normalize.batch_statistics(examples.reshape(len(examples), -1).T)
    kept = x.shape[:axis] + (1,) * (x.ndim - axis)
    return [y.reshape(x.shape), mean.reshape(kept), (1 / np.sqrt(var + epsilon)).reshape(kept)]


OURS = {
    "BatchNormalization": batch_normalization,
    "InstanceNormalization": instance_normalization,
    "GroupNormalization": group_normalization,
    "LayerNormalization": layer_normalization,
}
CASES = [*operator_cases(), *converted_cases()]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_onnx_case(case):
    ours = OURS[case.operator](*case.inputs, **case.attributes)
    assert len(ours) == len(case.outputs)
    for a, b in zip(ours, case.outputs, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, **case.tolerances)


def test_none_of_the_known_cases_is_missing():
    """The counts of onnx 1.23; a later one may have more."""
    names = [case.operator for case in CASES if not case.name.startswith("test_BatchNorm")]
    for operator, (_, count) in OPERATORS.items():
        assert names.count(operator) >= count
    assert len(CASES) - len(names) >= 5
