"""Pictures and labels, made from a seed (glyphs) or read from files (mnist).

    chosen()              the data that this session runs on: BNCOURSE_DATASET, else glyphs
    describe()            what it is, in a few words
    load("mnist")         images (N, 28, 28) uint8 and labels (N,) int64

Nothing here unpickles a file.
"""

import importlib
import os

import numpy as np
from jaxtyping import Int, UInt8

TITLES = {"glyphs": "glyphs, digits made from a seed (synthetic)", "mnist": "MNIST, handwritten digits"}


def chosen() -> str:
    """The name in BNCOURSE_DATASET, "glyphs" where it is not set. Raises ValueError for another name."""
    return known("BNCOURSE_DATASET", os.environ.get("BNCOURSE_DATASET") or "glyphs")


def load(name: str | None = None, split: str = "train") -> tuple[UInt8[np.ndarray, "N 28 28"],
                                                                 Int[np.ndarray, "N"]]:
    """Images (N, 28, 28) uint8 and labels (N,) int64 of the named data, of the chosen one unless named.

    Raises ValueError for an unknown name or split, and `files.DataError` where files are missing or wrong.
    """
    name = chosen() if name is None else known("name", name)
    return importlib.import_module(f"bncourse.datasets.{name}").load(split)


def describe(name: str | None = None) -> str:
    """What the named data is, the chosen one unless named; the same words on every machine."""
    return TITLES[chosen() if name is None else known("name", name)]


def known(where: str, name: str) -> str:
    """The name, if there is such data. Raises ValueError, saying where the name stood."""
    if name not in TITLES:
        raise ValueError(f"{where} is {name!r}; expected one of {', '.join(TITLES)}")
    return name
