"""Patients in the wrong mode, or whose mini-batch is not the one that they think: rows 2 to 5, 10 to 13 and 19."""

import torch
import torch.distributed
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.testing._internal.distributed.fake_pg import FakeStore
from torch.utils.checkpoint import checkpoint

from tests.doctor.bodies import (
    CLASSES,
    RESIDUAL_NORMS,
    ByHand,
    Functional,
    Residual,
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

EVERY_RESIDUAL = " ".join(RESIDUAL_NORMS)


@patient(2, "norm2", "fault", source="pytorch/pytorch#115715")
def one_child_left_in_training_mode(ill):
    model = healthy("small")
    model.norm2.train(ill)
    return Case(model, some())


@patient(2, "blocks.0.norm2", "fault")
def a_grandchild_left_in_training_mode(ill):
    model = healthy("residual")
    model.blocks[0].norm2.train(ill)
    return Case(model, some())


@patient(2, EVERY_RESIDUAL, "fault")
def no_running_statistics(ill):
    """track_running_stats=False: inference takes the statistics of its own mini-batch."""
    return Case(trained(Residual(lambda c: nn.BatchNorm2d(c, track_running_stats=not ill))), some())


@patient(2, "norm1 norm2", "fault", source="dragen1860/MAML-Pytorch#44")
def function_with_training_always_true(ill):
    """F.batch_norm(..., training=True) with buffers that nobody reads."""
    return Case(trained(small(lambda c: Functional(c, always=ill))), some())


@patient(2, "norm1 norm2", "fault")
def hand_written_norm_that_never_reads_its_statistics(ill):
    model = trained(Tokens(lambda c: ByHand(c, always=ill)), sequences())
    return Case(model, some_sequences())


class Stubborn(nn.BatchNorm2d):
    """A batch norm that hears `train()` and not `eval()`."""

    def train(self, mode=True):
        return super().train(True)


@patient(2, "norm1", "fault")
def override_of_train_that_ignores_eval(ill):
    model = healthy("small")
    if ill:
        model.norm1.__class__ = Stubborn
    return Case(model.eval(), some())


def freeze(model, modes):
    for part in model.children():
        if part is not model.head:
            part.requires_grad_(False)
            part.train(not modes)
    return torch.optim.SGD(model.head.parameters(), 0.1)


@patient(3, "norm1 norm2", "fault risk", source="pytorch/pytorch#86590")
def frozen_backbone_whose_statistics_move(ill):
    """requires_grad is False, the mode is training; the twin's backbone is in eval mode."""
    model = healthy("small").train()
    optimizer = freeze(model, modes=not ill)
    return Case(model, some(), optimizer=optimizer)


@patient(3, EVERY_RESIDUAL, "fault risk", source="pgniewko/gt-pyg#112")
def frozen_backbone_woken_by_train(ill):
    """The batch norms were put in eval mode once; the next epoch's `model.train()` took it back."""
    model = healthy("residual").train()
    optimizer = freeze(model, modes=True)
    if ill:
        model.train()
    return Case(model, some(), optimizer=optimizer)


class Frozen(nn.Module):
    """A frozen encoder under a head; its `train` keeps in eval mode what its list of classes names."""

    def __init__(self, encoder, classes):
        super().__init__()
        self.encoder, self.classes = encoder.requires_grad_(False), classes
        self.head = nn.Linear(CLASSES, CLASSES)

    def train(self, mode=True):
        super().train(mode)
        for module in self.encoder.modules():
            if isinstance(module, self.classes):
                module.eval()
        return self

    def forward(self, x):
        return self.head(self.encoder(x))


@patient(3, "encoder.norm1 encoder.norm2", "fault risk", source="filipradenovic/cnnimageretrieval-pytorch#19")
def frozen_by_class_and_hand_written(ill):
    """Frozen by a list of class names, in which the hand-written batch norm is not."""
    model = Frozen(healthy("tokens"), nn.BatchNorm1d if ill else (nn.BatchNorm1d, ByHand)).train()
    return Case(model, some_sequences(), optimizer=torch.optim.SGD(model.head.parameters(), 0.1))


def dense():
    """A perceptron with a batch norm of `(N, C)`, which a mini-batch of one stops."""
    return nn.Sequential(nn.Flatten(), nn.Linear(192, 16, bias=False), nn.BatchNorm1d(16), nn.ReLU(),
                         nn.Linear(16, CLASSES))


@patient(4, "2", "fault risk", source="Expected more than 1 value per channel when training")
def last_mini_batch_of_one(ill):
    """65 examples in mini-batches of 32 leave one; the twin drops it."""
    x, t = pictures()
    model = trained(dense()).train()
    return Case(model, x[:32], loader(x[:65], t[:65], drop_last=not ill))


class Pyramid(nn.Module):
    """A residual network that also looks at the whole picture at once, as image pooling in DeepLab does."""

    def __init__(self):
        super().__init__()
        self.body = Residual()
        self.whole = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(3, CLASSES, 1, bias=False),
                                   nn.BatchNorm2d(CLASSES), nn.ReLU())

    def forward(self, x):
        return self.body(x) + self.whole(x)[:, :, 0, 0]


