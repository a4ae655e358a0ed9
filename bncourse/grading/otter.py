"""The checks of the course as test files of Otter-Grader, for Gradescope and for servers that grade with Otter."""

from pathlib import Path

from bncourse.lectures.lessons import Lesson


def write(lessons: list[Lesson], folder: Path) -> None:
    raise NotImplementedError
