"""A lesson that is quick to prepare, its tasks, and right answers to it."""

from dataclasses import replace

import nbformat
import pytest

from bncourse.grading.exercises import tasks
from bncourse.lectures import lessons
from bncourse.lectures.lessons import has_tag
from tests.lectures.exercises import solved

IMPORTS = "import numpy as np\n\nfrom bncourse.checks import minibatch_batchnorm as check"


@pytest.fixture(scope="package")
def lesson():
    """Lesson 03, which imports no more than its exercises need."""
    found = lessons.find(["03"])[0]
    notebook = nbformat.from_dict(found.notebook)
    for cell in notebook.cells:
        cell.source = IMPORTS if has_tag(cell, "imports") else cell.source
    return replace(found, notebook=notebook)


@pytest.fixture(scope="package")
def asked(lesson):
    return tasks(lesson)


@pytest.fixture(scope="package")
def right(lesson, asked):
    """The source of a right answer to each exercise, by its number."""
    found = {}
    for task, (_, solution) in zip(asked, solved(lesson).values(), strict=True):
        *lines, call = solution.splitlines()
        name = call.split("(")[1].split(",")[0]
        found[task.number] = "\n".join([*lines, f"{task.answer} = {name}", f"check.{task.judge}({task.answer})"])
    return found
