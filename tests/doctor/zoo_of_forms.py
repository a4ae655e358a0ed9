"""Healthy models of other forms: outputs that are no tensor, several arguments, chance in forward, other precisions."""

import torch
from torch import nn
from torch.nn import functional as F

from tests.doctor.bodies import (
    Block,
    Residual,
    healthy,
    loader,
    pictures,
    some,
    some_sequences,
    trained,
)
from tests.doctor.cases import Case
from tests.doctor.zoo import animal


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


class Branches(nn.Module):
    """As in RepVGG: convolutions and a batch norm alone of the same input, the output of a ReLU, are added up."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU())
        self.wide = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8))
        self.narrow = nn.Sequential(nn.Conv2d(8, 8, 1, bias=False), nn.BatchNorm2d(8))
        self.identity, self.head = nn.BatchNorm2d(8), nn.Linear(8, 4)

    def forward(self, x):
        x = self.stem(x)
        return self.head(F.relu(self.wide(x) + self.narrow(x) + self.identity(x)).mean((2, 3)))


@animal()
def batch_norm_as_a_branch_of_its_own():
    return Case(trained(Branches()), some(), loader(*pictures()))
