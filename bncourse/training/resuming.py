"""Going on where a training stopped: what a checkpoint must agree with, and how all processes come to hold it.

A training goes on bit for bit when it goes on with the same network, recipe and mini-batches, on the same kind of
machine and as many threads; `refuse_another` holds it to the first three. Only the last step, and how often to
write checkpoints, may be changed between.
"""

import io
import os
from dataclasses import asdict
from pathlib import Path

import torch
from torch import nn

from bncourse.training import checkpoint, random_states
from bncourse.training.checkpoint import CheckpointError
from bncourse.training.distributed import World
from bncourse.training.state import Progression

FREE = ("steps", "checkpoint_every")  # of the recipe: may differ from the checkpoint's
NAMED = 3  # differences that a refusal spells out


def write_checkpoint(progression: Progression, folder: str | os.PathLike, epoch_length: int, world: World) -> Path:
    """Writes a checkpoint of what all processes hold, and returns its path.

    Every process calls it, and that of rank 0 writes the file into `folder`. `epoch_length` is the number of
    mini-batches in an epoch, by which a later training is known to have the same data.
    """
    own = {"random": random_states.capture(), "losses": progression.losses.cpu()}
    processes = [unpacked(message) for message in world.gather(packed(own))]
    if world.rank == 0:
        epoch, place = divmod(progression.step, epoch_length)
        facts = {"step": progression.step, "epoch": epoch, "mini_batch": place, "epoch_length": epoch_length,
                 "row_step": progression.row_step, "seconds": progression.seconds_so_far(),
                 "recipe": asdict(progression.recipe)}
        state = {"model": progression.model.state_dict(), "optimizer": progression.optimizer.state_dict(),
                 "columns": progression.columns, "processes": processes}
        checkpoint.save(folder, progression.step, facts, state)
    return checkpoint.path_of(folder, progression.step)


def resume(progression: Progression, folder: str | os.PathLike, epoch_length: int, world: World,
           fall_back: bool, evaluates: bool) -> None:
    """Puts a training where the newest checkpoint of a folder was written; without a checkpoint it changes nothing.

    Every process calls it, and only the machine of rank 0 needs to see `folder`. `progression` is the new training,
    whose model, optimizer, columns and random states are replaced. `epoch_length` is the number of mini-batches in an
    epoch. `fall_back` allows an older checkpoint where the newest is damaged. `evaluates` is whether the new training
    measures accuracies.

    Raises CheckpointError where the checkpoint is damaged, or belongs to another network, recipe or data; then nothing
    is changed.
    """
    content, name = b"", str(folder)
    if world.rank == 0:
        path = checkpoint.newest(folder, fall_back)
        if path is not None:
            content, name = path.read_bytes(), str(path)
    content = world.from_first(content)
    if not content:
        return
    facts, state = checkpoint.from_bytes(content, name)
    refuse_another(progression, facts, state["model"], epoch_length, name)
    refuse_other_columns(state["columns"], evaluates, name)
    progression.model.load_state_dict(state["model"])
    progression.optimizer.load_state_dict(state["optimizer"])
    progression.losses.copy_(state["processes"][world.rank]["losses"])
    progression.columns = state["columns"]
    progression.step, progression.row_step = facts["step"], facts["row_step"]
    progression.seconds = facts["seconds"]
    random_states.restore(state["processes"][world.rank]["random"])


def refuse_another(progression: Progression, facts: dict, weights: dict, epoch_length: int, name: str) -> None:
    """Raises CheckpointError where the checkpoint `name` belongs to another recipe, other data or another network.

    `facts` and `weights` are the checkpoint's; `progression` and `epoch_length` are those of the new training.
    """
    given = asdict(progression.recipe)
    other = [f"{field} {facts['recipe'].get(field)!r} there and {value!r} here" for field, value in given.items()
             if field not in FREE and facts["recipe"].get(field) != value]
    if other:
        raise CheckpointError(f"{name} is of another recipe: {', '.join(other)}; expected the same, or an empty folder")
    if facts["epoch_length"] != epoch_length:
        raise CheckpointError(f"{name} is of other data: its epochs had {facts['epoch_length']} mini-batches, and "
                              f"these have {epoch_length}; expected the same data, or an empty folder")
    differences = unlike(weights, progression.model)
    if differences:
        more = f", and {len(differences) - NAMED} more" if len(differences) > NAMED else ""
        raise CheckpointError(f"{name} is of another network: {', '.join(differences[:NAMED])}{more}; "
                              "expected the same names and shapes, or an empty folder")


def refuse_other_columns(columns: dict, evaluates: bool, name: str) -> None:
    """Raises CheckpointError where rows with accuracies would follow rows without, or the other way round."""
    if columns and ("top1" in columns) != evaluates:
        there, here = ("without evaluate", "with it") if evaluates else ("with evaluate", "without it")
        raise CheckpointError(f"{name} is of a training {there}, and this one is {here}; expected the same, or an "
                              "empty folder")


def unlike(weights: dict, model: nn.Module) -> list[str]:
    """The differences between weights and a model: "0.weight is (8, 3) float32 there and (9, 3) float32 here"."""
    there, here = ({name: shape_and_dtype(tensor) for name, tensor in state.items()}
                   for state in (weights, model.state_dict()))
    return [f"{name} is {there.get(name, 'missing')} there and {here.get(name, 'missing')} here"
            for name in dict.fromkeys([*there, *here]) if there.get(name) != here.get(name)]


def shape_and_dtype(tensor: torch.Tensor) -> str:
    """A tensor's shape and type in words, such as "(8, 3) float32"."""
    return f"{tuple(tensor.shape)} {str(tensor.dtype).removeprefix('torch.')}"


def packed(states: dict) -> bytes:
    """Tensors and plain values as bytes, to be sent to another process."""
    buffer = io.BytesIO()
    torch.save(states, buffer)
    return buffer.getvalue()


def unpacked(message: bytes) -> dict:
    """The tensors and plain values that `packed` made bytes of."""
    return torch.load(io.BytesIO(message), weights_only=True)
