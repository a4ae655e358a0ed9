"""Patients built wrongly: rows 7, 14, 18, 21 to 23 and 25."""

import torch
from torch import nn
from torch.nn import functional as F

from tests.doctor.bodies import (
    CLASSES,
    RESIDUAL_NORMS,
    Block,
    ByHand,
    ChannelsLast,
    Functional,
    Residual,
    Tokens,
    healthy,
    pictures,
    sequences,
    small,
    some,
    some_sequences,
    trained,
)
from tests.doctor.cases import Case, patient

EVERY_RESIDUAL = " ".join(RESIDUAL_NORMS)


@patient(7, "norm1 norm2", "risk note fault")
def momentum_of_another_framework(ill):
    """0.9, the weight of the old value elsewhere, is that of the new one in PyTorch."""
    return Case(trained(small(lambda c: nn.BatchNorm2d(c, momentum=0.9 if ill else 0.1))), some())


@patient(7, EVERY_RESIDUAL, "risk note fault", source="katerakelly/pytorch-maml#5")
def momentum_of_one(ill):
    """The statistics are those of the last mini-batch."""
    return Case(trained(Residual(lambda c: nn.BatchNorm2d(c, momentum=1.0 if ill else 0.1))), some())


@patient(7, "blocks.1.norm2", "risk note")
def one_eps_of_another_framework(ill):
    model = healthy("residual")
    model.blocks[1].norm2.eps = 1e-3 if ill else 1e-5
    return Case(model, some())


@patient(7, "norm1 norm2", "risk note fault")
def hand_written_weight_of_the_new_value(ill):
    """`moving = 0.1 * moving + 0.9 * new`, by one who read the other convention."""
    return Case(trained(Tokens(lambda c: ByHand(c, new=0.9 if ill else 0.1)), sequences()),
                some_sequences())


@patient(7, "norm1 norm2", "risk note")
def hand_written_biased_variance(ill):
    """The stored variance lacks m/(m - 1), which at m = 24 is 4 %."""
    model = Tokens(lambda c: ByHand(c, unbiased=not ill))
    return Case(trained(model, sequences()), sequences()[0][:4])


class OneConvTwoNorms(nn.Module):
    """A convolution whose result goes to two batch norms, or to each of them from a convolution of its own."""

    def __init__(self, shared):
        super().__init__()
        self.conv_a = nn.Conv2d(3, 8, 3, bias=False)
        self.conv_b = None if shared else nn.Conv2d(3, 8, 3, bias=False)
        self.norm_a, self.norm_b = nn.BatchNorm2d(8), nn.BatchNorm2d(8)
        self.head = nn.Linear(8, CLASSES)

    def forward(self, x):
        a = self.conv_a(x)
        b = self.conv_b(x) if self.conv_b else a
        return self.head((torch.relu(self.norm_a(a)) + torch.sigmoid(self.norm_b(b))).mean((2, 3)))


@patient(14, "norm_a|conv_a", "note risk", also="norm_a norm_b conv_a")
def one_convolution_under_two_batch_norms(ill):
    """Neither batch norm can be folded: the convolution would have to become two."""
    return Case(trained(OneConvTwoNorms(ill)), some())


class Late(nn.Module):
    """conv, norm, ReLU, or by mistake conv, ReLU, norm, in the block of a network for a microcontroller."""

    def __init__(self, late):
        super().__init__()
        self.conv, self.norm, self.late = nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8), late
        self.head = nn.Conv2d(8, CLASSES, 3, padding=1)

    def forward(self, x):
        x = self.norm(F.relu(self.conv(x))) if self.late else F.relu(self.norm(self.conv(x)))
        return self.head(x).mean((2, 3))


@patient(14, "norm", "note risk")
def batch_norm_after_the_nonlinearity(ill):
    """Nothing linear before it, and padding after: it stays a layer of its own in an exported network."""
    return Case(trained(Late(ill)), some())


def decayed(model, ill, make=torch.optim.SGD):
    """An optimizer with decay on everything, or on weights that are not of a batch norm."""
    inner = [p for p in model.parameters() if p.ndim > 1]
    outer = [p for p in model.parameters() if p.ndim <= 1]
    return make([{"params": inner, "weight_decay": 5e-4}, {"params": outer, "weight_decay": 5e-4 * ill}], lr=0.01)


@patient(18, "norm1 norm2", "note")
def decay_on_gamma_and_beta(ill):
    model = healthy("small").train()
    return Case(model, some(), optimizer=decayed(model, ill))


@patient(18, EVERY_RESIDUAL, "note")
def adamw_on_everything(ill):
    model = healthy("residual").train()
    return Case(model, some(), optimizer=decayed(model, ill, torch.optim.AdamW))


@patient(18, "norm1 norm2", "note")
def decay_on_a_hand_written_norm(ill):
    model = healthy("tokens").train()
    return Case(model, some_sequences(), optimizer=decayed(model, ill))


