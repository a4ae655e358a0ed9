"""Lessons are found by their number, and what is not one is said in a sentence."""

import pytest
from nbformat.v4 import new_markdown_cell

from bncourse.lectures import lessons
from bncourse.lectures.lessons import NoSuchLesson


def test_lessons_come_in_order_with_number_title_and_question(course):
    numbers = [lesson.number for lesson in course]
    assert numbers == sorted(numbers) and numbers[0] == "00"
    assert all(lesson.title and lesson.question.endswith("?") for lesson in course)


def test_lessons_are_chosen_by_number(course):
    assert [lesson.name for lesson in lessons.find(["03"])] == ["03_minibatch_batchnorm"]
    with pytest.raises(NoSuchLesson, match="no lesson '3'; expected one of 00, 01"):
        lessons.find(["03", "3"])


@pytest.mark.parametrize("text", ["", "{}", '{"cells": [{"source": "text"}]}', '{"cells": [{"source": "# 97 · A"}]}'])
def test_what_is_not_a_lesson_is_named(tmp_path, text):
    (tmp_path / "97_broken.ipynb").write_text(text)
    with pytest.raises(NoSuchLesson, match=r"97_broken.ipynb is not a lesson; expected a notebook"):
        lessons.find(folder=tmp_path)


@pytest.mark.parametrize("source", ["### Exercise 98.2 · Two\n\nDo it.", "**Exercise 98.2 · Two** Do it."])
def test_an_exercise_is_known_by_its_title_in_either_type(source):
    cell = new_markdown_cell(source, metadata={"tags": ["exercise"]})
    assert lessons.exercise(cell) == "98.2"
    assert lessons.text(cell) == "### Exercise 98.2 · Two\n\nDo it."
