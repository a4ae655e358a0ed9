"""What README and CONTRIBUTING say is true: commands, tree, map, where which question is answered, what tags mean."""

import ast
import collections
import doctest
import io
import itertools
import re
import subprocess
import sys
import tomllib

import numpy as np
import pytest
import yaml
from PIL import Image

import bncourse
from bncourse import explanations, notebooks, paper, readme
from bncourse.figures.backprop import STEPS
from bncourse.lectures import plans
from bncourse.lectures.frames import Stale
from bncourse.paths import ROOT

TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
CLAIMS = (ROOT / "CLAIMS.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
TREE = re.search(r"## The tree\n\n```\n(.*?)```", TEXT, re.S).group(1)
LESSON_FILES = sorted((ROOT / "notebooks").glob("*.ipynb"))
COMMANDS = sorted(set(re.findall(r"python3? -m bncourse (\w+)", TEXT)))


def test_what_is_made_is_fresh():
    assert readme.stale() == []


@pytest.mark.parametrize(("path", "name"), [(path, name) for path, parts in readme.MADE.items() for name in parts])
def test_a_part_that_would_be_made_otherwise_is_stale(monkeypatch, path, name):
    monkeypatch.setattr(readme, "stale_pictures", list)
    monkeypatch.setitem(readme.MADE[path], name, lambda: "another one")
    assert readme.stale() == [f"{path.name}: what stands under {name} is not what data/paper and the notebooks give"]


@pytest.fixture(scope="module")
def moving():
    return readme.moving_picture()


def test_a_picture_that_is_missing_changed_or_left_over_is_stale(moving, monkeypatch, tmp_path):
    monkeypatch.setattr(readme, "moving_picture", lambda: moving)
    monkeypatch.setattr(readme, "PICTURES", tmp_path)
    first, *others = readme.pictures()
    (tmp_path / first).write_bytes(b"changed")
    (tmp_path / "nobody.png").write_bytes(b"left over")
    assert len([*readme.stale_pictures()]) == 1 + 1 + len(others) + 1
    frames = Image.open(io.BytesIO(moving[1]))
    frames.save(tmp_path / moving[0])  # the first alone
    assert "pictures/backprop.gif differs from the lesson's explorer" in readme.stale_pictures()


def test_a_lesson_that_gives_no_moving_picture_any_more_is_stale(monkeypatch):
    def moving_picture():
        raise Stale("refresh it")

    monkeypatch.setattr(readme, "moving_picture", moving_picture)
    assert readme.stale() == ["refresh it"]


def test_the_table_of_lessons_leads_to_a_page_and_slides_once_they_are_published(monkeypatch):
    assert "http" not in readme.lessons_table()
    monkeypatch.setattr(readme, "address", lambda: "https://example.org/course")
    table = readme.lessons_table()
    for path in LESSON_FILES:
        assert (f"| [page](https://example.org/course/lessons/{path.stem}.html) "
                f"| [slides](https://example.org/course/slides/{path.stem}.html) |") in table


def test_the_moving_picture_is_the_explorer_at_every_step_and_light(moving):
    name, gif = moving
    frames = readme.pixels(gif)
    assert name == "backprop.gif" and len(frames) == STEPS + 1 and len(gif) < 300_000
    assert all(np.abs(before - after).mean() > 0.1 for before, after in itertools.pairwise(frames))


def test_a_picture_that_no_line_shows_is_said(moving, monkeypatch, tmp_path):
    monkeypatch.setattr(readme, "moving_picture", lambda: moving)
    text = TEXT.replace("pictures/", "elsewhere/")
    (tmp_path / "README.md").write_text(text, encoding="utf-8")
    monkeypatch.setattr(readme, "README", tmp_path / "README.md")
    shown = ["backprop.gif", *readme.pictures()]
    assert [*readme.stale_pictures()] == [f"README.md does not show pictures/{name}" for name in shown]


def test_the_counts_are_those_of_the_ledger():
    verdicts = collections.Counter(claim.verdict for claim in paper.claims().values())
    said = re.search(r"<!-- counts -->\n(.*)\n<!-- /counts -->", TEXT)[1]
    total, run, *each = map(int, re.findall(r"\d+", said))
    assert (total, run) == (len(paper.IDS), len(paper.IDS) - verdicts["not tested here"])
    assert each == [verdicts[name] for name in paper.VERDICTS]


def test_the_table_has_every_lesson_with_its_notebook_and_minutes():
    rows = re.findall(r"^\| \[(\d\d) · [^]]+\]\(notebooks/(.*)\) \| .+\? \| (\d+) \| .+ \|$", TEXT, re.M)
    assert [(number, file) for number, file, _ in rows] == [(path.name[:2], path.name) for path in LESSON_FILES]
    assert f"{len(rows)} lessons, {sum(int(minutes) for *_, minutes in rows)} minutes" in TEXT


def test_the_ledger_has_every_claim_with_a_lesson_and_a_test():
    entries = re.findall(r'<a id="(c\d+)"></a>\*\*(C\d+) · (.+?)\.\*\* ', CLAIMS)
    expected = [(claim.id.lower(), claim.id, claim.verdict) for claim in paper.claims().values()]
    assert entries == expected
    assert all(f"](CLAIMS.md#{anchor})" in TEXT for claims in explanations.explanations().values()
               for anchor in map(str.lower, claims.claims))


def test_the_citation_names_this_version_its_authors_and_its_licences():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert cited["cff-version"] == "1.2.0" and cited["type"] == "software" and cited["message"] and cited["title"]
    assert cited["version"] == bncourse.__version__
    assert " AND ".join(cited["license"]) == PROJECT["license"]
    owner, = cited["authors"]
    assert owner["name"] in (ROOT / "LICENSE").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["unfair_check", "wrong_batchnorm"])
