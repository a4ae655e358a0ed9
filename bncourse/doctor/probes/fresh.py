"""Statistics that were never trained: mean exactly 0 and variance exactly 1 are those that a layer is made with."""

from collections.abc import Iterator

from torch import Tensor

from bncourse.doctor.report import Finding, finding
from bncourse.doctor.stored import Stored


def fresh(layers: list[Stored]) -> Iterator[Finding]:
    """Layers with the initial statistics in a network that has been trained: never-trained.

    Which it has where other layers have other statistics, or where a layer's own beta differs from channel to channel:
    gamma alone says nothing, as some are drawn at random (DCGAN). A network in which all is as it was made is new, and
    healthy. A fault; in a model a risk where the layer's gamma and beta are as they were made too: a new head, or a
    layer that no pass reached. A risk where no layer has ever counted a mini-batch: the statistics were lost, or the
    network was trained in eval(). Where momentum is 0 statistics never move: that is another finding.
    """
    complete = [layer for layer in layers if layer.complete and layer.momentum != 0]
    initial = [layer for layer in complete if is_new(layer)]
    learned = [layer for layer in initial if varies(layer.beta)]
    others = len(complete) - len(initial)
    if not initial or not (others or learned):
        return
    ever_in_train = others > 0 or any(layer.count for layer in initial)
    evidence = (
        f"mean is exactly 0 and variance exactly 1 in {len(initial)} of {len(complete)} batch norms"
        + (f", in {len(learned)} of which beta has been trained" if learned else "")
        + counted(initial)
        + ("" if ever_in_train else ": lost, or never needed, if the network was trained in eval()")
    )
    certain = ever_in_train and (learned or initial[0].saved or not all(map(untouched, initial)))
    ordered = sorted(initial, key=lambda layer: not varies(layer.beta))
    yield finding("never-trained", [layer.name for layer in ordered], "fault" if certain else "risk", evidence)


def is_new(layer: Stored) -> bool:
    """Whether a layer has the statistics that it was made with."""
    return layer.complete and bool((layer.mean == 0).all() and (layer.var == 1).all())


def varies(beta: Tensor | None) -> bool:
    """Whether a shift differs from channel to channel, as only training makes it."""
    return beta is not None and len(beta) > 0 and bool((beta != beta[0]).any())


def untouched(layer: Stored) -> bool:
    """Whether gamma is 1 and beta 0 in every channel, as a layer is made."""
    both = layer.gamma is not None and layer.beta is not None
    return both and bool((layer.gamma == 1).all() and (layer.beta == 0).all())


def counted(layers: list[Stored]) -> str:
    """What the counts of mini-batches add to the evidence."""
    counts = {layer.count for layer in layers if layer.count is not None}
    if not counts:
        return ""
    if counts == {0}:
        return "; num_batches_tracked is 0"
    return f"; num_batches_tracked is up to {max(counts)}, so that they were reset or overwritten"
