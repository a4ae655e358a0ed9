"""What batch norms have stored: found in a model by the modules that hold it, in a state_dict by the names of its keys.

    stored_of(model)             [Stored(name='layer1.bn1', mean=tensor([...]), ...), ...]
    stored_in(state_dict)        the same from names alone, where momentum and eps are not known

Names are those of PyTorch (`running_mean`, `running_var`), of TensorFlow and d2l (`moving_mean`, `moving_variance`,
`gamma`, `beta`), of labml (`exp_mean`, `exp_var`) and of Chainer (`avg_mean`, `avg_var`), with any prefix. Nothing is
computed with the model and nothing of it is changed.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.parameter import is_lazy

from bncourse.doctor.revealed import Memory
from bncourse.doctor.watch import Functional
from bncourse.nn.batchnorm import BATCHNORMS

NAMES = {
    "mean": ("running_mean", "moving_mean", "exp_mean", "avg_mean"),
    "var": ("running_var", "moving_variance", "moving_var", "running_variance", "exp_var", "avg_var"),
    "count": ("num_batches_tracked",),
    "gamma": ("gamma", "weight", "scale", "gain"),
    "beta": ("beta", "bias", "shift", "offset"),
}
ROLES = {name: role for role, names in NAMES.items() for name in names}


@dataclass
class Stored:
    """What one batch norm has stored. Tensors are `(C,)`, on the CPU, and may be the layer's own: not to be written to.

    name         the layer's path in the model, or the part of its keys before `.running_mean`
    mean, var    the running statistics
    count        how many mini-batches they have seen; None where it is not counted
    gamma, beta  the scale and the shift; None where there is none
    momentum     the weight of the new mini-batch; None where it is not known, or where they are averages of all
    eps          what is added to the variance; None where it is not known
    saved        whether it comes from a checkpoint, whose owner means to use it, and not from a model, which may be new
    """

    name: str
    mean: Tensor | None = None
    var: Tensor | None = None
    count: int | None = None
    gamma: Tensor | None = None
    beta: Tensor | None = None
    momentum: float | None = None
    eps: float | None = None
    saved: bool = False

    @property
    def complete(self) -> bool:
        """Whether mean and variance are both there, with as many channels."""
        return self.mean is not None and self.var is not None and self.mean.shape == self.var.shape


def stored_of(model: nn.Module) -> list[Stored]:
    """What the batch norms of a model have stored, in the order of its modules.

    A module counts that holds a running mean or variance itself, registered as a buffer or not, unless it is an
    instance norm. momentum is read from batch norms of `torch.nn` and of this package, as in other classes the same
    word may mean the weight of the old value. Lazy layers without channels, and those on the device "meta", hold no
    numbers and are left out.
    """
    found = []
    for name, module in model.named_modules():
        if isinstance(module, _NormBase) and not isinstance(module, BATCHNORMS):
            continue
        held = {role: held_by(module, names) for role, names in NAMES.items()}
        tracked = held["mean"] is not None or held["var"] is not None
        if tracked and all(map(has_numbers, held.values())):
            found.append(Stored(name, **flat(held), **settings(module)))
    return found


def kept_by(path: str, module: nn.Module, held: Memory) -> Stored:
    """What a batch norm that somebody wrote has stored, in the attributes that it was seen to change.

    Its parameters of one number for each channel are taken for gamma and beta, in their order.
    """
    mean, var = (vector(getattr(module, name)) if name else None for name in (held.mean, held.var))
    channels = {len(statistic) for statistic in (mean, var) if statistic is not None}
    vectors = [vector(p) for p in module.parameters(recurse=False) if p.numel() in channels]
    gamma, beta = [*vectors, None, None][:2]
    return Stored(path, mean, var, gamma=gamma, beta=beta)


def kept_for(path: str, called: Functional) -> Stored:
    """What a module keeps for the calls of `F.batch_norm` in it."""
    vectors = (called.running_mean, called.running_var, called.weight, called.bias)
    mean, var, gamma, beta = (None if v is None else v.detach().flatten() for v in vectors)
    momentum = called.momentum if called.training else None  # at inference it is not used
    return Stored(path, mean, var, gamma=gamma, beta=beta, momentum=momentum, eps=called.eps)


def held_by(module: nn.Module, names: tuple[str, ...]) -> Tensor | None:
    """The tensor that a module itself holds under the first of the names: a parameter, a buffer or an attribute."""
    places = (module._parameters, module._buffers, vars(module))
    values = (place.get(name) for name in names for place in places)
    return next((value for value in values if isinstance(value, Tensor)), None)


def has_numbers(tensor: Tensor | None) -> bool:
    """Whether a tensor, where there is one, has values that can be read."""
    return tensor is None or not (is_lazy(tensor) or tensor.is_meta)


def vector(tensor: Tensor) -> Tensor:
    """A tensor as `Stored` has it: flat, detached, and on the CPU, where every device's numbers can be in float64."""
    return tensor.detach().flatten().cpu()


