"""Going on where a training stopped: what a checkpoint must agree with, and how all processes come to hold it.

A training goes on bit for bit when it goes on with the same network, recipe and mini-batches, on the same kind of
machine and as many threads; contents.py holds it to the first three. Only the last step, and how often to write
checkpoints, may be changed between; a row that was written at an earlier end stays among the columns.
"""

import io
import os
from dataclasses import asdict
from pathlib import Path

import torch

from bncourse.training import checkpoint, contents, random_states
from bncourse.training.distributed import World
from bncourse.training.state import Progression


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
                 "row_step": progression.row_step, "seconds": progression.seconds,
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

    Raises CheckpointError where the checkpoint is damaged, belongs to another network, recipe or data, or holds what
    no training writes; then nothing is changed.
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
    contents.refuse_another(progression, facts, state, epoch_length, world.size, evaluates, name)
    progression.model.load_state_dict(state["model"])
    groups = progression.optimizer.state_dict()["param_groups"]  # the recipe's own, and not what the file says
    progression.optimizer.load_state_dict({"state": state["optimizer"]["state"], "param_groups": groups})
    progression.losses.copy_(state["processes"][world.rank]["losses"])
    progression.columns = state["columns"]
    progression.step, progression.row_step = facts["step"], facts["row_step"]
    progression.seconds = facts["seconds"]
    random_states.restore(state["processes"][world.rank]["random"])


def packed(states: dict) -> bytes:
    """Tensors and plain values as bytes, to be sent to another process."""
    buffer = io.BytesIO()
    torch.save(states, buffer)
    return buffer.getvalue()


def unpacked(message: bytes) -> dict:
    """The tensors and plain values that `packed` made bytes of."""
    return torch.load(io.BytesIO(message), weights_only=True)
