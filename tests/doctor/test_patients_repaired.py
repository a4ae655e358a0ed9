"""A repair that is given as code is carried out as it is given, and then the report is clean."""

import pytest
import torch

from bncourse.doctor import examine
from tests.doctor.diagnoses import DIAGNOSES
from tests.doctor.patients import PATIENTS
from tests.doctor.test_patients import said

REPAIRABLE = (
    "statistics_after_three_steps", "statistics_of_another_domain", "statistics_of_sorted_mini_batches",
    "one_child_left_in_training_mode", "a_grandchild_left_in_training_mode",
    "frozen_backbone_whose_statistics_move", "frozen_backbone_woken_by_train",
    "momentum_of_a_ten_thousandth_in_a_residual_network", "averaged_weights_with_the_last_statistics",
    "averaged_by_hand_without_statistics",
)


@pytest.mark.parametrize("patient", [each for each in PATIENTS if each.name in REPAIRABLE],
                         ids=lambda patient: patient.name)
def test_after_its_repair_the_report_is_clean(patient):
    case = patient.build(True)
    report = examine(case.model, case.batch, loader=case.loader, optimizer=case.optimizer)
    for found in report.findings:
        exec(found.repair, {"torch": torch, "model": case.model, "averaged_model": case.model, "loader": case.loader})
    again = examine(case.model, case.batch, loader=case.loader, optimizer=case.optimizer)
    assert said(again) == []


def test_every_repairable_patient_exists():
    assert set(REPAIRABLE) <= {patient.name for patient in PATIENTS}
    assert set(DIAGNOSES) == {patient.row for patient in PATIENTS}