def flat(held: dict[str, Tensor | None]) -> dict[str, Tensor | int | None]:
    """What a layer holds as `Stored` has it: vectors, and the count as a number.

    A weight that has another size than the statistics is that of a convolution in the same module, and left out.
    """
    flattened: dict[str, Any] = {role: None if t is None else vector(t) for role, t in held.items()}
    count, statistic = flattened["count"], flattened["var" if flattened["mean"] is None else "mean"]
    flattened["count"] = int(count[0]) if count is not None and len(count) == 1 else None
    for role in ("gamma", "beta"):
        if flattened[role] is not None and len(flattened[role]) != len(statistic):
            flattened[role] = None
    return flattened


def settings(module: nn.Module) -> dict[str, Any]:
    """momentum and eps of a module, as `Stored` has them."""
    eps = getattr(module, "eps", getattr(module, "epsilon", None))
    momentum = getattr(module, "momentum", None) if isinstance(module, BATCHNORMS) else None
    return {
        "eps": float(eps) if isinstance(eps, int | float) else None,
        "momentum": None if momentum is None else float(momentum),
    }


def stored_in(state_dict: Mapping) -> list[Stored]:
    """What the batch norms of a state_dict have stored, in its order: layers with a running mean or variance.

    `state_dict` may be nested, as checkpoints are: {"epoch": 3, "model": {...}, "ema": {...}}.
    """
    layers = by_layer(tensors_of(state_dict)).items()
    kept = [(name, held) for name, held in layers if "mean" in held or "var" in held]
    everything = dict.fromkeys(NAMES)
    return [Stored(name, **flat({**everything, **held}), saved=True) for name, held in kept]


def by_layer(tensors: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """The tensors of a state_dict that a batch norm might hold: by the layer's name, and then by their part in it."""
    layers: dict[str, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        name, _, last = key.rpartition(".")
        if last in ROLES:
            layers.setdefault(name, {})[ROLES[last]] = tensor
    return layers


def tensors_of(checkpoint: Mapping) -> dict[str, Tensor]:
    """All tensors of a checkpoint, however nested, by their keys joined with dots.

    What all keys of layers with running statistics have in common, such as {"state_dict": ...}, is left out of them, so
    that a layer is called as in its model. The state of an optimizer, whose keys are numbers, stays what it is.
    """
    flattened = dict(leaves(checkpoint))
    around = common(path for path in flattened if ROLES.get(path[-1].rpartition(".")[2]) in ("mean", "var"))
    inner = {path: path[len(around) :] if path[: len(around)] == around else path for path in flattened}
    return {".".join(inner[path]): tensor for path, tensor in flattened.items()}


def common(paths: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """The keys with which all paths to running statistics begin, without those that name the layer itself."""
    outer = [path[:-1] if "." in path[-1] else path[:-2] for path in paths]
    levels = takewhile(lambda keys: len(set(keys)) == 1, zip(*outer, strict=False))
    return tuple(keys[0] for keys in levels)


def leaves(tree, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Tensor]]:
    """The dense tensors of floating-point or whole numbers in nested mappings and lists, each with the keys to it."""
    if isinstance(tree, Tensor):
        if path and tree.layout == torch.strided and not (tree.is_quantized or tree.is_complex() or tree.is_meta):
            yield path, tree.detach()
    elif isinstance(tree, Mapping | list | tuple):
        for key, value in tree.items() if isinstance(tree, Mapping) else enumerate(tree):
            yield from leaves(value, (*path, str(key)))


def called(name: str) -> str:
    """A layer in the words of the evidence: `layer 1.bn`, or `the layer` where it is the model itself."""
    return f"layer {name}" if name else "the layer"


def listed_channels(channels: Tensor, shown: int = 5) -> str:
    """Channels in words: `channel 3` or `channels 0, 7 and 30 more`; `channels` holds their numbers."""
    more = len(channels) - shown
    numbers = ", ".join(map(str, channels[:shown].tolist())) + (f" and {more} more" if more > 0 else "")
    return f"channel{'s' * (len(channels) > 1)} {numbers}"


def spelled(counts: Counter) -> str:
    """Values with how many layers have each, the most frequent first: `0.001 in 3 layers, 1e-05 in 1 layer`."""
    return ", ".join(f"{value:g} in {n} layer{'s' * (n > 1)}" for value, n in counts.most_common())
