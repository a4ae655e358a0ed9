"""Half precision holds numbers up to 65,504, and nothing smaller than 6e-8 but 0."""

from collections.abc import Iterator

import torch

from bncourse.doctor.report import Finding, finding
from bncourse.doctor.stored import Stored, called

LARGEST = torch.finfo(torch.float16).max
SMALLEST = 6e-8
WIDE = (torch.float32, torch.float64, torch.bfloat16)


def half(layers: list[Stored]) -> Iterator[Finding]:
    """Layers whose finite statistics would become infinite, or their variance plus eps 0: overflows-half, a risk.

    A variance too small for half precision is harmless beside the usual eps, and common where a channel is dead: it
    counts only where eps is below 1e-7.
    """
    wide = [layer for layer in layers if layer.complete and layer.var.dtype in WIDE]
    sizes = {layer.name: largest(layer) for layer in wide}
    large = sorted((name for name in sizes if sizes[name] > LARGEST), key=lambda name: -sizes[name])
    small = [layer for layer in wide if layer.eps is not None and layer.eps < 1e-7 and vanishing(layer)]
    seen = []
    if large:
        seen.append(f"a statistic of {called(large[0])} is {sizes[large[0]]:,.0f} in size")
    if small:
        seen.append(f"variance and eps of {called(small[0].name)} are 0 in half precision")
    if seen:
        names = dict.fromkeys([*large, *(layer.name for layer in small)])
        yield finding("overflows-half", names, "risk", "; ".join(seen))


def largest(layer: Stored) -> float:
    """The largest finite size among a layer's means and variances."""
    sizes = torch.cat([layer.mean, layer.var]).double().abs()
    return float(sizes[sizes.isfinite()].amax()) if bool(sizes.isfinite().any()) else 0.0


def vanishing(layer: Stored) -> bool:
    """Whether a variance is there that half precision rounds to 0."""
    return bool(((layer.var >= 0) & (layer.var < SMALLEST)).any())
