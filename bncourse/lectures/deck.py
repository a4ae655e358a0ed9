"""A lesson as a reveal.js deck: slides side by side for the sections, and below each what belongs to it.

A deck is one HTML file with its pictures inside; style, mathematics and reveal.js lie in `assets` beside it.
"""

import html
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from string import Template
from types import MappingProxyType

from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell

from bncourse.lectures import assets, blocks, markup, plans
from bncourse.lectures.frames import place_all
from bncourse.lectures.lessons import Lesson
from bncourse.lectures.pages import Page, stacks

NUMBERED = re.compile(r"\A(\d+) ")
TEMPLATE = Template((Path(__file__).parent / "deck.html").read_text(encoding="utf-8"))


def write(lessons: list[Lesson], folder: Path, frames: Mapping[str, Path] = MappingProxyType({})) -> list[Path]:
    """Write a deck for each lesson into a folder, and the assets of the decks. Returns their paths.

    frames are the folders of `frames.make`, by the names of lessons; the explorers of other lessons stand still. A PDF
    of an earlier deck goes, as it is not of this one. Raises assets.Missing.
    """
    names = {lesson.path.name for lesson in lessons}
    return write_all({lesson.name: deck(lesson, names, "assets")
                      for lesson in place_all(lessons, frames, folder / "frames", "frames/")}, folder)


def write_all(decks: Mapping[str, str], folder: Path) -> list[Path]:
    """Write decks by their names, and the assets of decks."""
    assets.copy_common(folder / "assets")
    assets.copy_reveal(folder / "assets")
    for name, text in decks.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8", newline="\n")
        (folder / f"{name}.pdf").unlink(missing_ok=True)
    return [folder / f"{name}.html" for name in decks]


def deck(lesson: Lesson, others: Collection[str], beside: str) -> str:
    """The deck of a lesson as HTML.

    others are the file names of the notebooks that have decks, for the links. beside is the address of the assets.
    """
    slides = stacks(blocks.of_lesson(lesson.cells, link_to(others)))
    return of_stacks(f"{lesson.number} · {lesson.title}", slides, beside)


def of_stacks(title: str, slides: list[list[Page]], beside: str) -> str:
    """A deck of these slides as HTML; the first bears the title."""
    body = "\n".join(f"<section>{''.join(section(page, s == p == 0) for p, page in enumerate(stack))}</section>"
                     for s, stack in enumerate(slides))
    return TEMPLATE.substitute(title=html.escape(title), slides=body, assets=beside)


def write_lectures(plan: str, lessons: list[Lesson], folder: Path,
                   frames: Mapping[str, Path] = MappingProxyType({})) -> list[Path]:
    """Write a deck for each lecture of a plan into a folder, as `write` does. Returns their paths.

    lessons are those that the plan takes its parts from. Raises assets.Missing and plans.NoSuchPlan.
    """
    moving = place_all(lessons, frames, folder / "frames", "frames/")
    return write_all({lecture.name: of_stacks(lecture.title, lecture_slides(lecture), "assets")
                      for lecture in plans.lectures(plan, moving)}, folder)


def lecture_slides(lecture: plans.Lecture) -> list[list[Page]]:
    """The slides of a lecture: its title with what comes when, its parts, the exercises done in the room."""
    when = zip(plans.clock(lecture), lecture.parts, strict=True)
    agenda = "\n".join(f"- {begin} to {end}: {part.show}" for (begin, end), part in when)
    shown = " · ".join(part.show for part in lecture.parts)
    opening = blocks.of_text(new_markdown_cell(f"**{lecture.question}**\n\n{shown}"), link_to([]))
    slides = [[Page(html.escape(lecture.title), f"Minutes, and what is shown:\n\n{agenda}", blocks=list(opening))]]
    for (begin, end), part in zip(plans.clock(lecture), lecture.parts, strict=True):
        slides += of_cells(part.lesson, part.cells, f"**Minutes {begin} to {end}.** ")
    for lesson, cells in lecture.room:
        slides += of_cells(lesson, cells, "**In the room.** ")
    return slides


def of_cells(lesson: Lesson, cells: list[NotebookNode], before: str) -> list[list[Page]]:
    """The slides of some cells of a lesson; `before` stands before the speaker's notes of each."""
    found = stacks(blocks.of_lesson(lesson.cells, link_to([]), {cell.id for cell in cells}))
    for page in (page for stack in found for page in stack):
        name, number = NUMBERED.sub("", page.heading), NUMBERED.match(page.heading)
        where = f"lesson {lesson.number}" + (f", section {number[1]}" if number else "")
        page.heading, page.notes = f'{name} <span class="part">{where}</span>', before + page.notes
    return found


def link_to(others: Collection[str]) -> markup.Link:
    """A function from the address of a notebook to that of its deck, which is empty where there is no deck."""
    def address(url: str) -> str:
        if not url.endswith(".ipynb"):
            return url
        return url.removesuffix("ipynb") + "html" if url in others else ""
    return address


def section(page: Page, first: bool) -> str:
    """One slide as HTML. A block marked as a fragment is one, unless it is the first block of its slide."""
    level = 1 if first else 2
    part = f' <span class="part">({page.part})</span>' if page.part > 1 else ""
    shown = "".join(f'<div class="block{" fragment" if block.fragment and place else ""}'
                    f'{" tall" if block.is_picture else ""}">{block.html}</div>'
                    for place, block in enumerate(page.blocks))
    said = f'<aside class="notes">{markup.markdown(page.notes)}</aside>' if page.notes else ""
    return (f'<section class="{"title" if first else "page"}"><div class="page">'
            f"<h{level}>{page.heading}{part}</h{level}>{shown}</div>{said}</section>\n")
