"""The conventions of the frameworks, and the converter, against what the frameworks gave (benchmarks/frameworks.py)."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from bncourse.kernels import conventions
from bncourse.kernels.normalize import batch_statistics, batchnorm_forward, batchnorm_inference
from bncourse.kernels.statistics import CONVENTIONS, MovingAverage
from bncourse.paths import ROOT

FOLDER = ROOT / "data" / "frameworks"
FRAMEWORKS = [row.framework for row in CONVENTIONS if row.checked != "not run"]
M = 16  # values in each channel of the stored mini-batches
ROOM = dict.fromkeys(FRAMEWORKS, 2e-6) | {"Flax": 2e-5}  # Flax takes E[x^2] - E[x]^2, which costs it a digit in float32


def arrays(value):
    """Lists of numbers as float32 arrays, in whatever they stand."""
    if isinstance(value, dict):
        return {name: arrays(each) for name, each in value.items()}
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return [arrays(each) for each in value]
    return np.array(value, np.float32) if isinstance(value, list) else value


def stored(framework):
    return arrays(json.loads((FOLDER / f"{framework.lower().replace(' ', '-')}.json").read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def given():
    return arrays(json.loads((FOLDER / "given.json").read_text(encoding="utf-8")))


def first(x, channels):
    """Channels first."""
    return np.moveaxis(x, -1, 1) if channels == "last" else x


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_framework_does_what_its_row_says(framework, given):
    row, found = conventions.convention(framework), stored(framework)
    assert found["channels"] == ("last" if row.axis == -1 else "first") and found["framework"] == framework
    average = MovingAverage(row.alpha())
    for x, step in zip((given["x0"], given["x1"]), found["steps"], strict=True):
        y, _ = batchnorm_forward(x, given["gamma"], given["beta"], row.eps)
        assert np.allclose(y, first(step["y"], found["channels"]), atol=ROOM[framework])
        mean, var = batch_statistics(x)
        average.update(mean, var * (M / (M - 1) if row.running_var == "unbiased" else 1))
        assert np.allclose(average.mean, step["mean"], atol=1e-6)
        assert np.allclose(average.var, step["var"], rtol=ROOM[framework])
    y = batchnorm_inference(given["x0"], given["gamma"], given["beta"], average.mean, average.var, row.eps)
    assert np.allclose(y, first(found["inference"], found["channels"]), atol=2e-5)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_torch_layer_with_converted_settings_does_what_the_framework_does(framework, given):
    found = stored(framework)
    layer = nn.BatchNorm2d(3, **conventions.settings(framework))
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(given["gamma"]))
        layer.bias.copy_(torch.from_numpy(given["beta"]))
        for x, step in zip((given["x0"], given["x1"]), found["steps"], strict=True):
            y = layer(torch.from_numpy(x)).numpy()
            assert np.allclose(y, first(step["y"], found["channels"]), atol=ROOM[framework])
            assert np.allclose(layer.running_mean, step["mean"], atol=1e-6)
        # of the variance kept, the start has its part, which no m enlarges
        kept = (1 - layer.momentum) ** 2
        converted = conventions.running_var(step["var"] - kept, M, framework) + kept
        assert np.allclose(layer.running_var, converted, rtol=ROOM[framework])


def network(found, momentum):
    """The stored network in PyTorch, with another framework's settings."""
    settings = conventions.settings(found["framework"], momentum=momentum)
    layers = {"conv": nn.Conv2d(2, 4, 3, bias=False), "bn": nn.BatchNorm2d(4, **settings), "relu": nn.ReLU(),
              "flatten": nn.Flatten(), "dense": nn.Linear(36, 3)}
    model = nn.Sequential()
    for name, layer in layers.items():
        model.add_module(name, layer)
    return model.eval()


@pytest.mark.parametrize("framework", conventions.NAMES)
def test_a_converted_network_answers_as_the_original(framework):
    found = stored(framework)
    own, x = found["network"], torch.from_numpy(first(found["network"]["x"], "last").copy())
    model = network(found, own["momentum"])
    weights = conventions.state_dict(own["weights"], framework, own["values per channel"], {"dense": 4})
    var = weights["bn.running_var"]
    weights["bn.running_var"] = conventions.running_var(var, own["values per channel"], "PyTorch", framework)
    model.load_state_dict({name: torch.from_numpy(values) for name, values in weights.items()}, strict=False)
    assert np.allclose(model(x).detach().numpy(), own["y"], atol=2e-6)
    m = own["values per channel"]
    assert np.allclose(var, weights["bn.running_var"] * (m / (m - 1)))


@pytest.mark.parametrize("framework", conventions.NAMES)
def test_each_convention_matters(framework):
    found = stored(framework)
    own, x = found["network"], torch.from_numpy(first(found["network"]["x"], "last").copy())
    weights = conventions.state_dict(own["weights"], framework, own["values per channel"])
    model = network(found, own["momentum"])
    model.load_state_dict({name: torch.from_numpy(values) for name, values in weights.items()}, strict=False)
    assert np.abs(model(x).detach().numpy() - own["y"]).max() > 0.1  # a map flattened in another order


def test_settings_there_and_back_are_the_same():
    for one in FRAMEWORKS:
        for other in FRAMEWORKS:
            there = conventions.settings(one, other, momentum=0.25, eps=2e-4)
            assert conventions.settings(other, one, **there) == {"momentum": 0.25, "eps": 2e-4}
    assert conventions.settings("Keras") == {"momentum": pytest.approx(0.01), "eps": 1e-3}
    assert conventions.settings("PyTorch", "ONNX") == {"momentum": 0.9, "eps": 1e-5}


def test_what_cannot_be_converted_is_refused_by_name():
    one = np.ones(2)
    for words, call in {
        "framework is 'Caffe'; expected one of PyTorch, Keras": lambda: conventions.convention("Caffe"),
        "cuDNN has no default for exponentialAverageFactor": lambda: conventions.settings("cuDNN"),
        "cuDNN has no default for eps": lambda: conventions.settings("cuDNN", momentum=0.1),
        "momentum is 1.5; expected a weight": lambda: conventions.settings("Keras", momentum=1.5),
        "m is 1; expected 2 or more": lambda: conventions.running_var(one, 1, "Keras"),
        "source is 'ONNX'; expected one of Keras, Flax": lambda: conventions.state_dict({}, "ONNX", 2),
        "bn has scale; expected only gamma": lambda: conventions.state_dict({"bn": {"scale": one}}, "Keras", 2),
        "dense has 5 inputs; expected a multiple of the map's 2": lambda: conventions.state_dict(
            {"dense": {"kernel": np.ones((5, 3))}}, "Keras", 2, {"dense": 2})}.items():
        with pytest.raises(ValueError, match=words):
            call()
    assert conventions.running_var(one, 1, "PyTorch") is one
