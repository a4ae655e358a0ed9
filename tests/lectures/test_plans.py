"""A lecture shows cells that are there, in the time that there is."""

import copy
import re

import pytest

from bncourse.lectures import deck, plans

ROOM = 20  # minutes of exercises in a session


@pytest.fixture(scope="module")
def every(course):
    """The lectures of all plans."""
    return [lecture for plan in plans.names() for lecture in plans.lectures(plan, course)]


def test_a_lecture_takes_no_longer_than_there_is(every):
    assert [lecture.name for lecture in every if lecture.minutes > lecture.limit] == []
    assert plans.lectures("90")[0].limit == 90 and [each.limit for each in plans.lectures("six")] == [25] * 6


def test_every_part_has_minutes_in_its_speakers_notes_and_begins_where_the_one_before_ends(every):
    for lecture in every:
        assert all(part.minutes > 0 for part in lecture.parts), lecture.name
        begins, ends = zip(*plans.clock(lecture), strict=True)
        assert [*begins, lecture.minutes] == [0, *ends]


def test_what_is_done_in_the_room_takes_no_longer_than_there_is(every):
    for lecture in every:
        minutes = [re.search(r"(\d+) minutes", cells[0].source)[1] for _, cells in lecture.room]
        assert sum(map(int, minutes)) <= ROOM, lecture.name


def test_a_part_begins_with_its_heading_and_says_what_it_shows(every):
    for part in (part for lecture in every for part in lecture.parts):
        assert part.cells[0].source.startswith(f"## {part.section} ") and part.show


def test_a_cell_a_section_an_exercise_or_a_plan_that_is_not_there_is_named(course):
    by_number = {lesson.number: lesson for lesson in course}
    entry = {"lesson": "03", "section": 2, "show": "x"}
    with pytest.raises(plans.NoSuchPlan, match=r"section 2 of 03_minibatch_batchnorm\.ipynb has no cell 'gone'"):
        plans.part(by_number["03"], {**entry, "cells": ["gone"]})
    with pytest.raises(plans.NoSuchPlan, match="has no section 99"):
        plans.part(by_number["03"], {**entry, "section": 99})
    with pytest.raises(plans.NoSuchPlan, match=r"has no exercise 03\.9"):
        plans.exercise_cells(by_number["03"], "03.9")
    with pytest.raises(plans.NoSuchPlan, match="no plan 'seven'; expected one of 90, six"):
        plans.lectures("seven", course)


@pytest.fixture(scope="module")
def ninety(every):
    """The lecture of ninety minutes, and its slides."""
    return every[0], deck.lecture_slides(every[0])


def test_the_slides_of_a_lecture_hold_its_cells_and_no_others(ninety):
    lecture, stacks = ninety
    html = "".join(block.html for stack in stacks for page in stack for block in page.blocks)
    assert html.count("<figure") == sum("image/png" in output.get("data", {}) for part in lecture.parts
                                        for cell in part.cells if cell.cell_type == "code" for output in cell.outputs)
    assert "Algorithm 1" in html and "def train_bias" not in html
    headings = [re.sub(r"<[^>]*>", "", stack[0].heading) for stack in stacks[1:]]
    assert headings[0] == "The paper in five sentences lesson 00, section 4" and len(headings) >= len(lecture.parts)


def test_the_speaker_reads_where_the_clock_should_be(ninety):
    lecture, stacks = ninety
    first, last = plans.clock(lecture)[1]
    assert stacks[2][0].notes.startswith(f"**Minutes {first} to {last}.** ")


def test_the_exercises_of_the_room_come_without_their_solutions(every):
    lecture = next(lecture for lecture in every if lecture.room)
    html = "".join(block.html for stack in deck.lecture_slides(lecture) for page in stack for block in page.blocks)
    assert "my_judgement" in html and "The check gives the reason" not in html


def test_a_longer_note_makes_a_longer_lecture(course):
    spoilt = copy.deepcopy(course)
    cell = plans.section_cells(next(lesson for lesson in spoilt if lesson.number == "04"), 4)[0]
    cell.metadata["slideshow"]["notes"] = "60 minutes. Slowly."
    assert plans.lectures("90", spoilt)[0].minutes > 90
