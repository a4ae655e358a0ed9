"""Stochastic gradient descent with momentum: `train` takes a network, mini-batches and a recipe, and measures.

    columns = train(model, batches, Recipe(steps=1000, lr=0.1, evaluate_every=100), evaluate=evaluate)

No step waits for the device: losses are summed there, and read when a row is written.
"""

import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bncourse.training import random_states
from bncourse.training.distributed import ALONE, World
from bncourse.training.recipe import Recipe
from bncourse.training.resuming import resume, write_checkpoint
from bncourse.training.state import Progression
from bncourse.training.stopping import Interrupted, Stop, on_signals
from bncourse.training.syncnorm import synchronized

EARLY = (1, 2, 5, 10, 20, 50, 100)  # steps with rows of their own, where the recipe asks for them
FINITE_CHECK_EVERY = 100  # steps between looks at whether the loss is still finite


@runtime_checkable
class MiniBatches(Protocol):
    """What `train` asks of mini-batches: `datasets.batches.Batches` has it, and a class of your own may.

    `batch` is the number of examples in each mini-batch of this process, and `len` the number of mini-batches in an
    epoch. `epoch(e, start=k)` yields the mini-batches of epoch e from the k-th on, each a pair of images (N, 3, H, W)
    and labels (N,); the last may be smaller.
    """

    batch: int

    def __len__(self) -> int: ...

    def epoch(self, number: int, start: int = 0) -> Iterator[tuple[Tensor, Tensor]]: ...


@runtime_checkable
class Accuracy(Protocol):
    """What `evaluate` returns: the shares of examples whose label is the first guess, and among the first five."""

    top1: float
    top5: float


def train(model: nn.Module, batches: MiniBatches, recipe: Recipe, *,
          evaluate: Callable[[nn.Module], Accuracy] | None = None, folder: str | os.PathLike | None = None,
          device: str | torch.device = "cpu", progress: Callable[[int, int], object] | None = None,
          record: Callable[[dict], object] | None = None, world: World = ALONE, fall_back: bool = False
          ) -> dict[str, list]:
    """Trains a model in place by softmax cross-entropy, and returns what was measured, as columns.

    `model` maps images to scores `(N, K)` of K classes. `batches` are its mini-batches, and `recipe` says how it is
    trained. It is trained on `device`, and afterwards in eval mode.

    The columns are lists by name, with a row for every `evaluate_every` steps and for the last: `step`; `loss`, the
    mean over the steps since the row before; `top1` and `top5`, as `evaluate` gives them for the model in eval mode;
    `lr`; `seconds` spent on steps since the beginning; `images_per_second` since the row before. Without `evaluate`
    there are no top1 and top5, and in early rows they are NaN. In the process of rank 0, `record(row)` is called with
    each row and `progress(done, total)` after each step.

    A loss that is not finite is a measurement too: its row is written at the next multiple of 100 steps or of
    `evaluate_every`, with top1 and top5 not measured (NaN), and it is the last.

    With a `folder`, checkpoints are written there, and a training that finds one goes on from it, bit for bit
    as if it had never stopped; one that is damaged is refused, unless `fall_back` allows the one before it. Ctrl-C
    and SIGTERM then write a checkpoint and raise Interrupted. Under torchrun `world` comes from `distributed.join`;
    every process calls `train`, and `evaluate` is called in every process.

    Raises ValueError where world, batches and recipe do not fit; CheckpointError where a checkpoint does not.
    """
    check_fit(batches, recipe, world)
    device = torch.device(device)
    with computing(recipe, device), random_states.unchanged(), on_signals(world, folder is not None) as stop, \
            synchronized(model, recipe.sync_batchnorm and world.size > 1):
        check_alike(batches, world)
        progression = start(model, recipe, device)
        random_states.seed(recipe.seed, world.rank)
        if folder is not None:
            resume(progression, folder, len(batches), world, fall_back, evaluate is not None)
        network = wrapped(model, recipe, world)
        model.train()
        if progress and world.rank == 0:
            progress(progression.step, recipe.steps)
        for mini_batch in upcoming(batches, progression):
            take_step(network, progression, *mini_batch)
            measure(progression, evaluate, record, world)
            if progress and world.rank == 0:
                progress(progression.step, recipe.steps)
            if folder is not None:
                checkpoint_if_due(progression, folder, len(batches), world, stop)
    world.share_buffers(model)
    model.eval()
    return progression.columns


def check_fit(batches: MiniBatches, recipe: Recipe, world: World) -> None:
    """Raises ValueError where processes, mini-batches and recipe disagree, or there is no mini-batch."""
    if world.size != recipe.devices:
        raise ValueError(f"there are {world.size} processes, but the recipe's devices is {recipe.devices}; expected "
                         f"as many, as each process's batch norm and share of the {recipe.batch} examples depend on it")
    if batches.batch != recipe.batch_per_device:
        raise ValueError(f"batches.batch is {batches.batch}; expected {recipe.batch_per_device}, the recipe's batch of "
                         f"{recipe.batch} shared by {recipe.devices}")
    if not len(batches):
        raise ValueError(f"batches has no mini-batch in an epoch; expected {recipe.batch_per_device} examples or more")


def check_alike(batches: MiniBatches, world: World) -> None:
    """Raises ValueError, in every process, where the processes have epochs of different lengths."""
    lengths = [int(length) for length in world.gather(str(len(batches)).encode())]
    if len(set(lengths)) > 1:
        raise ValueError(f"the processes have {', '.join(map(str, lengths))} mini-batches in an epoch; expected as "
                         "many in each, since they take their steps together")


