"""The checks of the course as test files of Otter-Grader, for Gradescope and for servers that grade with Otter.

A test file there is a module with `OK_FORMAT = False`, a name, and functions under `otter.test_files.test_case`; such a
function is given what the notebook defines under the names of its parameters, and raises where the answer is wrong.
"""

from pathlib import Path

from bncourse.grading.exercises import Task, checks_of, tasks
from bncourse.lectures.lessons import Lesson

TEST = '''"""Exercise {title}"""

from otter.test_files import test_case

OK_FORMAT = False

name = "{name}"
points = 1


@test_case()
def test_{name}({answer}):
    from {checks} import {judge}

    verdict = {judge}({answer}, remember=False)
    assert verdict.passed, f"{{verdict.state}}. {{verdict.text}}"
'''


def write(lessons: list[Lesson], folder: Path) -> None:
    """Writes `NN_name/tests/exercise_NN_n.py` for each exercise of the lessons, in a folder that is not there yet."""
    for lesson in lessons:
        tests = folder / lesson.name / "tests"
        tests.mkdir(parents=True)
        for task in tasks(lesson):
            text = test_file(task, checks_of(lesson.name))
            (tests / f"{test_name(task)}.py").write_text(text, encoding="utf-8", newline="\n")


def test_file(task: Task, checks: str) -> str:
    return TEST.format(title=task.title, name=test_name(task), answer=task.answer, checks=checks, judge=task.judge)


def test_name(task: Task) -> str:
    return f"exercise_{task.number.replace('.', '_')}"
