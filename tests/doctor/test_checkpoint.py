"""Files of tensors: what holds them is read without running anything, and all else is refused in a sentence."""

import json
import os
import pickle
import struct
import warnings
import zipfile

import pytest
import torch
from torch import nn

from bncourse.doctor.checkpoint import examine_checkpoint
from bncourse.doctor.files import DTYPES, Refused, read, read_safetensors
from bncourse.training import checkpoint
from tests.doctor.networks import BATCHNORMS

NAMES = {dtype: name for name, dtype in DTYPES.items()}


def write_safetensors(path, state, **extra):
    """Writes a state_dict as safetensors do: the header's length, the header, the numbers."""
    header, numbers = {"__metadata__": {"format": "pt"}, **extra}, b""
    for name, tensor in state.items():
        data = tensor.detach().reshape(-1).contiguous().view(torch.uint8).numpy().tobytes()
        places = [len(numbers), len(numbers) + len(data)]
        header[name] = {"dtype": NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": places}
        numbers += data
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + numbers)
    return path


def test_every_form_of_a_checkpoint_gives_the_same_report(model, tmp_path):
    model.bn.running_var[2] = float("nan")
    state = model.state_dict()
    paths = [write_safetensors(tmp_path / "a.safetensors", state), write_safetensors(tmp_path / "b.bin", state),
             checkpoint.save(tmp_path / "ours", 3, {"lr": 0.1}, {"model": state})]  # fmt: skip
    for name, zipped in (("new.pt", True), ("old.pt", False)):
        torch.save(state, tmp_path / name, _use_new_zipfile_serialization=zipped)
        paths.append(tmp_path / name)
    for given in (state, {"epoch": 1, "state_dict": state}, *paths, str(paths[0])):
        report = examine_checkpoint(given)
        assert [(f.name, f.layers) for f in report.findings] == [("statistics-not-finite", ("bn",))], given
        assert report.examined == len(BATCHNORMS)


def test_safetensors_come_back_bit_for_bit_whatever_their_dtype(tmp_path):
    state = {str(dtype): (torch.randn(2, 3) * 9).to(dtype) for dtype in NAMES}
    state |= {"scalar": torch.tensor(3), "nothing": torch.empty(0, 2)}
    back = read_safetensors(write_safetensors(tmp_path / "x", state, odd={"dtype": "F8_E4M3"}))
    assert back.keys() == state.keys()
    assert all(torch.equal(back[name], state[name]) and back[name].dtype == state[name].dtype for name in state)


class Program:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def load(path):
    torch.load(path, weights_only=False)


@pytest.mark.parametrize("write, run", [
    (lambda program, path: path.write_bytes(pickle.dumps(program)), lambda path: pickle.loads(path.read_bytes())),
    (lambda program, path: torch.save({"model": program}, path), load),
    (lambda program, path: torch.save({"model": program}, path, _use_new_zipfile_serialization=False), load),
])  # fmt: skip
def test_a_pickle_with_a_program_is_refused_and_does_not_run(write, run, tmp_path):
    ran, path = tmp_path / "ran", tmp_path / "x.pt"
    write(Program(ran), path)
    with pytest.raises(Refused, match=r"x\.pt is"):
        examine_checkpoint(path)
    assert not ran.exists()
    run(path)
    assert ran.exists()


def test_a_whole_model_is_refused_by_the_name_of_its_class(model, tmp_path):
    torch.save(model, tmp_path / "model.pt")
    with pytest.raises(Refused, match=r"asks for tests\.doctor\.networks\.Small, and is not opened.*state_dict"):
        examine_checkpoint(tmp_path / "model.pt")


def script(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(nn.BatchNorm1d(3)).save(path)


def archive(path):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a/b.txt", "c")


@pytest.mark.parametrize("write, sentence", [
    (lambda path: path.mkdir(), "is a folder"),
    (lambda path: None, "cannot be read: No such file"),
    (lambda path: path.write_bytes(b""), "is empty"),
    (lambda path: path.write_bytes(b"epoch,loss\n1,0.5\n"), "is damaged, or no checkpoint"),
    (script, "is a TorchScript archive, which is a program"),
    (archive, "is a zip archive of 1 files"),
    (lambda path: torch.save(torch.ones(3), path), "holds one Tensor; expected a state_dict"),
    (lambda path: torch.save({"epoch": 3}, path), "holds no tensors"),
])  # fmt: skip
def test_what_is_no_checkpoint_is_refused_in_a_sentence(write, sentence, tmp_path):
    path = tmp_path / "x.pt"
    write(path)
    with pytest.raises(Refused, match=rf"x\.pt {sentence}"):
        examine_checkpoint(path)


def test_a_file_cut_short_anywhere_is_refused(model, tmp_path):
    torch.save(model.state_dict(), tmp_path / "whole.pt")
    write_safetensors(tmp_path / "whole.safetensors", model.state_dict())
    for whole in (tmp_path / "whole.pt", tmp_path / "whole.safetensors"):
        content = whole.read_bytes()
        for length in (1, 7, 9, 64, len(content) // 2, len(content) - 1):
            cut = tmp_path / f"cut{whole.suffix}"
            cut.write_bytes(content[:length])
            with pytest.raises(Refused, match="cut"):
                examine_checkpoint(cut)


@pytest.mark.parametrize("entry", [
    {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]},
    {"dtype": "F32", "shape": [-2], "data_offsets": [0, -8]},
    {"dtype": "F32", "shape": [2], "data_offsets": [-8, 0]},
    {"dtype": "F32", "shape": [1 << 62], "data_offsets": [0, 1 << 64]},
    {"dtype": "F32", "shape": "2", "data_offsets": [0, 8]},
    {"dtype": "F32", "data_offsets": [0, 8]},
    ["F32", [2], [0, 8]],
])  # fmt: skip
def test_a_header_that_places_a_tensor_elsewhere_is_refused(entry, tmp_path):
    with pytest.raises(Refused, match="no file of safetensors"):
        read(write_safetensors(tmp_path / "x.safetensors", {"y": torch.ones(2)}, x=entry))


def test_a_model_or_nothing_in_place_of_a_checkpoint_is_refused(model):
    with pytest.raises(Refused, match="examine takes a model"):
        examine_checkpoint(model)
    with pytest.raises(Refused, match="the dictionary holds no tensors"):
        examine_checkpoint({"epoch": 3})


def test_without_batch_norm_there_is_nothing_to_examine_and_bare_layers_are_told_of():
    report = examine_checkpoint(nn.Linear(2, 3).state_dict())
    assert report.clean and report.examined == 0 and not report.remarks and "no batch norm" in str(report)
    assert not report.nothing_examined
    report = examine_checkpoint(nn.Sequential(nn.Linear(2, 3), nn.LayerNorm(3)).state_dict())
    assert report.nothing_examined and report.clean and "1 has a weight and a bias of one axis" in report.remarks[0]
    assert "nothing could be examined" in report.summary and "The model has no batch norm" not in str(report)


def test_findings_are_ordered_by_gravity(model):
    model.bn.running_mean[0] = 1e6
    model.blocks[1].bn2.running_var[0] = -1
    assert [f.severity for f in examine_checkpoint(model.state_dict()).findings] == ["fault", "risk"]
