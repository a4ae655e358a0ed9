"""A training whose newest checkpoint is damaged goes on from the one before, with a word, to the same result."""

import json

from bncourse import cli
from bncourse.datasets import scenes
from bncourse.training import checkpoint

TIMES = ("seconds", "images_per_second")


def train(folder):
    """The columns of a small training in the folder, or of what is left of it."""
    options, _ = cli.parse(["train", "bn-x5", "--steps", "6", "--every", "2", "--batch", "8", "--folder", str(folder)])
    assert cli.run(options) == 0
    path, = (folder / "classification").glob("*.json")
    columns = json.loads(path.read_text())["columns"]
    path.unlink()
    return {name: values for name, values in columns.items() if name not in TIMES}


def test_a_damaged_newest_checkpoint_is_set_aside_with_a_word_and_the_result_is_the_same(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(scenes, "LENGTH", {"train": 48, "val": 20})
    never = train(tmp_path)
    (last := checkpoint.found(tmp_path)[-1]).write_bytes(b"bncourse checkpoint 1\n")
    assert train(tmp_path) == never
    told = capsys.readouterr().out
    assert f"damaged, and now called {last.name}.damaged" in told and "going on from step-000000004.ckpt" in told
    assert (tmp_path / f"{last.name}.damaged").is_file()


def test_where_every_checkpoint_is_damaged_none_is_set_aside(tmp_path):
    for step in (1, 2):
        checkpoint.path_of(tmp_path, step).write_bytes(b"")
    assert checkpoint.set_aside_damaged(tmp_path) == []
    assert len(checkpoint.found(tmp_path)) == 2
