"""The student edition gives nothing away and works; the instructor edition keeps nothing back."""

import ast
import importlib
import re

import nbformat
import numpy as np
import pytest
import torch

from bncourse.grading.exercises import checks_of, names_defined, preparation, tasks
from bncourse.grading.worker import verdict
from bncourse.lectures import editions
from bncourse.lectures.editions import Leak, instructor, student
from bncourse.lectures.lessons import exercise, has_tag, is_hidden, notes
from bncourse.notebooks import check
from tests.lectures.exercises import solved

SECRET = "swordfish"


def text(notebook):
    return nbformat.writes(notebook)


def cell(notebook, id):
    return next(cell for cell in notebook.cells if cell.id == id)


# the student edition gives nothing away


def in_source(lesson):
    cell(lesson, "solution").source += f"  # {SECRET}"


def in_output(lesson):
    cell(lesson, "solution").outputs[0].text = SECRET


def in_metadata(lesson):
    cell(lesson, "solution").metadata["alt"] = SECRET


def in_notes(lesson):
    cell(lesson, "words").metadata["slideshow"] = {"slide_type": "slide", "notes": SECRET}


def in_an_answer(lesson):
    cell(lesson, "question").source = cell(lesson, "question").source.replace("most say", SECRET)


def in_an_attachment(lesson):
    cell(lesson, "question")["attachments"] = {"a.png": {"image/png": SECRET}}


def in_a_hidden_cell(lesson):
    cell(lesson, "number").update(source=SECRET, metadata={"jupyter": {"source_hidden": True}})


def in_the_notebook(lesson):
    lesson.metadata["solutions"] = SECRET


@pytest.mark.parametrize("plant", [in_source, in_output, in_metadata, in_notes, in_an_answer, in_an_attachment,
                                   in_a_hidden_cell, in_the_notebook])
def test_a_planted_secret_is_not_in_the_student_edition(small, plant):
    plant(small.notebook)
    assert SECRET in text(small.notebook)
    assert SECRET not in text(student(small.notebook))


def test_hints_checks_and_the_answers_that_are_reading_stay(small):
    handed_out = text(student(small.notebook))
    assert all(kept in handed_out for kept in ("Look up.", "check(mine)", "Read on.", "42\\n", "A. yes", "B. `no`"))


def test_evidence_stays_though_it_is_folded(small):
    in_a_hidden_cell(small.notebook)
    cell(small.notebook, "number").metadata["tags"] = ["evidence"]
    kept = cell(student(small.notebook), "number")
    assert kept.source == SECRET and kept.metadata.jupyter.source_hidden


def test_an_answer_that_does_not_end_is_refused(small):
    question = cell(small.notebook, "question")
    question.source = question.source.replace("</details>", "")
    with pytest.raises(Leak, match="cell question has an answer that does not end"):
        student(small.notebook)


def test_making_an_edition_leaves_the_notebook_as_it_was(small):
    before = text(small.notebook)
    student(small.notebook), instructor(small.notebook)
    assert text(small.notebook) == before


def test_no_lesson_hands_out_what_its_solutions_define(course, handed_out):
    for lesson, given in zip(course, handed_out, strict=True):
        shown = "\n".join(each.source for each in given.cells)
        assert "remember=False" not in shown, lesson.name
        for _, solution in solved(lesson).values():
            assert not names_defined(solution) & used(given.cells), lesson.name
            assert solution.splitlines()[0] not in shown, lesson.name
        for each in given.cells:
            assert not (has_tag(each, "solution") or is_hidden(each) or notes(each)), (lesson.name, each.id)
            assert not (has_tag(each, "question") and "<details" in each.source), (lesson.name, each.id)


# the student edition works


def used(cells):
    trees = [ast.parse(cell.source) for cell in cells if cell.cell_type == "code"]
    return {node.id for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Name)}


def test_no_solution_draws_random_numbers_that_the_rest_would_miss(course):
    for lesson in course:
        for number, (_, solution) in solved(lesson).items():
            names = {node.id for node in ast.walk(ast.parse(solution)) if isinstance(node, ast.Name)}
            assert "rng" not in names, number


def test_the_student_edition_is_in_the_form_of_the_course(handed_out, tmp_path):
    editions.write(handed_out, tmp_path)
    assert {path.name: check(path) for path in tmp_path.iterdir()} == {lesson.path.name: [] for lesson in handed_out}


def test_every_stub_is_stored_as_not_attempted(course, handed_out):
    for lesson, given in zip(course, handed_out, strict=True):
        said = [output.data["text/plain"] for each in given.cells if has_tag(each, "stub")
                for output in each.outputs]
        assert said == [f"Exercise {number}: not attempted yet" for number in solved(lesson)], lesson.name


@pytest.fixture
def torch_as_it_was():
    dtype, threads = torch.get_default_dtype(), torch.get_num_threads()
    yield
    torch.set_default_dtype(dtype)
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("torch_as_it_was", "capsys")
def test_a_stub_says_not_attempted_and_the_solution_pasted_into_it_passes(course):
    for lesson in course:
        answers, names = solved(lesson), {}
        sources = [without_asserts(source) for both in answers.values() for source in both]
        exec(preparation(lesson, sources), names)
        checks = importlib.import_module(checks_of(lesson.name))
        for task in tasks(lesson):
            stub, solution = map(without_asserts, answers[task.number])
            right = ast.parse(solution).body[-1].value.args[0].id
            asked = {"number": task.number, "answer": task.answer, "judged": True}
            judge = getattr(checks, task.judge)
            assert judge.exercise == task.number
            assert verdict({**asked, "source": stub}, judge, names) == {"state": "not attempted yet"}, task.number
            pasted = f"{solution}\n{task.answer} = {right}"
            assert verdict({**asked, "source": pasted}, judge, names) == {"state": "passed"}, task.number


def without_asserts(source):
    """A source without its asserts, which may look at anything that the lesson has computed."""
    statements = [statement for statement in ast.parse(source).body if not isinstance(statement, ast.Assert)]
    return ast.unparse(ast.Module(statements, []))


# the instructor edition keeps nothing back


def test_the_instructor_sees_solutions_notes_answers_and_what_to_grade_by(small):
    graded = instructor(small.notebook)
    assert not any(is_hidden(each) for each in graded.cells)
    shown = "\n".join(each.source for each in graded.cells)
    assert "return 42" in shown and "**Notes.** Ask: why?" in shown and "<details open>" in shown
    assert "**To grade 03.1.** y = gamma" in shown
    assert re.search(r"- \*.+\*: .+ \(.+\)", shown), "no mistake is named"


def test_every_exercise_of_the_course_says_what_to_grade_by(course):
    for lesson in course:
        shown = "\n".join(each.source for each in instructor(lesson.notebook).cells)
        numbers = [exercise(each) for each in lesson.cells if exercise(each)]
        assert numbers == list(solved(lesson))
        assert all(re.search(rf"\*\*To grade {number}\.\*\*\s+\S", shown) for number in numbers), lesson.name


def test_notes_are_cells_that_slide_programs_take_for_notes(small):
    first, title, *_ = instructor(small.notebook).cells
    assert first.metadata["slideshow"] == {"slide_type": "notes"} and title.id == "title"
    assert np.all([each.id for each in instructor(small.notebook).cells])
