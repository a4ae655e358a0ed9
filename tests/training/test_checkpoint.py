"""Checkpoints: written whole, two of them kept, and whatever is not one of them is refused by name and never run."""

import hashlib
import os
import pickle

import pytest
import torch

from bncourse.training import checkpoint
from bncourse.training.checkpoint import DamagedCheckpoint

FACTS = {"step": 7, "recipe": {"lr": 0.1}}


class Evil:
    """What a stranger could put into a pickle."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.fixture
def state(rng):
    weight = torch.from_numpy(rng.standard_normal((3, 2)))
    return {"model": {"weight": weight}, "columns": {"loss": [2.5, float("inf")]}}


def forged(state):
    """A file with the right first line and the right SHA-256, around whatever `torch.save` takes."""
    return checkpoint.to_bytes(FACTS, state)


def test_what_is_saved_loads_the_same(tmp_path, state):
    path = checkpoint.save(tmp_path / "new" / "folder", 7, FACTS, state)
    facts, loaded = checkpoint.load(path)
    assert facts == FACTS
    assert loaded["columns"] == state["columns"]
    assert loaded["model"]["weight"].equal(state["model"]["weight"])


def test_a_folder_keeps_the_last_two(tmp_path, state):
    for step in (5, 10, 999, 1000, 10000):
        checkpoint.save(tmp_path, step, FACTS, state)
    assert [path.name for path in checkpoint.found(tmp_path)] == ["step-000001000.ckpt", "step-000010000.ckpt"]


def test_a_writing_that_fails_leaves_the_checkpoints_that_were_there(tmp_path, state, monkeypatch):
    before = checkpoint.save(tmp_path, 1, FACTS, state)
    with monkeypatch.context() as broken, pytest.raises(OSError, match="disk full"):
        broken.setattr(os, "fsync", lambda number: (_ for _ in ()).throw(OSError("disk full")))
        checkpoint.save(tmp_path, 2, FACTS, state)
    assert checkpoint.newest(tmp_path) == before
    checkpoint.save(tmp_path, 3, FACTS, state)
    assert {path.suffix for path in tmp_path.iterdir()} == {".ckpt"}


def test_the_bytes_are_on_the_disk_before_they_have_the_name(tmp_path, state, monkeypatch):
    names_at_sync = []
    monkeypatch.setattr(os, "fsync", lambda number: names_at_sync.append(sorted(p.suffix for p in tmp_path.iterdir())))
    checkpoint.save(tmp_path, 1, FACTS, state)
    assert names_at_sync[0] == [".part"]


def test_a_checkpoint_cut_short_anywhere_is_refused_by_name(tmp_path, state, rng):
    path = checkpoint.save(tmp_path, 7, FACTS, state)
    whole = path.read_bytes()
    for length in [0, 1, 21, 22, 30, 87, 88, 100, *rng.integers(len(whole), size=20).tolist(), len(whole) - 1]:
        path.write_bytes(whole[:length])
        with pytest.raises(DamagedCheckpoint, match=r"step-000000007\.ckpt"):
            checkpoint.load(path)


def test_a_changed_byte_is_noticed(tmp_path, state, rng):
    path = checkpoint.save(tmp_path, 7, FACTS, state)
    whole = path.read_bytes()
    for place in rng.integers(len(whole), size=20).tolist():
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1:])
        with pytest.raises(DamagedCheckpoint, match=r"cut short or changed|is not a checkpoint"):
            checkpoint.load(path)


def test_a_pickle_in_a_checkpoint_is_named_and_does_not_run(tmp_path):
    trap = tmp_path / "trap"
    path = tmp_path / "step-000000007.ckpt"
    path.write_bytes(forged({"model": Evil(trap)}))
    with pytest.raises(DamagedCheckpoint, match=r"step-000000007\.ckpt holds a pickle .*mkdir"):
        checkpoint.load(path)
    assert not trap.exists()


@pytest.mark.parametrize("write", [
    lambda thing, path: path.write_bytes(pickle.dumps(thing)),
    lambda thing, path: torch.save(thing, path),
    lambda thing, path: path.write_bytes(rehashed(pickle.dumps(thing))),
], ids=["pickle", "torch.save", "a pickle under our first line"])
def test_a_pickle_instead_of_a_checkpoint_does_not_run(tmp_path, write):
    trap, path = tmp_path / "trap", tmp_path / "step-000000007.ckpt"
    write({"model": Evil(trap)}, path)
    with pytest.raises(DamagedCheckpoint, match=r"step-000000007\.ckpt .*could run a program"):
        checkpoint.load(path)
    assert not trap.exists()


def rehashed(content):
    body = b"{}\n" + content
    return checkpoint.FIRST_LINE + b"\n" + hashlib.sha256(body).hexdigest().encode() + b"\n" + body


def test_a_file_that_torch_cannot_read_is_refused(tmp_path):
    path = tmp_path / "step-000000007.ckpt"
    for content in (b"", b"noise", b"PK\x03\x04"):
        path.write_bytes(rehashed(content))
        with pytest.raises(DamagedCheckpoint, match=r"step-000000007\.ckpt"):
            checkpoint.load(path)


def test_the_one_before_a_damaged_checkpoint_is_used_only_if_asked(tmp_path, state):
    before, last = (checkpoint.save(tmp_path, step, FACTS, state) for step in (5, 10))
    assert checkpoint.newest(tmp_path) == checkpoint.newest(tmp_path, fall_back=True) == last
    last.write_bytes(last.read_bytes()[:-1])
    with pytest.raises(DamagedCheckpoint, match=rf"{last.name} .*; remove it, and {before.name} before it is"):
        checkpoint.newest(tmp_path)
    assert checkpoint.newest(tmp_path, fall_back=True) == before
    before.write_bytes(b"")
    with pytest.raises(DamagedCheckpoint, match=before.name):
        checkpoint.newest(tmp_path, fall_back=True)


def test_an_empty_folder_and_no_folder_hold_no_checkpoint(tmp_path):
    assert checkpoint.newest(tmp_path) is None
    assert checkpoint.newest(tmp_path / "none") is None
