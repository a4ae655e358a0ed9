"""Patients whose stored statistics are wrong: rows 1, 6, 8, 9, 15, 16 and 20."""

import copy

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, update_bn

from tests.doctor.bodies import (
    RESIDUAL_NORMS,
    ChannelsLast,
    Residual,
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

EVERY_RESIDUAL = " ".join(RESIDUAL_NORMS)


@patient(1, "norm2", "fault", also="norm1", source="pytorch/pytorch#5406")
def statistics_after_three_steps(ill):
    """The running statistics have taken in three mini-batches; the twin's have settled."""
    model = trained(small(), steps=3, settled=0 if ill else 70)
    return Case(model, loader=loader(*pictures()))


@patient(1, "stem.1", "fault", also=EVERY_RESIDUAL)
def statistics_of_another_domain(ill):
    """The loader's pictures are brighter and have more contrast than those of the training."""
    x, t = pictures()
    return Case(healthy("residual"), loader=loader(2 * x + 1 if ill else x, t))


@patient(1, "norm1 norm2", "fault", also="conv1 conv2", source="penguinshin in pytorch/pytorch#4741")
def statistics_of_sorted_mini_batches(ill):
    """The last mini-batches of the training were all of one class, as windows of one recording are."""
    model = healthy("small").train()
    x, t = pictures()
    x_last = x[t == 3][:32]
    with torch.no_grad():
        for step in range(20):
            model(x_last if ill else x[rows_of(step)])
    return Case(model.eval(), loader=loader(x, t))


@patient(1, "norm1", "fault", also="norm2")
def hand_written_statistics_of_other_weights(ill):
    """The weights below a hand-written batch norm were scaled after its statistics were taken."""
    model = healthy("tokens")
    if ill:
        with torch.no_grad():
            model.embed.weight.mul_(3)
    return Case(model, loader=loader(*sequences()))


@patient(1, "norm2", "fault")
def functional_statistics_of_other_weights(ill):
    """As above, in a batch norm made of the function of torch and buffers of its own."""
    model = healthy("functional")
    if ill:
        with torch.no_grad():
            model.conv2.weight.mul_(0.3)
    return Case(model, loader=loader(*pictures()))


def spoilt(kind, path, buffer, value, ill):
    model = healthy(kind)
    if ill:
        model.get_submodule(path).get_buffer(buffer)[3] = value
    return Case(model, some() if kind != "tokens" else some_sequences())


@patient(6, "norm2", "fault", source="pytorch/pytorch#90342")
def one_variance_is_nan(ill):
    """A mini-batch overflowed once: the variance of one channel is not a number, and training never noticed."""
    return spoilt("small", "norm2", "running_var", float("nan"), ill)


@patient(6, "blocks.1.norm1", "fault", source="pytorch/pytorch#88474")
def one_mean_is_infinite(ill):
    return spoilt("residual", "blocks.1.norm1", "running_mean", float("inf"), ill)


@patient(6, "blocks.0.norm2", "fault")
def one_variance_is_negative(ill):
    return spoilt("residual", "blocks.0.norm2", "running_var", -1e-3, ill)


@patient(6, "norm1", "fault")
def one_variance_of_a_hand_written_norm_is_nan(ill):
    return spoilt("tokens", "norm1", "moving_variance", float("nan"), ill)


def slow(momentum, ill):
    return lambda channels: nn.BatchNorm2d(channels, momentum=momentum if ill else 0.1)


@patient(8, "norm1 norm2", "fault risk")
def momentum_of_a_thousandth(ill):
    """After 90 steps at momentum 0.001, 91 % of the initial (0, 1) is left."""
    return Case(trained(small(slow(0.001, ill))), some())


@patient(8, EVERY_RESIDUAL, "fault risk")
def momentum_of_a_ten_thousandth_in_a_residual_network(ill):
    return Case(trained(Residual(slow(0.0001, ill))), some(), loader(*pictures()))


@patient(9, "module.norm1 module.norm2", "fault", source="fadel/pytorch_ema#13")
def averaged_weights_with_the_last_statistics(ill):
    """The average of weights far apart keeps the statistics of the last of them. The twin's are renewed."""
    model = small()
    averaged = AveragedModel(model)
    for _ in range(4):
        averaged.update_parameters(trained(model, steps=10, settled=40, rate=0.5))
    if not ill:
        update_bn(loader(*pictures(), shuffle=False), averaged)
    return Case(averaged.eval(), loader=loader(*pictures()))


@patient(9, "blocks.1.norm1 blocks.1.norm2", "fault", also=EVERY_RESIDUAL, source="boschresearch/OASIS#21")
def averaged_by_hand_without_statistics(ill):
    """Parameters copied one by one into an old copy, whose statistics are as old."""
    model = healthy("residual")
    average = trained(Residual(), steps=2, settled=10)
    if not ill:
        average.load_state_dict(model.state_dict())
    for old, new in zip(average.parameters(), model.parameters(), strict=True):
        old.data.copy_(new.data)
    return Case(average, loader=loader(*pictures()))


@patient(15, "norm1", "fault risk", source="apple/coreai-torch#54")
def variance_beyond_half_precision(ill):
    """Raw sensor values: a variance of millions is right in float32, and infinite in half."""
    scale = 1000.0 if ill else 1.0
    x = pictures()[0]
    model = healthy("small")
    with torch.no_grad():
        model.norm1.running_mean.mul_(scale)
        model.norm1.running_var.mul_(scale**2)
    return Case(model, scale * x[:32])


@patient(15, "blocks.0.norm1", "fault risk")
def variance_below_half_precision(ill):
    """Weights so small that the variance, 1e-9, becomes zero in half; eps is small enough to matter."""
    model = healthy("residual")
    norm = model.blocks[0].norm1
    for path in RESIDUAL_NORMS:
        model.get_submodule(path).eps = 1e-12
    if ill:
        with torch.no_grad():
            ratio = 1e-9 / norm.running_var.mean()
            model.blocks[0].conv1.weight.mul_(ratio**0.5)
            norm.running_mean.mul_(ratio**0.5)
            norm.running_var.mul_(ratio)
    return Case(model, some())


@patient(15, "norm2", "fault", also="norm1")
def half_model_with_overflowed_variance(ill):
    model = healthy("small")
    if ill:
        with torch.no_grad():
            model.norm2.running_var[2] = 1e5
    return Case(model.half(), some().half())


@patient(16, "norm1 norm2", "fault risk", source="facebookresearch/maskrcnn-benchmark#267")
def statistics_never_trained_beside_trained_weights(ill):
    """A checkpoint without statistics, loaded with strict=False: weights are trained, statistics are (0, 1)."""
    model = healthy("small")
    if ill:
        model.norm1.reset_running_stats()
        model.norm2.reset_running_stats()
    return Case(model, some())


@patient(16, "blocks.1.norm2", "fault risk", source="bearpaw/pytorch-classification#35")
def one_layer_whose_name_did_not_match(ill):
    """One batch norm of five had another name in the checkpoint; it is as it was made."""
    model = healthy("residual")
    if ill:
        model.blocks[1].norm2 = nn.BatchNorm2d(8).eval()
    return Case(model, some())


@patient(16, "norm2.inner", "fault risk", also="norm2")
def hand_written_statistics_never_trained(ill):
    model = healthy("channels last")
    if ill:
        model.norm2.inner.moving_mean.zero_()
        model.norm2.inner.moving_variance.fill_(1)
    return Case(model, some())


class Agent(nn.Module):
    """A network and the target that follows it, as in Q-learning; forward gives the values of both."""

    def __init__(self, online, target):
        super().__init__()
        self.online, self.target = online, target

    def forward(self, x):
        return self.online(x), self.target(x)


@patient(20, "target.norm1 target.norm2", "fault risk", also="online.norm1 online.norm2 target online",
         source="DLR-RM/stable-baselines3#996")
def target_network_without_the_statistics(ill):
    """Parameters were copied to the target network, buffers were not."""
    online, target = healthy("small"), healthy("small")
    if ill:
        target.norm1.running_mean.add_(0.7)
        target.norm2.running_var.mul_(1.8)
        target.norm1.running_var.mul_(2.5)
    return Case(Agent(online, target), some())


@patient(20, "target.norm1.inner target.norm2.inner", "fault risk",
         also="online.norm1.inner online.norm2.inner target.norm1 target.norm2 online.norm1 online.norm2 target online")
def target_network_with_hand_written_norms(ill):
    online = trained(small(ChannelsLast))
    target = copy.deepcopy(online)
    if ill:
        for norm in (target.norm1.inner, target.norm2.inner):
            norm.moving_mean.zero_()
            norm.moving_variance.fill_(1)
    return Case(Agent(online, target), some())
