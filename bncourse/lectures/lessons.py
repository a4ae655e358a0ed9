"""A lesson as lecture material sees it: its cells, and what the course has written on them.

The tags are imports, exercise, stub, solution, question, readme and evidence. The slide metadata says where a slide
begins, and carries the speaker's notes.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode

from bncourse import notebooks
from bncourse.lesson import NOTEBOOKS, opening

TITLE = re.compile(r"\A(?:#+ |\*\*)(?P<title>Exercise (?P<number>\d\d\.\d+)[^*\n]*)(?:\*\*)?[ \n]*")
MINUTES = re.compile(r"^Reading (\d+) minutes", re.M)
PAPER = re.compile(r"^Reading .* · paper: (.+)$", re.M)
SHOWN_FIRST = "04"  # the lesson whose explorer the first page and the README show


class NoSuchLesson(Exception):
    """A lesson was asked for that the course does not have, or has not in the form of a lesson."""


@dataclass(frozen=True)
class Lesson:
    """A notebook with what its first cell says: number, title, question."""

    path: Path
    number: str
    title: str
    question: str
    notebook: NotebookNode

    @property
    def cells(self) -> list[NotebookNode]:
        return self.notebook.cells

    @property
    def name(self) -> str:
        """What files made from it are called: 03_minibatch_batchnorm."""
        return self.path.stem

    @property
    def minutes(self) -> int | None:
        """The minutes that reading takes, as the first cell says; None where it does not."""
        found = MINUTES.search(self.cells[0].source)
        return int(found[1]) if found else None

    @property
    def paper(self) -> str:
        """The parts of the paper that the lesson is about, as the first cell says; nothing where it does not."""
        found = PAPER.search(self.cells[0].source)
        return found[1] if found else ""


def read(path: Path) -> Lesson:
    """The lesson in a file. Raises NoSuchLesson where the file is not one."""
    try:
        notebook = notebooks.read(path)
        return Lesson(path, *opening(path), notebook)
    except (ValueError, LookupError, StopIteration, notebooks.NotebookError) as error:
        raise NoSuchLesson(f"{path.name} is not a lesson; expected a notebook whose first cell is '# NN · Title' and "
                           f"'**Its question**' ({type(error).__name__}: {error})") from error


def find(numbers: list[str] | None = None, folder: Path = NOTEBOOKS) -> list[Lesson]:
    """The lessons with these numbers, or all, in order. Raises NoSuchLesson."""
    paths = {path.name[:2]: path for path in sorted(folder.glob("[0-9][0-9]_*.ipynb"))}
    for number in numbers or []:
        if number not in paths:
            raise NoSuchLesson(f"there is no lesson {number!r}; expected one of {', '.join(paths)}")
    return [read(path) for number, path in paths.items() if not numbers or number in numbers]


def has_tag(cell: NotebookNode, tag: str) -> bool:
    return tag in cell.metadata.get("tags", [])


def exercise(cell: NotebookNode) -> str:
    """The number of the exercise that a cell opens, as 03.1, or nothing."""
    found = TITLE.match(cell.source) if has_tag(cell, "exercise") else None
    return found["number"] if found else ""


def text(cell: NotebookNode) -> str:
    """The Markdown of a cell; an exercise's title becomes a heading, also where the cell has it in bold type."""
    return TITLE.sub(r"### \g<title>\n\n", cell.source) if exercise(cell) else cell.source


def slide_type(cell: NotebookNode) -> str:
    """slide, subslide, fragment, skip, notes, or nothing where the cell goes on with what is above it."""
    kind = cell.metadata.get("slideshow", {}).get("slide_type", "")
    return "" if kind == "-" else kind


def notes(cell: NotebookNode) -> str:
    """The speaker's notes: minutes, the question to ask, the answer to expect."""
    return cell.metadata.get("slideshow", {}).get("notes", "")


def is_hidden(cell: NotebookNode) -> bool:
    """Whether the cell's source is folded away as an answer is; that of evidence is folded, and is none."""
    return bool(cell.metadata.get("jupyter", {}).get("source_hidden")) and not has_tag(cell, "evidence")
