"""Several processes that share each mini-batch, on one machine or many: how they find one another and what they say.

    torchrun --nproc-per-node 8 your_script.py        with, in the script:

    with distributed.join("cuda") as world:
        batches = Batches(..., batch=recipe.batch_per_device, rank=world.rank, world=world.size)
        columns = train(model, batches, recipe, world=world, device=world.device)

The gradients travel through DistributedDataParallel: by nccl between GPUs, by gloo between CPUs. All the rest
(losses, random states, a checkpoint, the wish to stop) is small, and travels by gloo beside them.
"""

import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn

CPU = torch.device("cpu")
VARIABLES = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
START_TIMEOUT = 600  # seconds that processes wait for one another when they start
HINT = "start it with torchrun, as in: torchrun --nproc-per-node 2 -m bncourse train ..."


class DistributedError(ValueError):
    """The processes do not fit together; the message says which number or variable is wrong."""


@dataclass(frozen=True)
class World:
    """The processes that train together, as one of them sees it. `join` makes it; ALONE is a world of one process.

    `rank` is this process's number, from 0, and `size` the number of processes. `device` is where this process
    computes. `cpu_group` is the group of processes through which numbers and messages travel, on the CPU.

    Every process must call each method, and in the same order, since each waits for the others.
    """

    rank: int = 0
    size: int = 1
    device: torch.device = CPU
    cpu_group: dist.ProcessGroup | None = None

    def totals(self, *numbers: float) -> list[float]:
        """The sum of each of the numbers over all processes, in float64; every process gets the same sums."""
        sums = torch.tensor(numbers, dtype=torch.float64)
        if self.size > 1:
            dist.all_reduce(sums, group=self.cpu_group)
        return sums.tolist()

    def gather(self, message: bytes) -> list[bytes]:
        """The messages of all processes, in the order of their ranks; every process gets them all."""
        if self.size == 1:
            return [message]
        lengths = [torch.zeros(1, dtype=torch.int64) for _ in range(self.size)]
        dist.all_gather(lengths, torch.tensor([len(message)]), group=self.cpu_group)
        padded = as_tensor(message.ljust(max(int(length) for length in lengths), b"\0"))
        received = [torch.empty_like(padded) for _ in range(self.size)]
        dist.all_gather(received, padded, group=self.cpu_group)
        return [text.numpy().tobytes()[:int(length)] for text, length in zip(received, lengths, strict=True)]

    def from_first(self, message: bytes) -> bytes:
        """The message of rank 0; every process gets it, and the messages of the others are not used."""
        if self.size == 1:
            return message
        length = torch.tensor([len(message)])
        dist.broadcast(length, 0, group=self.cpu_group)
        text = as_tensor(message) if self.rank == 0 else torch.empty(int(length), dtype=torch.uint8)
        dist.broadcast(text, 0, group=self.cpu_group)
        return text.numpy().tobytes()

    def any_wants_to_stop(self, wish: bool) -> Callable[[], bool]:
        """Begins to ask whether any process wishes to stop, and returns at once a function that gives the answer.

        `wish` is this process's own. The function waits until every process has asked, and is True in all of them if
        one wishes to stop.
        """
        wishes = torch.tensor([float(wish)])
        work = dist.all_reduce(wishes, group=self.cpu_group, async_op=True)
        return lambda: work.wait() and bool(wishes)

    def share_buffers(self, model: nn.Module) -> None:
        """Copies the model's buffers, which hold its running statistics, from rank 0 to every process."""
        if self.size > 1:
            for buffer in model.buffers():
                dist.broadcast(buffer, 0)

    def parallel(self, model: nn.Module) -> nn.Module:
        """The model, wrapped so that each backward pass averages its gradients over the processes.

        A world of one process returns the model itself.
        """
        if self.size == 1:
            return model
        devices = [self.device.index] if self.device.type == "cuda" else None
        return nn.parallel.DistributedDataParallel(model, device_ids=devices, gradient_as_bucket_view=True)


ALONE = World()


def as_tensor(message: bytes) -> Tensor:
    """A message as a vector of uint8, which processes can send one another."""
    return torch.frombuffer(bytearray(message), dtype=torch.uint8) if message else torch.empty(0, dtype=torch.uint8)


