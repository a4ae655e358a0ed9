"""A lesson as a reveal.js deck: slides side by side for the sections, and below each what belongs to it.

A deck is one HTML file with its pictures inside; style, mathematics and reveal.js lie in `assets` beside it.
"""

import html
from collections.abc import Collection, Mapping
from pathlib import Path
from string import Template
from types import MappingProxyType

from bncourse.lectures import assets, blocks, markup
from bncourse.lectures.frames import place_all
from bncourse.lectures.lessons import Lesson
from bncourse.lectures.pages import Page, stacks

TEMPLATE = Template((Path(__file__).parent / "deck.html").read_text(encoding="utf-8"))


def write(lessons: list[Lesson], folder: Path, frames: Mapping[str, Path] = MappingProxyType({})) -> None:
    """Write a deck for each lesson into a folder, and the assets of the decks. Raises assets.Missing.

    frames are the folders of `frames.make`, by the names of lessons; the explorers of other lessons stand still. A PDF
    of an earlier deck goes, as it is not of this one.
    """
    assets.copy_common(folder / "assets")
    assets.copy_reveal(folder / "assets")
    names = {lesson.path.name for lesson in lessons}
    for lesson in place_all(lessons, frames, folder / "frames", "frames/"):
        (folder / f"{lesson.name}.html").write_text(deck(lesson, names, "assets"), encoding="utf-8", newline="\n")
        (folder / f"{lesson.name}.pdf").unlink(missing_ok=True)


def deck(lesson: Lesson, others: Collection[str], beside: str) -> str:
    """The deck of a lesson as HTML.

    others are the file names of the notebooks that have decks, for the links. beside is the address of the assets.
    """
    slides = stacks(blocks.of_lesson(lesson.cells, link_to(others)))
    body = "\n".join(f"<section>{''.join(section(page, s == p == 0) for p, page in enumerate(stack))}</section>"
                     for s, stack in enumerate(slides))
    return TEMPLATE.substitute(title=html.escape(f"{lesson.number} · {lesson.title}"), slides=body, assets=beside)


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
    part = f' <span class="part">{page.part}</span>' if page.part > 1 else ""
    shown = "".join(f'<div class="block{" fragment" if block.fragment and place else ""}'
                    f'{" tall" if "<figure" in block.html else ""}">{block.html}</div>'
                    for place, block in enumerate(page.blocks))
    said = f'<aside class="notes">{markup.markdown(page.notes)}</aside>' if page.notes else ""
    return (f'<section class="{"title" if first else "page"}"><div class="page">'
            f"<h{level}>{page.heading}{part}</h{level}>{shown}</div>{said}</section>\n")
