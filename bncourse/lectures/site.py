"""The course as static pages: an index, each lesson to read, its slides, and the notebooks to download.

Every address is relative and nothing is asked of another host, so any web server, or none, can show it. The same
notebooks give the same bytes. Links to Colab and Binder are there only where a repository is named.
"""

import base64
import html
import io
import zipfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from string import Template
from types import MappingProxyType

from PIL import Image

from bncourse import explanations, paper
from bncourse.lectures import api, assets, deck, editions, elsewhere, linking, markup, quiz, reading, reference, search
from bncourse.lectures.frames import is_explorer, place_all
from bncourse.lectures.lessons import SHOWN_FIRST, Lesson, has_tag
from bncourse.lectures.questions import parse

HERE = Path(__file__).parent
PAGE = Template((HERE / "page.html").read_text(encoding="utf-8"))
LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the date of every file in an archive, so that archives are the same every time
STYLE = ("site.css", "site.js", "search.js")
THUMBNAIL = 440  # pixels


def write(lessons: list[Lesson], edition: str, folder: Path, frames: Mapping[str, Path] = MappingProxyType({}),
          repository: str = "", packages: tuple[str, ...] = api.PACKAGES) -> None:
    """Write the site of an edition into a folder: its pages, decks and notebooks.

    frames are the folders of `frames.make`, by the names of lessons; the explorers of other lessons stand still.
    repository is OWNER/NAME on GitHub, packages are those of which the names are described. Raises assets.Missing.
    """
    assets.copy_common(folder / "assets")
    assets.copy_reveal(folder / "assets")
    for name in STYLE:
        assets.copy(HERE / name, folder / "assets" / name)
    for name in ("lessons", "slides", "notebooks", "api"):
        (folder / name).mkdir()
    edited = editions.in_edition(lessons, edition)
    write_notebooks(edited, edition, folder, repository)
    moving = place_all(edited, frames, folder / "frames", "../frames/")
    quizzes = {lesson.name: {cell.id: quiz.form(question, edition == "instructor")
                             for cell, question in questions(lesson)} for lesson in lessons}
    entries = reference.glossary(lessons)
    write_lessons(moving, quizzes, entries, folder, repository)
    write_reference(lessons, entries, folder, packages)
    save(folder / "questions.html", page("Questions", questions_page(lessons, quizzes)))
    first = [lesson for lesson in edited if lesson.number == SHOWN_FIRST] or edited[:1]
    first = place_all(first, frames, folder / "frames", "frames/")
    save(folder / "index.html", index(edited, first[0], edition, folder))


def write_notebooks(edited: list[Lesson], edition: str, folder: Path, repository: str) -> None:
    """Write the notebooks to download, all of them as an archive, and their forms for Colab."""
    editions.write(edited, folder / "notebooks")
    pack(sorted((folder / "notebooks").glob("*.ipynb")), folder / "notebooks" / f"{edition}.zip")
    if repository:
        (folder / "colab").mkdir()
        editions.write([elsewhere.for_colab(lesson, repository) for lesson in edited], folder / "colab")


def write_lessons(lessons: list[Lesson], quizzes: Mapping[str, Mapping[str, str]], entries: list[reference.Entry],
                  folder: Path, repository: str) -> None:
    """Write the page and the deck of each lesson."""
    names = {lesson.path.name for lesson in lessons}
    for place, lesson in enumerate(lessons):
        before, after = (lessons[other] if 0 <= other < len(lessons) else None for other in (place - 1, place + 1))
        more = elsewhere.links(lesson, repository) if repository else ""
        body = reading.body(lesson, names, quizzes[lesson.name], more)
        body = linking.to_words(linking.to_claims(body, "../claims.html"), reference.words(entries), "../glossary.html")
        above, below = (reading.steps(before, after, place) for place in ("above", "below"))
        save(folder / "lessons" / f"{lesson.name}.html",
             page(f"{lesson.number} · {lesson.title}", f"{above}\n{body}\n{below}", "../"))
        save(folder / "slides" / f"{lesson.name}.html", deck.deck(lesson, names, "../assets"))


