"""Some of the pictures of a split: evenly spread, or some of each class held out of the others.

    rest, held = held_out(open_split(folder, "train"), 50)
"""

import hashlib
from collections.abc import Sequence

import numpy as np

from bncourse.datasets.files import WrongData


class Subset:
    """Some of the pictures of a split, in the order of their numbers in it, `chosen`: a split like `pictures`."""

    def __init__(self, pictures, chosen: Sequence[int] | np.ndarray):
        self.pictures, self.chosen = pictures, np.asarray(chosen)
        self.labels, self.classes = pictures.labels[self.chosen], pictures.classes

    def __len__(self) -> int:
        return len(self.chosen)

    def image(self, i: int, shortest_side: int | None = None):
        return self.pictures.image(int(self.chosen[i]), shortest_side)

    def name(self, i: int) -> str:
        return self.pictures.name(int(self.chosen[i]))

    def fingerprint(self) -> str:
        """A SHA-256 of the whole's fingerprint and of which pictures are chosen, in hexadecimal digits."""
        return hashlib.sha256(self.pictures.fingerprint().encode() + self.chosen.astype("<i8").tobytes()).hexdigest()


class EvenSubset(Subset):
    """n of the pictures at even distances: a data set like `pictures`."""

    def __init__(self, pictures, n: int):
        super().__init__(pictures, np.arange(n) * len(pictures) // n)


def held_out(pictures, of_each: int) -> tuple[Subset, Subset]:
    """The pictures without `of_each` of every class, and those: at even distances among the pictures of the class.

    Which they are depends on the pictures alone. Raises WrongData where a class would be left without any.
    """
    held = np.zeros(len(pictures), bool)
    for label, name in enumerate(pictures.classes):
        of_class = np.flatnonzero(pictures.labels == label)
        if len(of_class) <= of_each:
            raise WrongData(f"there are {len(of_class)} pictures of {name} to train on; expected more than "
                            f"{of_each}, which are held out of each class")
        held[of_class[np.arange(of_each) * len(of_class) // of_each]] = True
    return Subset(pictures, np.flatnonzero(~held)), Subset(pictures, np.flatnonzero(held))
