"""`python3 -m bncourse doctor`: reports, exit statuses, and a sentence for whatever cannot be examined."""

import json
import sys

import numpy as np
import pytest
import torch

from bncourse import cli
from bncourse.doctor.given import Refused, drawn, is_specification

OWNER = '''
import sys
import torch
from torch import nn

print("printed by the owner")
NUMBER = 4


def build(momentum=0.1):
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4, momentum=momentum), nn.ReLU())


def swapped():
    return build(0.9)


class tokens(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.bn = nn.Embedding(50, 4), nn.BatchNorm1d(4)

    def forward(self, ids, scale):
        return self.bn(self.embed(ids).mean(1) * scale)


def failing():
    raise RuntimeError("no such weights")


def leaving():
    sys.exit(3)


def three():
    return 3


made = swapped()
'''


@pytest.fixture
def doctor(tmp_path, monkeypatch, capsys):
    """Runs the command in a folder with a module `owner`; gives its status and what it printed and complained."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "owner", raising=False)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    (tmp_path / "owner.py").write_text(OWNER, encoding="utf-8")

    def run(*arguments):
        options, _ = cli.parse(["doctor", *map(str, arguments)])
        return cli.run(options), *capsys.readouterr()

    yield run
    sys.modules.pop("owner", None)


def test_a_healthy_checkpoint_is_status_0_and_a_faulty_one_1(doctor, model, tmp_path):
    torch.save(model.state_dict(), tmp_path / "a.pt")
    assert doctor("a.pt") == (0, "5 batch norms examined: nothing found.\n", "")
    model.bn.running_var[0] = -1
    torch.save(model.state_dict(), tmp_path / "a.pt")
    status, out, err = doctor(tmp_path / "a.pt")
    assert status == 1 and "FAULT  statistics-not-finite  in bn" in out and err == ""


def test_a_checkpoint_of_parameters_alone_is_status_2_and_one_without_a_norm_0(doctor, model, tmp_path):
    """Whether 1, 4 and 8 are layer norms, or batch norms that lost their statistics, nobody can say."""
    bare = {f"{i}.{name}": torch.ones(4) for i in (1, 4, 8) for name in ("weight", "bias")}
    torch.save(bare, tmp_path / "a.pt")
    status, out, err = doctor("a.pt")
    assert (status, err) == (2, "") and "nothing could be examined" in out and "1, 4, 8 have a weight" in out
    torch.save({"0.weight": torch.ones(4, 3), "0.bias": torch.ones(4)}, tmp_path / "a.pt")
    assert doctor("a.pt") == (0, "The model has no batch norm: nothing to examine.\n", "")


def test_fail_on_names_the_least_grave_finding_that_counts(doctor, model, tmp_path):
    model.bn.running_mean[0] = 1e6
    torch.save(model.state_dict(), tmp_path / "risky.pt")
    assert [doctor("risky.pt", "--fail-on", severity)[0] for severity in ("fault", "risk", "note")] == [0, 1, 1]
    assert doctor("risky.pt")[0] == 0


def test_json_and_sarif_are_all_that_is_printed_or_go_into_a_file(doctor, tmp_path):
    status, out, err = doctor("--json", "owner:swapped")
    assert status == 1 and err == "printed by the owner\n"
    (found,) = json.loads(out)["findings"]
    assert (found["name"], found["layers"]) == ("momentum-of-another-convention", ["1"])
    status, out, _ = doctor("owner:swapped", "--sarif", "--output", "found.sarif")
    assert status == 1 and out == "1 batch norm examined: 1 fault.\n"
    (result,) = json.loads((tmp_path / "found.sarif").read_text(encoding="utf-8"))["runs"][0]["results"]
    place = result["locations"][0]["physicalLocation"]
    line = OWNER.splitlines().index("def swapped():") + 1
    assert place == {"artifactLocation": {"uri": "owner.py"}, "region": {"startLine": line}}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["found.sarif", "owner.py"]


def test_the_sarif_of_a_checkpoint_points_at_its_file(doctor, model, tmp_path):
    model.bn.running_var[0] = -1
    torch.save(model.state_dict(), tmp_path / "a b.pt")
    (result,) = json.loads(doctor("a b.pt", "--sarif")[1])["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"] == {"artifactLocation": {"uri": "a%20b.pt"}}


def test_a_model_is_a_function_a_class_or_the_model_itself(doctor):
    assert doctor("owner:build")[0] == 0
    assert doctor("owner:made")[0] == 1
    assert doctor("owner:build", "--input", "8,3,6,6")[0] == 0
    status, out, _ = doctor("owner:tokens", "--input", "16,5:int64:50", "--input", "16,1")
    assert status == 0 and "1 batch norm" in out


def test_a_batch_is_read_from_a_file_and_never_unpickled(doctor, tmp_path, rng):
    np.save(tmp_path / "x.npy", rng.standard_normal((8, 3, 6, 6)).astype(np.float32))
    assert doctor("owner:build", "--batch", "x.npy")[0] == 0
    np.save(tmp_path / "objects.npy", np.array([{}]), allow_pickle=True)
    np.savez(tmp_path / "several.npz", np.ones(2))
    (tmp_path / "empty.npy").touch()
    for name, said in (("objects.npy", "Object arrays"), ("several.npz", "several arrays"), ("empty.npy", "no file of"),
                       ("none.npy", "No such file")):  # fmt: skip
        status, out, err = doctor("owner:build", "--batch", name)
        assert (status, out) == (2, "") and f"--batch {name} " in err and said in err


@pytest.mark.parametrize("arguments, said", [
    (["none.pt"], "none.pt cannot be read: No such file"),
    (["owner.py"], "owner.py is a program"),
    (["owner.py:build"], "owner.py:build names a file; write owner:build"),
    (["nowhere.models:build"], "importing nowhere.models failed with ModuleNotFoundError"),
    (["owner:nothing"], "owner has no nothing; it has build, swapped, tokens, failing, leaving, three"),
    (["owner:NUMBER"], "owner:NUMBER is int; expected a function"),
    (["owner:three"], "owner:three returned int; expected a torch.nn.Module"),
    (["owner:failing"], "calling owner:failing failed with RuntimeError: no such weights in "),
    (["owner:leaving"], "calling owner:leaving failed with SystemExit: 3"),
    (["owner:tokens", "--input", "16,5:int64"], "owner:tokens cannot be examined: the model raised TypeError"),
    (["owner:build", "--input", "8,4,6,6"], "owner:build cannot be examined: the model raised RuntimeError"),
    (["owner:build", "--input", "8,x"], "--input 8,x is no shape"),
    (["none.pt", "--input", "8,3"], "none.pt is a checkpoint, which has no model to call"),
])  # fmt: skip
def test_what_cannot_be_examined_is_one_sentence_and_status_2(doctor, arguments, said):
    status, out, err = doctor(*arguments)
    told = err.removeprefix("printed by the owner\n")
    assert (status, out) == (2, "") and told.startswith(f"bncourse doctor: {said}") and told.count("\n") == 1


def test_shapes_are_read_and_what_is_none_is_refused():
    x, ids, half = drawn(["4,3", "6:int64:9", "2:float16"])
    assert x.shape == (4, 3) and x.dtype == torch.float32 and half.dtype == torch.float16
    assert ids.dtype == torch.int64 and 0 <= ids.min() and ids.max() < 9
    assert torch.equal(x, drawn(["4,3"])[0])
    for text in ("", "4,", "4,0", "-4", "4.0", "4:int8", "4:float32:9", "4:int64:0", "4:int64:9:9", "four"):
        with pytest.raises(Refused, match="is no shape; expected SHAPE"):
            drawn([text])


def test_a_path_is_no_specification_and_a_file_with_a_colon_is_a_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert is_specification("package.module:build") and is_specification("a:B.c")
    assert not any(map(is_specification, ("a.pt", "folder/a:b", "C:\\a.pt", "a:", ":b", "a:b:c", "1:b")))
    (tmp_path / "a:b").touch()
    assert not is_specification("a:b")


def test_help_says_whose_code_runs(capsys):
    with pytest.raises(SystemExit):
        cli.parse(["doctor", "--help"])
    told = capsys.readouterr().out
    assert "without running anything in it" in told and "RUNS ITS OWNER'S CODE" in told and "--fail-on" in told
    with pytest.raises(SystemExit) as end:
        cli.parse(["doctor", "a.pt", "--json", "--sarif"])
    assert end.value.code == 2
