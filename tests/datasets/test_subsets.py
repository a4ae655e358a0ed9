"""Some pictures of a split: those held out are of every class alike, and of none that is trained on."""

import numpy as np
import pytest

from bncourse.datasets.batches import Batches
from bncourse.datasets.files import WrongData
from bncourse.datasets.scenes import Scenes
from bncourse.datasets.subsets import EvenSubset, Subset, held_out
from bncourse.datasets.transforms import Center


@pytest.fixture(scope="module")
def pictures():
    return Scenes("train", 300, size=8)


def test_what_is_held_out_and_the_rest_are_disjoint_and_are_everything(pictures):
    rest, held = held_out(pictures, 3)
    assert sorted([*rest.chosen, *held.chosen]) == list(range(300))


def test_as_many_of_each_class_are_held_out_at_even_distances(pictures):
    rest, held = held_out(pictures, 3)
    assert set(np.bincount(held.labels)) == {3}
    for label in range(16):
        of_class = np.flatnonzero(pictures.labels == label)
        places = np.searchsorted(of_class, held.chosen[held.labels == label])
        assert places.tolist() == [0, len(of_class) // 3, 2 * len(of_class) // 3]
    assert (np.diff(rest.chosen) > 0).all() and (np.diff(held.chosen) > 0).all()


def test_which_are_held_out_depends_on_the_pictures_alone(pictures):
    again = held_out(Scenes("train", 300, size=16), 3)
    assert [part.chosen.tolist() for part in again] == [part.chosen.tolist() for part in held_out(pictures, 3)]


def test_a_subset_has_the_pictures_labels_names_and_classes_of_the_whole(pictures):
    some = Subset(pictures, [7, 2])
    assert len(some) == 2 and some.classes == pictures.classes
    assert some.labels.tolist() == pictures.labels[[7, 2]].tolist()
    assert some.name(0) == pictures.name(7) and some.image(1).tobytes() == pictures.image(2).tobytes()
    batches = Batches(some, Center(8), batch=2, order="as stored")
    assert next(batches.epoch(0))[1].tolist() == some.labels.tolist()


def test_fingerprints_tell_the_whole_and_its_parts_apart(pictures):
    other = Scenes("train", 300, size=8, seed=1)
    parts = [*held_out(pictures, 3), *held_out(pictures, 4), *held_out(other, 3), EvenSubset(pictures, 48)]
    assert len({pictures.fingerprint(), other.fingerprint(), *(part.fingerprint() for part in parts)}) == 9
    assert held_out(pictures, 3)[0].fingerprint() == parts[0].fingerprint()


def test_a_class_is_not_emptied(pictures):
    fewest = int(np.bincount(pictures.labels).min())
    held_out(pictures, fewest - 1)
    with pytest.raises(WrongData, match=rf"there are {fewest} pictures of .* to train on; expected more than {fewest}, "
                                        "which are held out of each class"):
        held_out(pictures, fewest)


def test_some_pictures_are_evenly_spread():
    pictures = Scenes("val", 10, size=8)
    some = EvenSubset(pictures, 4)
    assert some.chosen.tolist() == [0, 2, 5, 7] and some.labels.tolist() == pictures.labels[some.chosen].tolist()
    assert some.name(2) == pictures.name(5) and some.image(2).tobytes() == pictures.image(5).tobytes()
