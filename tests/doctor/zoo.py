"""The zoo: healthy models, of whom the doctor has to keep silent.

Each animal is a function that makes its `Case`. `notes` are the rows of the table of which it may be told a note, no
more; where there are none, the report has to be clean.
"""

from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

from bncourse.datasets import glyphs
from bncourse.nn import BatchNorm2d as OurBatchNorm2d
from bncourse.nn import BNInception, GhostBatchNorm2d, population_statistics
from bncourse.nn.googlenet import GoogLeNet
from tests.doctor.bodies import (
    CLASSES,
    Residual,
    healthy,
    loader,
    pictures,
    rows_of,
    seeded,
    sequences,
    small,
    some,
    trained,
)
from tests.doctor.cases import Case


class Animal(NamedTuple):
    name: str
    build: Callable[[], Case]
    notes: tuple[int, ...]


ZOO: list[Animal] = []


def animal(*notes):
    """Registers the decorated function under its name."""
    def register(build):
        ZOO.append(Animal(build.__name__, partial(seeded, build), notes))
        return build
    return register


def settled(model, x):
    """The untrained model, in eval mode, with statistics of 80 mini-batches of x."""
    model.train()
    with torch.no_grad():
        for step in range(80):
            model(x[rows_of(step)])
    return model.eval()


def with_loader(kind):
    data = sequences() if kind == "tokens" else pictures()
    return Case(healthy(kind), data[0][:32], loader(*data))


@animal()
def small_network():
    return with_loader("small")


@animal()
def residual_network():
    return with_loader("residual")


@animal()
def network_of_tokens():
    return with_loader("tokens")


@animal()
def functional_network():
    return with_loader("functional")


@animal()
def hand_written_network():
    return with_loader("channels last")


@animal()
def network_that_keeps_axes():
    return with_loader("keepdim")


@animal()
def network_with_inline_norms():
    return with_loader("inline")


@animal()
def bn_inception():
    """All mini-batches are of 32 images: even 5b, whose maps are of one pixel, sees 32 values a channel."""
    x = torch.randn(64, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    model = BNInception(num_classes=5, stem="small", width=0.125)
    batches = list(x.split(32))
    return Case(population_statistics(model, batches).eval(), batches[0], batches)


@animal()
def googlenet():
    return Case(GoogLeNet(num_classes=5).eval(), torch.randn(2, 3, 32, 32))


@animal()
def network_of_section_4_1():
    """Three sigmoid layers of 100 with batch norm, on digits: most of a picture is paper, and constant."""
    images, labels = glyphs.load(n=256)
    x, t = torch.from_numpy(images).float() / 255, torch.from_numpy(labels)
    sizes = (784, 100, 100, 100)
    layers = [nn.Flatten()]
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs, bias=False), nn.BatchNorm1d(outputs), nn.Sigmoid()]
    model = nn.Sequential(*layers, nn.Linear(100, 10))
    return Case(trained(model, (x, t)), x[:60], loader(x, t))


@animal()
def digits_under_convolutions():
    """Around a digit the maps are constant, and that is no padding."""
    images, labels = glyphs.load(n=256)
    x, t = torch.from_numpy(images)[:, None, ::2, ::2].float() / 255, torch.from_numpy(labels)
    model = small()
    model.conv1, model.head = nn.Conv2d(1, 8, 3, padding=1, bias=False), nn.Linear(8, 10)
    return Case(trained(model, (x, t)), x[:32], loader(x, t))


class PreActivation(nn.Module):
    """norm, ReLU, conv inside; the stream itself is read through batch norms."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.norms = nn.ModuleList(nn.BatchNorm2d(8) for _ in range(3))
        self.convs = nn.ModuleList(nn.Conv2d(8, 8, 3, padding=1, bias=False) for _ in range(2))
        self.head = nn.Linear(8, CLASSES)

    def forward(self, x):
        x = self.stem(x)
        for norm, conv in zip(self.norms, self.convs, strict=False):
            x = x + conv(F.relu(norm(x)))
        return self.head(F.relu(self.norms[2](x)).mean((2, 3)))


@animal(14)
def pre_activation_network():
    return Case(trained(PreActivation()), some(), loader(*pictures()))


@animal()
def zero_gamma_at_the_end_of_each_block():
    """Residual networks are begun so: gamma is zero before the addition, not before a ReLU."""
    model = Residual()
    for block in model.blocks:
        nn.init.zeros_(block.norm2.weight)
    return Case(model.train(), some(), optimizer=torch.optim.SGD(model.parameters(), 0.1))


def normed(make):
    return Case(trained(small(make)), some(), loader(*pictures()))


@animal()
def without_any_norm():
    return normed(lambda _: nn.Identity())


@animal()
def with_group_norm():
    return normed(lambda c: nn.GroupNorm(2, c))


@animal()
def with_instance_norm():
    return normed(lambda c: nn.InstanceNorm2d(c, affine=True))


@animal()
def with_instance_norm_that_tracks():
    return normed(lambda c: nn.InstanceNorm2d(c, affine=True, track_running_stats=True))


@animal()
def with_layer_norm():
    return normed(lambda c: nn.GroupNorm(1, c))


@animal()
def with_cumulative_average():
    return normed(lambda c: nn.BatchNorm2d(c, momentum=None))


@animal()
def with_batch_norm_of_the_course():
    return normed(OurBatchNorm2d)


@animal()
def with_ghost_batch_norm():
    return normed(lambda c: GhostBatchNorm2d(c, 16))


@animal()
def without_gamma_and_beta():
    return normed(lambda c: nn.BatchNorm2d(c, affine=False))


@animal()
def converted_to_sync_batch_norm():
    """On the CPU it cannot train, only infer."""
    return Case(nn.SyncBatchNorm.convert_sync_batchnorm(healthy("residual")), some())


@animal()
def dropout_after_the_last_batch_norm():
    model = small()
    model.head = nn.Sequential(nn.Dropout(0.5), nn.Linear(8, CLASSES))
    return Case(trained(model), some())


def ordered(**layers):
    return nn.Sequential(OrderedDict(layers))


@animal(14)
def real_bias_before_a_relu_before_batch_norm():
    model = ordered(conv=nn.Conv2d(3, 8, 3), relu=nn.ReLU(), norm=nn.BatchNorm2d(8), pool=nn.AdaptiveAvgPool2d(1),
                    flat=nn.Flatten(), head=nn.Linear(8, CLASSES))
    return Case(trained(model), some())


class UsedTwice(nn.Module):
    """A convolution read through batch norm, and raw: its bias is real."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)
        self.head = nn.Linear(8, CLASSES)

    def forward(self, x):
        raw = self.conv(x)
        return self.head((F.relu(self.norm(raw)) + torch.sigmoid(raw)).mean((2, 3)))


@animal(14)
def convolution_read_with_and_without_batch_norm():
    return Case(trained(UsedTwice()), some())


@animal()
def bias_before_a_padded_convolution_and_batch_norm():
    """At the border the padding has no offset, so the bias makes a pattern, which batch norm keeps."""
    model = ordered(depthwise=nn.Conv2d(3, 6, 3, groups=3, padding=1), conv=nn.Conv2d(6, 8, 3, padding=1, bias=False),
                    norm=nn.BatchNorm2d(8), relu=nn.ReLU(), pool=nn.AdaptiveAvgPool2d(1), flat=nn.Flatten(),
                    head=nn.Linear(8, CLASSES))
    return Case(trained(model), some())


@animal()
def weight_normalized_convolution():
    model = small()
    model.conv2 = nn.utils.parametrizations.weight_norm(model.conv2)
    return Case(trained(model), some())
