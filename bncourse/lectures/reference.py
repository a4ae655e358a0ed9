"""What lessons refer to, as pages: the ledger of the paper's claims, and the glossary."""

import re
from collections.abc import Collection
from dataclasses import dataclass

from bncourse import paper
from bncourse.lectures import linking, markup
from bncourse.lectures.lessons import Lesson

TABLE = re.compile(r"^## \d+ (?:Words|Glossary)\b", re.M)
SHORTEST = 5  # letters of a word that other pages lead from


@dataclass(frozen=True)
class Entry:
    """A word of the glossary: its names in other languages, and its meanings by the lesson that gives them; HTML."""

    word: str
    elsewhere: str
    meanings: tuple[tuple[Lesson, str], ...]

    @property
    def anchor(self) -> str:
        return markup.anchor(self.word)


def glossary(lessons: list[Lesson]) -> list[Entry]:
    """The words that lessons explain in their tables of words, in the order of the alphabet."""
    elsewhere, meanings = {}, {}
    for lesson in lessons:
        for head, *cells in (row for cell in lesson.cells if TABLE.search(cell.source) for row in rows(cell.source)):
            word = re.sub(r"<[^>]*>", "", head)
            if "$" in word or not word:
                continue
            *more, meaning = cells
            if len(cells) == 3:
                elsewhere[word] = ", ".join(f'<span lang="{code}">{name}</span>' for code, name in
                                            zip(("ko", "zh"), more, strict=True))
            elif more and more[0]:
                meaning = f"{more[0]}: {meaning}"
            meanings.setdefault(word, []).append((lesson, meaning))
    return [Entry(word, elsewhere.get(word, ""), tuple(meanings[word])) for word in sorted(meanings, key=str.lower)]


def rows(text: str) -> list[list[str]]:
    """The rows of the first table in a Markdown text, each a list of cells as HTML, without the head."""
    table = markup.markdown(text).partition("<tbody>")[2].partition("</tbody>")[0]
    return [re.findall(r"<td[^>]*>(.*?)</td>", row, re.S) for row in re.findall(r"<tr>(.*?)</tr>", table, re.S)]


def words(entries: list[Entry]) -> list[tuple[str, str]]:
    """The words that pages lead from, each with its anchor; of "step, iteration" both."""
    return [(word, entry.anchor) for entry in entries for word in entry.word.split(", ")
            if len(word) >= SHORTEST and word.replace(" ", "").replace("-", "").isalpha()]


def glossary_page(entries: list[Entry]) -> str:
    """The words of the course as HTML: each with its meanings, and a link to the lesson of each."""
    parts = ["<h1>Glossary</h1>", "<p>The words of the course, with the lessons that explain them.</p>", "<dl>"]
    for entry in entries:
        more = f" <span class='elsewhere'>{entry.elsewhere}</span>" if entry.elsewhere else ""
        parts.append(f'<dt id="{entry.anchor}">{entry.word}{more}</dt>')
        parts += [f'<dd>{meaning} <a href="lessons/{lesson.name}.html">lesson {lesson.number}</a></dd>'
                  for lesson, meaning in entry.meanings]
    return "\n".join([*parts, "</dl>"])


def ledger_page(lessons: list[Lesson], packages: Collection[str]) -> str:
    """The claims of the paper: what each says, what was measured, the verdict, and where it is shown.

    packages are those that have a page of their names.
    """
    claims = paper.claims().values()
    names = {lesson.number: lesson for lesson in lessons}
    parts = ["<h1>The claims of the paper</h1>", f"<p>{paper.counted()}</p>"]
    for section in dict.fromkeys(claim.section for claim in claims):
        parts.append(f"<h2>{section if section[0].isalpha() else 'Section ' + section}</h2>")
        for claim in (claim for claim in claims if claim.section == section):
            parts.append(f'<section class="claim"><h3 id="{claim.id}">{claim.id} '
                         f'<span class="verdict {markup.anchor(claim.verdict)}">{claim.verdict}</span></h3>'
                         f"{markup.markdown(claim.says)}")
            if claim.measured:
                parts.append(linking.to_claims(markup.markdown(f"**Measured here:** {claim.measured}"), "claims.html"))
            parts.append(f"<p class='ways'>{places(claim, names)} {functions(claim, packages)}</p></section>")
    return "\n".join(parts)


def places(claim: paper.Claim, lessons: dict[str, Lesson]) -> str:
    """Links to the sections that show a claim."""
    found = [(lessons[place.notebook], place.section) for place in claim.shown if place.notebook in lessons]
    return " ".join(f'<a href="lessons/{lesson.name}.html{anchor(lesson, section)}">lesson {lesson.number}: '
                    f"{section}</a>" for lesson, section in found)


def anchor(lesson: Lesson, section: str) -> str:
    """The address in a lesson's page of a heading that is given without its number, or nothing."""
    found = re.search(rf"^#+ (\d+ {re.escape(section)}) *$", "\n".join(cell.source for cell in lesson.cells), re.M)
    return f"#{markup.anchor(markup.markdown(found[1]))}" if found else ""


def functions(claim: paper.Claim, packages: Collection[str]) -> str:
    """The functions that compute a claim, with links to the pages of their packages."""
    names = [name.removeprefix("bncourse.") for name in claim.function]
    return " ".join(f'<a href="api/{name.partition(".")[0]}.html"><code>{name}</code></a>'
                    if name.partition(".")[0] in packages else f"<code>{name}</code>" for name in names)
