"""Slides hold what fits, in order, and lose nothing."""

import html
import re

import pytest

from bncourse.lectures import blocks, markup
from bncourse.lectures.blocks import Block, Start
from bncourse.lectures.deck import deck
from bncourse.lectures.pages import ROOM, stacks
from bncourse.runs.captions import for_a_room


def lines(text, height=26):
    pieces = tuple(text)
    return Block(pieces, (height,) * len(pieces))


def pieces(pages):
    return [piece for page in pages for block in page.blocks for piece in block.pieces]


def test_no_slide_is_fuller_than_its_room_and_nothing_is_lost(rng):
    for _ in range(200):
        sizes = rng.integers((1, 20), (40, 60), size=(12, 2)).tolist()
        given = [lines([f"{b}.{p}" for p in range(count)], height) for b, (count, height) in enumerate(sizes)]
        stack, = stacks([Start(1, "A"), *given])
        assert pieces(stack) == [piece for block in given for piece in block.pieces]
        assert all(page.room >= 0 for page in stack)
        assert all(page.blocks for page in stack)


def test_what_cannot_be_divided_stands_alone():
    tall, small = Block(("tall",), (2 * ROOM,)), lines("a")
    stack, = stacks([Start(1, "A"), small, tall, small])
    assert [pieces([page]) for page in stack] == [["a"], ["tall"], ["a"]]


def test_a_block_that_fits_on_a_slide_is_not_divided():
    stack, = stacks([Start(1, "A"), lines("a" * 15), lines("b" * 15)])
    assert [pieces([page]) for page in stack] == [["a"] * 15, ["b"] * 15]


def test_sections_stand_side_by_side_and_what_belongs_to_one_below_it():
    found = stacks([Start(1, "A"), lines("aaa"), Start(2, "B"), lines("b"), Start(1, "C"), lines("c")])
    assert [[page.heading for page in stack] for stack in found] == [["A", "B"], ["C"]]


def test_a_slide_that_goes_on_keeps_heading_and_notes_and_counts():
    stack, = stacks([Start(1, "A", "Ask."), lines("a" * 50)])
    assert [(page.heading, page.notes, page.part) for page in stack] == [("A", "Ask.", n + 1) for n in range(3)]


def test_a_start_without_blocks_makes_no_slide_and_hands_its_heading_on():
    found = stacks([Start(1, "A"), lines("aaa"), Start(2, "Questions"), Start(2, notes="Vote."), lines("q")])
    assert [[(page.heading, page.notes) for page in stack] for stack in found] == [[("A", ""), ("Questions", "Vote.")]]


def test_what_stands_alone_under_a_heading_goes_on_to_the_next():
    stack, = stacks([Start(1, "Exercises", "Pairs."), lines("a"), Start(2, "Exercise 1"), lines("b" * 5)])
    assert [(page.heading, page.notes, pieces([page])) for page in stack] == [("Exercise 1", "Pairs.", ["a", *"bbbbb"])]


def test_no_slide_goes_on_with_two_lines_of_a_block():
    stack, = stacks([Start(1, "A"), lines("a" * 10), Start(2, "B"), lines([f"{n}" for n in range(22)])])
    assert pieces(stack[1:]) == [f"{n}" for n in range(22)]
    assert [len(pieces([page])) for page in stack[1:]] == [10, 12]


def test_no_slide_goes_on_with_two_lines_where_the_one_before_can_help():
    stack, = stacks([Start(1, "A"), lines("a" * 9), lines("b" * 9), lines("ccc")])
    assert [pieces([page]) for page in stack] == [["a"] * 9, [*"bbbbbbbbb", *"ccc"]]


def test_what_ends_in_a_colon_stands_above_what_it_announces():
    formula = Block(("formula",), (200,))
    stack, = stacks([Start(1, "A"), lines("a" * 12), lines(["", "so:"]), formula])
    assert [pieces([page]) for page in stack] == [["a"] * 12, ["", "so:", "formula"]]


def picture_and_answer(height):
    return Block(("<figure></figure>",), (blocks.FIGURE,)), Block(("answer",), (height,), before=blocks.ANSWER)


def test_an_answer_takes_its_picture_along():
    picture, answer = picture_and_answer(150)
    stack, = stacks([Start(1, "A"), lines("aaaa"), picture, answer])
    assert [page.blocks for page in stack] == [[lines("aaaa")], [picture, answer]]


def test_a_picture_gives_way_for_its_answer_a_little():
    picture, answer = picture_and_answer(120)
    stack, = stacks([Start(1, "A"), picture, answer])
    assert [page.blocks for page in stack] == [[picture, answer]] and -blocks.SHRINKS <= stack[0].room < 0


def test_slides_of_one_heading_are_counted_on():
    stack, = stacks([Start(1, "A"), lines("a" * 25), Start(2), lines("b" * 5)])
    assert [page.part for page in stack] == [1, 2, 3]


