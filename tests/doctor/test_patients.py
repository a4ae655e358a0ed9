"""Each patient is named, with its layer and severity; the healthy are left in peace; nothing is changed."""

import pytest
import torch

from bncourse.doctor import examine
from tests.doctor.bodies import healthy, loader, pictures, some
from tests.doctor.cases import Case
from tests.doctor.diagnoses import DIAGNOSES
from tests.doctor.patients import PATIENTS
from tests.doctor.traces import left_behind, traces
from tests.doctor.zoo_of_all import ZOO


def examined(case):
    """The report of a case, which it leaves exactly as it was."""
    before = traces(case)
    report = examine(case.model, case.batch, loader=case.loader, optimizer=case.optimizer)
    assert left_behind(before, traces(case)) == []
    return report


def said(report):
    """The findings as lines: severity, name, layers."""
    return [f"{each.severity} {each.name}: {' '.join(each.layers) or '(the model)'}" for each in report.findings]


def names_all(patient, layers):
    """Whether these are all layers that have to be named, one of the alternatives `a|b`, and none but those allowed."""
    wanted = [set(word.split("|")) for word in patient.layers]
    allowed = set(patient.also).union(*wanted)
    return all(each & layers for each in wanted) and ("*" in allowed or layers <= allowed)


@pytest.mark.parametrize("patient", PATIENTS, ids=lambda patient: patient.name)
def test_a_patient_is_named_with_its_layers_and_severity(patient, record_property):
    report = examined(patient.build(True))
    record_property("patient", (f"{patient.row:2} {patient.name}", "; ".join(said(report)) or "nothing"))
    of_row = [each for each in report.findings if each.name in DIAGNOSES[patient.row]]
    assert of_row, said(report)
    assert names_all(patient, {layer for each in of_row for layer in each.layers}), said(report)
    assert of_row[0].severity in patient.severity, said(report)


@pytest.mark.parametrize("patient", PATIENTS, ids=lambda patient: patient.name)
def test_its_healthy_twin_is_left_in_peace(patient):
    assert said(examined(patient.build(False))) == []


@pytest.mark.parametrize("animal", ZOO, ids=lambda animal: animal.name)
def test_the_zoo_is_left_in_peace(animal):
    report = examined(animal.build())
    noted = {name for row in animal.notes for name in DIAGNOSES[row]}
    wrong = [line for line, each in zip(said(report), report.findings, strict=True)
             if each.severity != "note" or each.name not in noted]
    assert wrong == []


def test_right_statistics_are_not_doubted_for_the_order_of_the_loader():
    """By the law of total variance it is the same data, sorted or not; in eval mode nothing else is seen."""
    x, t = pictures()
    order = torch.argsort(t)
    case = Case(healthy("small"), some(), loader(x[order], t[order], shuffle=False))
    assert {each.name for each in examined(case).findings} <= {"batch-tells-the-label"}
