"""Mini-batches from a loader: told apart from their labels, counted, and gone through with a progress bar.

What iterating changes about a loader is its generator: random states are put back afterwards.
"""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from operator import length_hint

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from bncourse.doctor.patient import examples


def checked(loader) -> None:
    """Raises TypeError where a loader is none that can be gone through again, and ValueError where it is empty."""
    if isinstance(loader, Tensor | dict | str):
        raise TypeError(
            f"loader is {described(loader)}; expected a series of mini-batches, such as a DataLoader or a list"
        )
    if not hasattr(loader, "__iter__") and not hasattr(loader, "__getitem__"):
        raise TypeError(f"loader is {described(loader)}; expected a DataLoader or a list of mini-batches")
    if hasattr(loader, "__next__"):
        raise TypeError(
            f"loader is {described(loader)}, which can be gone through only once, and would be used up; pass the "
            f"DataLoader itself, or list(...)"
        )
    if length_hint(loader, 1) == 0:
        raise ValueError("loader is empty: 0 mini-batches; expected one or more (drop_last=True with little data?)")


def described(value) -> str:
    """What a value is, in words for a message."""
    if isinstance(value, Tensor):
        return f"one tensor of shape {tuple(value.shape)}"
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeiou' or name == 'ndarray' else 'a'} {name}"


def split(item, model: nn.Module, batch=None) -> tuple[object, Tensor | None]:
    """The batch that a model is called with, and the labels, from what a loader yields.

    A pair `(x, labels)` is split where the model takes one argument, and otherwise all are its arguments; `batch`,
    where it is given, shows how many there are.
    """
    if isinstance(item, list):
        item = tuple(item)
    if not isinstance(item, tuple):
        return item, None
    wanted = len(batch) if isinstance(batch, tuple) else 1 if batch is not None else positional(model)
    if len(item) == 2 and isinstance(item[0], tuple | list | dict):
        first = item[0] if isinstance(item[0], dict) else tuple(item[0])
        return first, labels_of(item[1])
    if len(item) == wanted:
        return (item if isinstance(batch, tuple) or wanted > 1 else item[0]), None
    if len(item) == wanted + 1:
        return (item[0] if wanted == 1 and not isinstance(batch, tuple) else item[:wanted]), labels_of(item[-1])
    return item[0], labels_of(item[1]) if len(item) > 1 else None


def labels_of(value) -> Tensor | None:
    """Labels as a tensor of whole numbers, one for each example; None for anything else."""
    whole = isinstance(value, Tensor) and value.dim() == 1 and not value.is_floating_point()
    return value if whole else None


def positional(model: nn.Module) -> int:
    """How many positional arguments without a default a model's forward pass has; at least 1."""
    try:
        parameters = inspect.signature(model.forward).parameters.values()
    except (TypeError, ValueError):
        return 1
    return max(sum(p.default is p.empty and p.kind <= p.POSITIONAL_OR_KEYWORD for p in parameters), 1)


def batches(loader, model: nn.Module, batch=None) -> Iterator[tuple[object, Tensor | None]]:
    """The mini-batches of a loader with their labels, under a progress bar.

    Raises ValueError where the loader yields none, and where a mini-batch has no tensor.
    """
    total = length_hint(loader) or None
    count = 0
    with generators_kept(loader):
        for item in tqdm(loader, total=total, desc="measuring", leave=False, disable=None):
            count += 1
            x, labels = split(item, model, batch)
            if not examples(x):
                raise ValueError(
                    f"mini-batch {count} of the loader is {described(x)} without a tensor of examples; expected a "
                    f"tensor, a tuple of arguments, or a pair of one of them and labels"
                )
            yield x, labels
    if not count:
        raise ValueError("loader yields no mini-batch; expected one or more")


@contextmanager
def generators_kept(loader) -> Iterator[None]:
    """A context after which the generators of a loader and of its samplers are what they were before it."""
    holders = [loader, getattr(loader, "sampler", None), getattr(loader, "batch_sampler", None)]
    holders.append(getattr(holders[2], "sampler", None))
    found = [getattr(holder, "generator", None) for holder in holders]
    generators = [g for g in found if isinstance(g, torch.Generator)]
    states = [g.get_state() for g in generators]
    try:
        yield
    finally:
        for generator, state in zip(generators, states, strict=True):
            generator.set_state(state)


def smallest(loader, seen: int) -> int:
    """The number of examples in the smallest mini-batch of a loader: known, or the smallest that was seen."""
    size, dataset = getattr(loader, "batch_size", None), getattr(loader, "dataset", None)
    if size and hasattr(dataset, "__len__") and not getattr(loader, "drop_last", False):
        return len(dataset) % size or size
    return seen
