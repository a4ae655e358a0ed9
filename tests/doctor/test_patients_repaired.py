"""Repairs of the patients: code is carried out as it is given, and `repair` does what it says; then it is clean."""

import pytest
import torch

from bncourse.doctor import examine
from bncourse.doctor.repairs import repair
from tests.doctor.bodies import loader, pictures, sequences
from tests.doctor.diagnoses import DIAGNOSES
from tests.doctor.patients import PATIENTS
from tests.doctor.test_patients import said

BY_CODE = ("statistics_after_three_steps", "statistics_of_another_domain", "statistics_of_sorted_mini_batches",
           "one_child_left_in_training_mode", "a_grandchild_left_in_training_mode",
           "frozen_backbone_whose_statistics_move", "frozen_backbone_woken_by_train",
           "momentum_of_a_ten_thousandth_in_a_residual_network", "averaged_weights_with_the_last_statistics",
           "averaged_by_hand_without_statistics", "frozen_by_class_and_hand_written",
           "frozen_backbone_without_a_batch", "stale_statistics_inline", "hand_written_statistics_never_trained",
           "statistics_inline_never_trained")
BY_REPAIR = (*BY_CODE, "teacher_in_training_mode", "one_variance_is_nan",
             "one_mean_is_infinite", "one_variance_is_negative", "momentum_of_another_framework", "momentum_of_one",
             "momentum_of_a_thousandth", "statistics_never_trained_beside_trained_weights",
             "one_layer_whose_name_did_not_match", "bias_before_batch_norm", "bias_wired_in_forward",
             "bias_of_a_transposed_convolution")


def those(names):
    assert set(names) <= {patient.name for patient in PATIENTS}
    return pytest.mark.parametrize("patient", [each for each in PATIENTS if each.name in names],
                                   ids=lambda patient: patient.name)


def report_of(case):
    return examine(case.model, case.batch, loader=case.loader, optimizer=case.optimizer)


def data_of(case):
    """All examples of the kind that the case's mini-batch is of, and in its precision."""
    x, t = pictures() if case.batch.ndim == 4 else sequences()
    return x.to(case.batch.dtype), t


@those(BY_CODE)
def test_a_repair_that_is_code_can_be_carried_out(patient):
    case = patient.build(True)
    report, data = report_of(case), case.loader or loader(*pictures())
    known = {"torch": torch, "model": case.model, "averaged_model": case.model, "loader": data, "report": report}
    for found in report.findings:
        exec(found.repair, known)
    assert said(report_of(case)) == []


@those(BY_REPAIR)
def test_after_its_repair_the_report_is_clean(patient):
    case = patient.build(True)
    sentences = repair(case.model, report_of(case), case.loader or loader(*pictures()))
    assert sentences and said(report_of(case)) == []


@those([patient.name for patient in PATIENTS if patient.row in (1, 2, 6, 7, 16, 17) and patient.name not in BY_REPAIR])
def test_a_repair_never_says_that_it_did_what_it_did_not(patient):
    """Where each sentence tells of something done, nothing is found afterwards; and nothing new is found ever."""
    case = patient.build(True)
    before = report_of(case)
    sentences = repair(case.model, before, case.loader or loader(*data_of(case)))
    after = report_of(case)
    assert {each.name for each in after.findings} <= {each.name for each in before.findings}, sentences
    undone = [line for line in sentences if " not " in line]
    assert undone or after.clean, sentences


def test_every_row_of_the_table_has_a_patient():
    assert set(DIAGNOSES) == {patient.row for patient in PATIENTS}