@contextmanager
def join(device: str = "cpu") -> Iterator[World]:
    """A context in which this process has joined the others that torchrun started; it yields their World.

    Without torchrun the world has one process. `device` is "cpu", or "cuda" for one GPU for each process of a machine.
    Raises DistributedError where torchrun's environment variables contradict one another, where a machine has no GPU
    or too few, and where not all processes come in time.
    """
    if not any(name in os.environ for name in VARIABLES):
        yield World(device=device_named(device))
        return
    rank, local, size = torchrun_environment()
    place = device_of(device, local)
    store, *_ = next(dist.rendezvous("env://"))
    dist.init_process_group("nccl" if place.type == "cuda" else "gloo", rank=rank, world_size=size,
                            store=dist.PrefixStore(agree_on_store_prefix(store, rank, size), store),
                            device_id=place if place.type == "cuda" else None)
    try:
        yield World(rank, size, place, dist.new_group(backend="gloo"))
    finally:
        dist.destroy_process_group()


def agree_on_store_prefix(store: dist.Store, rank: int, size: int) -> str:
    """A name that all processes of this start have agreed on, and that no earlier start used.

    After an elastic restart torchrun's store still holds what the killed processes wrote there (PyTorch issue
    135712), their addresses among it; under a new name these are not found. Rank 0 invents the name. Every other
    process writes a token of its own under the name that it reads, and goes on once rank 0 has repeated the token. A
    name left behind by a killed rank 0 is never answered in this way, so the process reads again.

    `store` is torchrun's, `rank` this process's number and `size` the number of processes. Raises DistributedError
    where they have not all come within START_TIMEOUT seconds.
    """
    name, token, deadline = uuid.uuid4().hex, uuid.uuid4().hex, time.monotonic() + START_TIMEOUT
    if rank == 0:
        store.set("name", name)
    missing = set(range(1, size)) if rank == 0 else {0}
    while missing:
        if time.monotonic() > deadline:
            raise DistributedError(f"rank {rank} waited {START_TIMEOUT} seconds for rank "
                                   f"{', '.join(map(str, missing))}; expected WORLD_SIZE, {size}, processes: "
                                   "start torchrun on every machine")
        if rank == 0:
            here = {other for other in missing if store.check([f"{name}/{other}"])}
            for other in here:
                store.set(f"{name}/{other}/answer", store.get(f"{name}/{other}"))
            missing -= here
        elif store.check(["name"]):
            name = store.get("name").decode()
            store.set(f"{name}/{rank}", token)
            answer = f"{name}/{rank}/answer"
            if store.check([answer]) and store.get(answer).decode() == token:
                break
        time.sleep(0.02)
    return name


def torchrun_environment() -> tuple[int, int, int]:
    """This process's rank, its rank on its machine, and the number of processes, as torchrun's variables say.

    Raises DistributedError where a variable is missing, is no whole number, or contradicts another.
    """
    missing = [name for name in VARIABLES if name not in os.environ]
    if missing:
        there = [name for name in VARIABLES if name in os.environ]
        raise DistributedError(f"the environment has {', '.join(there)}, but not {', '.join(missing)}; "
                               f"expected all that torchrun sets, or none for a single process; {HINT}")
    numbers = []
    for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE"):
        if not os.environ[name].isdecimal():
            raise DistributedError(f"{name} is {os.environ[name]!r}; expected a whole number; {HINT}")
        numbers.append(int(os.environ[name]))
    rank, local, size = numbers
    if not local <= rank < size:
        raise DistributedError(f"RANK is {rank}, LOCAL_RANK {local} and WORLD_SIZE {size}; expected "
                               f"LOCAL_RANK <= RANK < WORLD_SIZE; {HINT}")
    return rank, local, size


def device_named(name: str) -> torch.device:
    """The device of that name, "cpu" or "cuda". Raises DistributedError for "cuda" where PyTorch finds no GPU."""
    if name == "cuda" and not torch.cuda.is_available():
        raise DistributedError("device is 'cuda', and PyTorch finds no GPU on this machine; expected 'cpu', or a GPU "
                               "with its driver and a PyTorch that is made for it")
    return torch.device(name)


def device_of(kind: str, local: int) -> torch.device:
    """The device of the process whose rank on its machine is `local`: the CPU, or the GPU of that number.

    `kind` is "cpu" or "cuda". Raises DistributedError where the machine has no GPU of that number.
    """
    if kind != "cuda":
        return torch.device(kind)
    if local >= torch.cuda.device_count():
        raise DistributedError(f"LOCAL_RANK is {local}, but this machine has {torch.cuda.device_count()} GPUs; "
                               "expected one for each process: give torchrun a smaller --nproc-per-node")
    torch.cuda.set_device(local)
    return torch.device("cuda", local)
