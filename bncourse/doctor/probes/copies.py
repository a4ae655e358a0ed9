"""Copies: a copy of a network has its parameters and its buffers."""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from bncourse.doctor.report import Finding, finding
from bncourse.doctor.stored import ROLES, Stored


def copies(layers: list[Stored], tensors: Mapping[str, Tensor]) -> Iterator[Finding]:
    """Layers of a copy whose statistics are not those of its original: buffers-not-copied, a fault.

    `tensors` are all parameters and buffers, by name. Two parts are original and copy where they have the same tensors,
    of the same shapes, and every parameter is equal bit for bit, a matrix or a kernel among them. Parts that share
    their weights (one batch norm for each domain) are no copies. Listed are the layers of the part that has seen fewer
    mini-batches, or else those of both.
    """
    stored = {layer.name: layer for layer in layers if layer.complete}
    behind, pairs = [], []
    for one, other in twins(tensors, stored):
        differ = [name for name in within(one, stored) if not same(stored[name], stored[other + name[len(one) :]])]
        if differ:
            pairs.append(f"{one} and {other}")
            behind += lagging(one, other, differ, stored)
    if behind:
        yield finding(
            "buffers-not-copied",
            dict.fromkeys(behind),
            "fault",
            f"{'; '.join(pairs)} have equal parameters, and other statistics in {len(dict.fromkeys(behind))} layers",
        )


def twins(tensors: Mapping[str, Tensor], stored: Mapping[str, Stored]) -> Iterator[tuple[str, str]]:
    """The pairs of outermost parts of a network with equal parameters, by their names."""
    alike: dict[tuple, list[str]] = {}
    for part in sorted({name[:i] for name in stored for i, c in enumerate(f"{name}.") if c == "."}, key=len):
        inner = {key[len(part) + 1 :]: key for key in tensors if key.startswith(f"{part}.")}
        sums = [float(tensors[full].double().sum()) for full in inner.values() if is_parameter(full)]
        shapes = sorted((key, tensors[full].shape) for key, full in inner.items())
        alike.setdefault((*shapes, *sums), []).append(part)
    found: list[tuple[str, str]] = []
    for parts in alike.values():
        for i, one in enumerate(parts):
            for other in parts[i + 1 :]:
                known = any(one.startswith(f"{a}.") and other.startswith(f"{b}.") for a, b in found)
                if not known and equal(one, other, tensors):
                    found.append((one, other))
    return iter(found)


def equal(one: str, other: str, tensors: Mapping[str, Tensor]) -> bool:
    """Whether two parts of the same structure have equal parameters, none shared, and not all of them vectors."""
    keys = [key for key in tensors if key.startswith(f"{one}.") and is_parameter(key)]
    pairs = [(tensors[key], tensors[other + key[len(one) :]]) for key in keys]
    own = all(a.data_ptr() != b.data_ptr() for a, b in pairs if a.numel())
    return own and any(a.dim() > 1 for a, _ in pairs) and all(torch.equal(a, b) for a, b in pairs)


def is_parameter(key: str) -> bool:
    """Whether a key is not one of a running statistic or a count."""
    return ROLES.get(key.rpartition(".")[2]) not in ("mean", "var", "count")


def within(part: str, stored: Mapping[str, Stored]) -> list[str]:
    """The layers in a part."""
    return [name for name in stored if name.startswith(f"{part}.")]


def same(a: Stored, b: Stored) -> bool:
    """Whether two layers have equal statistics."""
    return torch.equal(a.mean, b.mean) and torch.equal(a.var, b.var)


def lagging(one: str, other: str, differ: list[str], stored: Mapping[str, Stored]) -> list[str]:
    """The layers of the part that has seen fewer mini-batches; those of both where that is not known."""
    others = [other + name[len(one) :] for name in differ]
    seen = [sum(stored[name].count or 0 for name in names) for names in (differ, others)]
    if seen[0] == seen[1]:
        return [*differ, *others]
    return differ if seen[0] < seen[1] else others
