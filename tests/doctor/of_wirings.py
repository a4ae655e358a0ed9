"""Patients whose batch norm is no module of its own, or keeps its axes: rows 1, 2, 6, 16 and 17."""

import torch

from tests.doctor.bodies import Inline, healthy, inline, loader, pictures, some, trained
from tests.doctor.cases import Case, patient


@patient(1, "norm2", "fault")
def stale_statistics_of_four_axes(ill):
    model = healthy("keepdim")
    if ill:
        model.conv2.weight.data.mul_(0.3)
    return Case(model, some(), loader(*pictures()))


@patient(1, "block2", "fault", also="block2.conv")
def stale_statistics_inline(ill):
    model = healthy("inline")
    if ill:
        model.block2.conv.weight.data.mul_(0.3)
    return Case(model, some(), loader(*pictures()))


@patient(2, "block2", "fault")
def mini_batch_statistics_inline(ill):
    return Case(trained(inline(always=ill)), some())


@patient(6, "norm1", "fault")
def variance_of_four_axes_is_nan(ill):
    model = healthy("keepdim")
    if ill:
        model.norm1.stored_var[0, 3] = float("nan")
    return Case(model, some())


@patient(6, "block1", "fault")
def variance_inline_is_negative(ill):
    model = healthy("inline")
    if ill:
        model.block1.var[5] = -0.5
    return Case(model, some())


@patient(16, "norm2", "fault risk")
def statistics_of_four_axes_never_trained(ill):
    model = healthy("keepdim")
    if ill:
        model.norm2.stored_mean = torch.zeros_like(model.norm2.stored_mean)
        model.norm2.stored_var = torch.ones_like(model.norm2.stored_var)
    return Case(model, some())


@patient(16, "block2", "fault risk")
def statistics_inline_never_trained(ill):
    model = healthy("inline")
    if ill:
        model.block2.mean.zero_()
        model.block2.var.fill_(1)
    return Case(model, some())


@patient(17, "block1.conv", "note", also="block1")
def bias_inline(ill):
    model = inline()
    if ill:
        model.block1 = Inline(3, 8)
        model.block1.conv.bias = torch.nn.Parameter(torch.randn(8))
    return Case(trained(model), some())