@contextmanager
def computing(recipe: Recipe, device: torch.device) -> Iterator[None]:
    """A context with the recipe's number of threads, and on a GPU with the convolutions that are fastest for one shape.

    On a GPU PyTorch tries several ways to compute each convolution, which pays where shapes do not change.
    """
    threads = torch.get_num_threads()
    on_gpu = torch.backends.cudnn.flags(enabled=True, benchmark=True) if device.type == "cuda" else nullcontext()
    try:
        torch.set_num_threads(recipe.threads or threads)
        with on_gpu:
            yield
    finally:
        torch.set_num_threads(threads)


def start(model: nn.Module, recipe: Recipe, device: torch.device) -> Progression:
    """A training at step 0, with its model moved to the device."""
    model.to(device, memory_format=torch.channels_last if recipe.channels_last else torch.preserve_format)
    return Progression(model, recipe, device)


def wrapped(model: nn.Module, recipe: Recipe, world: World) -> nn.Module:
    """The module that a step calls: the model, wrapped to average gradients over processes, compiled where asked."""
    network = world.parallel(model)
    return torch.compile(network) if recipe.compiled else network


def upcoming(batches: MiniBatches, progression: Progression) -> Iterator[tuple[Tensor, Tensor]]:
    """The mini-batches that are left, epoch after epoch, until the training is done.

    Opening an epoch may draw random numbers, as a loader does that seeds its workers. A training that was resumed opens
    one epoch more than one that was not. So the random states are put back after an epoch is opened, and the two
    trainings stay the same. Raises ValueError where an epoch ends early.
    """
    while not progression.done:
        epoch, start = divmod(progression.step, len(batches))
        with random_states.unchanged():
            mini_batches = iter(batches.epoch(epoch, start=start))
            mini_batch = next(mini_batches, None)
        for place in range(start, len(batches)):
            if mini_batch is None:
                raise ValueError(f"epoch {epoch} ended after {place} mini-batches; expected len(batches), "
                                 f"which is {len(batches)}")
            yield mini_batch
            if progression.done:
                return
            mini_batch = next(mini_batches, None)


def to_input(images: Tensor, device: str | torch.device, channels_last: bool = False) -> Tensor:
    """Images moved to a device, as a network takes them.

    `images` are numbers (N, 3, H, W) of any floating-point type, which is kept; `Batches` makes them of a picture's
    bytes. `device` is where the network is. With `channels_last` the channels of the result lie innermost in memory.
    Raises TypeError for bytes, which have to be normalized first.
    """
    if images.dtype == torch.uint8:
        raise TypeError("images have dtype torch.uint8, bytes; expected floating point: try "
                        "bncourse.datasets.transforms.normalize(images)")
    device = torch.device(device)
    if device.type == "cuda" and images.device.type == "cpu":
        images = images.pin_memory().to(device, non_blocking=True)
    return images.to(device, memory_format=torch.channels_last if channels_last else torch.preserve_format)


def take_step(network: nn.Module, progression: Progression, images: Tensor, labels: Tensor) -> None:
    """One step of stochastic gradient descent on one mini-batch; its loss is added to those since the last row."""
    recipe, device = progression.recipe, progression.losses.device
    for group in progression.optimizer.param_groups:
        group["lr"] = recipe.learning_rate(progression.step)
    x = to_input(images, device, recipe.channels_last)
    with torch.autocast(device.type, torch.bfloat16, enabled=recipe.precision == "bf16"):
        logits = network(x)
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    loss = F.cross_entropy(logits, labels.to(device, non_blocking=True))
    progression.optimizer.zero_grad()
    loss.backward()
    progression.optimizer.step()
    progression.losses += loss.detach()
    progression.step += 1


def measure(progression: Progression, evaluate: Callable | None, record: Callable | None, world: World) -> None:
    """Writes a row where one is due, or where the loss is found to be no longer finite."""
    step, every = progression.step, progression.recipe.evaluate_every
    due = step == progression.recipe.steps or (every is not None and step % every == 0)
    early = progression.recipe.early_rows and step in EARLY
    if not due and not early and step % FINITE_CHECK_EVERY:
        return
    losses, = world.totals(progression.losses.item())
    loss = losses / world.size / (step - progression.row_step)
    if not due and not early and math.isfinite(loss):
        return
    progression.pause()
    scores = {} if evaluate is None else accuracies(progression.model, evaluate, due and math.isfinite(loss), world)
    row = progression.add_row(loss, scores)
    if record and world.rank == 0:
        record(row)
    progression.go_on()


@torch.no_grad()
def accuracies(model: nn.Module, evaluate: Callable[[nn.Module], Accuracy], wanted: bool,
               world: World) -> dict[str, float]:
    """The accuracies top1 and top5 of the model, with the running statistics of rank 0; NaN where not wanted."""
    if not wanted:
        return {"top1": math.nan, "top5": math.nan}
    world.share_buffers(model)
    model.eval()
    with random_states.unchanged():
        score = evaluate(model)
    model.train()
    return {"top1": float(score.top1), "top5": float(score.top5)}


def checkpoint_if_due(progression: Progression, folder: str | os.PathLike, epoch_length: int, world: World,
                      stop: Stop) -> None:
    """Writes a checkpoint where one is due; where the training is asked to stop, also then, and raises Interrupted."""
    every, stopped = progression.recipe.checkpoint_every, stop.agreed()
    if stopped or progression.done or (every is not None and progression.step % every == 0):
        progression.pause()
        path = write_checkpoint(progression, folder, epoch_length, world)
        progression.go_on()
        if stopped and not progression.done:
            raise Interrupted(f"stopped after step {progression.step:,} of {progression.recipe.steps:,}, which is kept "
                              f"in {path}; the same command goes on from there")