def detached(what, ill):
    make = lambda c: ByHand(c, detached=what if ill else ())  # noqa: E731
    return Case(trained(Tokens(make), sequences()).train(), some_sequences())


@patient(21, "norm1 norm2", "fault")
def both_statistics_without_gradient(ill):
    return detached(("mean", "var"), ill)


@patient(21, "norm1 norm2", "fault")
def variance_without_gradient(ill):
    return detached(("var",), ill)


@patient(21, "norm1 norm2", "fault")
def mean_without_gradient(ill):
    return detached(("mean",), ill)


@patient(21, "norm2|norm2.inner", "fault", also="norm2 norm2.inner")
def one_detached_norm_in_a_network_of_pictures(ill):
    model = trained(small(ChannelsLast))
    model.norm2.inner.detached = ("mean", "var") if ill else ()
    return Case(model.train(), some())


class FromBuffers(Functional):
    """Takes in the mini-batch first, and then normalizes by what it has stored: no gradient passes the statistics."""

    def forward(self, x):
        if self.training:
            var, mean = torch.var_mean(x.detach(), (0, 2, 3))
            self.mu.copy_(mean)
            self.sigma2.copy_(var)
        return F.batch_norm(x, self.mu, self.sigma2, self.gain, self.offset, False, 0.0, 1e-5)


@patient(21, "norm1 norm2", "fault")
def normalized_by_buffers_while_training(ill):
    return Case(trained(small(FromBuffers if ill else Functional)).train(), some())


def deaden(norm, gain, offset, ill):
    if ill:
        with torch.no_grad():
            gain[[1, 4, 6]] = torch.tensor([1e-9, -1e-8, 0.0])
            offset[[1, 4, 6]] = torch.tensor([0.0, -0.1, -0.3])


@patient(22, "norm1", "risk note", also="relu1")
def three_dead_channels(ill):
    model = healthy("small")
    deaden(model.norm1, model.norm1.weight, model.norm1.bias, ill)
    return Case(model, some())


@patient(22, "blocks.0.norm1", "risk note")
def dead_channels_before_a_functional_relu(ill):
    model = healthy("residual")
    norm = model.blocks[0].norm1
    deaden(norm, norm.weight, norm.bias, ill)
    return Case(model, some())


@patient(22, "norm2|norm2.inner", "risk note", also="norm2 norm2.inner relu2")
def dead_channels_of_a_hand_written_norm(ill):
    model = healthy("channels last")
    inner = model.norm2.inner
    deaden(inner, inner.scale, inner.shift, ill)
    return Case(model, some())


@patient(23, "norm2|between", "risk", also="norm2 between")
def dropout_between_convolution_and_norm(ill):
    return Case(trained(small(before_norm=nn.Dropout(0.5 if ill else 0.0))), some())


@patient(23, "norm2|between", "risk", also="norm2 between")
def dropped_maps_between_convolution_and_norm(ill):
    return Case(trained(small(before_norm=nn.Dropout2d(0.3 if ill else 0.0))), some())


@patient(23, "norm2|dropout", "risk", also="norm2 dropout norm1")
def dropout_before_a_hand_written_norm(ill):
    return Case(trained(Tokens(drop=0.5 if ill else 0.0), sequences()), some_sequences())


class FunctionalDropout(Block):
    """A residual block with Dropout by the function, before the second convolution."""

    p = 0.0

    def forward(self, x):
        inside = F.dropout(F.relu(self.norm1(self.conv1(x))), self.p, self.training)
        return F.relu(x + self.norm2(self.conv2(inside)))


class Dropping(FunctionalDropout):
    p = 0.5


@patient(23, "blocks.0.norm2|blocks.0|blocks.0.conv2", "risk", also=EVERY_RESIDUAL + " blocks.0 blocks.0.conv2")
def functional_dropout_before_convolution_and_norm(ill):
    def build():
        model = Residual()
        model.blocks[0].__class__ = Dropping if ill else FunctionalDropout
        return trained(model)
    return Case(build(), some())


class Deep(nn.Module):
    """Thirty layers of linear map, batch norm and ReLU, each with a way around it or without."""

    def __init__(self, skip, depth=30, width=32):
        super().__init__()
        self.skip = skip
        self.first = nn.Linear(192, width, bias=False)
        self.maps = nn.ModuleList(nn.Linear(width, width, bias=False) for _ in range(depth))
        self.norms = nn.ModuleList(nn.BatchNorm1d(width) for _ in range(depth))
        self.last = nn.Linear(width, CLASSES)

    def forward(self, x):
        x = self.first(x.flatten(1))
        for linear, norm in zip(self.maps, self.norms, strict=True):
            y = F.relu(norm(linear(x)))
            x = x + y if self.skip else y
        return self.last(x)


@patient(25, "", "risk", also="*")
def thirty_layers_without_a_way_around(ill):
    return Case(Deep(skip=not ill).train(), pictures()[0][:64])
