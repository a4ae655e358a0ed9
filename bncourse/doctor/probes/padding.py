"""Padding: mean and variance are those of data, and padding is not data."""

from collections.abc import Iterator

import torch
from torch import Tensor

from bncourse.doctor.report import Finding, finding
from bncourse.doctor.step import Entry, Step

SHARE = 0.02


def padding(step: Step, examples: int) -> Iterator[Finding]:
    """Batch norms of sequences whose ends are one constant: padding-in-the-statistics, a risk.

    `examples` is the number of examples of the batch. Padding is a run of at least two equal positions at the end, or
    at the beginning, of several examples, the same in all, and longer in some than in others. Pictures, whose borders
    are often constant, are not judged.
    """
    shares = {}
    for entry in step.entries:
        if entry.by_batch and not entry.again and len(entry.shape) < 4:
            shares[entry.path] = max(shares.get(entry.path, 0.0), padded_share(entry, examples))
    layers = sorted((path for path, share in shares.items() if share > SHARE), key=shares.get, reverse=True)
    if layers:
        yield finding(
            "padding-in-the-statistics",
            layers,
            "risk",
            f"{shares[layers[0]]:.0%} of the positions that enter {layers[0]} are one constant at the ends of examples",
        )


def padded_share(entry: Entry, examples: int) -> float:
    """The share of positions of a batch norm's input that are padding."""
    if not examples or entry.values % examples or entry.values == examples:
        return 0.0
    x = entry.rows.reshape(examples, -1, entry.rows.shape[1])  # (N, L, C), examples first
    return max(
        trailing_share(v)
        for y in (x, entry.rows.reshape(-1, examples, x.shape[2]).movedim(1, 0))
        for v in (y, y.flip(1))
    )


def trailing_share(x: Tensor) -> float:
    """The share of positions in runs of one constant at the ends of the sequences in x `(N, L, C)`.

    0 where fewer than two examples end in the constant of the longest run, or where all runs are equally long.
    """
    runs = (x == x[:, -1:]).all(2).flip(1).long().cumprod(1).sum(1)  # (N,), at least 1
    longest = x[runs.argmax(), -1]
    runs = runs * (x[:, -1] == longest).all(1)
    several = int((runs > 0).sum()) >= 2 and int(runs.max()) >= 2 and len(torch.unique(runs)) > 1
    return float(runs.sum() / x[:, :, 0].numel()) if several else 0.0
