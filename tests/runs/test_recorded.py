"""Runs at their places: found whole, of the experiment and the variant that the place says, with their columns."""

import json

import pytest

from bncourse import runs
from bncourse.runs import Run, RunError
from tests.test_runs import make_run


def test_what_a_killed_writer_left_is_in_nobodys_way(tmp_path):
    (tmp_path / "activations").mkdir()
    (tmp_path / "activations" / ".batchnorm.json.0123.part").write_text('{"exp')
    run = make_run()
    run.save(tmp_path)
    assert runs.find("activations", tmp_path) == [run]


def test_a_run_in_another_place_or_without_measurements_is_not_found(tmp_path):
    path = make_run().save(tmp_path)
    record = json.loads(path.read_text())
    for place, field in (("activations/other.json", "variant is 'batchnorm'; expected 'other'"),
                         ("depth/batchnorm.json", "experiment is 'activations'; expected 'depth'")):
        moved = tmp_path / place
        moved.parent.mkdir(exist_ok=True)
        moved.write_bytes(path.read_bytes())
        with pytest.raises(RunError, match=field):
            runs.find(moved.parent.name, tmp_path)
        moved.unlink()
    for columns, told in (({}, "no columns"), ({"step": []}, "no rows")):
        path.write_text(json.dumps(record | {"columns": columns}))
        with pytest.raises(RunError, match=told):
            runs.find("activations", tmp_path)


def test_a_missing_column_is_named(tmp_path):
    run = Run.load(make_run().save(tmp_path))
    with pytest.raises(RunError, match=r"^columns has no 'accuracy'; expected one of step, loss$"):
        runs.column(run, "accuracy")


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a": ' * 100_000])
def test_what_is_nested_too_deeply_is_refused(tmp_path, text):
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(RunError, match=r"run\.json: is nested too deeply"):
        Run.load(tmp_path / "run.json")
