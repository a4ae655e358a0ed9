"""What was handed in: which file is whose and of which lesson, and the answers in it.

Understood are a folder for each student, `ada/03_minibatch_batchnorm.ipynb`, also deeper, and all files in one folder,
`ada_03_minibatch_batchnorm.ipynb`; what Moodle, Canvas and nbgrader put around a student's name is taken off. A lesson
is known by its name in the file's name, or by the cells in the file. Nothing in a file is run here.
"""

import ast
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bncourse.grading.exercises import Task

LARGEST = 2**25  # bytes of a notebook
LONGEST = 10**5  # characters of an answer
# Ada Lovelace_12345_assignsubmission_file_..., of Moodle; lovelaceada_LATE_123_456_..., of Canvas
AROUND_A_NAME = re.compile(r"_\d+_assignsubmission_file.*|(_LATE)?_\d+_\d+$", re.S)


class NoSubmissions(Exception):
    """A folder in which nothing was handed in."""


class NoNotebook(Exception):
    """A file that is not a notebook."""


@dataclass(frozen=True)
class Submission:
    """A student's file for one lesson, and its cells of code by id; None where the file is no notebook."""

    student: str
    lesson: str
    path: Path
    cells: Mapping[str, str] | None


def find(folder: Path, lessons: Mapping[str, Sequence[Task]]) -> tuple[list[Submission], list[str]]:
    """The submissions in a folder, by student and lesson, and a sentence on each file that is left out.

    `lessons` maps the name of each lesson, 03_minibatch_batchnorm, to its tasks. Of several files of one student for
    one lesson the newest counts. Raises NoSubmissions.
    """
    if not folder.is_dir():
        raise NoSubmissions(f"{folder} is not a folder; expected the folder of the notebooks that were handed in")
    found, left_out = {}, []
    for path in sorted(folder.rglob("*.ipynb")):
        if ".ipynb_checkpoints" in path.parts:
            continue
        submission = read(path, folder, lessons)
        if submission is None:
            left_out.append(f"{path.relative_to(folder)} is of no lesson, by its name and by its cells")
            continue
        key = submission.student, submission.lesson
        if key in found:
            older, submission = sorted((found[key], submission), key=lambda each: each.path.stat().st_mtime)
            left_out.append(f"{older.path.relative_to(folder)} is older than {submission.path.relative_to(folder)}")
        found[key] = submission
    if not found:
        raise NoSubmissions(f"{folder} holds no notebook of a lesson; expected STUDENT/NN_name.ipynb or "
                            "STUDENT_NN_name.ipynb")
    return [found[key] for key in sorted(found)], left_out


def read(path: Path, folder: Path, lessons: Mapping[str, Sequence[Task]]) -> Submission | None:
    """What a file is; None where it is of no lesson."""
    try:
        cells = code_cells(path)
    except NoNotebook:
        cells = None
    name = lesson_of(path, cells or {}, lessons)
    if name is None:
        return None
    before, _, _ = path.stem.partition(name)
    inside = path.relative_to(folder).parts
    student = inside[0] if len(inside) > 1 else before if before != path.stem else path.stem.removesuffix(name[:2])
    return Submission(AROUND_A_NAME.sub("", student.rstrip("_- ")).strip() or path.stem, name, path, cells)


def lesson_of(path: Path, cells: Mapping[str, str], lessons: Mapping[str, Sequence[Task]]) -> str | None:
    """The name of a file's lesson: it is part of the file's name, or the lesson of most of the file's cells."""
    named = [name for name in lessons if name in path.name]
    if named:
        return named[0]
    shared = {name: len({task.id for task in tasks} & cells.keys()) for name, tasks in lessons.items()}
    likely = max(shared, key=shared.get)
    return likely if shared[likely] else None


def code_cells(path: Path) -> dict[str, str]:
    """The source of each cell of code, by its id, or by its place where it has none. Raises NoNotebook."""
    try:
        if path.stat().st_size > LARGEST:
            raise NoNotebook(f"{path.name} has more than {LARGEST} bytes")
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        return {str(cell.get("id", place)): "".join(cell["source"]) for place, cell in enumerate(cells)
                if cell["cell_type"] == "code"}
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise NoNotebook(f"{path.name} is not a notebook: {type(error).__name__}: {error}") from None


def answers(submission: Submission, tasks: Sequence[Task]) -> dict[str, str]:
    """The source of each answer, by the number of its exercise: the stub's cell, or else one that defines its name.

    Some programs give cells other ids, or none. A line for the notebook's program, such as `%timeit`, is left out of
    a cell that is no Python with it.
    """
    found = {}
    for task in tasks:
        source = submission.cells.get(task.id)
        if source is None:
            source = next((cell for cell in reversed(submission.cells.values()) if task.answer in defined(cell)), None)
        if source is not None:
            found[task.number] = without_magics(source)[:LONGEST]
    return found


def defined(source: str) -> list[str]:
    """The names that a cell defines at its top, as far as its lines show; it need not be Python."""
    return re.findall(r"^(?:def|class)?[ \t]*(\w+)[ \t]*(?:\(|:|=(?!=))", source, re.MULTILINE)


def without_magics(source: str) -> str:
    """A cell that is no Python as it stands, with the lines of IPython's magics and shell commands left empty."""
    try:
        ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return "\n".join("" if line.lstrip().startswith(("%", "!")) else line for line in source.splitlines())
    return source
