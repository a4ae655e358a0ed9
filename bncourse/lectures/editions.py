"""Two editions of a notebook: the one to hand out, and the one to grade from.

`student` takes away what answers an exercise or a question: solutions with their outputs, answers to the questions, and
the speaker's notes, which give away what to expect. Hints, checks, and the answers that belong to the reading stay.
`instructor` opens what is folded, shows the notes, and says under each solution what its check holds and which mistakes
it names.
"""

import re
from dataclasses import replace
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell

from bncourse.checks import exercises
from bncourse.lectures.lessons import Lesson, exercise, has_tag, is_hidden, notes
from bncourse.notebooks import canonical

DETAILS = re.compile(r"\n*<details>.*?</details>", re.S)


class Leak(Exception):
    """A cell would give an answer away."""


def student(notebook: NotebookNode) -> NotebookNode:
    """The notebook without solutions, without the answers to its questions and without notes; outputs stay as stored.

    Raises Leak for a question whose answer is not a whole `<details>` element.
    """
    return canonical(with_cells(notebook, [without_answers(cell) for cell in notebook.cells
                                           if not (has_tag(cell, "solution") or is_hidden(cell))]))


def without_answers(cell: NotebookNode) -> NotebookNode:
    """A copy of the cell without notes and, in a question, without its answer. Raises Leak."""
    cell = copy(cell)
    cell.metadata.get("slideshow", {}).pop("notes", None)
    if has_tag(cell, "question"):
        cell.source = DETAILS.sub("", cell.source)
        cell.pop("attachments", None)
        if "<details" in cell.source or "</details" in cell.source:
            raise Leak(f"the question in cell {cell.id} has an answer that does not end; expected <details>…</details>")
    return cell


def instructor(notebook: NotebookNode) -> NotebookNode:
    """The notebook with everything open, the notes as cells of their own, and what to grade by under each solution."""
    cells, number = [], ""
    for cell in map(copy, notebook.cells):
        number = exercise(cell) or number
        if notes(cell):
            cells.append(notes_cell(cell))
        cell.metadata.pop("jupyter", None)
        if has_tag(cell, "question"):
            cell.source = cell.source.replace("<details>", "<details open>")
        cells.append(cell)
        if has_tag(cell, "solution"):
            cells.append(grading(number, cell.id))
    return canonical(with_cells(notebook, cells))


def notes_cell(cell: NotebookNode) -> NotebookNode:
    """A Markdown cell with the speaker's notes of a cell, marked as notes for slide programs."""
    metadata = {"slideshow": {"slide_type": "notes"}}
    return new_markdown_cell("> **Notes.** " + notes(cell), id=f"{cell.id}-notes", metadata=metadata)


def grading(number: str, id: str) -> NotebookNode:
    """A cell to grade by: the law of an exercise, and the mistakes that its check knows by name."""
    check = exercises().get(number)
    lines = [f"**To grade {number}.** {getattr(check, 'law', '')}".strip()]
    lines += [f"- {law.says}" for law in getattr(check, "laws", ())]
    lines += [f"- *{m.name}*: {m.why} ({m.see})" for m in getattr(check, "mistakes", ())]
    lines += [f"- {key}: **{s.true}**. {s.why}" for key, s in getattr(check, "sentences", {}).items()]
    metadata = {"tags": ["solution"], "slideshow": {"slide_type": "skip"}}
    return new_markdown_cell(lines[0] + "\n\n" + "\n".join(lines[1:]), id=f"{id}-grading", metadata=metadata)


EDITIONS = {"student": student, "instructor": instructor}


def in_edition(lessons: list[Lesson], edition: str) -> list[Lesson]:
    """The lessons with their notebooks in an edition, "student" or "instructor"."""
    return [replace(lesson, notebook=EDITIONS[edition](lesson.notebook)) for lesson in lessons]


def write(lessons: list[Lesson], folder: Path) -> None:
    """Write each lesson's notebook into a folder, under the name that it has in the course."""
    for lesson in lessons:
        text = nbformat.writes(lesson.notebook) + "\n"
        (folder / lesson.path.name).write_text(text, encoding="utf-8", newline="\n")


def copy(cell: NotebookNode) -> NotebookNode:
    return nbformat.from_dict(cell)


def with_cells(notebook: NotebookNode, cells: list[NotebookNode]) -> NotebookNode:
    return nbformat.from_dict({**notebook, "cells": cells})
