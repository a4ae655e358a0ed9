"""Dead channels: with gamma 0 and no positive beta before a ReLU, output and gradient are 0 for ever."""

from collections.abc import Iterator

import torch

from bncourse.doctor.report import Finding, finding
from bncourse.doctor.stored import Stored, called

NOTHING = 1e-3  # of the size of the layer's other gammas


def silent(layers: list[Stored]) -> Iterator[Finding]:
    """Layers with channels whose gamma is next to nothing and whose beta is not positive: dead-channels, a risk.

    Next to nothing is a thousandth of the layer's ninth decile of |gamma|: a median would be that of the dead where
    they are the majority. A layer in which all are 0, as the last one of a new residual branch, is not judged.
    """
    shares = {layer.name: share for layer in layers if (share := dead_share(layer))}
    if shares:
        worst = sorted(shares, key=lambda name: -shares[name])
        yield finding(
            "dead-channels",
            worst,
            "risk",
            f"{shares[worst[0]]:.0%} of the channels of {called(worst[0])} have a gamma of nothing beside the "
            "others, and a beta that is not positive; they are dead where a ReLU follows",
        )


def dead_share(layer: Stored) -> float:
    """The share of a layer's channels that are dead, from 0 to 1."""
    if layer.gamma is None or layer.beta is None or not len(layer.gamma):
        return 0.0
    size = layer.gamma.double().abs()
    silent = (size < NOTHING * torch.quantile(size, 0.9)) & (layer.beta <= 0)
    return float(silent.double().mean())
