"""Runs: what is saved loads the same, nothing is overwritten, nothing malformed is taken, no one is named."""

import json
import math
import os
import platform
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from bncourse import machine, runs
from bncourse.paths import ROOT
from bncourse.runs import Run, RunError, RunExists


def make_run(variant="batchnorm", seed=0, config=None, columns=None, **facts):
    provenance = runs.provenance(command="python -m bncourse", seed=seed, data="glyphs", sha256="0" * 64, seconds=1.5)
    config = {"steps": 600, "batch": 60, "lr": 0.1} if config is None else config
    columns = {"step": [1, 2, 3], "loss": [2.3, 0.1 + 0.2, 1e-300]} if columns is None else columns
    return Run("activations", variant, config, provenance | facts, columns)


@pytest.fixture
def record():
    """A run as its file holds it."""
    return json.loads(runs.to_json(make_run()))


def load(folder, content):
    """Loads a file with this content: text, or what JSON is to hold."""
    path = folder / "run.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return Run.load(path)


def test_a_saved_run_loads_the_same_to_the_last_bit(tmp_path):
    run = make_run(config={"sizes": [784, 10], "note": "β", "limit": None, "batchnorm": True})
    path = run.save(tmp_path)
    assert path == tmp_path / "activations" / "batchnorm.json"
    assert Run.load(path) == run


def test_values_that_are_not_finite_survive_in_strict_json(tmp_path):
    path = make_run(columns={"loss": [0.5, math.nan, math.inf, -math.inf]}).save(tmp_path)
    strict = json.loads(path.read_text(encoding="utf-8"), parse_constant=lambda name: pytest.fail(f"bare {name}"))
    assert strict["columns"]["loss"] == [0.5, "NaN", "Infinity", "-Infinity"]
    loss = Run.load(path).columns["loss"]
    assert math.isnan(loss[1]) and loss[2:] == [math.inf, -math.inf]


def test_an_empty_run_is_a_run(tmp_path):
    run = make_run(config={}, columns={})
    assert Run.load(run.save(tmp_path)) == run


def test_a_run_is_never_overwritten(tmp_path):
    path = make_run().save(tmp_path)
    before = path.read_bytes()
    with pytest.raises(RunExists, match="is recorded already; choose another variant"):
        make_run(columns={"loss": [1.0]}).save(tmp_path)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["batchnorm.json"]