def test_a_form_for_issues_asks_for_what_is_needed(name):
    form = yaml.safe_load((ROOT / ".github" / "ISSUE_TEMPLATE" / f"{name}.yml").read_text(encoding="utf-8"))
    assert form["name"] and form["description"]
    ids = [part["id"] for part in form["body"]]
    assert len(set(ids)) == len(ids) and all(part["attributes"]["label"] for part in form["body"])
    assert any(part.get("validations", {}).get("required") for part in form["body"])


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_of_the_readme_exists(command):
    line = [sys.executable, "-m", "bncourse", command, "--help"]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "usage" in done.stdout.lower()


def paths_of_the_tree():
    """The paths that the tree block names, each joined to the folders it is indented under."""
    folders = []
    for line in TREE.splitlines():
        depth, name = (len(line) - len(line.lstrip())) // 2, line.split()[0]
        folders[depth:] = [name]
        yield "".join(folders)


def test_each_place_of_the_tree_exists():
    assert [path for path in paths_of_the_tree() if not (ROOT / path).exists()] == []


def test_the_tree_names_every_part_of_the_package():
    named = set(paths_of_the_tree())
    parts = {f"bncourse/{p.name}{'/' if p.is_dir() else ''}" for p in (ROOT / "bncourse").iterdir()
             if not p.name.startswith("__")}
    assert parts <= named


def test_the_packages_own_map_names_every_part_too():
    opening = (ROOT / "bncourse" / "__init__.py").read_text(encoding="utf-8")
    for path in paths_of_the_tree():
        if path.startswith("bncourse/") and path != "bncourse/":
            assert f"    {path.removeprefix('bncourse/')} " in opening, path


@pytest.mark.parametrize("text", [TEXT, CLAIMS], ids=["README", "CLAIMS"])
def test_each_link_within_the_repository_leads_somewhere(text):
    links = re.findall(r"\]\((?!https?:)([^)#]+)", text) + re.findall(r'(?:href|src)="([^"]+)"', text)
    assert links and [link for link in links if not (ROOT / link).exists()] == []


def test_every_picture_has_alternative_text():
    alternatives = re.findall(r"!\[(.*?)\]", TEXT) + re.findall(r'alt="(.*?)"', TEXT)
    shown = TEXT.count("![") + TEXT.count("<img ")
    assert len(alternatives) == shown and all(len(text) > 20 for text in alternatives)


