"""Healthy networks of other kinds: recurrent, transformers, pairs, wrapped ones."""

import torch
from torch import nn
from torch.nn import functional as F

from tests.doctor.bodies import CLASSES, healthy, sequences, small, some, some_sequences, trained
from tests.doctor.cases import Case
from tests.doctor.zoo import animal, ordered, settled


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.head = nn.LSTM(8, 8, batch_first=True), nn.Linear(8, CLASSES)

    def forward(self, x):
        return self.head(self.lstm(x)[0][:, -1])


@animal()
def recurrent_without_batch_norm():
    return Case(trained(Recurrent(), sequences()), some_sequences())


class Attention(nn.Module):
    """Attention whose keys have a bias: softmax does not feel it, and no batch norm is to blame."""

    def __init__(self):
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(8, 8) for _ in range(3))

    def forward(self, x):
        weights = (self.q(x) @ self.k(x).mT / 8**0.5).softmax(-1)
        return x + weights @ self.v(x)


class Transformer(nn.Module):
    """Layer norms inside, and a batch norm of `(N, C)` before the classifier."""

    def __init__(self, norm):
        super().__init__()
        self.norm1, self.attention, self.norm2 = nn.LayerNorm(8), Attention(), nn.LayerNorm(8)
        self.part, self.head = nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 8)), nn.Linear(8, CLASSES)
        self.last = norm(8)

    def forward(self, x):
        x = self.attention(self.norm1(x))
        x = x + self.part(self.norm2(x))
        return self.head(F.relu(self.last(x.mean(1))))


@animal()
def transformer_with_layer_norm():
    return Case(trained(Transformer(nn.LayerNorm), sequences()), some_sequences())


@animal()
def transformers_layer_of_torch():
    model = nn.Sequential(nn.TransformerEncoderLayer(8, 2, 16, 0.1, batch_first=True), nn.Flatten(), nn.Linear(48, 4))
    return Case(trained(model, sequences()), some_sequences())


class Adversaries(nn.Module):
    """A generator with batch norm and a discriminator without, as in a GAN."""

    def __init__(self):
        super().__init__()
        self.generator = ordered(grow=nn.ConvTranspose2d(8, 8, 4, bias=False), norm=nn.BatchNorm2d(8), relu=nn.ReLU(),
                                 picture=nn.ConvTranspose2d(8, 3, 2, 2), squash=nn.Tanh())
        self.discriminator = ordered(conv=nn.utils.parametrizations.spectral_norm(nn.Conv2d(3, 8, 4, 2)),
                                     relu=nn.LeakyReLU(0.2), flat=nn.Flatten(), head=nn.Linear(72, 1))

    def forward(self, code, real):
        return self.discriminator(self.generator(code)), self.discriminator(real)


@animal()
def adversarial_pair():
    code = torch.randn(256, 8, 1, 1, generator=torch.Generator().manual_seed(0))
    model = Adversaries()
    settled(model.generator, code)
    return Case(model.eval(), (code[:32], some()))


class Twins(nn.Module):
    """One encoder for two pictures, with layer norm."""

    def __init__(self):
        super().__init__()
        self.encoder = small(lambda c: nn.GroupNorm(1, c))

    def forward(self, a, b):
        return (self.encoder(a) - self.encoder(b)).square().sum(1)


@animal()
def siamese_with_layer_norm():
    return Case(Twins().train(), (some(), some().flip(0)))


class Views(nn.Module):
    """Two views of the same pictures through one encoder with batch norm, as contrastive learning has it."""

    def __init__(self):
        super().__init__()
        self.encoder = healthy("small")

    def forward(self, a, b):
        return self.encoder(a), self.encoder(b)


@animal(12)
def two_views_of_one_kind():
    return Case(Views().train(), (some(), some().flip(3)))


@animal()
def wrapped_in_data_parallel():
    return Case(nn.DataParallel(healthy("residual")), some())


class Squeeze(nn.Module):
    """Squeeze and excitation with batch norm on maps of one pixel: 32 values a channel."""

    def __init__(self):
        super().__init__()
        self.body = small()
        self.gate = ordered(pool=nn.AdaptiveAvgPool2d(1), conv=nn.Conv2d(3, 8, 1, bias=False), norm=nn.BatchNorm2d(8),
                            relu=nn.ReLU(), back=nn.Conv2d(8, 3, 1), squash=nn.Sigmoid())

    def forward(self, x):
        return self.body(x * self.gate(x))


@animal()
def squeeze_and_excitation():
    return Case(trained(Squeeze()), some())
