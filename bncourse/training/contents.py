"""What a checkpoint has to hold, so that a training may go on from it: what that training would write itself.

A right digest says that a file is as it was written, and not by whom. So all that it holds is compared with the
training that is to go on, before anything of that training is changed.
"""

import math
import reprlib
from collections.abc import Iterator
from dataclasses import asdict

import torch

from bncourse.training import random_states
from bncourse.training.checkpoint import CheckpointError
from bncourse.training.state import Progression

FREE = ("steps", "checkpoint_every")  # of the recipe: may differ from the checkpoint's
NAMED = 3  # differences that a refusal spells out
FACTS = {"step": int, "row_step": int, "epoch_length": int, "seconds": (int, float), "recipe": dict}
STATE = {"model": dict, "optimizer": dict, "columns": dict, "processes": list}
COLUMNS = ("step", "loss", "lr", "seconds", "images_per_second")
SCORES = ("top1", "top5")
EDITED = "expected what a training writes; remove it, and the checkpoint before it is used, if there is one"


def refuse_another(progression: Progression, facts: dict, state: dict, epoch_length: int, processes: int,
                   evaluates: bool, name: str) -> None:
    """Raises CheckpointError, which begins with the checkpoint's `name`, unless a training may go on from it.

    progression   the new training, which is not changed
    facts, state  what the checkpoint holds
    epoch_length  the number of mini-batches in an epoch of the new training
    processes     how many train together
    evaluates     whether the new training measures accuracies
    """
    check_kinds(facts, state, name)
    refuse_another_recipe(progression, facts, epoch_length, name)
    expect(name, "is of another network", unlike(state["model"], progression.model.state_dict()),
           "expected the same names and shapes, or an empty folder")
    check_columns(state["columns"], evaluates, name)
    expect(name, "has a place that cannot be", places_unlike(facts, state["columns"], progression.recipe.steps))
    expect(name, "is of another optimizer", optimizer_unlike(state["optimizer"], progression))
    expect(name, "is of other processes", processes_unlike(state["processes"], progression, processes))
    check_finite(progression, state, name)


def expect(name: str, what: str, wrong: Iterator[str] | list[str], instead: str = EDITED) -> None:
    """Raises CheckpointError, which names the first things that are wrong and counts the others; of none, nothing."""
    wrong = list(wrong)
    if wrong:
        more = f", and {len(wrong) - NAMED} more" if len(wrong) > NAMED else ""
        raise CheckpointError(f"{name} {what}: {', '.join(wrong[:NAMED])}{more}; {instead}")


def check_kinds(facts: dict, state: dict, name: str) -> None:
    """Raises CheckpointError where the facts or the state lack what each training writes, or have it of another type.

    A bool is no number.
    """
    for held, kinds in ((facts, FACTS), (state, STATE)):
        expect(name, "holds other things", [
            f"{key} is {reprlib.repr(held.get(key, 'missing'))}" for key, kind in kinds.items()
            if not isinstance(held.get(key), kind) or isinstance(held[key], bool)])


def refuse_another_recipe(progression: Progression, facts: dict, epoch_length: int, name: str) -> None:
    """Raises CheckpointError where the checkpoint `name` belongs to another recipe, or to other data."""
    expect(name, "is of another recipe",
           [f"{field} {facts['recipe'].get(field)!r} there and {value!r} here"
            for field, value in asdict(progression.recipe).items()
            if field not in FREE and facts["recipe"].get(field) != value], "expected the same, or an empty folder")
    if facts["epoch_length"] != epoch_length:
        raise CheckpointError(f"{name} is of other data: its epochs had {facts['epoch_length']} mini-batches, and "
                              f"these have {epoch_length}; expected the same data, or an empty folder")


def check_columns(columns: dict, evaluates: bool, name: str) -> None:
    """Raises CheckpointError unless there are no columns, or those of this training: lists of numbers."""
    if columns and ("top1" in columns) != evaluates:
        there, here = ("without evaluate", "with it") if evaluates else ("with evaluate", "without it")
        raise CheckpointError(f"{name} is of a training {there}, and this one is {here}; expected the same, or an "
                              "empty folder")
    wanted = {*COLUMNS, *(SCORES if evaluates else ())}
    expect(name, "has other columns", [f"{key!r}" for key in columns if key not in wanted]
           + [f"no {key!r}" for key in sorted(wanted) if columns and key not in columns])
    expect(name, "has columns that are not lists of numbers", [
        key for key, values in columns.items()
        if not (isinstance(values, list) and all(type(value) in (int, float) for value in values))])
    lengths = {key: len(values) for key, values in columns.items()}
    expect(name, "has columns of unequal lengths", [f"{key} of {rows}" for key, rows in lengths.items()
                                                    if rows != lengths["step"]])


