"""The grades of a class: a table with a row for each exercise of each student, and the histogram of their mistakes."""

import csv
import importlib
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from bncourse.checks.frame import Judge
from bncourse.grading.exercises import Task, checks_of
from bncourse.grading.jobs import Grade

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would compute
WIDEST = 30  # signs of the longest bar


class Row(NamedTuple):
    """A grade with the student's name and the lesson's."""

    student: str
    lesson: str
    grade: Grade


def table(rows: Sequence[Row]) -> str:
    """The rows as CSV: student, lesson, exercise, state, mistake. A mistake without a name is told in a clause."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["student", "lesson", "exercise", "state", "mistake"])
    for student, lesson, grade in rows:
        cells = [student, lesson, grade.exercise, grade.state, grade.mistake or grade.says]
        writer.writerow([f"'{cell}" if cell.startswith(FORMULA) else cell for cell in cells])
    return text.getvalue()


def counts(rows: Sequence[Row], number: str) -> list[tuple[str, str, int]]:
    """State, known mistake and number of students of an exercise: those who passed first, then the most frequent."""
    found = Counter((row.grade.state, row.grade.mistake) for row in rows if row.grade.exercise == number)
    order = sorted(found.items(), key=lambda each: (each[0][0] != "passed", -each[1], each[0]))
    return [(state, mistake, count) for (state, mistake), count in order]


def histogram(rows: Sequence[Row], lessons: Mapping[str, Sequence[Task]]) -> str:
    """The mistakes of the class in Markdown, by exercise, with what the check says of each mistake it knows.

    `lessons` maps the name of each lesson to its tasks.
    """
    parts = [f"# Mistakes of {len({row.student for row in rows})} students\n"]
    for name, task in ((name, task) for name, tasks in lessons.items() for task in tasks):
        told = reasons(getattr(importlib.import_module(checks_of(name)), task.judge))
        parts.append(f"## {task.title}\n\n| students | | what | why |\n|---:|---|---|---|")
        most = max(count for _, _, count in counts(rows, task.number))
        parts += [f"| {count} | {bar(count, most)} | {label(state, mistake)} | {told.get(mistake, '')} |"
                  for state, mistake, count in counts(rows, task.number)]
        parts.append("")
    return "\n".join(parts)


def reasons(check: Judge) -> dict[str, str]:
    """What a check says of each mistake that it knows by name."""
    told = {mistake.name: f"{mistake.why} ({mistake.see})" for mistake in getattr(check, "mistakes", ())}
    told |= {key: f"{sentence.says} {sentence.why}" for key, sentence in getattr(check, "sentences", {}).items()}
    return {name: text.replace("|", "&#124;") for name, text in told.items()}


def summary(rows: Sequence[Row], lessons: Mapping[str, Sequence[Task]]) -> str:
    """The histogram in short lines, for a terminal."""
    lines = []
    for task in (task for tasks in lessons.values() for task in tasks):
        found = counts(rows, task.number)
        most = max(count for _, _, count in found)
        lines += ["", task.title, *(f"{count:>5}  {bar(count, most):<{WIDEST}}  {label(state, mistake)}"
                                    for state, mistake, count in found)]
    return "\n".join(lines[1:])


def label(state: str, mistake: str) -> str:
    """What stands beside a bar. A mistake of one letter is a sentence that was judged wrongly."""
    if mistake:
        return f"sentence {mistake}" if len(mistake) == 1 else mistake
    return "rejected, for no known mistake" if state == "rejected" else state


def bar(count: int, most: int) -> str:
    """A bar as long as the count, or shorter in proportion where the most is wider than the widest."""
    return "█" * max(1, round(count * min(1, WIDEST / most)))
