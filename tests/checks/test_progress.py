"""What has been passed is remembered once, and only where a learner works."""

import json

import pytest

from bncourse.checks import exercises, progress


@pytest.fixture
def record(tmp_path, monkeypatch):
    path = tmp_path / "progress.json"
    monkeypatch.setenv("BNCOURSE_PROGRESS", str(path))
    return path


def test_a_pass_is_remembered_and_keeps_its_first_day(record):
    record.write_text('{"00.1": "2020-01-01"}')
    check = exercises()["03.1"]
    assert check(check.solution).passed
    progress.remember("00.1")
    days = json.loads(record.read_text())
    assert list(days) == ["00.1", "03.1"] and days["00.1"] == "2020-01-01"
    assert list(record.parent.iterdir()) == [record]


def test_a_solution_shown_by_the_course_is_not_remembered(record):
    check = exercises()["03.1"]
    check(check.solution, remember=False)
    assert not record.exists()


def test_nothing_is_written_when_off_or_under_continuous_integration(monkeypatch):
    monkeypatch.setenv("BNCOURSE_PROGRESS", "off")
    assert progress.file() is None
    monkeypatch.delenv("BNCOURSE_PROGRESS")
    monkeypatch.setenv("CI", "true")
    assert progress.file() is None
    progress.remember("00.1")
    assert progress.passed() == {}


def test_a_broken_record_is_named_and_left_alone(record):
    record.write_text("[1, 2")
    with pytest.raises(ValueError, match=r"progress\.json is not a record of passed exercises"):
        progress.remember("00.1")
    assert record.read_text() == "[1, 2"
