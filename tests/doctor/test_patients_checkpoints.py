"""What is known of a patient from its checkpoint alone, and what is not to be said of a healthy one."""

import pickle

import pytest
import torch

from bncourse.doctor import examine_checkpoint
from tests.doctor.bodies import healthy
from tests.doctor.diagnoses import DIAGNOSES
from tests.doctor.patients import PATIENTS
from tests.doctor.test_patients import names_all, said
from tests.doctor.zoo_of_all import ZOO

TOLD_BY_NUMBERS = ("one_variance_is_nan", "one_mean_is_infinite", "one_variance_is_negative",
                   "variance_beyond_half_precision", "half_model_with_overflowed_variance",
                   "statistics_never_trained_beside_trained_weights", "one_layer_whose_name_did_not_match",
                   "three_dead_channels")
BY_NUMBERS = [patient for patient in PATIENTS if patient.name in TOLD_BY_NUMBERS]


@pytest.mark.parametrize("patient", BY_NUMBERS, ids=lambda patient: patient.name)
def test_a_fault_in_the_numbers_is_named_from_them_alone(patient):
    report = examine_checkpoint(patient.build(True).model.state_dict())
    of_row = [each for each in report.findings if each.name in DIAGNOSES[patient.row]]
    assert of_row and names_all(patient, {layer for each in of_row for layer in each.layers}), said(report)
    assert said(examine_checkpoint(patient.build(False).model.state_dict())) == []


@pytest.mark.parametrize("animal", ZOO, ids=lambda animal: animal.name)
def test_a_healthy_checkpoint_is_left_in_peace(animal):
    """Of one that nobody has trained it is right to say so."""
    model = animal.build().model
    report = examine_checkpoint(model.state_dict())
    counts = [buffer for name, buffer in model.named_buffers() if name.endswith("num_batches_tracked")]
    fresh = ["never-trained"] if counts and not sum(counts) else []
    assert [line for line, each in zip(said(report), report.findings, strict=True) if each.name not in fresh] == []


def bare(state):
    return {f"module.{name}": tensor for name, tensor in state.items()}


FORMS = {
    "wrapped in data parallel": bare,
    "before counters were kept": lambda state: {name: x for name, x in state.items() if "num_batches" not in name},
    "with an optimizer beside": lambda state: {"model": state, "optimizer": {"state": {}, "param_groups": []},
                                               "epoch": 3},
    "of Lightning": lambda state: {"state_dict": bare(state), "pytorch-lightning_version": "2.0"},
    "in half precision": lambda state: {name: x.half() if x.is_floating_point() else x for name, x in state.items()},
}


@pytest.mark.parametrize("form", FORMS)
def test_checkpoints_come_in_several_forms(form, tmp_path):
    model = healthy("residual")
    path = tmp_path / "checkpoint.pt"
    torch.save(FORMS[form](model.state_dict()), path)
    assert said(examine_checkpoint(path)) == []
    model.blocks[1].norm1.running_var[2] = float("nan")
    torch.save(FORMS[form](model.state_dict()), path)
    found = [each for each in examine_checkpoint(str(path)).findings if each.name == "statistics-not-finite"]
    assert [layer.removeprefix("model.").removeprefix("state_dict.").removeprefix("module.")
            for each in found for layer in each.layers] == ["blocks.1.norm1"]


def test_safetensors_are_read(tmp_path):
    save_file = pytest.importorskip("safetensors.torch").save_file
    model = healthy("small")
    model.norm2.running_mean[0] = float("inf")
    save_file(model.state_dict(), tmp_path / "checkpoint.safetensors")
    report = examine_checkpoint(tmp_path / "checkpoint.safetensors")
    assert [(each.name, each.layers) for each in report.findings] == [("statistics-not-finite", ("norm2",))]


@pytest.mark.parametrize("lost", [("running_var",), ("running_mean", "running_var")])
def test_statistics_that_are_missing_are_named(lost):
    """The counter, or the other of the two, tells that there were statistics."""
    state = healthy("residual").state_dict()
    for name in lost:
        del state[f"blocks.0.norm2.{name}"]
    report = examine_checkpoint(state)
    assert [(each.name, each.layers) for each in report.findings] == [("statistics-missing", ("blocks.0.norm2",))]


class Trap:
    """Writes a file where it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def spoilt_files(folder):
    """Files that are no checkpoint, by what is wrong with them."""
    torch.save(healthy("small").state_dict(), folder / "whole.pt")
    whole = (folder / "whole.pt").read_bytes()
    return {
        "a pickle": pickle.dumps({"weight": Trap(folder / "sprung")}),
        "a pickle in a checkpoint": saved({"weight": Trap(folder / "sprung")}, folder),
        "truncated": whole[: len(whole) // 2],
        "empty": b"",
        "text": b"weights are at the usual place\n",
        "a list": saved([1, 2, 3], folder),
        "a number": saved(7, folder),
    }


def saved(thing, folder):
    torch.save(thing, folder / "thing.pt")
    return (folder / "thing.pt").read_bytes()


@pytest.mark.parametrize("kind", ["a pickle", "a pickle in a checkpoint", "truncated", "empty", "text", "a list",
                                  "a number"])
@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_what_is_no_checkpoint_gets_a_sentence_and_nothing_of_it_is_run(kind, suffix, tmp_path):
    path = tmp_path / f"checkpoint{suffix}"
    path.write_bytes(spoilt_files(tmp_path)[kind])
    with pytest.raises(ValueError, match=r"checkpoint\.") as raised:
        examine_checkpoint(path)
    assert len(str(raised.value).split()) > 5
    assert not (tmp_path / "sprung").exists()


def test_a_file_that_is_not_there_gets_a_sentence(tmp_path):
    with pytest.raises((FileNotFoundError, ValueError), match="nowhere"):
        examine_checkpoint(tmp_path / "nowhere.pt")


def test_the_checkpoint_is_not_changed(tmp_path):
    state = healthy("small").state_dict()
    before = {name: (id(tensor), tensor.clone()) for name, tensor in state.items()}
    examine_checkpoint(state)
    assert list(state) == list(before)
    assert all(id(state[name]) == place and torch.equal(state[name], value)
               for name, (place, value) in before.items())
