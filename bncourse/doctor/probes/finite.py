"""Finite statistics: the stored mean is finite, and the stored variance is finite and not negative."""

from collections.abc import Iterator

from torch import Tensor

from bncourse.doctor.report import Finding, finding
from bncourse.doctor.stored import Stored, called, listed_channels

USUAL, LARGEST = 1e-5, 1e-3  # the eps of PyTorch, and the largest that is usual, where it is not known
SHIFT_BACK = (
    f"layer.running_var += layer.eps - {USUAL}  # where the weights were trained with {USUAL}: the outputs stay\n"
    f"layer.eps = {USUAL}"
)


def finite(layers: list[Stored]) -> Iterator[Finding]:
    """Layers that break the law in any channel: statistics-not-finite, a fault.

    Layers with the most such channels come first, and the evidence names the channels of the first. A negative variance
    for which eps makes up is a risk: outputs are finite, with this eps and no smaller one.
    """
    broken = {layer.name: wrong for layer in layers if (wrong := unusable_in(layer))}
    if broken:
        worst = sorted(broken, key=lambda name: -max(map(len, broken[name].values())))
        seen = "; ".join(f"{what} in {listed_channels(c)}" for what, c in broken[worst[0]].items())
        yield finding("statistics-not-finite", worst, "fault", f"{called(worst[0])} has {seen}")
    shifted = [layer for layer in layers if layer.name not in broken and is_shifted(layer)]
    if shifted:
        names = [layer.name for layer in shifted]
        yield finding("statistics-not-finite", names, "risk", made_up_for(shifted[0]), SHIFT_BACK)


def unusable_in(layer: Stored) -> dict[str, Tensor]:
    """The channels of a layer in which eval() cannot compute, by what is wrong with them."""
    eps = LARGEST if layer.eps is None else layer.eps
    wrong = {
        "a mean that is not finite": unusable(layer.mean),
        "a variance that is not finite": unusable(layer.var),
        "a negative variance": None if layer.var is None else below(layer.var, -eps),
    }
    return {what: channels for what, channels in wrong.items() if channels is not None and len(channels)}


def unusable(statistic: Tensor | None) -> Tensor | None:
    """The channels in which a statistic is NaN or infinite."""
    return None if statistic is None else (~statistic.isfinite()).nonzero().flatten()


def below(var: Tensor, limit: float) -> Tensor:
    """The channels in which a variance is negative, and not above a limit."""
    return ((var < 0) & (var.double() <= limit)).nonzero().flatten()


def is_shifted(layer: Stored) -> bool:
    """Whether a layer has a negative variance, and eps makes up for it wherever it has one."""
    return layer.var is not None and bool((layer.var < 0).any()) and not unusable_in(layer)


def made_up_for(layer: Stored) -> str:
    """What is seen of a layer whose eps makes up for its negative variances."""
    least, channels = float(layer.var.min()), listed_channels(below(layer.var, 0.0))
    seen = f"{called(layer.name)} has a negative variance in {channels}, down to {least:.2g}"
    if layer.eps is None:
        return f"{seen}: NaN, unless eps, which a checkpoint does not hold, is above {-least:.2g}"
    return (
        f"{seen}; its eps of {layer.eps:g} makes up for that, so that outputs are finite: another eps was set off in "
        "the variance, or it was computed with too few digits"
    )