def places_unlike(facts: dict, columns: dict, steps: int) -> Iterator[str]:
    """What is wrong with the steps and seconds of the facts and the columns, one sentence each.

    `steps` are the recipe's.
    """
    step, rows = facts["step"], columns.get("step", [])
    if not 0 < step <= steps:
        yield f"step is {step}, and the recipe has {steps}"
    if facts["row_step"] != (rows[-1] if rows else 0):
        yield f"row_step is {facts['row_step']}, and the last row is after step {rows[-1] if rows else 0}"
    if any(not before < after for before, after in zip([0, *rows], [*rows, step + 1], strict=True)):
        yield f"the rows are after steps {reprlib.repr(rows)}, which do not rise to {step}"
    if not all(0 <= seconds < math.inf for seconds in (facts["seconds"], *columns.get("seconds", []))):
        yield "seconds are not 0 or more"


def optimizer_unlike(there: dict, progression: Progression) -> Iterator[str]:
    """What an optimizer's state has otherwise than that of the new training, one sentence each.

    The rate, which changes with each step, may differ; and a weight that has had no gradient has no momentum.
    """
    here = progression.optimizer.state_dict()["param_groups"]
    groups, momenta = there.get("param_groups"), there.get("state")
    if not (isinstance(momenta, dict) and isinstance(groups, list) and all(isinstance(each, dict) for each in groups)):
        yield "it has no state or no param_groups"
        return
    yield from unlike([{**each, "lr": 0} for each in groups], [{**each, "lr": 0} for each in here], "param_groups")
    weights = enumerate(weight for group in progression.optimizer.param_groups for weight in group["params"])
    known = {place: {"momentum_buffer": weight.detach()} for place, weight in weights if progression.recipe.momentum}
    yield from unlike(momenta, {place: known[place] for place in known if place in momenta}, "state")


def processes_unlike(there: list, progression: Progression, processes: int) -> Iterator[str]:
    """What is wrong with each process's sum of losses and random states, one sentence each."""
    if len(there) != processes:
        yield f"there were {len(there)} and are {processes}"
    for rank, own in enumerate(there):
        found = own if isinstance(own, dict) else {}
        yield from unlike(found.get("losses"), progression.losses.cpu(), f"losses of process {rank}")
        if not random_states.fit(found.get("random")):
            yield f"the random states of process {rank} are none"


def check_finite(progression: Progression, state: dict, name: str) -> None:
    """Raises CheckpointError for weights or momenta that are not finite, unless the loss shows that they diverged.

    A running variance may be infinite beside a finite loss, but not NaN.
    """
    losses = [*state["columns"].get("loss", [])[-1:], *(own["losses"].item() for own in state["processes"])]
    if not all(math.isfinite(loss) for loss in losses):
        return
    weights, momenta = state["model"], state["optimizer"]["state"]
    wrong = [key for key, _ in progression.model.named_parameters() if not weights[key].isfinite().all()]
    wrong += [key for key, _ in progression.model.named_buffers() if key in weights and weights[key].isnan().any()]
    wrong += [f"momentum {place}" for place in momenta if not momenta[place]["momentum_buffer"].isfinite().all()]
    expect(name, "holds numbers that are not finite, though the loss is", wrong)


def unlike(there: object, here: object, path: str = "") -> Iterator[str]:
    """Where two nested things differ: "0.weight is (8, 3) float32 there and (9, 3) float32 here", one sentence each.

    Of dictionaries and lists the parts are compared, of tensors the shape and the type, and of all else the value.
    """
    parts = [(x if isinstance(x, dict) else dict(enumerate(x))) if isinstance(x, dict | list | tuple) else None
             for x in (there, here)]
    if None not in parts and isinstance(there, dict) == isinstance(here, dict):
        old, new = parts
        for key in dict.fromkeys([*new, *old]):
            yield from unlike(old.get(key, "missing"), new.get(key, "missing"), f"{path}.{key}" if path else str(key))
    elif in_words(there) != in_words(here):
        yield f"{path} is {in_words(there)} there and {in_words(here)} here"


def in_words(thing: object) -> str:
    """A tensor's shape and type, such as "(8, 3) float32", or a plain value as Python writes it."""
    if isinstance(thing, torch.Tensor):
        return f"{tuple(thing.shape)} {str(thing.dtype).removeprefix('torch.')}"
    return "missing" if isinstance(thing, str) and thing == "missing" else reprlib.repr(thing)
