"""Lectures put together from lessons, as plans.toml says: which cells they show, how long they take, their tables.

A part's minutes are not in the plan: they are those of the speaker's notes of its cells.
"""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode

from bncourse.lectures import lessons
from bncourse.lectures.lessons import Lesson, exercise, has_tag, notes
from bncourse.paths import INSTALLED, ROOT

PLANS = Path(__file__).parent / "plans.toml"
TEACHING = ROOT / "TEACHING.md"


class NoSuchPlan(Exception):
    """A plan is not there, or something that it names."""


@dataclass(frozen=True)
class Part:
    """Cells of one section of a lesson, what they show, and what to ask before."""

    lesson: Lesson
    section: int
    show: str
    ask: str
    cells: list[NotebookNode]

    @property
    def minutes(self) -> int:
        """Those that the speaker's notes of the cells ask for."""
        return sum(int(asked[1]) for cell in self.cells if (asked := re.match(r"(\d+) minutes?", notes(cell))))


@dataclass(frozen=True)
class Lecture:
    """A talk of at most `limit` minutes, the exercises done in the room after it, and those at home."""

    plan: str
    name: str
    title: str
    question: str
    limit: int
    parts: list[Part]
    room: list[tuple[Lesson, list[NotebookNode]]]
    home: str

    @property
    def minutes(self) -> int:
        return sum(part.minutes for part in self.parts)


def names() -> list[str]:
    """The names of the plans."""
    return list(dict.fromkeys(lecture["plan"] for lecture in told()))


def told() -> list[dict]:
    return tomllib.loads(PLANS.read_text(encoding="utf-8"))["lecture"]


def lessons_of(plan: str) -> list[str]:
    """The numbers of the lessons that a plan takes its parts from. Raises NoSuchPlan."""
    return sorted({part.lesson.number for lecture in lectures(plan) for part in lecture.parts})


def lectures(plan: str, course: list[Lesson] | None = None) -> list[Lecture]:
    """The lectures of a plan, from the lessons of the course, or from those given. Raises NoSuchPlan."""
    if plan not in names():
        raise NoSuchPlan(f"there is no plan {plan!r}; expected one of {', '.join(names())}")
    by_number = {lesson.number: lesson for lesson in course or lessons.find()}
    return [lecture(entry, by_number) for entry in told() if entry["plan"] == plan]


def lecture(entry: dict, by_number: dict[str, Lesson]) -> Lecture:
    """A lecture as plans.toml tells it."""
    parts = [part(by_number[each["lesson"]], each) for each in entry["parts"]]
    room = [(by_number[number[:2]], exercise_cells(by_number[number[:2]], number)) for number in entry.get("room", [])]
    return Lecture(entry["plan"], entry["name"], entry["title"], entry["question"], entry["minutes"], parts, room,
                   entry.get("home", ""))


def part(lesson: Lesson, entry: dict) -> Part:
    """A part as plans.toml tells it. Raises NoSuchPlan where a cell that it names is not in the section."""
    cells = section_cells(lesson, entry["section"])
    wanted = entry.get("cells", [cell.id for cell in cells])
    for missing in set(wanted) - {cell.id for cell in cells}:
        raise NoSuchPlan(f"section {entry['section']} of {lesson.path.name} has no cell {missing!r}, which "
                         f"{PLANS.name} names; its cells are {', '.join(cell.id for cell in cells)}")
    return Part(lesson, entry["section"], entry["show"], entry.get("ask", ""),
                [cell for cell in cells if cell.id in wanted])


def section_cells(lesson: Lesson, number: int) -> list[NotebookNode]:
    """The cells of a section, the one with its heading first. Raises NoSuchPlan."""
    section, found = 0, []
    for cell in lesson.cells:
        heading = re.match(r"## (\d+) ", cell.source) if cell.cell_type == "markdown" else None
        section = int(heading[1]) if heading else section
        if section == number:
            found.append(cell)
    if not found:
        raise NoSuchPlan(f"{lesson.path.name} has no section {number}, which {PLANS.name} names")
    return found


def exercise_cells(lesson: Lesson, number: str) -> list[NotebookNode]:
    """The cells of an exercise from its text to its stub. Raises NoSuchPlan."""
    for first, cell in enumerate(lesson.cells):
        if exercise(cell) == number:
            last = next(place for place, cell in enumerate(lesson.cells) if place > first and has_tag(cell, "stub"))
            return lesson.cells[first:last + 1]
    raise NoSuchPlan(f"{lesson.path.name} has no exercise {number}, which {PLANS.name} names")


def clock(lecture: Lecture) -> list[tuple[int, int]]:
    """The minutes at which each part of a lecture begins and ends."""
    ends = [sum(part.minutes for part in lecture.parts[:place + 1]) for place in range(len(lecture.parts))]
    return list(zip([0, *ends], ends, strict=False))


# the tables of TEACHING.md


def table_of_parts(lecture: Lecture) -> str:
    """A table of one lecture: minutes, lesson and section, what to show, what to ask before."""
    lines = ["| minutes | lesson, section | show | ask before you show |", "|---|---|---|---|"]
    lines += [f"| {begin}–{end} | {part.lesson.number}, {part.section} | {part.show} | {part.ask} |"
              for (begin, end), part in zip(clock(lecture), lecture.parts, strict=True)]
    return "\n".join(lines)


def table_of_lectures(plan: list[Lecture]) -> str:
    """A table of several lectures: what is shown with lesson and section, how long it takes, the exercises."""
    lines = ["| session | talk | minutes | in the room | at home |", "|---|---|---|---|---|"]
    for number, each in enumerate(plan, 1):
        talk = "; ".join(f"{part.show} ({part.lesson.number}, {part.section})" for part in each.parts)
        room = ", ".join(exercise(cells[0]) for _, cells in each.room)
        lines.append(f"| {number} | {talk} | {each.minutes} | {room} | {each.home} |")
    return "\n".join(lines)


def with_tables(text: str) -> str:
    """TEACHING.md with its two tables made anew."""
    course = lessons.find()
    tables = {"90": table_of_parts(lectures("90", course)[0]), "six": table_of_lectures(lectures("six", course))}
    for plan, table in tables.items():
        text = re.sub(rf"(?<=<!-- plan {plan} -->\n).*?(?=<!-- /plan {plan} -->)", lambda _, made=table: made + "\n",
                      text, flags=re.S)
    return text


def stale() -> list[str]:
    """What `refresh` would change; nothing outside a clone."""
    text = "" if INSTALLED else TEACHING.read_text(encoding="utf-8")
    return ["TEACHING.md: a table differs from bncourse/lectures/plans.toml"] if with_tables(text) != text else []


def refresh() -> None:
    """Make the tables of TEACHING.md anew, in a clone."""
    if not INSTALLED:
        made = with_tables(TEACHING.read_text(encoding="utf-8"))
        TEACHING.write_text(made, encoding="utf-8", newline="\n")