def test_an_interrupted_write_leaves_nothing(tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt
    monkeypatch.setattr(os, "link", interrupted)
    with pytest.raises(KeyboardInterrupt):
        make_run().save(tmp_path)
    assert list((tmp_path / "activations").iterdir()) == []


def other_first(link):
    """A link for which another process was quicker by a moment."""
    def linked(unfinished, path):
        Path(path).write_text("the other's")
        return link(unfinished, path)
    return linked


def without_links(*_):
    raise OSError("this file system has no links")


@pytest.mark.parametrize("link", [os.link, without_links], ids=["links", "no links"])
def test_two_writers_cannot_both_record_a_run(tmp_path, monkeypatch, link):
    monkeypatch.setattr(os, "link", other_first(link))
    with pytest.raises(RunExists, match="is recorded already"):
        make_run().save(tmp_path)
    assert (tmp_path / "activations" / "batchnorm.json").read_text() == "the other's"
    assert [file.name for file in (tmp_path / "activations").iterdir()] == ["batchnorm.json"]


def test_a_run_is_saved_where_there_are_no_links(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "link", without_links)
    run = make_run()
    assert Run.load(run.save(tmp_path)) == run


@pytest.mark.parametrize("field", ["experiment", "variant", "config", "provenance", "columns"])
def test_a_missing_field_is_named(tmp_path, record, field):
    del record[field]
    with pytest.raises(RunError, match=f"run.json: run has no {field}"):
        load(tmp_path, record)


@pytest.mark.parametrize("field", ["experiment", "variant", "config", "provenance", "columns"])
def test_a_field_of_the_wrong_type_is_named(tmp_path, record, field):
    with pytest.raises(RunError, match=f"{field} is 3 of type int; expected"):
        load(tmp_path, record | {field: 3})


@pytest.mark.parametrize("fact", list(runs.PROVENANCE))
def test_a_missing_or_mistyped_fact_is_named(tmp_path, record, fact):
    mistyped = {**record, "provenance": {**record["provenance"], fact: [3]}}
    with pytest.raises(RunError, match=rf"provenance\.{fact} is \[3\]"):
        load(tmp_path, mistyped)
    del record["provenance"][fact]
    with pytest.raises(RunError, match=f"provenance has no {fact}"):
        load(tmp_path, record)


@pytest.mark.parametrize("fact, value", [
    ("sha256", "abc"), ("threads", 0), ("threads", True), ("seconds", -1), ("date", "yesterday"), ("seed", 0.5),
    ("versions", {"numpy": 2}),
])
def test_an_impossible_fact_is_named(tmp_path, record, fact, value):
    record["provenance"][fact] = value
    with pytest.raises(RunError, match=rf"provenance\.{fact}"):
        load(tmp_path, record)


@pytest.mark.parametrize("columns, complaint", [
    ({"step": [1, 2], "loss": [0.5]}, "columns have unequal lengths {'step': 2, 'loss': 1}"),
    ({"loss": [0.5, "much"]}, r"columns.loss\[1\] is 'much' of type str; expected int or float"),
    ({"loss": [True]}, r"columns.loss\[0\] is True of type bool"),
    ({"loss": [None]}, r"columns.loss\[0\] is None"),
    ({"loss": [[1.0]]}, r"columns.loss\[0\] is \[1.0\]"),
    ({"loss": 0.5}, "columns.loss is 0.5 of type float; expected list"),
])
def test_a_malformed_column_is_named(tmp_path, record, columns, complaint):
    with pytest.raises(RunError, match=complaint):
        load(tmp_path, record | {"columns": columns})


def test_an_unknown_field_is_named(tmp_path, record):
    with pytest.raises(RunError, match="run has an unknown note"):
        load(tmp_path, record | {"note": ""})


@pytest.mark.parametrize("name", ["", "../elsewhere", "a/b", ".hidden", "a b"])
def test_a_name_that_could_leave_the_folder_is_refused(name):
    with pytest.raises(RunError, match=r"variant is .*as it names a file"):
        make_run(variant=name)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_bare_number_that_is_not_finite_is_refused(tmp_path, record, number):
    text = json.dumps(record).replace("2.3", number)
    with pytest.raises(RunError, match=f"run.json: holds the number {number}"):
        load(tmp_path, text)


def test_a_name_that_appears_twice_is_refused(tmp_path, record):
    text = json.dumps(record).replace('"loss"', '"step"')
    with pytest.raises(RunError, match="step appears 2 times"):
        load(tmp_path, text)


@pytest.mark.parametrize("kept", [0, 1, 100, -3])
def test_a_truncated_file_is_refused_by_name(tmp_path, kept):
    with pytest.raises(RunError, match=r"run\.json"):
        load(tmp_path, runs.to_json(make_run())[:kept])


@pytest.mark.parametrize("value", [math.nan, (1, 2), np.float32(1), {1: "a"}, Path("a")])
def test_a_configuration_that_json_would_change_is_refused(value):
    with pytest.raises(RunError, match=r"config\.lr is"):
        make_run(config={"lr": value})


def test_an_array_is_not_a_column():
    with pytest.raises(RunError, match=r"columns.loss is array\(\[0., 0.\]\) of type ndarray; expected list"):
        make_run(columns={"loss": np.zeros(2)})


def test_runs_are_found_in_order_and_unfinished_ones_are_not(tmp_path):
    for variant in ("seed-1", "plain", "seed-0"):
        make_run(variant).save(tmp_path)
    (tmp_path / "activations" / ".seed-2.json.part").write_text("{")
    assert [run.variant for run in runs.find("activations", tmp_path)] == ["plain", "seed-0", "seed-1"]
    assert runs.find("whitening", tmp_path) == []


@pytest.mark.parametrize("experiment", sorted(path.name for path in runs.RUNS.iterdir()))
def test_every_recorded_run_is_whole_and_in_its_place(experiment):
    files = sorted((runs.RUNS / experiment).iterdir())
    assert [(run.experiment, run.variant) for run in runs.find(experiment)] == [(experiment, it.stem) for it in files]


def test_provenance_tells_the_versions_and_the_machine_but_not_whose_it_is():
    provenance = make_run().provenance
    assert provenance["versions"]["numpy"] == np.__version__
    assert provenance["versions"]["python"] == platform.python_version()
    assert provenance["device"] and provenance["threads"] >= 1
    with pytest.raises(RunError, match=r"command is .*which holds the path"):
        runs.provenance(command=f"python {ROOT / 'x.py'}", seed=0, data="glyphs", sha256="0" * 64, seconds=1)


def test_the_fingerprint_depends_on_values_shape_and_dtype_alone(rng):
    x = rng.integers(0, 1000, (5, 7), dtype=np.int32)
    same = [x.copy(), x.astype(">i4"), np.asfortranarray(x), np.repeat(x, 2, axis=1)[:, ::2]]
    other = [x.T, x.reshape(7, 5), x.astype(np.int64), x + 1]
    assert {runs.fingerprint(array) for array in same} == {runs.fingerprint(x)}
    assert len({runs.fingerprint(array) for array in [x, *other]}) == 5
    assert runs.fingerprint(x, x) != runs.fingerprint(x)


def test_a_caption_tells_data_seeds_steps_machine_and_date():
    facts = {"device": "a processor", "threads": 2, "date": "2026-01-31T12:00:00+00:00"}
    assert make_run(**facts).caption() == ("glyphs (synthetic), seed 0, 600 steps of 60 examples, learning rate 0.1, "
                                           "2 threads of a processor, 2026-01-31")


def test_a_caption_calls_synthetic_data_synthetic():
    assert make_run(data="glyphs and mnist").caption().startswith("glyphs (synthetic) and MNIST, ")
    assert make_run(data="normal").caption().startswith("normal numbers (synthetic), ")
    assert make_run(data="photographs").caption().startswith("photographs, ")


def test_a_caption_of_several_runs_tells_what_they_share():
    slow = make_run(seed=0, config={"lr": 0.1, "steps": 600}, device="one", threads=1, date="2026-02-01")
    fast = make_run(seed=1, config={"lr": 0.5, "steps": 600}, device="another", threads=2, date="2026-01-31")
    assert runs.caption(slow, fast) == ("glyphs (synthetic), 2 seeds, 600 steps, "
                                        "1 thread of one and 2 threads of another, 2026-01-31 to 2026-02-01")


def test_a_caption_counts_the_seeds_that_one_run_holds():
    one = make_run(config={"steps": 5, "seeds": [0, 1, 2]})
    assert one.caption().startswith("glyphs (synthetic), 3 seeds, 5 steps, ")
    assert runs.caption(one, make_run(config={"steps": 5, "seeds": [2, 3]})).startswith("glyphs (synthetic), 4 seeds, ")


# The facts of the machine.

@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A git checkout with one commit, in the place of this one."""
    if shutil.which("git") is None:
        pytest.skip("there is no git on this machine")
    monkeypatch.setattr(machine, "CHECKOUT", tmp_path)
    (tmp_path / "code.py").write_text("x = 1\n")
    who = ["-c", "user.name=n", "-c", "user.email=e", "-c", "commit.gpgsign=false"]
    for command in (["init", "-q"], ["add", "."], [*who, "commit", "-qm", "begin"]):
        subprocess.run(["git", "-C", str(tmp_path), *command], check=True)
    return tmp_path


def test_a_clean_checkout_has_a_revision_and_no_dirt(checkout):
    revision, dirty = machine.revision()
    assert len(revision) == 40 and dirty is False


@pytest.mark.parametrize("name", ["code.py", "new.py"])
def test_changed_or_new_code_is_dirt(checkout, name):
    (checkout / name).write_text("x = 2\n")
    assert machine.revision()[1] is True


def test_a_recorded_run_is_no_dirt(checkout):
    make_run().save(checkout / "data" / "runs")
    assert machine.revision()[1] is False


def test_outside_its_own_checkout_there_is_no_revision(checkout, monkeypatch):
    (checkout / "installed").mkdir()
    monkeypatch.setattr(machine, "CHECKOUT", checkout / "installed")
    assert machine.revision() == (None, None)


def test_threads_are_those_that_the_environment_allows(monkeypatch):
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert machine.threads() == 3
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")
    assert machine.threads() == 2


def test_caches_are_those_for_data_by_level(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "CACHES", tmp_path)
    assert machine.caches() == {}
    for k, told in enumerate([("1", "Data", "48K"), ("1", "Instruction", "32K"), ("2", "Unified", "1024K")]):
        (tmp_path / f"index{k}").mkdir()
        for name, text in zip(("level", "type", "size"), told, strict=True):
            (tmp_path / f"index{k}" / name).write_text(f"{text}\n")
    assert machine.caches() == {1: "48K", 2: "1024K"}
