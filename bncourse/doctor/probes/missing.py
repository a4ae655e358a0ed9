"""Missing statistics: a checkpoint holds running_mean and running_var of every batch norm, beside weight and bias."""

import re
from collections.abc import Iterator, Mapping

from torch import Tensor

from bncourse.doctor.report import Finding, finding
from bncourse.doctor.stored import by_layer, called

WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
STATISTICS = {"mean", "var"}


def missing(tensors: Mapping[str, Tensor]) -> Iterator[Finding]:
    """Layers of a checkpoint without their statistics: statistics-missing.

    `tensors` are those of the whole checkpoint. A fault where one statistic is there without the other, or the count
    without both, and where layers called bn or batchnorm have none while others so called do. A risk where the same
    layer of other blocks has them (`blocks.0.norm1` beside `blocks.1.norm1`), and where none of the layers called bn
    has any: they may be group norms in place of batch norms, or made with track_running_stats=False. Layer and group
    norm have no statistics to miss, so a name such as norm, or a number, alone accuses nobody.
    """
    layers = by_layer(tensors)
    has = {name for name, held in layers.items() if STATISTICS <= held.keys()}
    torn = [name for name, held in layers.items() if held.keys() & {*STATISTICS, "count"} and name not in has]
    bare = [name for name, held in layers.items() if name not in torn and name not in has and is_affine(held)]
    named = [name for name in bare if says_batchnorm(name)]
    alike = {block(name) for name in has}
    beside = [name for name in bare if name not in named and block(name) in alike]
    certain = torn + (named if any(map(says_batchnorm, has)) else [])
    doubtful = [name for name in named if name not in certain] + beside
    if certain:
        yield finding("statistics-missing", certain, "fault", evidence(certain, layers, has))
    if doubtful:
        yield finding("statistics-missing", doubtful, "risk", evidence(doubtful, layers, has))


def is_affine(held: Mapping[str, Tensor]) -> bool:
    """Whether a layer holds a scale and a shift, of one axis and equal length, and nothing else."""
    return held.keys() == {"gamma", "beta"} and held["gamma"].dim() == 1 and held["gamma"].shape == held["beta"].shape


def says_batchnorm(name: str) -> bool:
    """Whether the last part of a layer's name has the word bn or batchnorm: `bn1`, `conv_bn`, `BatchNorm2d_3`."""
    words = [word.lower() for word in WORDS.findall(name.rpartition(".")[2])]
    return "bn" in words or "batchnorm" in "".join(words)


def block(name: str) -> str:
    """A layer's name with the numbers of the blocks around it left out: `blocks.#.norm1` for `blocks.3.norm1`.

    A layer that is itself a number, or inside nothing that is one, is alone in its block.
    """
    outer, _, last = name.rpartition(".")
    return f"{re.sub(r'[0-9]+', '#', outer)}.{last}" if re.search(r"[0-9]", outer) and not last.isdecimal() else name


def evidence(names: list[str], layers: Mapping[str, Mapping[str, Tensor]], has: set[str]) -> str:
    """What the first of the layers holds, and how many others hold their statistics."""
    words = {"mean": "mean", "var": "variance", "count": "count", "gamma": "scale", "beta": "shift"}
    held = ", ".join(word for role, word in words.items() if role in layers[names[0]])
    others = f"which {len(has)} other layer{'s have' if len(has) > 1 else ' has'}" if has else "which no layer has"
    return f"{called(names[0])} has {held}, and not both mean and variance, {others}"
