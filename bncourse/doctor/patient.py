"""The patient: a model that is examined on copies of it, so that nothing of the model itself is changed.

Every pass has a fresh copy, which it may put into other modes, hook and train; the model is only read. Random numbers
are drawn from states that are restored. What the owner's hooks note down would be a trace that the doctor leaves: hooks
that are plain functions are not called on the copies, while those that make parameters (weight norm, pruning) are.
"""

import copy
import functools
import random
import types
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map

HOOKS = (
    "_forward_hooks",
    "_forward_pre_hooks",
    "_backward_hooks",
    "_backward_pre_hooks",
    "_forward_hooks_with_kwargs",
    "_forward_pre_hooks_with_kwargs",
    "_forward_hooks_always_called",
)
WRAPPERS = (nn.DataParallel, nn.parallel.DistributedDataParallel)


class Patient:
    """A model and a batch that it is called with.

    `model` is never changed: `copy` gives a fresh copy of it, in the mode of training or of serving. `batch` is a
    tensor, a tuple of positional arguments, or a dict of keyword arguments; None where there is none. `seed` decides
    what random numbers a pass draws; `prefix` is what paths have in front in the model as it was handed over.
    """

    def __init__(self, model: nn.Module, batch=None, seed: int = 0):
        self.model, self.batch, self.seed = unwrapped(model), batch, seed
        self.prefix = wrapping(model)

    def copy(self, training: bool) -> nn.Module:
        """A copy of the model as its owner trains it, or as its owner serves it.

        A model that is handed over in the mode in question keeps the modes of all its parts, which may differ from its
        own: a frozen part in eval(), or a forgotten one in train(). Otherwise its own `train()` or `eval()` is called.
        """
        duplicate = duplicated(self.model)
        if duplicate.training != training:
            duplicate.train() if training else duplicate.eval()  # either may be overridden
        return duplicate

    def call(self, model: nn.Module, batch=None):
        """The output of a copy for a batch, or for that of the patient; from the same random numbers in each call."""
        seeds = torch if torch.accelerator.is_available() else torch.default_generator  # which is much quicker
        seeds.manual_seed(self.seed)
        np.random.seed(self.seed % 2**32)  # noqa: NPY002 (the state that a model may draw from)
        random.seed(self.seed)
        args, kwargs = arguments(self.batch if batch is None else batch)
        return model(*args, **kwargs)


def unwrapped(model: nn.Module) -> nn.Module:
    """The model inside wrappers for several devices or for compilation."""
    while isinstance(model, WRAPPERS) or hasattr(model, "_orig_mod"):
        model = model.module if isinstance(model, WRAPPERS) else model._orig_mod
    return model


def wrapping(model: nn.Module) -> str:
    """What the paths of a model's layers have in front of them where it is in wrappers, such as "module."."""
    inner = unwrapped(model)
    return next(f"{path}." if path else "" for path, module in model.named_modules() if module is inner)


def duplicated(model: nn.Module) -> nn.Module:
    """A deep copy of a model that shares no tensor with it, without the hooks that are plain functions.

    Tensors that cannot be copied, since they are parts of a graph, are detached; anything else that cannot be copied,
    such as a lock, is shared.
    """
    try:
        duplicate = copy.deepcopy(model)
    except Exception:  # whatever the owner's classes raise
        duplicate = copy.deepcopy(model, uncopied(model))
    for module in duplicate.modules():
        drop_instruments(module)
    return duplicate


def uncopied(model: nn.Module) -> dict:
    """What `copy.deepcopy` is to take for a copy of the attributes that it cannot copy, by their `id`."""
    memo = {}
    for module in model.modules():
        for value in vars(module).values():
            if isinstance(value, Tensor) and not value.is_leaf:
                memo[id(value)] = value.detach().clone()
            elif not isinstance(value, dict | Tensor | nn.Module) and not copyable(value):
                memo[id(value)] = value
    return memo


def copyable(value) -> bool:
    """Whether an attribute of a module can be copied; a tensor of a graph somewhere inside it cannot."""
    if isinstance(value, int | float | str | bytes | bool | type | None):
        return True
    if any(isinstance(leaf, nn.Module) for leaf in tree_leaves(value)):
        return True
    try:
        copy.deepcopy(value)
    except Exception:  # whatever the owner's classes raise
        return False
    return True


def drop_instruments(module: nn.Module) -> None:
    """Takes the hooks that are plain functions from a module, in place: they are its owner's instruments."""
    for kind in HOOKS:
        hooks = getattr(module, kind, None) or {}
        for key in [key for key, hook in hooks.items() if isinstance(hook, types.FunctionType | functools.partial)]:
            del hooks[key]


def arguments(batch) -> tuple[tuple, dict]:
    """The positional and keyword arguments that a batch stands for, their tensors copied: a forward pass may write
    into them."""
    batch = tree_map(lambda t: t.detach().clone() if isinstance(t, Tensor) else t, batch)
    if isinstance(batch, dict):
        return (), dict(batch)
    return (tuple(batch), {}) if isinstance(batch, tuple) else ((batch,), {})


def examples(batch) -> int:
    """How many examples a batch has: the size of the first axis of its first tensor; 0 where it has none."""
    tensors = [leaf for leaf in tree_leaves(batch) if isinstance(leaf, Tensor) and leaf.dim()]
    return len(tensors[0]) if tensors else 0


@contextmanager
def random_states_kept() -> Iterator[None]:
    """A context after which the random states of Python, NumPy and PyTorch are what they were before it."""
    states = random.getstate(), np.random.get_state()  # noqa: NPY002
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        try:
            yield
        finally:
            random.setstate(states[0])
            np.random.set_state(states[1])  # noqa: NPY002
