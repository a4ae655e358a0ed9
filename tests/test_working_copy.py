"""A learner's working copy of the lessons: laid out whole, brought up to date, and never written over."""

import json

import pytest

from bncourse.working_copy import RECORD, lay_out


@pytest.fixture
def lessons(tmp_path):
    """A course of two lessons."""
    folder = tmp_path / "course"
    folder.mkdir()
    for name in ("a", "b"):
        (folder / f"{name}.ipynb").write_text(f"{name} as it was")
    return folder


@pytest.fixture
def place(tmp_path, lessons):
    """A copy of them, as it is laid out first."""
    assert lay_out(lessons, tmp_path / "deep" / "mine") == []
    return tmp_path / "deep" / "mine"


def contents(place):
    return {path.stem: path.read_text() for path in sorted(place.glob("*.ipynb"))}


def test_the_first_copy_is_whole_and_leaves_nothing_else(place):
    assert contents(place) == {"a": "a as it was", "b": "b as it was"}
    assert sorted(path.name for path in place.iterdir()) == [RECORD, "a.ipynb", "b.ipynb"]


def test_what_the_learner_wrote_stays_and_what_is_missing_comes_back(lessons, place):
    (place / "a.ipynb").write_text("mine")
    (place / "b.ipynb").unlink()
    assert lay_out(lessons, place) == []
    assert contents(place) == {"a": "mine", "b": "b as it was"}


def test_a_newer_course_replaces_what_nobody_worked_in_and_names_the_rest_each_time(lessons, place):
    (place / "a.ipynb").write_text("mine")
    for name in ("a", "b"):
        (lessons / f"{name}.ipynb").write_text("newer")
    for _ in range(2):
        assert lay_out(lessons, place) == ["a.ipynb"]
        assert contents(place) == {"a": "mine", "b": "newer"}


def test_a_file_that_was_there_before_is_the_learners(tmp_path, lessons):
    (tmp_path / "a.ipynb").write_text("mine")
    assert lay_out(lessons, tmp_path) == ["a.ipynb"]
    assert contents(tmp_path)["a"] == "mine"


@pytest.mark.parametrize("damage", ["{", "[]", None])
def test_without_its_record_a_copy_that_differs_is_the_learners(lessons, place, damage):
    (place / RECORD).unlink() if damage is None else (place / RECORD).write_text(damage)
    (lessons / "a.ipynb").write_text("newer")
    assert lay_out(lessons, place) == ["a.ipynb"]
    assert contents(place)["a"] == "a as it was"
    assert set(json.loads((place / RECORD).read_text())) == {"b.ipynb"}


def test_an_interruption_leaves_the_copy_as_it_was(lessons, place, monkeypatch):
    def refuse(*_):
        raise OSError("disk full")

    (lessons / "a.ipynb").write_text("newer")
    monkeypatch.setattr("bncourse.working_copy.os.replace", refuse)
    with pytest.raises(OSError, match="disk full"):
        lay_out(lessons, place)
    assert contents(place)["a"] == "a as it was" and not list(place.glob("*.new"))
