"""The index that a page searches without a server: every section of every lesson, every claim, every word.

It is a script that sets one variable, since a page that is opened as a file may load scripts and nothing else.
"""

import html
import json
import re

from bncourse import paper
from bncourse.lectures import markup
from bncourse.lectures.lessons import Lesson
from bncourse.lectures.reference import Entry

HEADING = re.compile(r"(?m)^(?=#{1,3} )")


def script(lessons: list[Lesson], entries: list[Entry]) -> str:
    """The index as JavaScript: rows of address, title, text."""
    rows = [row for lesson in lessons for row in sections(lesson)]
    rows += [[f"claims.html#{claim.id}", f"{claim.id}, {claim.verdict}", f"{claim.says} {claim.measured}"]
             for claim in paper.claims().values()]
    rows += [[f"glossary.html#{entry.anchor}", entry.word, words(" ".join(text for _, text in entry.meanings))]
             for entry in entries]
    return f"window.SEARCH = {json.dumps(rows, ensure_ascii=False, separators=(',', ':'))};\n"


def sections(lesson: Lesson) -> list[list[str]]:
    """The sections of a lesson: the address of the heading, the lesson and the heading, the words below it."""
    text = "\n\n".join(cell.source for cell in lesson.cells if cell.cell_type == "markdown")
    rows = []
    for part in filter(str.strip, HEADING.split(text)):
        heading, _, body = part.partition("\n")
        title = words(markup.markdown(heading.lstrip("# ")))
        place = "" if heading.startswith("# ") else f"#{markup.anchor(title)}"
        rows.append([f"lessons/{lesson.name}.html{place}",
                     title if not place else f"{lesson.number}: {title}", words(markup.markdown(body))])
    return rows


def words(page: str) -> str:
    """The text of a piece of HTML on one line, formulas as they are written."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page)).split())
