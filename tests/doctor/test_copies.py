"""A model is examined in copies: they share nothing that can be copied, and draw the same random numbers each time."""

import threading

import pytest
import torch
from torch import nn

from bncourse.doctor.patient import Patient, duplicated


@pytest.fixture
def model():
    return nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))


def test_what_cannot_be_copied_is_shared_and_the_rest_is_not(model):
    model.lock, model.last = threading.Lock(), model[0](torch.ones(2, 4))  # a part of a graph
    duplicate = duplicated(model)
    assert duplicate.lock is model.lock and duplicate[1] is not model[1]
    assert torch.equal(duplicate.last, model.last) and duplicate.last.is_leaf
    for one, other in zip(model.state_dict().values(), duplicate.state_dict().values(), strict=True):
        assert torch.equal(one, other) and one.data_ptr() != other.data_ptr()


def test_each_call_draws_the_same_numbers_whatever_was_drawn_before(model):
    patient = Patient(model, torch.ones(3, 4) * torch.arange(3)[:, None])
    first = patient.call(patient.copy(training=True))
    torch.rand(7)
    assert torch.equal(patient.call(patient.copy(training=True)), first)
