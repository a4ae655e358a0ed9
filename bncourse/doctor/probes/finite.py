"""Finite statistics: the stored mean is finite, and the stored variance is finite and not negative."""

from collections.abc import Iterator

from torch import Tensor

from bncourse.doctor.report import Finding, finding
from bncourse.doctor.stored import Stored, called, listed_channels


def finite(layers: list[Stored]) -> Iterator[Finding]:
    """Layers that break the law in any channel: statistics-not-finite, a fault.

    Layers with the most such channels come first, and the evidence names the channels of the first.
    """
    broken = {}
    for layer in layers:
        wrong = {
            "a mean that is not finite": unusable(layer.mean),
            "a variance that is not finite": unusable(layer.var),
            "a negative variance": None if layer.var is None else (layer.var < 0).nonzero().flatten(),
        }
        wrong = {what: channels for what, channels in wrong.items() if channels is not None and len(channels)}
        if wrong:
            broken[layer.name] = wrong
    if broken:
        worst = sorted(broken, key=lambda name: -max(map(len, broken[name].values())))
        seen = "; ".join(f"{what} in {listed_channels(c)}" for what, c in broken[worst[0]].items())
        yield finding("statistics-not-finite", worst, "fault", f"{called(worst[0])} has {seen}")


def unusable(statistic: Tensor | None) -> Tensor | None:
    """The channels in which a statistic is NaN or infinite."""
    return None if statistic is None else (~statistic.isfinite()).nonzero().flatten()
