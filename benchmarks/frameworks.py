"""What the frameworks' batch norms give on the same numbers, stored for the tests of the converter of conventions.

    pip install numpy==2.4.6 keras==3.15.1 tensorflow-cpu==2.21.0 flax==0.12.8 jax==0.10.2 onnx==1.23.2 torch
    python benchmarks/frameworks.py data/frameworks

in an environment of its own, as these frameworks are no part of the course. It writes a file for each framework, with
its versions: two mini-batches through one batch norm in training mode, with the defaults of the framework, then the
first of them at inference; and for Keras and Flax the weights of a small network, an input and its output. Every array
is stored as the framework has it, channels last where they are last there. Nothing here needs bncourse.
"""

import json
import os
import sys
from importlib.metadata import version
from pathlib import Path

os.environ |= {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}

import numpy as np

N, C, SIDE = 4, 3, 2  # the mini-batches: m = 16 values in each channel


def numbers() -> dict[str, np.ndarray]:
    """Two mini-batches, channels first, and gamma and beta: float32, with few digits."""
    rng = np.random.default_rng(0)
    scale, shift = rng.uniform(0.05, 3, (C, 1, 1)), rng.uniform(-2, 2, (C, 1, 1))
    draw = {"x0": rng.normal(size=(N, C, SIDE, SIDE)) * scale + shift,
            "x1": rng.normal(size=(N, C, SIDE, SIDE)) * scale - shift,
            "gamma": rng.uniform(0.5, 2, C), "beta": rng.normal(size=C)}
    return {name: values.round(3).astype(np.float32) for name, values in draw.items()}


def last(x: np.ndarray) -> np.ndarray:
    """Channels last."""
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1))


def pytorch() -> dict:
    import torch

    given = {name: torch.from_numpy(values) for name, values in numbers().items()}
    layer = torch.nn.BatchNorm2d(C)
    with torch.no_grad():
        layer.weight.copy_(given["gamma"])
        layer.bias.copy_(given["beta"])
        steps = []
        for x in (given["x0"], given["x1"]):
            y = layer(x)
            steps.append({"y": y.numpy(), "mean": layer.running_mean.numpy().copy(),
                          "var": layer.running_var.numpy().copy()})
        inference = layer.eval()(given["x0"]).numpy()
    return {"packages": ["torch"], "channels": "first", "steps": steps, "inference": inference}


def keras() -> dict:
    import keras as k

    given, layer = numbers(), k.layers.BatchNormalization()
    layer.build((None, SIDE, SIDE, C))
    layer.gamma.assign(given["gamma"])
    layer.beta.assign(given["beta"])
    steps = []
    for x in (given["x0"], given["x1"]):
        y = np.asarray(layer(last(x), training=True))
        steps.append({"y": y, "mean": np.asarray(layer.moving_mean), "var": np.asarray(layer.moving_variance)})
    return {"packages": ["keras", "tensorflow-cpu"], "channels": "last", "steps": steps,
            "inference": np.asarray(layer(last(given["x0"]), training=False)), "network": keras_network(k)}


def keras_network(k) -> dict:
    """A convolution, batch norm, ReLU, and a dense layer on the flattened map, after three steps of training mode."""
    k.utils.set_random_seed(0)
    rng = np.random.default_rng(1)
    names = ("conv", "bn", "relu", "flatten", "dense")
    model = k.Sequential([k.Input((5, 5, 2)), k.layers.Conv2D(4, 3, use_bias=False, name="conv"),
                          k.layers.BatchNormalization(momentum=0.5, name="bn"), k.layers.ReLU(name="relu"),
                          k.layers.Flatten(name="flatten"), k.layers.Dense(3, name="dense")])
    model.get_layer("bn").gamma.assign(rng.uniform(0.5, 2, 4))
    model.get_layer("bn").beta.assign(rng.normal(size=4))
    for _ in range(3):
        model(rng.normal(size=(6, 5, 5, 2)).astype("float32"), training=True)
    x = rng.normal(size=(2, 5, 5, 2)).astype("float32").round(3)
    weights = {name: {weight.name: np.asarray(weight) for weight in model.get_layer(name).weights} for name in names}
    return {"weights": {name: arrays for name, arrays in weights.items() if arrays}, "momentum": 0.5,
            "values per channel": 6 * 9, "x": x, "y": np.asarray(model(x, training=False))}


def flax() -> dict:
    import jax
    from flax import linen

    given, layer = numbers(), linen.BatchNorm()
    state = layer.init(jax.random.key(0), last(given["x0"]), use_running_average=False)
    params = {"scale": given["gamma"], "bias": given["beta"]}
    kept, steps = state["batch_stats"], []
    for x in (given["x0"], given["x1"]):
        y, update = layer.apply({"params": params, "batch_stats": kept}, last(x), use_running_average=False,
                                mutable=["batch_stats"])
        kept = update["batch_stats"]
        steps.append({"y": np.asarray(y), "mean": np.asarray(kept["mean"]), "var": np.asarray(kept["var"])})
    y = layer.apply({"params": params, "batch_stats": kept}, last(given["x0"]), use_running_average=True)
    return {"packages": ["flax", "jax"], "channels": "last", "steps": steps, "inference": np.asarray(y),
            "network": flax_network(jax, linen)}


