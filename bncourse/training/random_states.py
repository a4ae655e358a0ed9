"""The random states that a training depends on: Python's, NumPy's and PyTorch's, on the CPU and on the present GPU.

A training seeds them, writes them into its checkpoints, and leaves the caller's as they were.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def seed(number: int, rank: int) -> None:
    """Seeds Python's, NumPy's and PyTorch's random numbers, the GPU's too, from a number and the process's rank."""
    words = np.random.SeedSequence((number, rank)).generate_state(3).tolist()
    random.seed(words[0])
    np.random.seed(words[1])  # noqa: NPY002
    torch.manual_seed(words[2])  # seeds the GPUs too


def capture() -> dict:
    """The present random states, as a dictionary of tensors and plain values, which `restore` takes."""
    version, words, gauss = random.getstate()
    name, keys, position, has_gauss, cached = np.random.get_state()  # noqa: NPY002
    return {
        "python": [version, torch.tensor(words, dtype=torch.int64), gauss],
        "numpy": [name, torch.from_numpy(keys.astype(np.int64)), position, has_gauss, cached],
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state() if torch.cuda.is_initialized() else None,
    }


def restore(states: dict) -> None:
    """Sets the random states to those that `capture` returned; the GPU's only where there is a GPU."""
    version, words, gauss = states["python"]
    random.setstate((version, tuple(words.tolist()), gauss))
    name, keys, *rest = states["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), *rest))  # noqa: NPY002
    torch.set_rng_state(states["torch"])
    if states["cuda"] is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["cuda"])


def fit(states: object) -> bool:
    """Whether these are random states that `capture` may have returned, so that `restore` takes them."""
    try:
        with unchanged():
            restore(states)
    except (TypeError, ValueError, KeyError, IndexError, AttributeError, OverflowError, RuntimeError):
        return False
    return True


@contextmanager
def unchanged() -> Iterator[None]:
    """A context after which the random states are what they were before it, however many numbers it drew."""
    before = capture()
    try:
        yield
    finally:
        restore(before)