# what TEACHING promises

TEACHING = (ROOT / "TEACHING.md").read_text(encoding="utf-8")


def minutes_of_notes(path):
    """The minutes that the speaker's notes ask for, by section of a lesson; 0 is what stands before the first."""
    section, minutes = 0, {}
    for cell in notebooks.read(path).cells:
        heading = re.match(r"## (\d+) ", cell.source) if cell.cell_type == "markdown" else None
        section = int(heading[1]) if heading else section
        if asked := re.match(r"(\d+) minutes?", cell.metadata.get("slideshow", {}).get("notes", "")):
            minutes[section] = minutes.get(section, 0) + int(asked[1])
    return minutes


def test_the_tables_of_lectures_are_made_from_their_plan(monkeypatch):
    assert plans.stale() == []
    monkeypatch.setattr(plans, "table_of_parts", lambda lecture: "another table")
    assert len(plans.stale()) == 1


def test_the_notes_of_a_lesson_take_as_long_as_is_said():
    whole = [sum(minutes_of_notes(path).values()) for path in LESSON_FILES]
    assert f"add up to {min(whole)} to {max(whole)} minutes" in TEACHING


# names: a lesson has one stem, and what is not a lesson's is known by name

LESSONS = {path.stem[3:] for path in (ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb")}
MACHINERY = {"checks": {"frame", "layer_check", "layer_laws", "mistakes", "progress", "statements", "values"},
             "explorers": {"base", "frames", "progress"}, "figures": {"style"}}


@pytest.mark.parametrize("folder", MACHINERY)
def test_a_file_of_a_lesson_is_named_as_the_lesson_is(folder):
    for tree in ("bncourse", "tests"):
        stems = {path.stem.removeprefix("test_") for path in (ROOT / tree / folder).iterdir()
                 if not path.name.startswith("__") and path.name != "conftest.py"}
        assert stems - MACHINERY[folder] - {"checks"} <= LESSONS, (tree, folder)


# what CONTRIBUTING promises

RULES = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
QUESTIONS = [tuple(cell.strip() for cell in row.split("|")[1:-1])
             for row in re.search(r"\| question \|.*\n\|.*\n((?:\|.*\n)+)", RULES).group(1).splitlines()]


def docstrings(path):
    """The docstrings of a module, its classes and functions as one text in small letters, on one line."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    nodes = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, documented)]
    return " ".join(" ".join(ast.get_docstring(node) or "" for node in nodes).lower().split())


@pytest.mark.parametrize(("question", "file", "words"), QUESTIONS)
def test_a_strangers_question_is_answered_where_the_table_says(question, file, words):
    assert words.lower() in docstrings(ROOT / file.strip("`"))


def test_the_table_has_its_fifteen_questions():
    assert len(QUESTIONS) == 15


def test_each_tag_of_a_cell_is_explained():
    cells = [cell for path in LESSON_FILES for cell in notebooks.read(path).cells]
    tags = {tag for cell in cells for tag in cell.metadata.get("tags", [])}
    assert tags and {tag for tag in tags if f"`{tag}`" not in RULES} == set()


@pytest.mark.parametrize("path", LESSON_FILES, ids=[path.stem for path in LESSON_FILES])
def test_a_function_of_a_lesson_says_in_a_line_what_it_gives(path):
    silent = []
    for cell in notebooks.read(path).cells:
        if cell.cell_type == "code" and not {"stub", "solution"} & set(cell.metadata.get("tags", [])):
            silent += [(cell.id, node.name) for node in ast.walk(ast.parse(cell.source))
                       if isinstance(node, ast.FunctionDef | ast.ClassDef) and not ast.get_docstring(node)]
    assert silent == []


@pytest.mark.parametrize(("part", "lines"), [(0, 4), (1, 9), (2, 5)])
def test_what_the_readme_computes_is_what_comes_out(part, lines):
    block = re.findall(r"```python\n(.*?)```", TEXT, re.S)[part]
    examples = doctest.DocTestParser().get_doctest(block, {}, "README.md", None, 0)
    assert tuple(doctest.DocTestRunner().run(examples)[:2]) == (0, lines)
