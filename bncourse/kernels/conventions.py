"""From one framework's conventions to another's: batch norms, and the weights of the layers around them.

`statistics.CONVENTIONS` says how each framework keeps its moving averages. A checkpoint that moves between two of them
keeps its numbers and changes their meaning, in five places:

    the momentum        weighs the old value in one, the new one in the other
    eps                 is 1e-3 or 1e-5 where none is given; it belongs to the network that was trained with it
    the variance        is kept as measured, or times m / (m - 1)
    the channels        stand last or second, and so do the axes of a convolution's weights
    a flattened map     is in the order of its axes, which a dense layer after it has learned

    nn.BatchNorm2d(64, **settings("Keras", "PyTorch"))              a layer that behaves as Keras's does by default
    state_dict(weights, "Keras", m=32 * 49, flattened={"dense": 64})     its numbers, for load_state_dict

tests/kernels/test_conventions.py holds this to what the frameworks themselves gave, stored in data/frameworks.
"""

from collections.abc import Mapping

import numpy as np

from bncourse.kernels.statistics import CONVENTIONS, Convention

Array = np.ndarray
NAMES = {  # of a batch norm's arrays, and PyTorch's for the same
    "Keras": {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"},
    "Flax": {"scale": "weight", "bias": "bias", "mean": "running_mean", "var": "running_var"},
}


def convention(framework: str) -> Convention:
    """The row of `CONVENTIONS` for a framework. Raises ValueError for one that has none."""
    found = {row.framework: row for row in CONVENTIONS}
    if framework not in found:
        raise ValueError(f"framework is {framework!r}; expected one of {', '.join(found)}")
    return found[framework]


def settings(source: str, target: str = "PyTorch", momentum: float | int | None = None,
             eps: float | int | None = None) -> dict[str, float]:
    """`momentum` and `eps` that make the target's batch norm forget and divide as the source's does.

    momentum and eps are the source's, in its own sense; its defaults unless given. Raises ValueError for an unknown
    framework, where the source has no default, and for a momentum that is not between 0 and 1.
    """
    old, new = convention(source), convention(target)
    alpha, eps = old.alpha(momentum), old.eps if eps is None else eps
    if not 0 <= alpha <= 1:
        raise ValueError(f"momentum is {momentum}; expected a weight from 0 to 1")
    if eps is None:
        raise ValueError(f"{source} has no default for eps; expected a value")
    return {"momentum": alpha if new.weighs == "old" else 1 - alpha, "eps": eps}


def running_var(var: Array, m: int, source: str, target: str = "PyTorch") -> Array:
    """The running variance that the target would have kept where the source kept `var`, `(C,)`.

    m is the number of values in each channel of a mini-batch: N for dense layers, N times the places of a map for
    convolutions. The result is exact where all mini-batches had the same m and the start has been forgotten; else the
    start, 1, is scaled with the rest. Raises ValueError for m below 2 where the two differ, and for an unknown name.
    """
    kinds = convention(source).running_var, convention(target).running_var
    if kinds[0] == kinds[1]:
        return var
    if m < 2:
        raise ValueError(f"m is {m}; expected 2 or more, as one value has no unbiased variance")
    return var * (m / (m - 1)) if kinds[1] == "unbiased" else var * ((m - 1) / m)


def state_dict(weights: Mapping[str, Mapping[str, Array]], source: str, m: Mapping[str, int] | int,
               flattened: Mapping[str, int] | None = None) -> dict[str, Array]:
    """PyTorch's `state_dict` of a network, as arrays, from the weights of the same network in Keras or Flax.

    weights    by the name of a layer its arrays, by the names that the source has for them (`NAMES`); a dense or a
               convolution layer has "kernel" and perhaps "bias"
    m          values in each channel of a mini-batch in training, for all batch norms or by a layer's name
    flattened  for each dense layer that takes a flattened map the number of the map's channels

    Raises ValueError for an unknown source, an array of an unknown name, and a kernel whose inputs are no multiple of
    the channels.
    """
    if source not in NAMES:
        raise ValueError(f"source is {source!r}; expected one of {', '.join(NAMES)}")
    found = {}
    for layer, arrays in weights.items():
        if "kernel" in arrays:
            part = _product(layer, arrays, (flattened or {}).get(layer))
        else:
            part = _batch_norm(layer, arrays, source, m if isinstance(m, int) else m[layer])
        found |= {f"{layer}.{name}": values for name, values in part.items()}
    return found


def _batch_norm(layer: str, arrays: Mapping[str, Array], source: str, m: int) -> dict[str, Array]:
    """The arrays of one batch norm by PyTorch's names."""
    unknown = set(arrays) - set(NAMES[source])
    if unknown:
        raise ValueError(f"{layer} has {', '.join(sorted(unknown))}; expected only {', '.join(NAMES[source])}")
    found = {NAMES[source][name]: values for name, values in arrays.items()}
    if "running_var" in found:
        found["running_var"] = running_var(found["running_var"], m, source)
    return found


def _product(layer: str, arrays: Mapping[str, Array], channels: int | None) -> dict[str, Array]:
    """The arrays of a dense or a convolution layer, with the axes in PyTorch's order."""
    kernel = arrays["kernel"]
    if channels is not None:
        if len(kernel) % channels:
            raise ValueError(f"{layer} has {len(kernel)} inputs; expected a multiple of the map's {channels} channels")
        kernel = kernel.reshape(-1, channels, kernel.shape[-1]).swapaxes(0, 1).reshape(kernel.shape)
    axes = (kernel.ndim - 1, kernel.ndim - 2, *range(kernel.ndim - 2))
    return {"weight": np.ascontiguousarray(kernel.transpose(axes))} | (
        {"bias": arrays["bias"]} if "bias" in arrays else {})