@patient(4, "whole.2", "fault risk")
def picture_of_one_pixel_in_a_mini_batch_of_one(ill):
    model = trained(Pyramid()).train()
    return Case(model, pictures()[0][:1 if ill else 32])


@patient(5, "2", "risk")
def mini_batches_of_four(ill):
    model = trained(dense()).train()
    return Case(model, pictures()[0][:4 if ill else 32])


@patient(5, "norm2", "risk", also="norm1")
def few_values_in_small_pictures(ill):
    """Two pictures, pooled to 2 by 2 before the second batch norm: eight values a channel."""
    model = trained(small(before_norm=nn.MaxPool2d(4))).train()
    return Case(model, pictures()[0][:2 if ill else 32])


@patient(10, "module.norm1 module.norm2", "risk note")
def plain_batch_norm_in_eight_processes(ill):
    """DistributedDataParallel over eight processes of two pictures; the twin's world is one process.

    The processes are torch's pretended ones. Their group is left for the examination; `leave_the_world` ends it.
    """
    leave_the_world()
    torch.distributed.init_process_group("fake", rank=0, world_size=8 if ill else 1, store=FakeStore())
    return Case(DistributedDataParallel(healthy("small").train()), some()[:2] if ill else some())


def leave_the_world():
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


class Recomputed(Residual):
    """Its blocks are recomputed in the backward pass."""

    reentrant = False

    def forward(self, x):
        x = self.stem(x)
        for block in self.blocks:
            x = checkpoint(block, x, use_reentrant=self.reentrant) if self.training else block(x)
        return self.head(x.mean((2, 3)))


class RecomputedOldStyle(Recomputed):
    reentrant = True


def recomputing(kind, ill):
    model = healthy("residual").train()
    if ill:
        model.__class__ = kind
    return Case(model, some(), optimizer=torch.optim.SGD(model.parameters(), 0.01))


BLOCK_NORMS = " ".join(RESIDUAL_NORMS[1:])


@patient(11, BLOCK_NORMS, "fault", source="pytorch/pytorch#96136")
def checkpointing_updates_twice(ill):
    return recomputing(Recomputed, ill)


@patient(11, BLOCK_NORMS, "fault")
def reentrant_checkpointing_updates_twice(ill):
    return recomputing(RecomputedOldStyle, ill)


class RecomputedTokens(Tokens):
    def forward(self, x):
        return checkpoint(super().forward, x, use_reentrant=False)


@patient(11, "norm1 norm2", "fault")
def checkpointing_of_hand_written_norms(ill):
    """No counter tells of the second update; the buffers move."""
    model = healthy("tokens").train()
    if ill:
        model.__class__ = RecomputedTokens
    return Case(model, some_sequences(), optimizer=torch.optim.SGD(model.parameters(), 0.01))


class Pair(nn.Module):
    """Photographs and sketches through one encoder, or, in `domains` "two", batch norms of their own."""

    def __init__(self, encoder, other):
        super().__init__()
        self.encoder, self.other = encoder, other

    def forward(self, photographs, sketches):
        return self.encoder(photographs) + (self.other or self.encoder)(sketches)


@patient(12, "encoder.norm1", "fault risk", also="encoder.norm2", source="keras-team/keras#8794")
def one_encoder_for_two_domains(ill):
    x = some()
    return Case(Pair(healthy("small").train(), None if ill else healthy("small").train()), (x, 3 * x - 2))


class Overused(nn.Module):
    """Two convolutions, and a batch norm each, or one for both."""

    def __init__(self, shared):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 8, 3, bias=False), nn.Conv2d(8, 8, 3, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.norm2 = self.norm if shared else nn.BatchNorm2d(8)
        self.head = nn.Linear(8, CLASSES)

    def forward(self, x):
        x = torch.relu(self.norm(self.conv1(x)))
        return self.head(torch.relu(self.norm2(self.conv2(x))).mean((2, 3)))


@patient(12, "norm", "fault risk", also="norm2", source="kanezaki/pytorch-unsupervised-segmentation#1")
def one_batch_norm_after_two_convolutions(ill):
    return Case(trained(Overused(ill)).train(), some())


class Recurrent(nn.Module):
    """A recurrent network with batch norm from input to hidden: one for all steps, or one a step."""

    def __init__(self, shared, steps=6, width=8):
        super().__init__()
        norms = [nn.BatchNorm1d(width) for _ in range(1 if shared else steps)]
        self.norms = nn.ModuleList(norms)
        self.x2h, self.h2h = nn.Linear(8, width, bias=False), nn.Linear(width, width)
        self.head = nn.Linear(width, CLASSES)

    def forward(self, x):
        h = x.new_zeros(len(x), self.h2h.in_features)
        for step in range(x.shape[1]):
            norm = self.norms[step % len(self.norms)]
            h = torch.tanh(norm(self.x2h(x[:, step] * (1 + step))) + self.h2h(h))
        return self.head(h)


@patient(12, "norms.0", "fault risk", source="cooijmanstim/recurrent-batch-normalization#2")
def one_batch_norm_for_all_time_steps(ill):
    return Case(trained(Recurrent(ill), sequences()).train(), some_sequences())
