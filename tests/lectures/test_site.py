"""The course page: the same every time, no broken link, nothing from elsewhere, nothing given away."""

import filecmp
import functools
import html
import importlib.util
import itertools
import json
import re
import subprocess
import sys
import zipfile
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest

from bncourse.lectures import assets, elsewhere, pdf, site
from bncourse.lectures.assets import Missing
from bncourse.lectures.elsewhere import NotOnGitHub
from bncourse.lectures.pdf import NoPDF
from bncourse.paper import claims
from tests.lectures.exercises import solved

OURS = ("deck.js", "explorers.js", "mathematics.js", "search.js", "site.js")


@pytest.fixture(scope="module")
def page(material):
    """The folder of the course page, student edition."""
    return material / "site"


@functools.cache
def seen(path):
    return Seen(path)


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


def test_the_same_notebooks_give_the_same_bytes(course, tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    for folder in (one, other):
        folder.mkdir()
        site.write(course[3:5], "student", folder, repository="owner/name", packages=())
    names = [path.relative_to(one) for path in one.rglob("*") if path.is_file()]
    assert sorted(names) == sorted(path.relative_to(other) for path in other.rglob("*") if path.is_file())
    assert filecmp.cmpfiles(one, other, names, shallow=False)[1:] == ([], [])


def test_every_address_leads_to_a_file_of_the_page_or_is_a_link_to_read(page):
    for path in page.rglob("*.html"):
        for target in seen(path).targets:
            if target.startswith(("data:", "https://")):
                continue
            file, _, place = target.partition("?")[0].partition("#")
            found = (path.parent / file).resolve() if file else path
            assert found.is_file() and page.resolve() in found.parents, (path.name, target)
            assert not place or place in seen(found).ids, (path.name, target)


def test_nothing_is_loaded_from_another_host(page):
    for path in page.rglob("*"):
        if path.suffix in (".html", ".css") or path.name in OURS:
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"""(src|srcset)=["']?(https?:)?//|url\(["']?(https?:)?//|@import""", text), path.name


def test_headings_are_in_order_and_pictures_have_words(page):
    for path in page.rglob("*.html"):
        levels, alts = seen(path).levels, seen(path).alts
        assert levels[0] == 1 and levels.count(1) == 1, path
        assert all(after <= before + 1 for before, after in itertools.pairwise(levels)), path
        assert all(len(alt) > 20 for alt in alts), path


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
    assert not [path.name for path, text in shown.items() if 'class="why"' in text]


def test_the_instructors_page_has_them(small, tmp_path):
    site.write([small], "instructor", tmp_path, packages=())
    read = (tmp_path / "lessons" / "98_small.html").read_text(encoding="utf-8")
    assert "solved" in read and "To grade 03.1" in read
    assert "is what most say" in (tmp_path / "questions.html").read_text(encoding="utf-8")
    assert nbformat.read(tmp_path / "notebooks" / "98_small.ipynb", as_version=4)


def test_the_first_page_counts_claims_and_lessons_and_has_a_picture_and_the_minutes_of_every_lesson(page, course):
    index = (page / "index.html").read_text(encoding="utf-8")
    verdicts = [claim.verdict for claim in claims().values()]
    assert f", of which {verdicts.count('holds')} hold, " in index
    assert f"Each of the {len(course)} <a" in index
    assert sum(lesson.minutes for lesson in course) == sum(map(int, re.findall(r"'minutes'>(\d+) minutes", index)))
    assert all((page / "pictures" / f"{lesson.name}.webp").is_file() for lesson in course)


def test_what_the_search_finds_is_there(page, course):
    rows = json.loads((page / "assets" / "search-index.js").read_text(encoding="utf-8")[len("window.SEARCH = "):-2])
    for address, title, _ in rows:
        file, _, place = address.partition("#")
        assert title and (not place or place in seen(page / file).ids), address
    assert {row[0].partition("#")[0] for row in rows} == {
        *(f"lessons/{lesson.name}.html" for lesson in course), "claims.html", "glossary.html"}
    assert all("<" not in re.sub(r"[$`].*?[$`]|< |<=", "", row[1]) for row in rows)


def test_every_claim_is_in_the_ledger_with_the_way_to_where_it_is_shown(page):
    ledger = (page / "claims.html").read_text(encoding="utf-8")
    for claim in claims().values():
        own = re.search(rf'<h3 id="{claim.id}">.*?</section>', ledger, re.S)[0]
        assert claim.verdict in own and own.count('href="lessons/') >= len(claim.shown)
        assert all('.html#' in link for link in re.findall(r'href="lessons/[^"]*"', own)), claim.id


def test_the_source_of_a_picture_is_folded_and_other_code_is_not(page):
    read = (page / "lessons" / "03_minibatch_batchnorm.html").read_text(encoding="utf-8")
    for folded in re.findall(r"</figure>\s*(.{30})", read):
        assert folded.startswith("<details class='source'>")
    assert re.search(r"</div>\s*<pre class=\"code\">", read)


def test_lessons_lead_to_colab_and_binder_only_where_a_repository_is_named(page, small, tmp_path):
    read = (page / "lessons" / "03_minibatch_batchnorm.html").read_text(encoding="utf-8")
    assert "colab.research.google.com/github/owner/name/blob/gh-pages/colab/03_minibatch_batchnorm.ipynb" in read
    assert "mybinder.org/v2/gh/owner/name/HEAD?urlpath=lab/tree/notebooks/03_minibatch_batchnorm.ipynb" in read
    site.write([small], "student", tmp_path, packages=())
    assert "colab" not in (tmp_path / "lessons" / "98_small.html").read_text(encoding="utf-8")
    assert not (tmp_path / "colab").exists()


def test_the_form_for_colab_installs_first_and_is_else_the_lesson(page):
    ours, theirs = (nbformat.read(page / name / "03_minibatch_batchnorm.ipynb", as_version=4).cells
                    for name in ("notebooks", "colab"))
    assert [cell.id for cell in theirs] == [ours[0].id, "install", *(cell.id for cell in ours[1:])]
    ran = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subprocess, "run", lambda command, check: ran.append(command))
        exec(theirs[1].source)
        assert ran == []  # it is installed here
        patch.setattr(importlib.util, "find_spec", lambda name: None)
        exec(theirs[1].source)
    assert ran == [[sys.executable, "-m", "pip", "install", "--quiet",
                    "bncourse @ git+https://github.com/owner/name"]]


def test_public_names_come_with_signature_and_docstring(page):
    read = (page / "api" / "evaluation.html").read_text(encoding="utf-8")
    assert 'id="bncourse.evaluation.ensemble"' in read and "¶" not in read
    assert "the arithmetic mean of its networks" in read
    assert 'href="evaluation.html"' in (page / "api" / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("address", ["owner/name", "https://github.com/owner/name", "https://github.com/owner/name.git"])
def test_a_repository_is_known_by_its_name_or_its_address(address):
    assert elsewhere.github(address) == "owner/name"


def test_a_repository_that_colab_cannot_open_is_refused():
    with pytest.raises(NotOnGitHub, match=r"is 'https://example.org/a/b'; expected OWNER/NAME"):
        elsewhere.github("https://example.org/a/b")


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
