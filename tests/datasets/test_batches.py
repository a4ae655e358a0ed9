"""Batches: what an epoch yields depends on the seed and the epoch, not on who loads it, nor from where."""

import threading

import numpy as np
import pytest
import torch

from bncourse.datasets.batches import Batches
from bncourse.datasets.files import WrongData
from bncourse.datasets.imagenet import open_split
from bncourse.datasets.scenes import Scenes
from bncourse.datasets.transforms import Center, Training, normalize
from tests.datasets.packed import packed, train_files

CORRUPT = "train/n01443537/n01443537_2.JPEG"  # the seventh picture


@pytest.fixture
def folder(tmp_path, rng):
    (tmp_path / "train.tar").write_bytes(packed(train_files(rng)))
    return tmp_path


@pytest.fixture
def spoiled(tmp_path, rng):
    (tmp_path / "train.tar").write_bytes(packed(train_files(rng) | {CORRUPT: b"no picture"}))
    return open_split(tmp_path)


def same(some, others):
    assert len(some) == len(others)
    return all(torch.equal(a, b) for one, other in zip(some, others, strict=True)
               for a, b in zip(one, other, strict=True))


def test_batches_are_numbers_and_labels(folder):
    pictures = open_split(folder)
    batches = Batches(pictures, Center(16), batch=5, order="as stored", keep_last=True)
    found = list(batches.epoch(0))
    assert [images.shape for images, _ in found] == [(5, 3, 16, 16), (5, 3, 16, 16), (2, 3, 16, 16)]
    assert len(batches) == 3 and {(x.dtype, t.dtype) for x, t in found} == {(torch.float32, torch.int64)}
    np.testing.assert_array_equal(torch.cat([labels for _, labels in found]), pictures.labels)
    assert torch.equal(found[1][0][2], normalize(Center(16)(pictures.image(7, 18))))


@pytest.mark.parametrize("order", ["full", "within-shard", "fixed", "as stored"])
def test_workers_and_the_place_of_the_start_change_nothing(folder, order):
    made = [Batches(open_split(folder), Training(16), batch=2, seed=7, order=order, workers=workers)
            for workers in (0, 1, 2)]
    whole = list(made[0].epoch(3))
    assert len(whole) == len(made[0]) == 6
    for batches in made:
        for start in (0, 1, 5, 6):
            assert same(whole[start:], list(batches.epoch(3, start)))


def test_epochs_and_seeds_differ_even_in_the_same_order(folder):
    def first(seed, epoch):
        batches = Batches(open_split(folder), Training(16), batch=12, seed=seed, order="as stored")
        return next(batches.epoch(epoch))[0]

    seen = [first(seed, epoch) for seed in (0, 1) for epoch in (0, 1)]
    assert not any(torch.equal(a, b) for i, a in enumerate(seen) for b in seen[:i])


def test_an_example_looks_the_same_in_whichever_process_it_is_loaded(folder):
    joint = list(Batches(open_split(folder), Training(16), batch=4).epoch(1))
    shares = [list(Batches(open_split(folder), Training(16), batch=2, rank=rank, world=2).epoch(1)) for rank in (0, 1)]
    together = [tuple(torch.cat(parts) for parts in zip(*pieces, strict=True)) for pieces in zip(*shares, strict=True)]
    assert same(joint, together)


def test_what_is_skipped_is_not_decoded(folder):
    pictures = open_split(folder)
    image, asked = pictures.image, []
    pictures.image = lambda i, shortest_side: (asked.append(i), image(i, shortest_side))[1]
    assert len(list(Batches(pictures, Center(8), batch=3).epoch(0, start=3))) == 1
    assert len(asked) == 3


@pytest.mark.parametrize("workers", [0, 2])
def test_a_corrupted_picture_is_named_or_left_out_and_counted(spoiled, workers):
    raising = Batches(spoiled, Center(8), batch=4, order="as stored", workers=workers)
    with pytest.raises(WrongData, match=rf"^train\.tar: {CORRUPT} is neither a JPEG nor a PNG picture"):
        list(raising.epoch(0))
    assert len(list(raising.epoch(0, start=2))) == 1
    skipping = Batches(spoiled, Center(8), batch=4, order="as stored", workers=workers, corrupted="skip")
    for _ in range(2):
        assert [labels.tolist() for _, labels in skipping.epoch(0)] == [[0] * 4, [1] * 3, [2] * 4]
    assert skipping.skipped == {f"train.tar: {CORRUPT}": f"train.tar: {CORRUPT} is neither a JPEG nor a PNG picture"}


def test_a_batch_of_nothing_but_corrupted_pictures_is_an_error(spoiled):
    with pytest.raises(WrongData, match=rf"all 1 pictures of a batch are corrupted; the last is train\.tar: {CORRUPT}"):
        list(Batches(spoiled, Center(8), batch=1, corrupted="skip").epoch(0))


def test_an_epoch_that_is_left_leaves_no_worker_behind(folder):
    epoch = Batches(open_split(folder), Center(8), batch=1, workers=2).epoch(0)
    next(epoch)
    assert any(thread.name.startswith("pictures") for thread in threading.enumerate())
    epoch.close()
    assert not any(thread.name.startswith("pictures") for thread in threading.enumerate())


def test_scenes_are_loaded_as_photographs_are():
    scenes = Scenes(n=40, size=16)
    images, labels = next(Batches(scenes, Center(16, 16), batch=40, order="as stored").epoch(0))
    assert torch.equal(images, normalize(torch.from_numpy(scenes.images).permute(0, 3, 1, 2)))
    np.testing.assert_array_equal(labels, scenes.labels)


@pytest.mark.parametrize("wrong, told", [
    ({"corrupted": "ignore"}, "corrupted is 'ignore'; expected 'raise' or 'skip'"), ({"workers": -1}, "workers is -1"),
    ({"order": "any"}, "order is 'any'"), ({"batch": 41}, "40 examples fill no batch of 41"),
    ({"rank": 1}, "rank is 1 and world is 1"),
])
def test_what_cannot_be_is_refused(wrong, told):
    with pytest.raises(ValueError, match=told):
        Batches(Scenes(n=40, size=8), Center(8), **{"batch": 2, **wrong})