def flax_network(jax, linen) -> dict:
    """The network of `keras_network` in Flax."""
    class Network(linen.Module):
        @linen.compact
        def __call__(self, x, train: bool):
            x = linen.Conv(4, (3, 3), padding="VALID", use_bias=False, name="conv")(x)
            x = linen.BatchNorm(momentum=0.5, use_running_average=not train, name="bn")(x)
            return linen.Dense(3, name="dense")(linen.relu(x).reshape(len(x), -1))

    rng, model = np.random.default_rng(2), Network()
    state = model.init(jax.random.key(0), np.zeros((1, 5, 5, 2), np.float32), train=False)
    params, kept = jax.tree.map(np.asarray, state["params"]), state["batch_stats"]
    params["bn"] = {"scale": rng.uniform(0.5, 2, 4).astype(np.float32), "bias": rng.normal(size=4).astype(np.float32)}
    for _ in range(3):
        x = rng.normal(size=(6, 5, 5, 2)).astype(np.float32)
        _, update = model.apply({"params": params, "batch_stats": kept}, x, train=True, mutable=["batch_stats"])
        kept = update["batch_stats"]
    x = rng.normal(size=(2, 5, 5, 2)).astype(np.float32).round(3)
    weights = {name: params[name] | jax.tree.map(np.asarray, dict(kept.get(name, {}))) for name in params}
    return {"weights": weights, "momentum": 0.5, "values per channel": 6 * 9, "x": x,
            "y": np.asarray(model.apply({"params": params, "batch_stats": kept}, x, train=False))}


def tensorflow() -> dict:
    import tensorflow as tf

    given, kept, steps = numbers(), (np.zeros(C, np.float32), np.ones(C, np.float32)), []
    for x in (given["x0"], given["x1"]):
        y, *kept = tf.compat.v1.nn.fused_batch_norm(last(x), given["gamma"], given["beta"], mean=kept[0],
                                                    variance=kept[1], is_training=True)
        steps.append({"y": y.numpy(), "mean": kept[0].numpy(), "var": kept[1].numpy()})
    y, *_ = tf.compat.v1.nn.fused_batch_norm(last(given["x0"]), given["gamma"], given["beta"], mean=kept[0],
                                             variance=kept[1], is_training=False)
    return {"packages": ["tensorflow-cpu"], "channels": "last", "steps": steps, "inference": y.numpy()}


def onnx() -> dict:
    from onnx import TensorProto, helper
    from onnx.reference import ReferenceEvaluator

    given, kept, steps = numbers(), [np.zeros(C, np.float32), np.ones(C, np.float32)], []
    names = ["x", "gamma", "beta", "mean", "var"]

    def evaluator(outputs: list[str], **attributes) -> ReferenceEvaluator:
        values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in (*names, *outputs)]
        node = helper.make_node("BatchNormalization", names, outputs, **attributes)
        graph = helper.make_graph([node], "batch_norm", values[:5], values[5:])
        return ReferenceEvaluator(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)]))

    def run(model: ReferenceEvaluator, x: np.ndarray) -> list[np.ndarray]:
        return model.run(None, dict(zip(names, (x, given["gamma"], given["beta"], *kept), strict=True)))

    training = evaluator(["y", "new_mean", "new_var"], training_mode=1)
    for x in (given["x0"], given["x1"]):
        y, *kept = run(training, x)
        steps.append({"y": y, "mean": kept[0], "var": kept[1]})
    (y,) = run(evaluator(["y"]), given["x0"])
    return {"packages": ["onnx"], "channels": "first", "steps": steps, "inference": y}


FRAMEWORKS = {"PyTorch": pytorch, "Keras": keras, "Flax": flax, "TensorFlow fused": tensorflow, "ONNX": onnx}


def plain(value):
    """What JSON holds: arrays as lists of the shortest decimals that give the same float32 back."""
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    if isinstance(value, np.ndarray):
        return [plain(each) for each in value] if value.ndim else float(str(np.float32(value)))
    return float(str(value)) if isinstance(value, np.floating) else value


def write(folder: Path) -> None:
    """The numbers that all are given, and a file for each framework, each written whole."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "given.json").write_text(json.dumps(plain(numbers())) + "\n", encoding="utf-8")
    for framework, measure in FRAMEWORKS.items():
        found = measure()
        versions = {package: version(package) for package in [*found.pop("packages"), "numpy"]}
        told = {"framework": framework, "versions": versions, "script": "benchmarks/frameworks.py"} | plain(found)
        path = folder / f"{framework.lower().replace(' ', '-')}.json"
        part = path.with_suffix(".part")
        part.write_text(json.dumps(told) + "\n", encoding="utf-8")
        part.replace(path)
        print(path.name, versions)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