def test_no_line_of_code_is_longer_than_that_of_a_slide(course):
    shown = [(lesson.number, html.unescape(re.sub("<[^>]*>", "", line)))
             for lesson in course for part in blocks.of_lesson(lesson.cells, str)
             if isinstance(part, Block) and part.before.startswith('<pre class="code">') for line in part.pieces]
    assert len(shown) > 3000
    assert [(number, line) for number, line in shown if len(line) > blocks.CODE_CHARACTERS] == []


def test_a_caption_stands_under_its_picture_and_tells_a_room_neither_machine_nor_date(course):
    cells = (cell for lesson in course for cell in lesson.cells if cell.get("outputs"))
    captioned = [cell for cell in cells if "caption=" in cell.source]
    assert len(captioned) > 4 * len(course)
    for cell in captioned:
        picture, = (output for output in markup.with_captions(cell.outputs) if markup.kind(output) == "picture")
        on_page = re.search("<figcaption>(.*)</figcaption></figure>", markup.picture(picture))[1]
        for on_slide in (part.html for part in blocks.of_code(cell, str)):
            assert f"<figcaption>{for_a_room(on_page)}</figcaption></figure>" in on_slide, cell.id
            assert " thread of" not in on_slide


def test_a_long_caption_takes_more_of_a_slide(course):
    def height(caption):
        output, = (output for cell in course[0].cells if cell.id == "b0f41a04"
                   for output in markup.with_captions(cell.outputs) if markup.kind(output) == "picture")
        output.metadata["image/png"]["caption"] = caption
        return blocks.of_picture(output).height

    assert height("word " * 60) > height("word " * 20) > height("")


def test_notes_end_where_the_next_section_begins():
    found = stacks([Start(1, "A", "Ask."), lines("a"), Start(1, "B"), lines("b")])
    assert [page.notes for stack in found for page in stack] == ["Ask.", ""]


# what comes onto slides


@pytest.fixture
def parts(small):
    return list(blocks.of_lesson(small.cells, lambda url: url))


def test_hints_and_imports_stay_in_the_notebook_and_answers_come_when_called(parts):
    shown = [part for part in parts if isinstance(part, Block)]
    html = "\n".join(part.html for part in shown)
    assert "Look up" not in html and "import" not in html and "<details" not in html
    assert [part.fragment for part in shown if "Read on." in part.html] == [True]
    assert [part.fragment for part in shown if "Text with" in part.html] == [False]


def test_evidence_stays_in_the_notebook_too(small):
    for cell in small.cells:
        if cell.id in ("words", "number"):
            cell.update(source="'swordfish'", outputs=[])
            cell.metadata["tags"] = ["evidence"]
    html = "\n".join(part.html for part in blocks.of_lesson(small.cells, str) if isinstance(part, Block))
    assert "swordfish" not in html and "Do it." in html


def test_a_second_hint_in_the_same_cell_stays_in_the_notebook_too(small):
    cell = next(cell for cell in small.cells if cell.id == "exercise")
    cell.source += "\n<details><summary>Hint 2</summary>\n\nLook *down*.\n</details>\n\nAfterwards."
    html = "\n".join(block.html for block in blocks.of_text(cell, lambda url: url) if isinstance(block, Block))
    assert "down" not in html and "Afterwards." in html


def test_a_solution_has_a_slide_of_its_own_named_after_its_exercise(parts):
    headings = [part.heading for part in parts if isinstance(part, Start)]
    assert "Exercise 03.1 · One: a solution" in headings


def test_a_picture_stands_without_the_code_that_draws_it(course):
    lesson = next(lesson for lesson in course if lesson.number == "03")
    shown = [part.html for part in blocks.of_lesson(lesson.cells, str) if isinstance(part, Block)]
    pictures = [html for html in shown if "<img" in html]
    assert len(pictures) >= 4 and all('alt="' in html and "<code>" not in html for html in pictures)


def test_a_formula_is_reckoned_by_its_rows(small):
    one, = blocks.markup.elements("$$a$$")
    three, = blocks.markup.elements("$$\\frac ab \\\\ c \\\\ d$$")
    assert blocks.text_height(three) > 2 * blocks.text_height(one)


def test_a_list_that_is_divided_goes_on_counting():
    element, = blocks.markup.elements("1. one\n2. two\n3. three")
    first, rest = blocks.of_list(element, str).divide(110)
    assert 'value="3"' not in first.html and 'value="3"' in rest.html


def test_a_list_begins_at_its_own_first_number():
    element, = blocks.markup.elements("48. one\n49. two")
    assert [piece[:15] for piece in blocks.of_list(element, str).pieces] == ['<li value="48">', '<li value="49">']


def test_links_lead_to_decks_that_are_there_and_nowhere_else(small):
    small.cells[2].source += "\n\n[there](03_there.ipynb) [gone](04_gone.ipynb) [far](https://example.org)"
    html = deck(small, {"03_there.ipynb"}, "assets")
    assert 'href="03_there.html"' in html and "04_gone" not in html and 'href="https://example.org"' in html


def test_one_deck_has_one_title_and_the_notes_of_every_slide(small):
    html = deck(small, set(), "assets")
    assert html.count("<h1>") == 1 and '<aside class="notes"><p>Ask: why?</p>' in html
