"""The course page: the same every time, no broken link, nothing from elsewhere, nothing given away."""

import filecmp
import html
import re
import zipfile
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest

from bncourse.lectures import assets, pdf, site
from bncourse.lectures.assets import Missing
from bncourse.lectures.pdf import NoPDF
from tests.lectures.exercises import solved


@pytest.fixture(scope="module")
def page(course, tmp_path_factory):
    """The folder of the course page, student edition."""
    folder = tmp_path_factory.mktemp("site")
    site.write(course, "student", folder)
    return folder


class Seen(HTMLParser):
    """What a page refers to, its ids, its headings, its pictures' texts."""

    def __init__(self, path):
        super().__init__()
        self.path, self.targets, self.ids, self.levels, self.alts = path, [], set(), [], []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        told = dict(attributes)
        self.targets += [told[name] for name in ("href", "src") if name in told]
        self.ids.add(told.get("id"))
        if re.fullmatch("h[1-6]", tag):
            self.levels.append(int(tag[1]))
        if tag == "img":
            self.alts.append(told.get("alt", ""))


def test_the_same_notebooks_give_the_same_bytes(page, course, tmp_path):
    site.write(course, "student", tmp_path)
    names = [path.relative_to(page) for path in page.rglob("*") if path.is_file()]
    assert sorted(names) == sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file())
    assert filecmp.cmpfiles(page, tmp_path, names, shallow=False)[1:] == ([], [])


def test_every_address_leads_to_a_file_of_the_page_or_is_a_link_to_read(page):
    for path in page.rglob("*.html"):
        for target in Seen(path).targets:
            if target.startswith(("data:", "https://")):
                continue
            file, _, place = target.partition("?")[0].partition("#")
            found = (path.parent / file).resolve() if file else path
            assert found.is_file() and page.resolve() in found.parents, (path.name, target)
            assert not place or place in Seen(found).ids, (path.name, target)


def test_nothing_is_loaded_from_another_host(page):
    for path in page.rglob("*"):
        if path.suffix in (".html", ".css") or path.name in ("deck.js", "site.js", "mathematics.js"):
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"""(src|srcset)=["']?(https?:)?//|url\(["']?(https?:)?//|@import""", text), path.name


def test_headings_are_in_order_and_pictures_have_words(page):
    for path in page.rglob("*.html"):
        seen = Seen(path)
        assert seen.levels[0] == 1 and seen.levels.count(1) == 1, path
        assert all(after <= before + 1 for before, after in zip(seen.levels, seen.levels[1:], strict=False)), path
        assert all(len(alt) > 20 for alt in seen.alts), path


def test_every_lesson_is_there_to_read_to_show_and_to_take(page, course):
    names = {lesson.name for lesson in course}
    for folder in ("lessons", "slides"):
        assert {path.stem for path in (page / folder).glob("*.html")} == names
    index = (page / "index.html").read_text(encoding="utf-8")
    assert all(f"{lesson.number} · {lesson.title}" in index for lesson in course)
    with zipfile.ZipFile(page / "notebooks" / "student.zip") as archive:
        assert {Path(name).stem for name in archive.namelist()} == names


def test_the_students_page_gives_no_solution_no_answer_and_no_note_away(page, course):
    shown = {path: path.read_text(encoding="utf-8") for path in page.rglob("*.html")}
    for lesson in course:
        for _, solution in solved(lesson).values():
            comment = html.escape(solution.splitlines()[0])
            assert not [path.name for path, text in shown.items() if comment in text], lesson.name
    assert not [path.name for path, text in shown.items() if 'class="notes"' in text or ">remember<" in text]
    assert "Answers" not in shown[page / "questions.html"]


def test_the_instructors_page_has_them(small, tmp_path):
    site.write([small], "instructor", tmp_path)
    read = (tmp_path / "lessons" / "98_small.html").read_text(encoding="utf-8")
    assert "solved" in read and "To grade 03.1" in read
    assert "98.1: B" in (tmp_path / "questions.html").read_text(encoding="utf-8")
    assert nbformat.read(tmp_path / "notebooks" / "98_small.ipynb", as_version=4)


def test_a_missing_package_is_said_with_its_remedy(monkeypatch):
    monkeypatch.setattr(assets, "find_spec", lambda name: None)
    with pytest.raises(Missing, match=r"sphinx-revealjs is not installed.*install -e .\[lectures\]"):
        assets.package("sphinx_revealjs")


def test_without_a_chromium_the_pdf_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.delenv("BNCOURSE_CHROMIUM", raising=False)
    monkeypatch.setattr(pdf.shutil, "which", lambda name: None)
    with pytest.raises(NoPDF, match=r"no Chromium: .*print-pdf"):
        pdf.chromium()
    monkeypatch.setenv("BNCOURSE_CHROMIUM", str(tmp_path))
    with pytest.raises(NoPDF, match="which is not a file"):
        pdf.chromium()


def test_a_pdf_with_too_few_pages_is_printed_again_with_more_time(monkeypatch, tmp_path):
    (tmp_path / "a.html").write_text("<section class='page'>".replace("'", '"') * 2)
    tried = []

    def print_once(deck, target, browser, seconds):
        tried.append(seconds)
        target.write_bytes(b"/Type /Pages /Type /Page " + b"/Type /Page " * (len(tried) - 1))
        return ""

    monkeypatch.setattr(pdf, "print_once", print_once)
    assert pdf.write(tmp_path / "a.html", "chromium") == tmp_path / "a.pdf"
    assert tried == list(pdf.PATIENCE[:2])
    monkeypatch.setattr(pdf, "print_once", lambda *_: "no display")
    (tmp_path / "a.pdf").write_bytes(b"/Type /Page")
    with pytest.raises(NoPDF, match=r"a.html has 2 slides, but chromium printed 1 pages: no display"):
        pdf.write(tmp_path / "a.html", "chromium")
