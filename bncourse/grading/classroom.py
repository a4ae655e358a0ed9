"""A whole class: every submission of a folder judged, some at a time, and the results written whole."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bncourse.grading import otter, report, submissions
from bncourse.grading.exercises import Task, tasks
from bncourse.grading.jobs import Grade, grades
from bncourse.grading.report import Row
from bncourse.grading.submissions import Submission
from bncourse.lectures import lessons
from bncourse.lectures.folders import whole_folder
from bncourse.lectures.lessons import Lesson


class Misuse(Exception):
    """An option that makes no sense."""


def grade(folder: Path, to: Path, numbers: Sequence[str] | None = None, *, seconds: int | float = 30,
          processes: int = 1, for_otter: bool = False) -> int:
    """Judges what lies in `folder`, of the lessons with these numbers or of all, and writes the folder `to`.

    `seconds` is the time for one answer, `processes` how many submissions are judged at a time. Returns 0. Raises
    Misuse, and what finding, judging and writing raise.
    """
    if seconds <= 0 or processes < 1:
        raise Misuse(f"{seconds:g} seconds and {processes} processes; expected more than 0, and at least 1")
    with whole_folder(to, "grade") as draft:
        found, course = handed_in(folder, numbers)
        asked = {name: tasks(lesson) for name, lesson in course.items()}
        rows, lacking = judge_all(found, course, asked, seconds, processes)
        rows = sorted([*rows, *absent(found, asked)], key=lambda row: (row.student, row.grade.exercise))
        write(draft / "grades.csv", report.table(rows))
        write(draft / "mistakes.md", report.histogram(rows, asked))
        if for_otter:
            otter.write(list(course.values()), draft / "otter")
    print(f"\n{report.summary(rows, asked)}\n\ngrades.csv and mistakes.md: {to}")
    if lacking:
        print(f"This system sets no limit of: {', '.join(sorted(lacking))}")
    return 0


def handed_in(folder: Path, numbers: Sequence[str] | None) -> tuple[list[Submission], dict[str, Lesson]]:
    """The submissions to judge, and their lessons by name: those asked for, or all that somebody handed in."""
    wanted = {lesson.name: lesson for lesson in lessons.find(numbers)}
    found, left_out = submissions.find(folder, {lesson.name: tasks(lesson) for lesson in lessons.find()})
    found = [each for each in found if each.lesson in wanted]
    if not found:
        raise submissions.NoSubmissions(f"{folder} holds no notebook of {', '.join(wanted)}")
    print("".join(f"left out: {sentence}\n" for sentence in left_out), end="")
    there = {each.lesson for each in found}
    return found, {name: lesson for name, lesson in wanted.items() if numbers or name in there}


def judge_all(found: Sequence[Submission], course: Mapping[str, Lesson], asked: Mapping[str, Sequence[Task]],
              seconds: int | float, processes: int) -> tuple[list[Row], set[str]]:
    """A row for each exercise of each submission, which are told as they come, and the limits that were not set."""
    rows, lacking = [], set()
    with ThreadPoolExecutor(processes) as pool:
        jobs = [pool.submit(judge, each, course[each.lesson], asked[each.lesson], seconds) for each in found]
        try:
            for each, job in zip(found, jobs, strict=True):
                graded, missing = job.result()
                lacking |= missing
                rows += [Row(each.student, each.lesson, one) for one in graded]
                print(f"{each.student:<24} {each.lesson:<24} {tally(graded)}", flush=True)
        finally:
            pool.shutdown(cancel_futures=True)
    return rows, lacking


def judge(submission: Submission, lesson: Lesson, asked: Sequence[Task],
          seconds: int | float) -> tuple[list[Grade], set[str]]:
    """The grades of a submission, and the limits that were not set."""
    if submission.cells is None:
        return [Grade(task.number, "no notebook") for task in asked], set()
    return grades(lesson, asked, submissions.answers(submission, asked), seconds)


def absent(found: Sequence[Submission], asked: Mapping[str, Sequence[Task]]) -> Iterator[Row]:
    """A row for each exercise of each lesson that others handed in and a student did not."""
    there = {(each.student, each.lesson) for each in found}
    for student in sorted({each.student for each in found}):
        for name, exercises in asked.items():
            if (student, name) not in there:
                yield from (Row(student, name, Grade(task.number, "missing")) for task in exercises)


def tally(graded: Sequence[Grade]) -> str:
    return ", ".join(f"{count} {state}" for state, count in Counter(grade.state for grade in graded).items())


def write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
