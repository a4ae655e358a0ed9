"""Section 4.1's data: binary images of digits, and their mini-batches."""

import functools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from bncourse import datasets, runs
from bncourse.kernels import mlp

Examples = tuple[np.ndarray, np.ndarray]  # images (N, 784) and labels (N,)


class Digits(NamedTuple):
    """Binary images as rows of 784 truth values with their labels, of the training set and of the test set.

    `sha256` is the fingerprint of the images and labels before they became binary.
    """

    train: Examples
    test: Examples
    sha256: str


def minibatches(n: int, batch: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yields the indices `(batch,)` of mini-batches of n examples without end.

    Each epoch has a new order, and leaves out the last mini-batch where that would be smaller.
    """
    while True:
        yield from rng.permutation(n)[: n - n % batch].reshape(-1, batch)


@functools.lru_cache(maxsize=2)
def binary_images(dataset: str, threshold: int) -> Digits:
    """The digits of a data set as binary images: a pixel is true where its value, 0 to 255, is above the threshold.

    The arrays are kept from one run to the next, and are read-only for that reason.
    """
    train, test = datasets.load(dataset, "train"), datasets.load(dataset, "test")
    sha256 = runs.fingerprint(*train, *test)
    binary = [(images.reshape(len(images), -1) > threshold, labels) for images, labels in (train, test)]
    for array in (*binary[0], *binary[1]):
        array.flags.writeable = False
    return Digits(*binary, sha256)


def evenly_spaced(data: Examples, n: int | None) -> Examples:
    """n of the examples at even distances over the data, or all of them where n is None.

    In MNIST's training file every second digit is harder: a network that has 97 % of those with odd numbers right has
    about 93 % of the others. An even distance takes the others alone, so they are no measure of the whole set.
    """
    x, t = data
    n = len(x) if n is None else n
    i = np.arange(n) * len(x) // n
    return x[i], t[i]


def check_size(name: str, wanted: int, available: int, split: str) -> None:
    """Raises ValueError, naming the field, where more images are wanted than a split of the data has."""
    if wanted > available:
        raise ValueError(f"{name} is {wanted}, but there are {available} {split} images; expected at most as many")


def scale_by_inputs(network: mlp.Network, activation: str) -> None:
    """Multiplies weights of variance 1, in place, to variance 2 / D before a ReLU and 1 / D before a sigmoid.

    D is the number of a layer's inputs, and activation a key of `kernels.steps.ACTIVATIONS`.
    """
    gain = 2 if activation == "relu" else 1
    for layer in network:
        layer.w *= np.sqrt(gain / len(layer.w))


def right(network: mlp.Network, data: Examples, statistics: list[mlp.Statistics] | None) -> float:
    """The share of examples that the network gets right, by these statistics or by those of the examples themselves."""
    x, t = data
    return float(np.mean(mlp.predict(network, x, statistics) == t))
