"""Several processes that share each mini-batch, on one machine or many: what they are, and what they tell one another.

    torchrun --nproc-per-node 8 your_script.py        with, in the script:

    with distributed.join("cuda") as world:
        batches = Batches(..., batch=recipe.share, rank=world.rank, world=world.size)
        columns = train(model, batches, recipe, world=world, device=world.device)

The gradients travel through DistributedDataParallel: by nccl between GPUs, by gloo between CPUs. All the rest
(losses, random states, a checkpoint, the wish to stop) is small, and travels by gloo beside them.
"""

from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn

CPU = torch.device("cpu")
VARIABLES = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
HOW = "start it with torchrun, as in: torchrun --nproc-per-node 2 -m bncourse train ..."


class DistributedError(ValueError):
    """The processes do not fit together; the message says which number or variable is wrong."""


@dataclass(frozen=True)
class World:
    """The processes that train together: this one's rank among `size`, and its device. ALONE is a world of one.

    `talk` is the group through which they tell one another small things, on the CPU.
    """

    rank: int = 0
    size: int = 1
    device: torch.device = CPU
    talk: dist.ProcessGroup | None = None

    def totals(self, *numbers: float) -> list[float]:
        """The sum of each number over all processes, in float64, and the same in every one of them."""
        sums = torch.tensor(numbers, dtype=torch.float64)
        if self.size > 1:
            dist.all_reduce(sums, group=self.talk)
        return sums.tolist()

    def gather(self, message: bytes) -> list[bytes]:
        """The message of each process, by rank, in every one of them."""
        if self.size == 1:
            return [message]
        lengths = [torch.zeros(1, dtype=torch.int64) for _ in range(self.size)]
        dist.all_gather(lengths, torch.tensor([len(message)]), group=self.talk)
        padded = as_tensor(message.ljust(max(int(length) for length in lengths), b"\0"))
        received = [torch.empty_like(padded) for _ in range(self.size)]
        dist.all_gather(received, padded, group=self.talk)
        return [text.numpy().tobytes()[:int(length)] for text, length in zip(received, lengths, strict=True)]

    def from_first(self, message: bytes) -> bytes:
        """The message of rank 0, in every process; what the others give is not used."""
        if self.size == 1:
            return message
        length = torch.tensor([len(message)])
        dist.broadcast(length, 0, group=self.talk)
        text = as_tensor(message) if self.rank == 0 else torch.empty(int(length), dtype=torch.uint8)
        dist.broadcast(text, 0, group=self.talk)
        return text.numpy().tobytes()

    def share_buffers(self, model: nn.Module) -> None:
        """Gives every process the buffers of rank 0, the running statistics among them."""
        if self.size > 1:
            for buffer in model.buffers():
                dist.broadcast(buffer, 0)

    def parallel(self, model: nn.Module) -> nn.Module:
        """The model, its gradients averaged over the processes as they are computed."""
        if self.size == 1:
            return model
        devices = [self.device.index] if self.device.type == "cuda" else None
        return nn.parallel.DistributedDataParallel(model, device_ids=devices, gradient_as_bucket_view=True)


ALONE = World()


def as_tensor(message: bytes) -> Tensor:
    return torch.frombuffer(bytearray(message), dtype=torch.uint8) if message else torch.empty(0, dtype=torch.uint8)
