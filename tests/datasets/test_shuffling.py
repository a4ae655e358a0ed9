"""The order of an epoch: every example once, the same for everyone who knows the seed, fairly shared out."""

from itertools import chain

import numpy as np
import pytest

from bncourse.datasets.shuffling import ORDERS, BatchError, batches_of, epoch_order, generator


def sizes(rng, count=40):
    """Numbers of examples, sizes of batches, and numbers of processes."""
    return [[int(high) for high in rng.integers(1, (400, 20, 6))] for _ in range(count)]


@pytest.mark.parametrize("order", ORDERS)
def test_every_epoch_visits_every_example_once(order, rng):
    for n, shard, epoch in [(0, 4, 0), *sizes(rng)]:
        visited = epoch_order(n, order, seed=n, epoch=epoch, shard=shard)
        assert sorted(visited.tolist()) == list(range(n))
        np.testing.assert_array_equal(visited, epoch_order(n, order, seed=n, epoch=epoch, shard=shard))


def test_what_changes_from_epoch_to_epoch_and_with_the_seed():
    changes = {order: (not np.array_equal(epoch_order(500, order), epoch_order(500, order, epoch=1)),
                       not np.array_equal(epoch_order(500, order), epoch_order(500, order, seed=1)))
               for order in ORDERS}
    assert changes == {"full": (True, True), "within-shard": (True, True), "fixed": (False, True),
                       "as stored": (False, False)}


def test_within_shards_an_example_meets_only_its_shard(rng):
    n, shard = 103, 10
    dealt = epoch_order(n, "fixed", seed=5)
    home = {int(i): place // shard for place, i in enumerate(dealt)}
    for epoch in range(3):
        met = [home[int(i)] for i in epoch_order(n, "within-shard", seed=5, epoch=epoch, shard=shard)]
        changes = [here for here, before in zip(met, [None, *met], strict=False) if here != before]
        assert len(changes) == 11 and set(changes) == set(range(11))
        assert changes != list(range(11))


def test_the_processes_share_an_epoch_without_loss_or_repetition(rng):
    for n, batch, world in sizes(rng):
        shares = [[list(range(n))[place] for place in batches_of(n, batch, rank, world, keep_last=True)]
                  for rank in range(world)]
        assert sorted(i for share in shares for indices in share for i in indices) == list(range(n))
        assert all(0 < len(indices) <= batch for share in shares for indices in share)
        counts = [sum(map(len, share)) for share in shares]
        assert max(counts) - min(counts) <= 1


def test_in_training_all_processes_have_equally_many_full_batches_and_less_than_one_round_is_left_out(rng):
    for n, batch, world in sizes(rng):
        if n < batch * world:
            with pytest.raises(BatchError, match=rf"^{n} examples fill no batch of {batch} on each of {world}"):
                batches_of(n, batch, 0, world)
            continue
        shares = [[list(range(n))[place] for place in batches_of(n, batch, rank, world)] for rank in range(world)]
        taken = [i for share in shares for indices in share for i in indices]
        assert len(set(taken)) == len(taken) > n - batch * world
        assert {len(share) for share in shares} == {n // (batch * world)}
        assert all(len(indices) == batch for share in shares for indices in share)


def test_together_the_processes_take_the_batches_of_one_process(rng):
    for n, batch, world in sizes(rng):
        if n >= batch * world:
            joint = [list(range(n))[place] for place in batches_of(n, batch * world)]
            shares = [[list(range(n))[place] for place in batches_of(n, batch, r, world)] for r in range(world)]
            assert joint == [list(chain(*pieces)) for pieces in zip(*shares, strict=True)]


@pytest.mark.parametrize("call, told", [
    (lambda: epoch_order(3, "random"), "order is 'random'; expected one of 'full', 'within-shard', 'fixed'"),
    (lambda: batches_of(9, 0), "batch is 0; expected 1 or more"),
    (lambda: batches_of(9, 1, 2, 2), "rank is 2 and world is 2; expected a rank from 0"),
    (lambda: batches_of(9, 1, -1, 2), "rank is -1 and world is 2"),
])
def test_what_cannot_be_is_refused(call, told):
    with pytest.raises(ValueError, match=told):
        call()


@pytest.mark.parametrize("words", [(2**32,), (0, -1), (1, 2**40)])
def test_a_word_that_numpy_would_split_in_two_is_refused(words):
    with pytest.raises(ValueError, match=r"words are .*; expected each from 0 to 4,294,967,295"):
        generator(*words)
