"""Pictures and their labels: made from a seed or read from files, then cropped, shuffled and put into mini-batches.

    glyphs.py      4.1     digits made from a seed, in place of MNIST where nothing can be downloaded
    mnist.py       4.1     MNIST, from its four original files
    conditions.py  1       the same pictures under other conditions: another pen, another place, noise
    scenes.py      4.2     colour pictures of 16 classes made from a seed, in place of photographs
    imagenet.py    4.2     photographs sorted into classes: ImageNet, or any set that is laid out like it
    subsets.py     4.2     some of the pictures: evenly spread, or some of each class held out
    archives.py    -       a picture's bytes, read out of a tar archive or a folder
    tars.py        -       the tar format, read in place
    decoding.py    -       a picture from the bytes of a JPEG or PNG file
    transforms.py  4.2.1   random crops, mirror images and photometric distortions; the crop of the center
    crops.py       4.2.3   where the 144 crops of a picture lie
    shuffling.py   4.2.1   the order of an epoch's examples: shuffled, within shards, or fixed
    batches.py     4.2     mini-batches for a network, shared among processes
    exact.py       -       arithmetic that gives the same bits on every machine, for glyphs and scenes
    files.py       -       files that are found or downloaded, and checked

The functions of this file serve section 4.1's two data sets, glyphs and mnist:

    chosen()              the data that this session runs on: BNCOURSE_DATASET, else glyphs
    describe()            what it is, in a few words
    load("mnist")         images (N, 28, 28) uint8 and labels (N,) int64

Nothing here unpickles a file.
"""

import importlib
import os

import numpy as np
from jaxtyping import Int, UInt8


class UnknownDataset(ValueError):
    """A name that is that of no data set; the message says where it stood."""


TITLES = {"glyphs": "glyphs, digits made from a seed (synthetic)", "mnist": "MNIST, handwritten digits"}


def chosen() -> str:
    """The data set that the environment variable BNCOURSE_DATASET names; "glyphs" where the variable is not set.

    Raises UnknownDataset where the variable names another.
    """
    return check_dataset("BNCOURSE_DATASET", os.environ.get("BNCOURSE_DATASET") or "glyphs")


def load(name: str | None = None, split: str = "train") -> tuple[UInt8[np.ndarray, "N 28 28"],
                                                                 Int[np.ndarray, "N"]]:
    """Images and labels of one split of a data set.

    `name` is "glyphs" or "mnist", and where it is None the data set that `chosen` names. `split` is "train" or "test".
    Returns images (N, 28, 28) uint8, where 0 is paper and 255 is ink, and labels (N,) int64 from 0 to 9. Raises
    ValueError for an unknown name (UnknownDataset) or split, and `files.DataError` where files are missing or wrong.
    """
    name = chosen() if name is None else check_dataset("name", name)
    return importlib.import_module(f"bncourse.datasets.{name}").load(split)


def describe(name: str | None = None) -> str:
    """A few words that say what a data set is, for captions; the same words on every machine.

    `name` is "glyphs" or "mnist", and where it is None the data set that `chosen` names. Raises UnknownDataset.
    """
    return TITLES[chosen() if name is None else check_dataset("name", name)]


def check_dataset(where: str, name: str) -> str:
    """The name, if it is that of a data set. Raises UnknownDataset otherwise, which says `where` the name stood."""
    if name not in TITLES:
        raise UnknownDataset(f"{where} is {name!r}; expected one of {', '.join(TITLES)}")
    return name
