"""What two processes do under torchrun; each writes what it found into the folder, for the tests to compare.

    torchrun --nproc-per-node 2 -m tests.training.worker_distributed laws FOLDER SEED
    torchrun --nproc-per-node 2 --max-restarts 1 -m tests.training.worker_distributed elastic FOLDER SEED RANK STEP

`laws` goes through everything that needs no restart in one launch; `elastic` is a training in which the process of
this rank kills itself after this step, the first time that it comes there.
"""

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from bncourse.datasets.batches import Batches
from bncourse.datasets.scenes import Scenes
from bncourse.datasets.transforms import Center
from bncourse.training import Recipe, train
from bncourse.training.distributed import World, join
from bncourse.training.stopping import Interrupted
from bncourse.training.syncnorm import synchronized
from tests.training.small import Examples, evaluate_on, network, without_times

SYNCHRONIZED = Recipe(steps=14, batch=8, lr=0.05, weight_decay=0.02, evaluate_every=5, devices=2, sync_batchnorm=True)
PER_PROCESS = Recipe(steps=16, batch=8, lr=0.05, evaluate_every=5, checkpoint_every=3, devices=2)


def examples(seed, world=None, count=48, dtype=torch.float32):
    """Of every joint mini-batch of 8, the part of a process; all of it without a world."""
    rank, size = (world.rank, world.size) if world else (0, 1)
    return Examples(seed, count=count, batch=8 // size, rank=rank, world=size, dtype=dtype)


def deep(seed):
    """Batch norm at several depths, without running statistics or gamma in some, and branches."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        branches = Branches(nn.Conv2d(5, 3, 3), nn.Conv2d(5, 2, 3))
        return nn.Sequential(nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5), nn.Sigmoid(), branches,
                             nn.BatchNorm2d(5, affine=False), nn.Flatten(), nn.Linear(20, 16),
                             nn.BatchNorm1d(16, momentum=None)).double()


class Branches(nn.Module):
    def __init__(self, *branches):
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x):
        return torch.cat([branch(x) for branch in self.branches], 1)


def gradients(model, network, mini_batch):
    images, labels = mini_batch
    F.cross_entropy(network(images), labels).backward()
    return {name: w.grad for name, w in model.named_parameters()}


def far_from_zero(seed):
    """Eight examples of three channels, in float32."""
    return 1e4 + torch.randn(8, 3, generator=torch.Generator().manual_seed(seed))


def said(call):
    """What a call raises, in words."""
    try:
        call()
    except (ValueError, RuntimeError) as error:
        return str(error)
    return "nothing"


def refused_of(world: World):
    layer, x = nn.BatchNorm1d(3), torch.randn(4, 3, requires_grad=True)
    with synchronized(layer):
        single = said(lambda: layer(x[: 1 - world.rank]))
        gradient, = torch.autograd.grad(layer(x).pow(3).sum(), x, create_graph=True)
        twice = said(lambda: gradient.sum().backward())
    maps = nn.BatchNorm2d(3)
    with synchronized(maps):
        return [single, said(lambda: maps(x)), twice]


def interrupted(world: World, seed, folder):
    """A training in which the process of rank 1 alone is asked to stop; then the same command again."""
    own = examples(seed, world)

    def evaluate(model):
        if world.rank == 1:
            signal.raise_signal(signal.SIGTERM)
        return evaluate_on(own)(model)

    try:
        train(network(seed), own, PER_PROCESS, evaluate=evaluate, folder=folder, world=world)
    except Interrupted as stop:
        return str(stop)
    return "not interrupted"


def laws(folder, seed):
    with join() as world:
        found = {"totals": world.totals(world.rank, 0.5), "sees": []}
        found["gathered"] = [len(message) for message in world.gather(b"x" * (1 + 3 * world.rank))]
        found["from_first"] = world.from_first(b"of rank %d" % world.rank).decode()

        batches = Batches(Scenes("train", 24, size=8), Center(6), batch=4, seed=seed, rank=world.rank, world=world.size)
        for images, _ in batches.epoch(1):
            found["sees"].append(images)

        model = deep(seed)
        with synchronized(model):
            mini_batch = next(examples(seed, world, dtype=torch.float64).epoch(0))
            found["gradients"] = gradients(model, world.parallel(model), mini_batch)
            found["after"] = model.state_dict()

        layer, own = nn.BatchNorm1d(3), slice(0, 5) if world.rank == 0 else slice(5, 8)
        with synchronized(layer):
            found["far"] = layer(far_from_zero(seed)[own]).detach()
        found["refused"] = refused_of(world)
        uneven = Examples(seed, count=4 * (3 + world.rank), batch=4)
        found["lengths"] = said(lambda: train(network(seed), uneven, PER_PROCESS, world=world))

        model, own = network(seed, dropout=0.0).double(), examples(seed, world, dtype=torch.float64)
        found["columns"] = train(model, own, SYNCHRONIZED, evaluate=evaluate_on(own), world=world)
        found["trained"] = model.state_dict()

        own, told = examples(seed, world), []
        model = network(seed)
        found["per process"] = without_times(train(
            model, own, PER_PROCESS, evaluate=evaluate_on(own), world=world, folder=folder / "whole",
            progress=lambda *steps: told.append(steps), record=told.append))
        found["per process weights"], found["told"] = model.state_dict(), len(told)

        model = network(seed)
        train(model, own, replace(PER_PROCESS, steps=2), world=world)
        found["never evaluated"] = model.state_dict()

        found["stopped"] = interrupted(world, seed, folder / "stopped")
        model = network(seed)
        found["resumed"] = without_times(train(model, own, PER_PROCESS, evaluate=evaluate_on(own), world=world,
                                               folder=folder / "stopped"))
        found["resumed weights"] = model.state_dict()
        torch.save(found, folder / f"laws-{world.rank}.pt")


def elastic(folder, seed, rank, step):
    with join() as world:
        own, model = examples(seed, world), network(seed)
        first = os.environ["TORCHELASTIC_RESTART_COUNT"] == "0"
        taken = 0

        def dying(layer, inputs):
            nonlocal taken
            taken += layer.training
            if first and world.rank == rank and taken == step:
                os.kill(os.getpid(), signal.SIGKILL)

        model.register_forward_pre_hook(dying)
        train(model, own, PER_PROCESS, evaluate=evaluate_on(own), world=world, folder=folder / "elastic")
        if not first:
            torch.save({"weights": model.state_dict(), "taken": taken}, folder / f"elastic-{world.rank}.pt")


if __name__ == "__main__":
    torch.set_num_threads(1)
    what, where, *numbers = sys.argv[1:]
    {"laws": laws, "elastic": elastic}[what](Path(where), *map(int, numbers))
