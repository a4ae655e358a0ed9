"""Patients with parameters that learn nothing, since a batch norm after them subtracts what they add: row 17."""

from collections import OrderedDict

import torch
from torch import nn
from torch.nn import functional as F

from tests.doctor.bodies import (
    CLASSES,
    ChannelsLast,
    Functional,
    Residual,
    Tokens,
    sequences,
    small,
    some,
    some_sequences,
    trained,
)
from tests.doctor.cases import Case, patient


def of_pictures(build):
    return Case(trained(build()), some())


@patient(17, "conv1|norm1 conv2|norm2", "note", also="conv1 conv2 norm1 norm2")
def bias_before_batch_norm(ill):
    return of_pictures(lambda: small(bias=ill))


@patient(17, "conv1|norm1 conv2|norm2", "note", also="conv1 conv2 norm1 norm2")
def bias_before_a_functional_batch_norm(ill):
    return of_pictures(lambda: small(Functional, bias=ill))


@patient(17, "conv1 conv2", "note", also="norm1 norm2 norm1.inner norm2.inner")
def bias_before_a_hand_written_norm_of_pictures(ill):
    return of_pictures(lambda: small(ChannelsLast, bias=ill))


@patient(17, "embed", "note", also="norm1")
def bias_before_a_hand_written_norm(ill):
    return Case(trained(Tokens(bias=ill), sequences()), some_sequences())


@patient(17, "blocks.1.conv1", "note", also="blocks.1.norm1")
def bias_wired_in_forward(ill):
    """The wiring is in `forward`, and the layers' order in the module tree tells nothing."""
    def build():
        model = Residual()
        model.blocks[1].conv1 = nn.Conv2d(8, 8, 3, padding=1, bias=ill)
        return model
    return of_pictures(build)


@patient(17, "conv2", "note", also="norm2 between")
def bias_pooled_before_batch_norm(ill):
    """An average of equal offsets is the offset."""
    def build():
        model = small(before_norm=nn.AvgPool2d(2))
        model.conv2 = nn.Conv2d(8, 8, 3, padding=1, bias=ill)
        return model
    return of_pictures(build)


def ordered(**layers):
    return nn.Sequential(OrderedDict(layers))


@patient(17, "depthwise", "note", also="pointwise norm")
def bias_of_a_depthwise_convolution(ill):
    """Through the pointwise convolution it is one constant a channel, and the batch norm subtracts it."""
    return of_pictures(lambda: ordered(
        depthwise=nn.Conv2d(3, 12, 3, groups=3, bias=ill), pointwise=nn.Conv2d(12, 8, 1, bias=False),
        norm=nn.BatchNorm2d(8), relu=nn.ReLU(), pool=nn.AdaptiveAvgPool2d(1), flat=nn.Flatten(),
        head=nn.Linear(8, CLASSES)))


@patient(17, "up", "note", also="norm")
def bias_of_a_transposed_convolution(ill):
    return of_pictures(lambda: ordered(
        up=nn.ConvTranspose2d(3, 8, 2, stride=2, bias=ill), norm=nn.BatchNorm2d(8), relu=nn.LeakyReLU(0.2),
        pool=nn.AdaptiveAvgPool2d(1), flat=nn.Flatten(), head=nn.Linear(8, CLASSES)))


class Offset(nn.Module):
    """A convolution whose offset is a parameter of its own, added by hand."""

    def __init__(self, ill):
        super().__init__()
        self.weights = nn.Parameter(0.2 * torch.randn(8, 3, 3, 3))
        self.offset = nn.Parameter(torch.zeros(8)) if ill else None

    def forward(self, x):
        y = F.conv2d(x, self.weights)
        return y if self.offset is None else y + self.offset[:, None, None]


@patient(17, "project", "note", also="norm")
def offset_added_by_hand(ill):
    return of_pictures(lambda: ordered(
        project=Offset(ill), norm=nn.BatchNorm2d(8), relu=nn.ReLU(), pool=nn.AdaptiveAvgPool2d(1), flat=nn.Flatten(),
        head=nn.Linear(8, CLASSES)))


class Summed(nn.Module):
    """Two convolutions added before one batch norm: the sum of two biases is as wasted as one."""

    def __init__(self, ill):
        super().__init__()
        self.wide, self.narrow = nn.Conv2d(3, 8, 3, padding=1, bias=ill), nn.Conv2d(3, 8, 1, bias=False)
        self.norm, self.head = nn.BatchNorm2d(8), nn.Linear(8, CLASSES)

    def forward(self, x):
        return self.head(F.relu(self.norm(self.wide(x) + self.narrow(x))).mean((2, 3)))


@patient(17, "wide", "note", also="norm")
def bias_added_to_another_branch_before_batch_norm(ill):
    return of_pictures(lambda: Summed(ill))


class Stream(nn.Module):
    """A pre-activation network: every reader of the stream, the last too, reads it through a batch norm."""

    def __init__(self, ill):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1, bias=ill)
        self.norm1, self.conv1 = nn.BatchNorm2d(8), nn.Conv2d(8, 8, 3, padding=1, bias=False)
        self.last, self.head = nn.BatchNorm2d(8), nn.Linear(8, CLASSES)

    def forward(self, x):
        x = self.stem(x)
        x = x + self.conv1(F.relu(self.norm1(x)))
        return self.head(F.relu(self.last(x)).mean((2, 3)))


@patient(17, "stem", "note", also="norm1 last")
def bias_into_a_stream_that_only_norms_read(ill):
    return of_pictures(lambda: Stream(ill))
