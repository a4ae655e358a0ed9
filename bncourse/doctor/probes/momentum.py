"""Momentum of another convention: PyTorch's is the weight of the new mini-batch, that of Keras and Flax its rest."""

from collections.abc import Iterator

from bncourse.doctor.report import Finding, finding
from bncourse.doctor.stored import Stored

HALF = 0.5  # above it the last mini-batch outweighs all before it
LAST_ALONE = (
    "layer.momentum = 0.1  # or, to measure statistics once after training:\n"
    "from bncourse.nn import population_statistics\npopulation_statistics(model, loader)"
)


def momentum(layers: list[Stored]) -> Iterator[Finding]:
    """Layers whose last mini-batch outweighs all before it: momentum-of-another-convention.

    A fault for a momentum above 0.5. Exactly 1 keeps the last mini-batch alone, which some mean, with one mini-batch of
    everything: a risk, reported by itself as its repair is another. A cumulative average (momentum None) is healthy.
    """
    for severity, heavy, repair in (
        ("fault", [la for la in layers if la.momentum is not None and la.momentum > HALF and la.momentum != 1], None),
        ("risk", [la for la in layers if la.momentum == 1], LAST_ALONE),
    ):
        if heavy:
            worst = max(heavy, key=lambda layer: layer.momentum)
            yield finding(
                "momentum-of-another-convention",
                [layer.name for layer in sorted(heavy, key=lambda layer: -layer.momentum)],
                severity,
                f"momentum is {worst.momentum:g}: {min(worst.momentum, 1):.1%} of the stored statistics are those of "
                "the last mini-batch",
                repair,
            )
