"""A prediction is never answered on its own slide before the room has voted."""

import copy

import pytest
from nbformat.v4 import new_output

from bncourse.lectures import blocks, lessons
from bncourse.lectures.blocks import Block
from bncourse.lectures.lessons import has_tag, slide_type
from bncourse.lectures.pages import stacks

NUMBERS = [path.name[:2] for path in sorted(lessons.NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))]
ANSWERS = ("<img", 'class="output"', 'class="answer"', "assert")


def spoilt_cells(cells):
    """The ids of cells that show something after Predict and before the next fragment or slide."""
    waiting = False
    for cell in cells:
        waiting = waiting and slide_type(cell) not in ("slide", "subslide", "fragment")
        if cell.cell_type == "markdown":
            waiting = waiting or "**Predict" in cell.source
        elif waiting and slide_type(cell) != "skip" and not has_tag(cell, "evidence"):
            yield from [cell.id] * any(not blocks.is_progress(output) for output in cell.outputs)


def spoilt_slides(cells):
    """The blocks of a deck that answer a prediction on their own slide without being called."""
    for page in (page for stack in stacks(blocks.of_lesson(cells, str)) for page in stack):
        waiting = False
        for block in page.blocks:
            waiting = waiting and not block.fragment
            yield from [block.html[:200]] * (waiting and any(answer in block.html for answer in ANSWERS))
            waiting = waiting or "<strong>Predict" in block.html


@pytest.mark.parametrize("number", NUMBERS)
def test_after_predict_comes_a_fragment_or_another_slide(number, course):
    cells = next(lesson for lesson in course if lesson.number == number).cells
    assert list(spoilt_cells(cells)) == [] and list(spoilt_slides(cells)) == []


def test_an_answer_that_is_not_called_would_be_seen(small):
    small.cells[2].source += "\n\n**Predict:** which number?"
    cells = copy.deepcopy(small.cells)
    assert next(spoilt_cells(cells)) == "number" and len(list(spoilt_slides(cells))) == 1
    cells[3].metadata["slideshow"] = {"slide_type": "fragment"}
    assert list(spoilt_cells(cells)) == list(spoilt_slides(cells)) == []


def test_asserts_and_bars_of_progress_stay_out_of_slides(small):
    cell = next(cell for cell in small.cells if cell.id == "number")
    cell.source = "x = 1\nassert x == 1\n\nfor y in (1, 2):\n    assert y\nprint(42)"
    cell.outputs.insert(0, new_output("display_data", {"text/plain": "Progress('x')"}))
    html = "\n".join(part.html for part in blocks.of_lesson(small.cells, str) if isinstance(part, Block))
    assert "assert" not in html and "Progress" not in html and "print" in html and "42" in html
