"""The course as static pages: an index, each lesson to read, its slides, and the notebooks to download.

Every address is relative and nothing is asked of another host, so any web server, or none, can show it. The same
notebooks give the same bytes.
"""

import html
import zipfile
from collections.abc import Collection
from importlib.metadata import version
from pathlib import Path
from string import Template

from bncourse import explanations
from bncourse.lectures import assets, deck, editions, markup
from bncourse.lectures.lessons import Lesson
from bncourse.lectures.questions import bank, markdown

HERE = Path(__file__).parent
PAGE = Template((HERE / "page.html").read_text(encoding="utf-8"))
LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the date of every file in an archive, so that archives are the same every time


def write(lessons: list[Lesson], edition: str, folder: Path) -> None:
    """Write the site of an edition into a folder: its pages, decks and notebooks. Raises assets.Missing."""
    assets.copy_common(folder / "assets")
    assets.copy_reveal(folder / "assets")
    for name in ("site.css", "site.js"):
        assets.copy(HERE / name, folder / "assets" / name)
    edited = editions.in_edition(lessons, edition)
    for name in ("lessons", "slides", "notebooks"):
        (folder / name).mkdir()
    editions.write(edited, folder / "notebooks")
    pack(sorted((folder / "notebooks").glob("*.ipynb")), folder / "notebooks" / f"{edition}.zip")
    names = {lesson.path.name for lesson in lessons}
    for place, lesson in enumerate(edited):
        around = edited[place - 1] if place else None, edited[place + 1] if place + 1 < len(edited) else None
        save(folder / "lessons" / f"{lesson.name}.html", lesson_page(lesson, names, *around))
        save(folder / "slides" / f"{lesson.name}.html", deck.deck(lesson, names, "../assets"))
    save(folder / "questions.html", questions_page(lessons, edition))
    save(folder / "index.html", index(edited, edition))


def index(lessons: list[Lesson], edition: str) -> str:
    """The first page: what there is, lesson by lesson."""
    items = "\n".join(
        f"<li><h3><a href='lessons/{x.name}.html'>{x.number} · {html.escape(x.title)}</a></h3>"
        f"<p>{markup.markdown(x.question).strip().removeprefix('<p>').removesuffix('</p>')}</p>"
        f"<p class='ways'>{links_to(x, '')}</p></li>" for x in lessons)
    body = ((HERE / "index.html").read_text(encoding="utf-8")
            .replace("$lessons", items).replace("$edition", edition)
            .replace("$explanations", markup.markdown(explanations.table())))
    return page("Batch normalization: a course", body, "assets", "")


def links_to(lesson: Lesson, up: str) -> str:
    """Links to a lesson's slides and notebook; each link names the lesson, for readers who hear links one by one."""
    about = f"<span class='aside'> of lesson {lesson.number}</span>"
    return (f"<a href='{up}slides/{lesson.name}.html'>slides{about}</a> "
            f"<a href='{up}notebooks/{lesson.path.name}' download>notebook{about}</a>")


def lesson_page(lesson: Lesson, names: Collection[str], before: Lesson | None, after: Lesson | None) -> str:
    """A lesson to read, with the way to its neighbours."""
    link = deck.link_to(names)
    parts = [f"<p class='ways'>{links_to(lesson, '../')}</p>"]
    for cell in lesson.cells:
        if cell.cell_type == "markdown":
            parts.append(f"<div class='text'>{markup.markdown(cell.source, link)}</div>")
        else:
            parts += [markup.code(cell.source), *(markup.output(output, link) for output in cell.outputs)]
    steps = [f"<a href='{x.name}.html' rel='{way}'>{x.number} · {html.escape(x.title)}</a>"
             for x, way in ((before, "prev"), (after, "next")) if x]
    parts.append(f"<nav class='steps' aria-label='Lessons before and after'>{' '.join(steps)}</nav>")
    return page(f"{lesson.number} · {lesson.title}", "\n".join(parts), "../assets", "../")


def questions_page(lessons: list[Lesson], edition: str) -> str:
    text = markdown(bank(lessons), answers=edition == "instructor")
    return page("Questions", markup.markdown(text), "assets", "")


def page(title: str, body: str, beside: str, up: str) -> str:
    return PAGE.substitute(title=html.escape(title), body=body, assets=beside, up=up, version=version("bncourse"))


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
