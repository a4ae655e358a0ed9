"""In which order an epoch visits its examples, and which of them each process takes.

Section 4.2.1 counts on shuffling: examples should not always meet the same partners in a mini-batch. Four orders:
- "full": all examples anew in every epoch, the thorough one;
- "within-shard": examples are dealt into shards once; every epoch visits the shards in a new sequence and shuffles
  within each, so an example meets only partners of its shard;
- "fixed": mixed once; every epoch is the same, and so are the partners of every example;
- "as stored": as the pictures lie, which is often class after class.
The paper does not give the size of its shards; 1,024 examples is ours.

An order depends on the seed and the epoch alone, so it can be continued anywhere and computed by every process.
"""

import numpy as np
from jaxtyping import Int

ORDERS = ("full", "within-shard", "fixed", "as stored")
SHARD = 1024
ONCE = 2**32 - 1  # in the place of an epoch's number, for what is drawn once and not for each epoch


class BatchError(ValueError):
    """Mini-batches that cannot be made of the examples that there are; the message says how many there are."""


Indices = Int[np.ndarray, "..."]


def epoch_order(n: int, order: str = "full", *, seed: int = 0, epoch: int = 0, shard: int = SHARD) -> Indices:
    """The indices 0 to n - 1 of the examples, in the sequence in which an epoch visits them.

    `order` is one of `ORDERS`, `seed` and `epoch` decide the sequence, and `shard` is the number of examples in a shard
    of the order "within-shard". Raises ValueError for an unknown order.
    """
    if order not in ORDERS:
        raise ValueError(f"order is {order!r}; expected one of {', '.join(map(repr, ORDERS))}")
    if order == "as stored":
        return np.arange(n)
    if order == "full":
        return generator(seed, epoch).permutation(n)
    dealt = generator(seed, ONCE).permutation(n)
    if order == "fixed":
        return dealt
    rng = generator(seed, epoch)
    shards = np.split(dealt, range(shard, n, shard))
    return np.concatenate([rng.permutation(shards[k]) for k in rng.permutation(len(shards))])


def generator(*words: int) -> np.random.Generator:
    """Random numbers that depend on these integers, each 0 or more and below 2**32, and on nothing else.

    NumPy takes zeros at the end for no words, so the numbers of (seed, epoch) are those of (seed, epoch, 0): the order
    of an epoch and the distortion of its example 0. Recorded runs were drawn so. Raises ValueError for a larger word,
    which would be two.
    """
    if not all(0 <= word <= ONCE for word in words):
        raise ValueError(f"words are {words}; expected each from 0 to {ONCE:,}")
    return np.random.Generator(np.random.PCG64(words))


def batches_of(n: int, batch: int, rank: int = 0, world: int = 1, keep_last: bool = False) -> list[slice]:
    """Which slices of an epoch's order are the mini-batches of one process.

    `n` is the number of examples, and `batch` that in each mini-batch of one process. `rank` is the process's number
    among `world` processes.

    The order is cut into pieces of world * batch, and process r takes the r-th batch of each piece: together the
    processes do what one process does with batches of world * batch. Examples that fill no whole piece are left out
    of the epoch, the same number for every process; with `keep_last`, for evaluation, they are shared out evenly,
    so that every example is taken exactly once, and some processes may have one batch more than others.
    Raises ValueError for a batch, rank or world that cannot be, and BatchError where not one piece is full.
    """
    if batch < 1:
        raise ValueError(f"batch is {batch}; expected 1 or more")
    if not 0 <= rank < world:
        raise ValueError(f"rank is {rank} and world is {world}; expected a rank from 0 to world - 1")
    whole, left = divmod(n, world * batch)
    if whole == 0 and not keep_last:
        raise BatchError(f"{n:,} examples fill no batch of {batch} on each of {world} processes; "
                         f"expected {n // world:,} or less")
    starts = [(piece * world + rank) * batch for piece in range(whole)]
    places = [slice(start, start + batch) for start in starts]
    if keep_last:
        first, last = (whole * world * batch + left * r // world for r in (rank, rank + 1))
        places += [slice(first, last)] if last > first else []
    return places
