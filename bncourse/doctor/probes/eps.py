"""Eps of another convention: 1e-5 in PyTorch, 1e-3 in Keras; where the variance is small, the scale depends on it."""

from collections import Counter
from collections.abc import Iterator

from bncourse.doctor.report import Finding, finding
from bncourse.doctor.stored import Stored, called, spelled

USUAL, LARGE = 1e-5, 1e-3
FAR = 1.05  # a ratio of scales that the layers above notice


def eps(layers: list[Stored]) -> Iterator[Finding]:
    """Layers whose eps is not that of the others, or too large for their variances: eps-of-another-convention.

    A risk where some layers of a model have 1e-3 or more, and others less; the fewer are listed. A note where all have
    1e-3 or more, and in the median channel of a layer the output is more than 5 % smaller than with 1e-5: many healthy
    networks have 1e-3, and only small variances make a difference. Negative variances are another finding.
    """
    known = [la for la in layers if la.eps is not None and la.complete and not (la.var < 0).any()]
    counts = Counter(layer.eps for layer in known)
    large = [layer for layer in known if layer.eps >= LARGE]
    if 0 < len(large) < len(known):
        small = [layer for layer in known if layer.eps < LARGE]
        few, many = sorted((large, small), key=len)
        usual = Counter(layer.eps for layer in many).most_common(1)[0][0]
        few.sort(key=lambda layer: -abs(scale(layer, layer.eps, usual) - 1))
        yield finding(
            "eps-of-another-convention",
            [layer.name for layer in few],
            "risk",
            f"eps is {spelled(counts)}; with that of most layers the median channel of {called(few[0].name)} would "
            f"be scaled by {scale(few[0], few[0].eps, usual):.4f}",
        )
    elif large:
        ratios = {layer.name: scale(layer, layer.eps, USUAL) for layer in known}
        small = sorted((name for name in ratios if ratios[name] > FAR), key=lambda name: -ratios[name])
        if small:
            yield finding(
                "eps-of-another-convention",
                small,
                "note",
                f"eps is {spelled(counts)}, and variances are small: with 1e-05 the median channel of "
                f"{called(small[0])} would be scaled by {ratios[small[0]]:.3g}",
            )


def scale(layer: Stored, eps: float, other: float) -> float:
    """By what factor the output of a layer's median channel grows where `eps` is replaced by `other`."""
    var = layer.var.double().clamp(min=0)
    return float(((var + eps) / (var + other).clamp(min=1e-30)).sqrt().nanmedian())