def write_reference(lessons: list[Lesson], entries: list[reference.Entry], folder: Path, packages: tuple) -> None:
    """Write the ledger, the glossary, the public names, and the page that searches them and the lessons."""
    save(folder / "claims.html", page("The claims of the paper", reference.ledger_page(lessons, packages)))
    save(folder / "glossary.html", page("Glossary", reference.glossary_page(entries)))
    for name, body in api.pages(packages).items() if packages else ():
        save(folder / "api" / f"{name}.html", page(f"bncourse.{name}", body, "../"))
    save(folder / "api" / "index.html", page("The package", api.contents(packages), "../"))
    save(folder / "assets" / "search-index.js", search.script(lessons, entries))
    save(folder / "search.html", page("Search", (HERE / "search.html").read_text(encoding="utf-8")))


def index(lessons: list[Lesson], first: Lesson, edition: str, folder: Path) -> str:
    """The first page: the explorer of the lesson `first`, then what there is, lesson by lesson."""
    (folder / "pictures").mkdir()
    items = "\n".join(card(lesson, folder) for lesson in lessons)
    body = ((HERE / "index.html").read_text(encoding="utf-8")
            .replace("$lessons", items).replace("$count", str(len(lessons)))
            .replace("$edition", edition).replace("$claims", paper.counted())
            .replace("$explorer", markup.picture(pictures(first)[-1]) if pictures(first) else "")
            .replace("$explanations", linking.to_claims(markup.markdown(explanations.table()), "claims.html")))
    return page("Batch normalization: a course", reading.scrolling(body))


def card(lesson: Lesson, folder: Path) -> str:
    """A lesson on the first page: picture, title, question, minutes, ways in."""
    question = markup.inline(lesson.question)
    minutes = f"<p class='minutes'>{lesson.minutes} minutes</p>" if lesson.minutes else ""
    return (f"<li>{thumbnail(lesson, folder)}<div><h3><a href='lessons/{lesson.name}.html'>{lesson.number} · "
            f"{html.escape(lesson.title)}</a></h3><p>{question}</p>{minutes}"
            f"<p class='ways'>{reading.links_to(lesson, '')}</p></div></li>")


def thumbnail(lesson: Lesson, folder: Path) -> str:
    """The picture of a lesson, small: that of the README, or else the explorer's, or the last."""
    found = pictures(lesson)
    if not found:
        return "<span></span>"
    told = found[0].metadata["image/png"]
    image = Image.open(io.BytesIO(base64.b64decode(found[0].data["image/png"]))).convert("RGB")
    image.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS)
    image.save(folder / "pictures" / f"{lesson.name}.webp", quality=85)
    return (f"<img src='pictures/{lesson.name}.webp' width='{image.width}' height='{image.height}' loading='lazy' "
            f"alt='{html.escape(told['alt'])}'>")


def pictures(lesson: Lesson) -> list:
    """The pictures of a lesson: that of the README first, that of the explorer last."""
    found = [(has_tag(cell, "readme"), is_explorer(cell.source), output)
             for cell in lesson.cells if cell.cell_type == "code" for output in markup.with_captions(cell.outputs)
             if markup.kind(output) == "picture"]
    return [output for *_, output in sorted(found, key=lambda one: (not one[0], one[1]))]


def questions(lesson: Lesson) -> list[tuple]:
    """The cells of a lesson that hold questions, each with its question."""
    return [(cell, parse(lesson, cell)) for cell in lesson.cells if has_tag(cell, "question")]


def questions_page(lessons: list[Lesson], quizzes: Mapping[str, Mapping[str, str]]) -> str:
    """All questions, to be answered by a click."""
    parts = ["<h1>Questions</h1>", "<p>Choose an answer; the page says whether it is the right one.</p>"]
    for lesson in lessons:
        parts += [f"<h2 id='{lesson.number}'><a href='lessons/{lesson.name}.html'>{lesson.number} · "
                  f"{html.escape(lesson.title)}</a></h2>", *quizzes[lesson.name].values()]
    return "\n".join(parts)


def page(title: str, body: str, up: str = "") -> str:
    return PAGE.substitute(title=html.escape(title), body=body, assets=f"{up}assets", up=up,
                           version=version("bncourse"))


def save(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


def pack(paths: list[Path], target: Path) -> None:
    """A zip archive of the files, the same bytes for the same files."""
    with zipfile.ZipFile(target, "w") as archive:
        for path in paths:
            entry = zipfile.ZipInfo(path.name, LONG_AGO)
            entry.create_system = 3  # else it says on which system it was made
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
