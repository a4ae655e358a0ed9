"""Weight decay of gamma and beta: a choice that is contested, and that an optimizer makes where nobody else did."""

from collections.abc import Iterator

from torch import nn
from torch.optim import Optimizer

from bncourse.doctor.report import Finding, finding
from bncourse.doctor.stored import stored_of
from bncourse.nn.batchnorm import BATCHNORMS


def decay(model: nn.Module, optimizer: Optimizer, by_hand: set[str] = frozenset()) -> Iterator[Finding]:
    """Batch norms whose gamma or beta is in a group with weight decay: decayed-scale-and-shift, a note.

    `by_hand` are the paths of batch norms that somebody wrote.
    """
    decays = {id(p): g["weight_decay"] for g in optimizer.param_groups if g.get("weight_decay") for p in g["params"]}
    layers = {}
    by_hand = {layer.name for layer in stored_of(model)}
    for name, module in model.named_modules():
        if isinstance(module, BATCHNORMS) or name in by_hand:
            found = [decays[id(p)] for p in module.parameters(recurse=False) if id(p) in decays]
            if found:
                layers[name] = float(max(found))
    if layers:
        yield finding(
            "decayed-scale-and-shift",
            sorted(layers, key=lambda name: -layers[name]),
            "note",
            f"weight_decay is {max(layers.values()):g} for gamma or beta of {len(layers)} batch norm"
            f"{'s' * (len(layers) > 1)}; whether that helps is contested",
        )
