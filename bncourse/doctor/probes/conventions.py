"""Conventions of hand-written layers: momentum, the variance that is stored, and whether the statistics are buffers."""

from collections.abc import Iterator

from bncourse.doctor.norms import Norm
from bncourse.doctor.report import Finding, finding
from bncourse.doctor.revealed import Memory
from bncourse.doctor.watch import first_tensor

MOST = 0.5  # a momentum above it is the weight of the old value, or 1: the last mini-batch alone
LEAST = 256  # with as many values in a channel m / (m - 1) is nothing


def conventions(norms: dict[str, Norm], layers: dict[str, Memory]) -> Iterator[Finding]:
    """Layers written by hand whose conventions, as their memories in `layers` reveal them, are not those of PyTorch.

    momentum-of-another-convention is a fault; biased-variance a note, where channels have fewer than 256 values;
    statistics-not-registered a fault.
    """
    swapped = {path: held for path, held in layers.items() if held.alpha is not None and held.alpha > MOST}
    if swapped:
        alpha = next(iter(swapped.values())).alpha
        yield finding(
            "momentum-of-another-convention",
            swapped,
            "fault",
            f"one batch moved the stored mean by {alpha:.3g} of the way to its own",
            f"running = {alpha:.3g} * running + {1 - alpha:.3g} * new",
        )
    biased = [path for path, held in layers.items() if stores_biased(held) and values(norms[path]) < LEAST]
    if biased:
        m = values(norms[biased[0]])
        yield finding(
            "biased-variance",
            biased,
            "note",
            f"{biased[0]} stores the variance of the mini-batch as it is; with {m} values in a channel it is "
            f"{1 / m:.1%} too small",
        )
    unsaved = [path for path, held in layers.items() if not held.registered]
    if unsaved:
        names = ", ".join(filter(None, (layers[unsaved[0]].mean, layers[unsaved[0]].var)))
        yield finding("statistics-not-registered", unsaved, "fault", f"plain attributes and not buffers: {names}")


def stores_biased(held: Memory) -> bool:
    """Whether a layer stores the biased variance of a mini-batch."""
    return held.var is not None and held.correction == 1.0


def values(norm: Norm) -> int:
    """How many values a channel had in the call of a batch norm."""
    x = first_tensor(*norm.arguments)
    return x.numel() // x.shape[norm.axis]
