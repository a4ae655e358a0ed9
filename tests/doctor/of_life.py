"""Patients found on issue trackers whose wiring is another than those of the table: rows 1, 2, 3, 7, 12 and 16."""

import copy

import torch
from torch import nn
from torch.nn import functional as F

from tests.doctor.bodies import (
    CLASSES,
    RESIDUAL_NORMS,
    ByHand,
    Inline,
    Tokens,
    healthy,
    loader,
    pictures,
    sequences,
    small,
    some,
    some_sequences,
    trained,
)
from tests.doctor.cases import Case, patient


@patient(1, "norm1|norm2", "fault", also="norm1 norm2",
         source="AntreasAntoniou/HowToTrainYourMAMLPytorch#42")
def two_layers_that_share_their_buffers(ill):
    """A copy that copied nothing: both layers write into the same running mean and variance."""
    model = small()
    if ill:
        model.norm2.running_mean, model.norm2.running_var = model.norm1.running_mean, model.norm1.running_var
    return Case(trained(model), loader=loader(*pictures()))


class Sampler(nn.Module):
    """Monte Carlo Dropout: Dropout is woken at inference, alone or, by `self.inside.train()`, with all the rest."""

    def __init__(self, all_of_it):
        super().__init__()
        self.inside, self.all_of_it = small(), all_of_it
        self.inside.head = nn.Sequential(nn.Dropout(0.2), nn.Linear(8, CLASSES))

    def forward(self, x):
        (self.inside if self.all_of_it else self.inside.head[0]).train()
        return self.inside(x)


@patient(2, "inside.norm1 inside.norm2", "fault", source="model.train() at inference for Monte Carlo Dropout")
def forward_that_wakes_the_batch_norms(ill):
    model = Sampler(ill)
    trained(model.inside)
    return Case(model.eval(), some())


class Student(nn.Module):
    """A student and its teacher, of which the teacher is frozen, and follows the student into training mode."""

    def __init__(self, asleep):
        super().__init__()
        self.student, self.teacher = healthy("small"), healthy("small").requires_grad_(False)
        self.asleep = asleep

    def train(self, mode=True):
        super().train(mode)
        if self.asleep:
            self.teacher.eval()
        return self

    def forward(self, x):
        with torch.no_grad():
            wanted = self.teacher(x)
        return self.student(x) - wanted


@patient(3, "teacher.norm1 teacher.norm2", "fault risk", source="zengarden/momentum2-teacher#1")
def teacher_in_training_mode(ill):
    model = Student(asleep=not ill).train()
    return Case(model, some(), optimizer=torch.optim.SGD(model.student.parameters(), 0.01))



class Deaf(nn.Module):
    """A network that overrides `eval`, and forgets to call that of its class."""

    def __init__(self, deaf):
        super().__init__()
        self.inside, self.deaf = healthy("residual").train(), deaf

    def eval(self):
        return self if self.deaf else super().eval()

    def forward(self, x):
        return self.inside(x)


@patient(2, " ".join(f"inside.{name}" for name in RESIDUAL_NORMS), "fault")
def override_of_eval_that_does_nothing(ill):
    return Case(Deaf(deaf=ill).eval(), some())


@patient(3, " ".join(RESIDUAL_NORMS), "fault", source="pytorch/pytorch#86590")
def frozen_backbone_without_a_batch(ill):
    """Modes and requires_grad tell enough."""
    model = healthy("residual").train()
    for part in (model.stem, model.blocks):
        part.requires_grad_(False).train(ill)
    return Case(model)


class Hasty(Inline):
    """F.batch_norm in one module with its convolution, with a momentum of its own."""

    def __init__(self, inputs, channels, momentum):
        super().__init__(inputs, channels)
        self.momentum = momentum

    def forward(self, x):
        return F.relu(F.batch_norm(self.conv(x), self.mean, self.var, self.gain, self.offset, self.training,
                                   self.momentum))


@patient(7, "0", "fault")
def momentum_of_another_framework_inline(ill):
    layers = Hasty(3, 8, 0.99 if ill else 0.1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, CLASSES)
    return Case(trained(nn.Sequential(*layers)), some())


class Critic(nn.Module):
    """A discriminator with batch norm that is shown real and made pictures, in turn or in one mini-batch."""

    def __init__(self, in_turn):
        super().__init__()
        self.body, self.in_turn = healthy("small").train(), in_turn

    def forward(self, real, made):
        if self.in_turn:
            return self.body(real), self.body(made)
        return self.body(torch.cat([real, made])).chunk(2)


@patient(12, "body.norm1 body.norm2", "fault risk", source="batch norm in the discriminator of a GAN")
def critic_of_real_and_made_pictures_in_turn(ill):
    made = torch.tanh(torch.randn(32, 3, 8, 8)) * 0.3 + 0.6
    return Case(Critic(ill), (some(), made))


class Forgetful(ByHand):
    """Its moving statistics are plain tensors, which `state_dict` does not know."""

    def __init__(self, channels):
        super().__init__(channels)
        mean, variance = self.moving_mean, self.moving_variance
        del self.moving_mean, self.moving_variance
        self.moving_mean, self.moving_variance = mean, variance


@patient(16, "norm1 norm2", "fault risk", source="a hand-written layer without register_buffer")
def statistics_that_are_not_registered(ill):
    return Case(trained(Tokens(Forgetful if ill else ByHand), sequences()), some_sequences())


@patient(16, "norm1 norm2", "fault risk", source="a model rebuilt from its parameters alone")
def only_the_parameters_were_loaded(ill):
    """`named_parameters()` were saved; the loaded hand-written layers start from mean 0 and variance 1."""
    old = healthy("tokens")
    model = copy.deepcopy(old) if not ill else Tokens()
    for new, saved in zip(model.parameters(), old.parameters(), strict=True):
        new.data.copy_(saved.data)
    return Case(model.eval(), some_sequences())
