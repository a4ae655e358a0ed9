"""Statistics that lag: after n mini-batches (1 - momentum)^n of the initial mean 0 and variance 1 is left in them."""

from collections.abc import Iterator

from bncourse.doctor.report import Finding, finding
from bncourse.doctor.stored import Stored

SMALL = 0.05  # a momentum from which on a short training is to blame, and not the momentum
MUCH = 0.1  # of the initial statistics left
USUAL = 0.1  # the momentum of PyTorch, where it is not known
ROUNDING = 1e-3


def lag(layers: list[Stored]) -> Iterator[Finding]:
    """Layers in which more than a tenth of the initial statistics is left: momentum-too-small.

    In a model a fault, where the momentum is below 0.05: with more it has only begun to learn. In a checkpoint, which
    does not hold the momentum, 0.1 is assumed, and it is a risk. A variance below what must be left of its 1 shows that
    the statistics came from elsewhere (loaded, or measured after training), and clears a layer; in a checkpoint with
    it all layers that have seen as many mini-batches.
    """
    cleared = {layer.count for layer in layers if layer.saved and layer.complete and not remains(layer)}
    judged = [(remains(layer), layer) for layer in layers if not (layer.saved and layer.count in cleared)]
    slow = sorted((pair for pair in judged if pair[0] > MUCH), key=lambda pair: -pair[0])
    if slow:
        left, worst = slow[0]
        momentum = "0.1, assumed, as a checkpoint does not hold it" if worst.saved else f"{worst.momentum:g}"
        yield finding(
            "momentum-too-small",
            [layer.name for _, layer in slow],
            "risk" if worst.saved else "fault",
            f"{left:.0%} of the initial statistics is left after {worst.count:,} mini-batch"
            f"{'es' * (worst.count != 1)}, with momentum {momentum}",
        )


def remains(layer: Stored) -> float:
    """How much of its initial statistics is left in a layer, from 0 to 1; 0 where that cannot be said."""
    momentum = USUAL if layer.saved else layer.momentum
    if not layer.complete or not layer.count or momentum is None or not (layer.saved or momentum < SMALL):
        return 0.0
    left = max(1 - momentum, 0.0) ** layer.count
    return left if bool((layer.var >= left * (1 - ROUNDING)).all()) else 0.0
