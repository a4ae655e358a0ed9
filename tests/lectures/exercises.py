"""What a lesson asks and how it answers, for tests that paste the solutions."""

from bncourse.lectures.lessons import Lesson, exercise, has_tag


def solved(lesson: Lesson) -> dict[str, tuple[str, str]]:
    """The source of the stub and of the solution of each exercise of a lesson, by its number."""
    found, number, stub = {}, "", ""
    for cell in lesson.cells:
        number = exercise(cell) or number
        if has_tag(cell, "stub"):
            stub = cell.source
        if has_tag(cell, "solution"):
            found[number] = (stub, cell.source)
    return found
