"""Labels: knowing which mini-batch an example is in says nothing about its label.

Sorted data give mini-batches of one class; pairs that are always in the same order give each position a class of its
own. Both let a network in training mode read the answer from the company.
"""

from collections.abc import Iterator

import numpy as np

from bncourse.doctor.report import Finding, finding

MINI_BATCH = "the mini-batch"
SHARE, CHANCE, SHUFFLES = 0.15, 6.0, 20


def labels(batches: list[np.ndarray], layers: list[str], seed: int = 0) -> Iterator[Finding]:
    """Whether mini-batches tell labels: batch-tells-the-label, a fault where they tell half of them, else a risk.

    The position in a mini-batch is a risk at most: it matters only to what treats parts of a mini-batch apart.

    `batches` are the labels of each mini-batch in the order of the loader, and `layers` the model's batch norms. What
    the mini-batch, or the position in it, says of the label is measured in shares of the labels' entropy, and compared
    with labels that are shuffled.
    """
    total = np.concatenate(batches) if batches else np.array([])
    if len(batches) < 2 or len(np.unique(total)) < 2:
        return
    groups = np.repeat(np.arange(len(batches)), [len(b) for b in batches])
    positions = np.concatenate([np.arange(len(b)) for b in batches])
    keys = {
        MINI_BATCH: groups,
        "the position in the mini-batch": positions,
        "whether the position is even": positions % 2,
        "the half of the mini-batch": np.concatenate([np.arange(len(b)) >= len(b) / 2 for b in batches]),
    }
    told = {name: beyond_chance(total, key, seed) for name, key in keys.items()}
    name = max(told, key=told.get)
    if told[name] > SHARE:
        yield finding(
            "batch-tells-the-label",
            layers,
            "fault" if told[name] > 0.5 and name == MINI_BATCH else "risk",
            f"knowing {name} takes away {told[name]:.0%} of the entropy of the labels, beyond chance, over "
            f"{len(batches)} mini-batches",
        )


def beyond_chance(labels: np.ndarray, key: np.ndarray, seed: int) -> float:
    """The share of the labels' entropy that a key tells, less that of shuffled labels; 0 where chance explains it."""
    rng = np.random.default_rng(seed)
    told = information(labels, key)
    shuffled = [information(rng.permutation(labels), key) for _ in range(SHUFFLES)]
    mean, std = np.mean(shuffled), np.std(shuffled)
    return float(told - mean) / max(1 - float(mean), 1e-9) if told > mean + CHANCE * std else 0.0


def information(labels: np.ndarray, key: np.ndarray) -> float:
    """The mutual information of labels and keys, relative to the entropy of the labels."""
    counts = np.zeros((key.max() + 1, len(np.unique(labels))))
    np.add.at(counts, (key.astype(int), np.unique(labels, return_inverse=True)[1]), 1)
    own = entropy(counts.sum(0))
    return (own - sum(row.sum() * entropy(row) for row in counts) / counts.sum()) / own


def entropy(counts: np.ndarray) -> float:
    """The entropy of a distribution, from counts; 0 of none."""
    p = counts[counts > 0] / max(counts.sum(), 1)
    return float(-(p * np.log(p)).sum())
