"""Whose a file is, of which lesson, and which cells of it are answers, whatever it was handed in with."""

import json
import os

import pytest

from bncourse.grading import submissions
from bncourse.grading.exercises import Task
from bncourse.grading.submissions import NoSubmissions, answers, find

ONE = Task("03.1", "03.1 · One", "id-one", "stub", "my_one", "one")
TWO = Task("03.2", "03.2 · Two", "id-two", "stub", "MyTwo", "two")
COURSE = {"03_minibatch": [ONE, TWO], "04_backprop": [Task("04.1", "04.1", "id-four", "stub", "my_four", "four")]}


def notebook(*cells, kind="code"):
    """The text of a notebook of (id, source), without an id where it is None."""
    written = [{"cell_type": kind, "source": source} | ({"id": id} if id else {}) for id, source in cells]
    return json.dumps({"cells": written})


def hand_in(folder, *names, text=None):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(notebook(("id-one", "1")) if text is None else text, encoding="utf-8")


@pytest.mark.parametrize("name", [
    "ada/03_minibatch.ipynb",
    "ada/homework 3/03_minibatch (1).ipynb",
    "ada_03_minibatch.ipynb",
    "ada-03_minibatch.ipynb",
    "ada_03_minibatch-1.ipynb",
    "ada_4711_assignsubmission_file_03_minibatch.ipynb",
    "ada_4711_assignsubmission_file_/03_minibatch.ipynb",
    "ada_12345_67890_03_minibatch.ipynb",
    "ada_LATE_12345_67890_03_minibatch.ipynb",
    "ada_03.ipynb",
    "ada/homework.ipynb",
])
def test_a_student_and_a_lesson_are_known_in_the_layouts_of_learning_platforms(tmp_path, name):
    hand_in(tmp_path, name)
    (found,), left_out = find(tmp_path, COURSE)
    assert (found.student, found.lesson, left_out) == ("ada", "03_minibatch", [])


def test_a_name_with_blanks_stays_whole(tmp_path):
    hand_in(tmp_path, "Ada King Lovelace_4711_assignsubmission_file_/03_minibatch.ipynb")
    assert find(tmp_path, COURSE)[0][0].student == "Ada King Lovelace"


def test_submissions_come_by_student_and_lesson_and_checkpoints_are_none(tmp_path):
    hand_in(tmp_path, "b/04_backprop.ipynb", "b/03_minibatch.ipynb", "a_04_backprop.ipynb",
            "b/.ipynb_checkpoints/03_minibatch-checkpoint.ipynb")
    found, _ = find(tmp_path, COURSE)
    assert [(each.student, each.lesson[:2]) for each in found] == [("a", "04"), ("b", "03"), ("b", "04")]


def test_of_two_files_the_newest_counts_and_that_is_said(tmp_path):
    hand_in(tmp_path, "a/03_minibatch.ipynb", "a/03_minibatch (1).ipynb")
    os.utime(tmp_path / "a" / "03_minibatch (1).ipynb", (1, 1))
    (found,), (said,) = find(tmp_path, COURSE)
    assert found.path.name == "03_minibatch.ipynb" and "03_minibatch (1).ipynb is older than" in said


def test_a_file_of_no_lesson_is_left_out_and_named(tmp_path):
    hand_in(tmp_path, "a/03_minibatch.ipynb")
    hand_in(tmp_path, "a/essay.ipynb", text=notebook(("another", "1")))
    (said,) = find(tmp_path, COURSE)[1]
    assert said == f"{os.path.join('a', 'essay.ipynb')} is of no lesson, by its name and by its cells"


@pytest.mark.parametrize("text", ["", "no JSON", "[]", "{}", '{"cells": 3}', '{"cells": [3]}', '{"cells": [{}]}',
                                  '{"cells": [{"cell_type": "code", "source": 3}]}', "[" * 100_000, "\x00"])
def test_a_file_that_is_no_notebook_is_found_and_has_no_cells(tmp_path, text):
    hand_in(tmp_path, "a/03_minibatch.ipynb", text=text)
    (found,), _ = find(tmp_path, COURSE)
    assert found.cells is None


def test_a_file_that_is_too_large_or_no_text_has_no_cells(tmp_path, monkeypatch):
    hand_in(tmp_path, "a/03_minibatch.ipynb")
    (tmp_path / "b_03_minibatch.ipynb").write_bytes(b"\xff\xfe")
    monkeypatch.setattr(submissions, "LARGEST", 10)
    assert [each.cells for each in find(tmp_path, COURSE)[0]] == [None, None]


def test_nothing_handed_in_is_said(tmp_path):
    with pytest.raises(NoSubmissions, match=r"holds no notebook of a lesson; expected STUDENT/NN_name.ipynb"):
        find(tmp_path, COURSE)
    with pytest.raises(NoSubmissions, match="is not a folder"):
        find(tmp_path / "nowhere", COURSE)


def taken(tmp_path, *cells):
    hand_in(tmp_path, "a/03_minibatch.ipynb", text=notebook(*cells))
    return answers(find(tmp_path, COURSE)[0][0], COURSE["03_minibatch"])


def test_answers_are_the_stubs_cells_and_no_others(tmp_path):
    assert taken(tmp_path, ("x", "import os"), ("id-two", ["a\n", "b"]), ("id-one", "c"), ("y", "d")) == {
        "03.1": "c", "03.2": "a\nb"}


def test_without_ids_an_answer_is_the_last_cell_that_defines_its_name(tmp_path):
    last, two = "def my_one(x):\n    2", "class MyTwo:\n    def my_one(self): ..."
    cells = [(None, "def my_one(x):\n    1"), (None, last), (None, "y = my_one(3)\nmy_one == y"), (None, two)]
    assert taken(tmp_path, *cells) == {"03.1": last, "03.2": two}
    assert taken(tmp_path, (None, "my_one = lambda x: x"), (None, "MyTwo: type = int")).keys() == {"03.1", "03.2"}
    assert taken(tmp_path, (None, "print(3)")) == {}


def test_magics_are_left_out_where_the_cell_is_no_python_with_them(tmp_path):
    assert taken(tmp_path, ("id-one", "%timeit f()\n!pip install x\nx = 3"), ("id-two", "x = (7\n% 4)")) == {
        "03.1": "\n\nx = 3", "03.2": "x = (7\n% 4)"}
