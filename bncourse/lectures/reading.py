"""A lesson as a page to read: its text, its pictures with their code folded, its questions to click.

Above it stand the ways to its slides and its notebook and a list of its sections, below it those to its neighbours.
"""

import html
import re
from collections.abc import Mapping

from nbformat import NotebookNode

from bncourse.lectures import deck, markup
from bncourse.lectures.lessons import Lesson, has_tag

WIDE = re.compile(r"<table>.*?</table>", re.S)


def body(lesson: Lesson, names: set[str], quizzes: Mapping[str, str], more: str = "") -> str:
    """The inside of a lesson's page.

    names are the file names of the notebooks that have pages, quizzes the questions as HTML by the ids of their cells,
    and more stands beside the links to slides and notebook.
    """
    link = deck.link_to(names)
    parts = [quizzes[cell.id] if cell.id in quizzes else text(cell, link) if cell.cell_type == "markdown"
             else code(cell, link) for cell in lesson.cells]
    title, *rest = parts
    opening = f"<p class='ways'>{links_to(lesson, '../')} {more}</p>{contents(''.join(rest))}"
    return scrolling("\n".join([title.replace("</h1>", "</h1>" + opening, 1), *rest]))


def text(cell: NotebookNode, link: markup.Link) -> str:
    return f"<div class='text'>{markup.markdown(cell.source, link)}</div>"


def code(cell: NotebookNode, link: markup.Link) -> str:
    """The source and the outputs of a code cell; the source is folded where a picture or a table says what it does."""
    source, outputs = markup.code(cell.source), markup.with_captions(cell.outputs)
    shown = any(markup.kind(output) != "text" for output in outputs)
    if shown or has_tag(cell, "evidence"):
        name = "Code" if shown else "Evidence: what the text says, as asserts"
        source = f"<details class='source'><summary>{name}</summary>{source}</details>"
    outputs = [markup.output(output, link) for output in outputs]
    return "\n".join([*outputs, source] if shown else [source, *outputs])


def contents(page: str) -> str:
    """A list of the sections of a page, from its second headings."""
    items = "".join(f"<li><a href='#{id}'>{name}</a></li>" for id, name in
                    re.findall(r'<h2 id="([^"]*)">(.*?)</h2>', page))
    return f"<details class='contents' open><summary>On this page</summary><ol>{items}</ol></details>" if items else ""


def links_to(lesson: Lesson, up: str) -> str:
    """Links to a lesson's slides and notebook; each link names the lesson, for readers who hear links one by one."""
    about = f"<span class='aside'> of lesson {lesson.number}</span>"
    return (f"<a href='{up}slides/{lesson.name}.html'>slides{about}</a> "
            f"<a href='{up}notebooks/{lesson.path.name}' download>notebook{about}</a>")


def steps(before: Lesson | None, after: Lesson | None, place: str) -> str:
    """Links to the lesson before, to the contents of the course, and to the lesson after; `place` tells two apart."""
    around = [f"<a href='{x.name}.html' rel='{way}'>{sign.format(f'{x.number} · {html.escape(x.title)}')}</a>" if x
              else "<span></span>" for x, way, sign in ((before, "prev", "← {}"), (after, "next", "{} →"))]
    contents = "<a href='../index.html#lessons'>all lessons</a>"
    return f"<nav class='steps' aria-label='Lessons before and after, {place}'>{around[0]}{contents}{around[1]}</nav>"


def scrolling(page: str) -> str:
    """The page with each table in a box that scrolls by itself, so that the page does not."""
    return WIDE.sub(r"<div class='wide'>\g<0></div>", page)
