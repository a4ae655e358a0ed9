"""Patients whose mini-batches are the fault: rows 5, 13, 19 and 24."""

from collections import OrderedDict

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tests.doctor.bodies import (
    CLASSES,
    ByHand,
    Tokens,
    healthy,
    loader,
    pictures,
    rows_of,
    sequences,
    small,
    some,
    some_sequences,
    trained,
)
from tests.doctor.cases import Case, patient


class Speech(nn.Module):
    """Frames `(N, 8, T)`, zero beyond each length, through a pointwise convolution and batch norm over `(N, T)`.

    With `masked` the batch norm is given the frames of the sequences alone.
    """

    def __init__(self, masked, width=8):
        super().__init__()
        self.masked = masked
        self.pointwise = nn.Conv1d(8, width, 1)
        self.gate = nn.Conv1d(width, width, 1, bias=False)
        self.norm = nn.BatchNorm1d(width)
        self.head = nn.Linear(width, CLASSES)

    def forward(self, x, lengths):
        real = (torch.arange(x.shape[2]) < lengths[:, None])
        h = self.gate(torch.relu(self.pointwise(x)))
        if self.masked:
            frames = h.movedim(1, 2)
            h = frames.masked_scatter(real[:, :, None], self.norm(frames[real])).movedim(2, 1)
        else:
            h = self.norm(h)
        return self.head((h * real[:, None]).sum(2) / lengths[:, None])


def speech():
    x = some_sequences().movedim(1, 2).repeat(1, 1, 4)
    lengths = 2 + torch.arange(32) % 23
    return x * (torch.arange(24) < lengths[:, None])[:, None], lengths


@patient(13, "norm", "risk fault", source="pytorch/audio#4205")
def padded_frames_in_the_statistics(ill):
    """Half of the frames are padding, which a bias has made constant, and not zero, where batch norm sees it."""
    x, lengths = speech()
    model = Speech(masked=not ill).train()
    with torch.no_grad():
        for _ in range(80):
            model(x, lengths)
    return Case(model.eval(), (x, lengths))


@patient(13, "norm1", "risk fault", also="norm2", source="pytorch/pytorch#70529")
def padded_tokens_in_a_hand_written_norm(ill):
    """Sequences of random lengths, padded with zeros; the twin's fill their room."""
    x, t = sequences()
    x = x.repeat(1, 4, 1)
    if ill:
        lengths = 2 + torch.arange(len(x)) % 23
        x = x * (torch.arange(24) < lengths[:, None])[:, :, None]
    return Case(trained(Tokens(), (x, t)), x[:32])


def in_order_of(labels, ill):
    """A loader of pictures by the order of their labels, unshuffled; the twin's is shuffled."""
    x, t = pictures()
    order = labels(t)
    return DataLoader(TensorDataset(x[order], t[order]), 32, shuffle=not ill)


@patient(19, "", "fault risk", also="*")
def sorted_by_class(ill):
    """A folder of classes read without shuffling: each mini-batch is of one class."""
    return Case(healthy("small").train(), some(), in_order_of(torch.argsort, ill))


def by_pairs_of_classes(t):
    """Two classes a mini-batch, half and half, class 0 with 1 and 2 with 3."""
    order = torch.argsort(t)
    zero, one, two, three = (order[t[order] == kind] for kind in range(4))
    return torch.cat([torch.stack([zero, one], 1).flatten(), torch.stack([two, three], 1).flatten()])


@patient(19, "", "fault risk", also="*")
def two_classes_in_each_mini_batch(ill):
    return Case(healthy("residual").train(), some(), in_order_of(by_pairs_of_classes, ill))


@patient(19, "", "fault risk", also="*", source="facebookresearch/moco#137")
def sorted_sequences_under_a_hand_written_norm(ill):
    x, t = sequences()
    order = torch.argsort(t)
    given = DataLoader(TensorDataset(x[order], t[order]), 32, shuffle=not ill)
    return Case(healthy("tokens").train(), x[:32], given)


def behind_a_norm(x, norm):
    """A network whose first layer normalizes the raw input, with settled statistics."""
    model = nn.Sequential(norm, small())
    return resettled(model, x)


def resettled(model, x):
    """The model, in eval mode, with the statistics of x, and none of the initial ones even of x far from zero."""
    model.train()
    with torch.no_grad():
        for step in range(240):
            model(x[rows_of(step)])
    return model.eval()


@patient(24, "0", "risk fault")
def raw_positions(ill):
    """Positions in metres from the corner of a map: 20,000 with a spread of 1, straight into batch norm."""
    x = pictures()[0] + (2e4 if ill else 0.0)
    return Case(behind_a_norm(x, nn.BatchNorm2d(3)), x[:32])


@patient(24, "norm1", "risk fault")
def a_mean_far_beyond_the_spread_in_a_hand_written_norm(ill):
    """Time stamps among the features: the projected sum is thousands of spreads from zero."""
    x = sequences()[0].clone()
    x[:, :, 0] += 3e4 if ill else 0.0
    return Case(resettled(healthy("tokens"), x), x[:32])


class OnePass(ByHand):
    """Its variance is E[x²] - E[x]², which cancels."""

    def forward(self, x):
        if not self.training:
            return super().forward(x)
        rows = x.flatten(0, -2)
        mean = rows.mean(0)
        var = (rows.square().mean(0) - mean.square()).clamp(min=0)
        self.remember(mean.detach(), var.detach() * len(rows) / (len(rows) - 1))
        return (x - mean) * torch.rsqrt(var + self.eps) * self.scale + self.shift


@patient(24, "norm1", "risk fault")
def variance_in_one_pass(ill):
    """A mean of 2,000 spreads, in a norm that subtracts squares: single precision leaves noise."""
    x = sequences()[0].clone()
    x[:, :, 0] += 5e3 if ill else 0.0
    return Case(resettled(trained(Tokens(OnePass), sequences()), x), x[:32])


@patient(5, "norm", "risk", also="*", source="giotto-ai/giotto-deep#75")
def accumulated_gradients_over_parts_of_two(ill):
    """A mini-batch of 32 as sixteen parts of two: batch norm sees the parts."""
    x, t = pictures()
    body = nn.Sequential(OrderedDict(flat=nn.Flatten(), dense=nn.Linear(192, 8, bias=False), norm=nn.BatchNorm1d(8),
                                     head=nn.Linear(8, CLASSES)))
    model = trained(body).train()
    return Case(model, x[:32], loader(x, t, batch=2 if ill else 32))
