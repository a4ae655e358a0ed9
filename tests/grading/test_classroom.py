"""A class is graded: a folder in, a table and a histogram out, and an empty notebook earns nothing."""

import csv
import io
import json
from dataclasses import replace

import nbformat
import pytest

from bncourse import cli
from bncourse.grading import classroom, report, submissions
from bncourse.grading.exercises import preparation, tasks
from bncourse.grading.jobs import Grade, grades
from bncourse.grading.report import Row
from bncourse.lectures import editions, lessons
from tests.lectures.exercises import solved

NAMED = "unbiased variance inside the normalization"


@pytest.fixture(scope="package")
def course():
    return lessons.find()


def test_every_exercise_of_every_lesson_is_a_task(course):
    for lesson in course:
        assert [task.number for task in tasks(lesson)] == list(solved(lesson)), lesson.name


def test_an_answer_is_given_what_it_takes_from_the_lesson_and_what_that_takes(lesson):
    cells = [nbformat.v4.new_code_cell(source) for source in ("a = 3; z = 1 / 0", "def b():\n    return a", "c = 5")]
    prepared = preparation(replace(lesson, notebook=nbformat.v4.new_notebook(cells=cells)), ["def mine(): return b()"])
    assert prepared.splitlines() == ["a = 3", "def b():", "    return a"]


def test_an_empty_notebook_earns_nothing_in_any_lesson(course):
    for lesson in course:
        found, _ = grades(lesson, tasks(lesson), {}, 60)
        assert found == [Grade(number, "no stub") for number in solved(lesson)]


def test_a_notebook_as_it_is_handed_out_has_every_stub_and_nothing_else_to_judge(course, tmp_path):
    handed_out = editions.in_edition(course, "student")
    (tmp_path / "ada").mkdir()
    editions.write(handed_out, tmp_path / "ada")
    found, left_out = submissions.find(tmp_path, {lesson.name: tasks(lesson) for lesson in course})
    assert [each.lesson for each in found] == [lesson.name for lesson in course] and not left_out
    for submission, lesson in zip(found, course, strict=True):
        taken = submissions.answers(submission, tasks(lesson))
        assert taken == {number: stub for number, (stub, _) in solved(lesson).items()}, lesson.name


@pytest.fixture
def handed_in(tmp_path, lesson, asked, right):
    """Three students: one is right, one hands in the first exercise alone and wrong, one hands in no notebook."""
    folder = tmp_path / "handed in"
    folder.mkdir()
    notebook = nbformat.from_dict(lesson.notebook)
    sources = {task.id: right[task.number] for task in asked}
    for cell in notebook.cells:
        cell.source = sources.get(cell.id, cell.source)
    (folder / f"ada_{lesson.path.name}").write_text(nbformat.writes(notebook), encoding="utf-8")
    wrong = ("def my_batchnorm(x, gamma, beta, eps):\n"
             "    return gamma * (x - x.mean(0)) / np.sqrt(x.var(0, ddof=1) + eps) + beta")
    cells = [{"cell_type": "code", "id": asked[0].id, "source": wrong}]
    (folder / "=bob").mkdir()
    (folder / "=bob" / lesson.path.name).write_text(json.dumps({"cells": cells}), encoding="utf-8")
    (folder / "cyd_04_backprop.ipynb").write_text("a scan", encoding="utf-8")
    return folder


def graded(*arguments):
    options, _ = cli.parse(["grade", *map(str, arguments)])
    return cli.run(options)


def test_a_class_is_graded(handed_in, tmp_path, capsys):
    assert graded(handed_in, "--to", tmp_path / "out", "--otter", "--processes", "2") == 0
    rows = list(csv.DictReader(io.StringIO((tmp_path / "out" / "grades.csv").read_text(encoding="utf-8"))))
    states = {(row["student"], row["exercise"]): (row["state"], row["mistake"]) for row in rows}
    assert [states["ada", f"03.{number}"] for number in (1, 2, 3, 4)] == [("passed", "")] * 4
    assert states["'=bob", "03.1"] == ("rejected", NAMED) and states["'=bob", "03.2"] == ("no stub", "")
    assert states["cyd", "04.1"] == ("no notebook", "") and states["cyd", "03.1"] == ("missing", "")
    assert len(rows) == 3 * 7
    told, mistakes = capsys.readouterr().out, (tmp_path / "out" / "mistakes.md").read_text(encoding="utf-8")
    assert f"1  {'█':<30}  {NAMED}\n" in told and f"| 1 | █ | {NAMED} | " in mistakes
    assert len(list((tmp_path / "out" / "otter" / "03_minibatch_batchnorm" / "tests").iterdir())) == 4


@pytest.mark.parametrize("options, sentence", [
    (["--lesson", "05"], "holds no notebook of 05_inference"),
    (["--lesson", "77"], "there is no lesson '77'"),
    (["--seconds", "0"], "0 seconds and 1 processes; expected more than 0, and at least 1"),
    (["--processes", "0"], "30 seconds and 0 processes"),
])
def test_what_cannot_be_graded_is_one_sentence_and_leaves_nothing(handed_in, tmp_path, capsys, options, sentence):
    assert graded(handed_in, "--to", tmp_path / "out", "--processes", "1", *options) == 1
    assert sentence in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_a_folder_of_something_else_is_refused_before_anything_runs(handed_in, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(classroom, "judge_all", lambda *_: pytest.fail("something was judged"))
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter").touch()
    assert graded(handed_in, "--to", tmp_path / "thesis") == 1
    assert "is left as it is" in capsys.readouterr().err


def test_the_help_says_that_it_runs_strangers_code(capsys):
    with pytest.raises(SystemExit):
        cli.parse(["grade", "--help"])
    assert "RUNS STRANGERS' CODE" in capsys.readouterr().out.replace("\n", " ")


# the histogram


def rows_of(number, *states):
    return [Row(f"s{place}", "lesson", Grade(number, *state)) for place, state in enumerate(states)]


def test_those_who_passed_come_first_then_the_most_frequent():
    rows = rows_of("03.1", ("rejected", "a"), ("rejected", "b"), ("rejected", "b"), ("passed",), ("rejected", "", "y"))
    assert report.counts(rows, "03.1") == [("passed", "", 1), ("rejected", "b", 2), ("rejected", "", 1),
                                           ("rejected", "a", 1)]


def test_bars_are_in_proportion_and_none_is_without_length():
    assert [len(report.bar(count, 10)) for count in (10, 3)] == [10, 3]
    assert [len(report.bar(count, 90)) for count in (90, 30, 1)] == [30, 10, 1]


def test_a_sentence_judged_wrongly_is_told_with_its_reason(course):
    lesson = next(lesson for lesson in course if lesson.number == "00")
    task = next(task for task in tasks(lesson) if task.number == "00.4")
    text = report.histogram(rows_of("00.4", ("rejected", "a", "Sentence a is false.")), {lesson.name: [task]})
    assert "| 1 | █ | sentence a | " in text and len(text) > 150


def test_no_cell_of_the_table_is_a_formula():
    rows = [Row("@ada", "03", Grade("03.1", "cell fails", says="=1+1")), Row("b", "03", Grade("03.1", "passed"))]
    assert report.table(rows).splitlines() == ["student,lesson,exercise,state,mistake",
                                               "'@ada,03,03.1,cell fails,'=1+1", "b,03,03.1,passed,"]
