"""Healthy models of other forms: outputs that are no tensor, several arguments, chance in forward, other precisions."""

import torch
from torch import nn
from torch.nn import functional as F

from tests.doctor.bodies import (
    CLASSES,
    Block,
    Residual,
    healthy,
    loader,
    pictures,
    sequences,
    small,
    some,
    some_sequences,
    trained,
)
from tests.doctor.cases import Case
from tests.doctor.zoo import animal, ordered, settled


class Dressed(nn.Module):
    """A network whose output is put in another form by `dress`."""

    def __init__(self, inside, dress):
        super().__init__()
        self.inside, self.dress = inside, dress

    def forward(self, x):
        return self.dress(self.inside(x))


@animal()
def output_is_a_dictionary():
    return Case(Dressed(healthy("small"), lambda y: {"scores": y, "steps": 3, "more": [y.sigmoid()]}), some())


@animal()
def output_is_a_tuple():
    return Case(Dressed(healthy("small"), lambda y: (y, None, (y.square(),))), some())


@animal()
def output_is_of_classes():
    """What comes out has no gradient: the numbers of the classes."""
    return Case(Dressed(healthy("small"), lambda y: y.argmax(1)), some())


@animal()
def output_is_a_number():
    return Case(Dressed(healthy("small"), lambda y: y.logsumexp(1).mean()), some())


class Several(nn.Module):
    """Pictures, a mask, and a number that is no tensor."""

    def __init__(self):
        super().__init__()
        self.inside = healthy("small")

    def forward(self, x, mask, scale=1.0):
        return self.inside(x * mask) * scale


@animal()
def several_arguments():
    return Case(Several(), (some(), torch.ones(32, 1, 8, 8), 2.0))


class FromDictionary(nn.Module):
    def __init__(self):
        super().__init__()
        self.inside = healthy("residual")

    def forward(self, inputs):
        return {"scores": self.inside(inputs["pixels"])}


@animal()
def input_is_a_dictionary():
    return Case(FromDictionary(), ({"pixels": some()},))


class Skipping(Block):
    """A residual block that is left out by chance in training (stochastic depth)."""

    def forward(self, x):
        if self.training and torch.rand(()) < 0.3:
            return x
        return super().forward(x)


@animal()
def stochastic_depth():
    def build():
        model = Residual()
        model.blocks[1].__class__ = Skipping
        return trained(model)
    return Case(build(), some())


class Noisy(nn.Module):
    """Noise on the input, also in eval mode, as a sampler has it."""

    def __init__(self):
        super().__init__()
        self.inside = healthy("small")

    def forward(self, x):
        return self.inside(x + 0.01 * torch.randn_like(x))


@animal()
def noise_in_eval_mode():
    """Two calls differ, and not because of the company."""
    return Case(Noisy(), some())


class OnlyInfers(nn.Module):
    def __init__(self):
        super().__init__()
        self.inside = healthy("residual")

    def forward(self, x):
        if self.training:
            raise RuntimeError("exported for inference: this model does not train")
        return self.inside(x)


@animal()
def raises_in_training_mode():
    return Case(OnlyInfers().eval(), some())


class WantsTargets(nn.Module):
    """As detectors are: targets in training, and a loss; without them scores."""

    def __init__(self):
        super().__init__()
        self.inside = healthy("small")

    def forward(self, x, t=None):
        scores = self.inside(x)
        return {"loss": F.cross_entropy(scores, t)} if self.training else scores


@animal()
def wants_targets_in_training():
    return Case(WantsTargets().eval(), some())


@animal()
def half_precision():
    return Case(healthy("residual").half(), some().half())


@animal()
def brain_precision():
    return Case(healthy("small").bfloat16(), some().bfloat16())


@animal()
def double_precision():
    return Case(healthy("tokens").double(), some_sequences().double())


@animal()
def channels_last_in_memory():
    return Case(healthy("residual").to(memory_format=torch.channels_last),
                some().to(memory_format=torch.channels_last), loader(*pictures()))


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


class Deciding(nn.Module):
    """Which way it goes depends on the data, so it cannot be traced."""

    def __init__(self):
        super().__init__()
        self.inside = healthy("small")

    def forward(self, x):
        if x.mean() > 100:
            raise ValueError("these pictures are too bright")
        return self.inside(x) if x.shape[0] % 2 == 0 else self.inside(x.clone())


@animal()
def control_flow_in_forward():
    return Case(Deciding(), some())


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
