"""Data-parallel training: each process, or each device, normalizes its own share of the mini-batch."""

from collections.abc import Iterator

import torch.distributed
from torch import nn

from bncourse.doctor.patient import WRAPPERS
from bncourse.doctor.report import Finding, finding
from bncourse.nn.batchnorm import BATCHNORMS

ENOUGH = 32
NO_SYNC = (
    "model = torch.nn.SyncBatchNorm.convert_sync_batchnorm(model)  # and DistributedDataParallel: DataParallel cannot "
    "synchronize"
)


def synchronized(model: nn.Module, share: int | None = None) -> Iterator[Finding]:
    """Batch norms of a data-parallel model that are not synchronized: unsynchronized.

    `model` is the wrapped model, or contains one. A risk, since a large share serves as well. Where there is one
    process or device so far it is a note, and nothing where `share`, the number of examples of a mini-batch, is known
    and at least 32. Frozen layers in eval mode normalize nothing and do not count.
    """
    for outer, wrapper in model.named_modules():
        if not isinstance(wrapper, WRAPPERS):
            continue
        inner = f"{outer}.module" if outer else "module"
        layers = [
            f"{inner}.{name}" if name else inner
            for name, module in wrapper.module.named_modules()
            if isinstance(module, BATCHNORMS) and not isinstance(module, nn.SyncBatchNorm) and not frozen(module)
        ]
        parts = shares(wrapper)
        where = f"over {parts} parts" if parts > 1 else "on one part so far; meant for several"
        if layers and (parts > 1 or share is None or share < ENOUGH):
            yield finding(
                "unsynchronized",
                layers,
                "risk" if parts > 1 else "note",
                f"{type(wrapper).__name__} {where}, each of which normalizes its own share of a mini-batch",
                NO_SYNC if isinstance(wrapper, nn.DataParallel) else None,
            )


def shares(wrapper: nn.Module) -> int:
    """Into how many parts, devices or processes, a wrapper divides mini-batches."""
    if isinstance(wrapper, nn.DataParallel):
        return max(len(wrapper.device_ids), 1)
    return torch.distributed.get_world_size(wrapper.process_group)


def frozen(module: nn.Module) -> bool:
    """Whether a batch norm is in eval mode and has parameters, none of which is trained."""
    trained = [p.requires_grad for p in module.parameters()]
    return not module.training and len(trained) > 0 and not any(trained)
