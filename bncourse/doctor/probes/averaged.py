"""Averaged weights (EMA, SWA): statistics belong to the weights that they were measured with, and not to an average."""

from collections.abc import Iterator, Mapping

from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from bncourse.doctor.report import Finding, finding
from bncourse.doctor.stored import Stored


def averaged(layers: list[Stored], tensors: Mapping[str, Tensor], model: nn.Module | None = None) -> Iterator[Finding]:
    """Layers with the statistics of other weights than those beside them: averaged-weights, a risk.

    `tensors` is the state_dict, where `AveragedModel` counts its averages as n_averaged. Statistics that have been
    measured after averaging look no different, unless they have seen fewer mini-batches than there were averages:
    such a layer is cleared. `model`, where it is known, says whether buffers are averaged too (`use_buffers`).
    """
    names, most = [], 0
    for key, averages in tensors.items():
        prefix, _, last = key.rpartition(".")
        if last != "n_averaged" or averages.numel() != 1 or averages.item() < 1:
            continue
        wrapper = None if model is None else model.get_submodule(prefix)
        if isinstance(wrapper, AveragedModel) and wrapper.use_buffers:
            continue
        n = int(averages.item())
        behind = f"{prefix}.module" if prefix else "module"
        inside = [la for la in layers if la.name == behind or la.name.startswith(f"{behind}.")]
        found = [layer.name for layer in inside if layer.complete and not (layer.count and layer.count < n)]
        names, most = [*names, *found], max(most, n if found else 0)
    if names:
        yield finding(
            "averaged-weights",
            names,
            "risk",
            f"n_averaged is {most:,}: the weights are an average, and the statistics those of the last weights, unless "
            "they were measured again",
        )
