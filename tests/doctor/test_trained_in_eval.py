"""A network that was trained in eval() has no statistics and needs none; one that lost them looks the same.

Of both it is a risk, and never a fault. Measured statistics would spoil the one and heal the other: labels tell which.
"""

import copy

import pytest
import torch
from torch.nn import functional as F

from bncourse.doctor import examine, examine_checkpoint
from bncourse.doctor.repairs import repair
from bncourse.doctor.trial import share_right
from tests.doctor.bodies import healthy, inline, loader, pictures, seeded, small, some

NEW = {"small": small, "inline": inline}


def trained_in_eval(make, steps=60, rate=0.05):
    x, t = pictures()
    model = make().eval()
    optimizer = torch.optim.SGD(model.parameters(), rate, momentum=0.9)
    for step in range(steps):
        rows = torch.arange(step * 32, (step + 1) * 32) % len(x)
        optimizer.zero_grad()
        F.cross_entropy(model(x[rows]), t[rows]).backward()
        optimizer.step()
    return model


def without_statistics(kind, make):
    """A network that was trained in train(), of which the parameters alone were loaded."""
    model = make()
    model.load_state_dict(dict(healthy(kind).named_parameters()), strict=False)
    return model.eval()


@pytest.fixture(scope="module", params=NEW)
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def both(kind):
    return seeded(trained_in_eval, NEW[kind]), without_statistics(kind, NEW[kind])


@pytest.fixture
def labelled():
    return loader(*pictures())


def graded(report):
    return {each.name: each.severity for each in report.findings}


def test_both_are_a_risk_and_the_sentence_says_why(both, labelled):
    for model in both:
        report = examine(model, some(), loader=labelled)
        assert graded(report) == {"never-trained": "risk", "stale-statistics": "risk"}
        assert graded(examine(model, some())) == {"never-trained": "risk"}
        assert "if the network was trained in eval()" in str(report).replace("\n            ", " ")


def test_a_checkpoint_of_either_is_a_risk():
    for model in (seeded(trained_in_eval, small), without_statistics("small", small)):
        assert graded(examine_checkpoint(model.state_dict())) == {"never-trained": "risk"}


def test_the_healthy_twin_is_left_in_peace(labelled):
    assert examine(healthy("small"), some(), loader=labelled).clean


def test_the_one_is_not_repaired_and_the_other_is(kind, both, labelled):
    right, lost = map(copy.deepcopy, both)
    before = copy.deepcopy(right.state_dict())
    sentences = repair(right, examine(right, some(), loader=labelled), labelled)
    assert "not measured" in sentences[0] and "it was trained in eval()" in sentences[0] and len(sentences) == 1
    assert all(torch.equal(value, before[name]) for name, value in right.state_dict().items())
    share = share_right(lost, labelled)
    repair(lost, examine(lost, some(), loader=labelled), labelled)
    assert share + 0.2 < share_right(healthy(kind), labelled) < share_right(lost, labelled) + 0.02
    assert examine(lost, some(), loader=labelled).clean


def test_without_labels_nothing_is_measured_and_that_is_said(both):
    for model in map(copy.deepcopy, both):
        before = copy.deepcopy(model.state_dict())
        for unlabelled in ([pictures()[0]], [(pictures()[0], torch.full((256,), 9))]):  # no labels, and none of a class
            (sentence,) = repair(model, examine(model, some(), loader=unlabelled), unlabelled)
            assert "not measured" in sentence and "only a loader with labels of classes tells" in sentence
        assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_single_layer_without_statistics_is_measured_with_or_without_labels(labelled):
    for batches in (labelled, [pictures()[0]]):
        model = healthy("small")
        model.norm2.reset_running_stats()
        repair(model, examine(model, some()), batches)
        assert examine(model, some(), loader=labelled).clean
