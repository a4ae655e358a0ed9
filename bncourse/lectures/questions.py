"""The questions of all lessons as one bank.

A question is a cell tagged `question`: **Question n.** and its text, options lettered A to D on lines of their own, and
in a `<details>` the letter of the answer with the reason.
"""

import re
from dataclasses import dataclass

from nbformat import NotebookNode

from bncourse.lectures.lessons import Lesson, has_tag

FORM = re.compile(r"\*\*(?:Question )?(?P<number>\d+)\.\*\* (?P<text>.*?)\n\n(?P<options>A\. .*?)\n\n"
                  r"<details><summary>Answer</summary>\n\n\*\*(?P<answer>[A-Z])\.\*\* (?P<why>.*?)\n</details>", re.S)
OPTION = re.compile(r"^([A-Z])\. (.*?)\s*$", re.M)


class Malformed(Exception):
    """A cell tagged question that does not have the form of one."""


@dataclass(frozen=True)
class Question:
    """A question of a lesson: its text, its options by letter, the letter of the answer, and why; all in Markdown."""

    lesson: str
    title: str
    number: int
    text: str
    options: dict[str, str]
    answer: str
    why: str

    @property
    def name(self) -> str:
        return f"{self.lesson}.{self.number}"


def bank(lessons: list[Lesson]) -> list[Question]:
    """The questions of the lessons, in their order. Raises Malformed."""
    return [parse(lesson, cell) for lesson in lessons for cell in lesson.cells if has_tag(cell, "question")]


def parse(lesson: Lesson, cell: NotebookNode) -> Question:
    """The question that a cell holds. Raises Malformed, saying what form was expected."""
    found = FORM.fullmatch(cell.source.strip())
    if not found:
        raise Malformed(f"{lesson.path.name}, cell {cell.id} is tagged question; expected '**Question n.** text', "
                        "options 'A. …' on lines of their own, and the answer '**A.** why' in <details>")
    options = dict(OPTION.findall(found["options"]))
    if list(options) != [chr(ord("A") + i) for i in range(len(options))] or found["answer"] not in options:
        raise Malformed(f"{lesson.path.name}, question {found['number']} has the options {', '.join(options)} and the "
                        f"answer {found['answer']}; expected A, B, … and one of them")
    return Question(lesson.number, lesson.title, int(found["number"]), found["text"].strip(), options, found["answer"],
                    found["why"].strip())


def markdown(questions: list[Question], answers: bool = True) -> str:
    """The bank as a Markdown page, lesson by lesson; with `answers`, each lesson ends in answers and reasons."""
    parts = ["# Questions"]
    for lesson in dict.fromkeys(question.lesson for question in questions):
        of_lesson = [question for question in questions if question.lesson == lesson]
        parts.append(f"## {lesson} · {of_lesson[0].title}")
        for question in of_lesson:
            options = "  \n".join(f"{letter}. {text}" for letter, text in question.options.items())
            parts.append(f"**{question.name}** {question.text}\n\n{options}")
        if answers:
            parts.append("### Answers")
            parts += [f"**{q.name}: {q.answer}.** {q.why}" for q in of_lesson]
    return "\n\n".join(parts) + "\n"
