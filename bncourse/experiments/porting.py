"""A checkpoint in another framework's conventions, and what it costs to leave each of them as it is.

A network of `domains.network` is trained with the settings that Keras has by default, and its weights are laid out as
Keras lays them out. `kernels.conventions` converts them back; `costs` leaves out one conversion at a time.

    costs()["flattened map"]                       {'right': ..., 'logits apart': ...}
"""

import copy
import json
from itertools import islice

import numpy as np
import torch
from torch import nn

from bncourse.experiments.digits import minibatches
from bncourse.experiments.domains import Config, descent, loaded, network, right, tensor
from bncourse.kernels import conventions
from bncourse.paths import ROOT

SOURCE = "Keras"
LAYERS = {"conv1": 0, "bn1": 1, "conv2": 3, "bn2": 4, "dense1": 7, "bn3": 8, "dense2": 10}  # places in the network
BATCH = 16
M = {"bn1": BATCH * 14 * 14, "bn2": BATCH * 7 * 7, "bn3": BATCH}  # values in each channel of a mini-batch
SMALL = Config(widths=(8, 16, 32))


def frameworks(name: str) -> dict:
    """What a framework gave for two mini-batches, such as "keras"; "given" are the mini-batches themselves.

    benchmarks/frameworks.py has run the frameworks and stored it, with their versions.
    """
    return json.loads((ROOT / "data" / "frameworks" / f"{name}.json").read_text(encoding="utf-8"))


def as_in_keras(model: nn.Sequential) -> dict[str, dict[str, np.ndarray]]:
    """The network's weights by Keras's names, with Keras's axes, order of a flattened map and kind of variance."""
    names = {ours: theirs for theirs, ours in conventions.NAMES[SOURCE].items()}
    weights = {}
    for layer, place in LAYERS.items():
        found = {name: values.numpy().copy() for name, values in model[place].state_dict().items()
                 if name != "num_batches_tracked"}
        if layer.startswith("bn"):
            weights[layer] = {names[name]: values for name, values in found.items()}
            var = weights[layer]["moving_variance"]
            weights[layer]["moving_variance"] = conventions.running_var(var, M[layer], "PyTorch", SOURCE)
        else:
            kernel = np.moveaxis(found.pop("weight"), (0, 1), (-1, -2))
            weights[layer] = {"kernel": kernel} | found
    kernel = weights["dense1"]["kernel"]
    weights["dense1"]["kernel"] = kernel.reshape(SMALL.widths[1], -1, kernel.shape[1]).swapaxes(0, 1).reshape(
        kernel.shape)
    return weights


def in_torch(weights: dict, settings: dict[str, float], m: dict[str, int] | None = None, flattened: dict | None = None
             ) -> nn.Sequential:
    """A PyTorch network with converted weights, whose batch norms have these settings; in eval mode.

    m and flattened are those of `conventions.state_dict`; without m the variances stay as they are.
    """
    model = network(SMALL, seed=0)
    found = conventions.state_dict(weights, SOURCE, m or M, flattened)
    for layer, place in LAYERS.items():
        arrays = {name.split(".")[1]: torch.from_numpy(values) for name, values in found.items()
                  if name.startswith(f"{layer}.")}
        if layer.startswith("bn"):
            if m is None:
                arrays["running_var"] = torch.from_numpy(weights[layer]["moving_variance"])
        model[place].load_state_dict(arrays, strict=False)
    set_up(model, settings)
    return model.eval()


def costs(seed: int = 0, steps: int = 200) -> dict[str, dict[str, float]]:
    """By what was left as it is: the share of 1000 test glyphs that the network gets right, at once (`right`) and at
    worst after each of 10 further steps of training (`lowest`), and the largest change of a logit (`logits apart`).

    The steps are SGD at a rate of 0.01 on mini-batches of 16. "nothing" is the whole conversion.
    """
    original = network(SMALL, seed)
    keras, default = conventions.settings(SOURCE), conventions.settings("PyTorch")
    set_up(original, keras)
    images, labels = loaded(SMALL.dataset, "train")
    order = minibatches(len(images), BATCH, np.random.default_rng(seed))
    list(descent(original, images, labels, islice(order, steps), 0.03))
    weights, flattened = as_in_keras(original.eval()), {"dense1": SMALL.widths[1]}
    swapped = {"momentum": 1 - keras["momentum"], "eps": keras["eps"]}
    ported = {
        "nothing": in_torch(weights, keras, M, flattened),
        "variance": in_torch(weights, keras, None, flattened),
        "eps": in_torch(weights, keras | {"eps": default["eps"]}, M, flattened),
        "flattened map": in_torch(weights, keras, M),
        "momentum": in_torch(weights, swapped, M, flattened),
    }
    further = list(islice(order, 10))
    return {name: measure(model, original, further) for name, model in ported.items()}


def set_up(model: nn.Sequential, settings: dict[str, float]) -> None:
    """Gives the network's batch norms a momentum and an eps."""
    for layer, place in LAYERS.items():
        if layer.startswith("bn"):
            model[place].momentum, model[place].eps = settings["momentum"], settings["eps"]


def measure(model: nn.Sequential, original: nn.Sequential, further: list[np.ndarray]) -> dict[str, float]:
    """What `costs` says of one ported network; it is trained further on a copy."""
    images, labels = loaded(SMALL.dataset, "test")
    x, t = images[:1000] / np.float32(255), labels[:1000]
    with torch.no_grad():
        apart = float((model(tensor(x)) - original(tensor(x))).abs().max())
    tuned, shares = copy.deepcopy(model).train(), []
    for _ in descent(tuned, *loaded(SMALL.dataset, "train"), further, 0.01):
        shares.append(right(tuned.eval(), x, t))
        tuned.train()
    return {"right": right(model, x, t), "lowest": min(shares), "logits apart": apart}
