"""What the README says is true: its commands exist, its tree is the tree, its map is the ledger's."""

import re
import subprocess
import sys

import pytest

from bncourse import readme
from bncourse.paths import ROOT

TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
TREE = re.search(r"## The tree\n\n```\n(.*?)```", TEXT, re.S).group(1)
COMMANDS = sorted(set(re.findall(r"python3? -m bncourse (\w+)", TEXT)))


def test_the_map_and_the_picture_are_fresh():
    assert readme.stale() == []


def test_a_changed_ledger_or_picture_is_stale(monkeypatch, tmp_path):
    monkeypatch.setattr(readme.paper, "section_map", lambda: "another map")
    monkeypatch.setattr(readme, "PICTURE", tmp_path / "same_numbers.png")
    assert len(readme.stale()) == 2


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


def test_each_link_within_the_repository_leads_somewhere():
    links = re.findall(r"\]\((?!https?:)([^)#]+)", TEXT)
    assert links and [link for link in links if not (ROOT / link).exists()] == []


def test_every_picture_has_alternative_text():
    assert all(len(text) > 20 for text in re.findall(r"!\[(.*?)\]", TEXT))


# names: a lesson has one stem, and what is not a lesson's is known by name

LESSONS = {path.stem[3:] for path in (ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb")}
MACHINERY = {"checks": {"frame", "layer_check", "layer_laws", "mistakes", "progress", "statements"},
             "explorers": {"base", "progress"}, "figures": {"style"}}


@pytest.mark.parametrize("folder", MACHINERY)
def test_a_file_of_a_lesson_is_named_as_the_lesson_is(folder):
    for tree in ("bncourse", "tests"):
        stems = {path.stem.removeprefix("test_") for path in (ROOT / tree / folder).iterdir()
                 if not path.name.startswith("__") and path.name != "conftest.py"}
        assert stems - MACHINERY[folder] - {"checks"} <= LESSONS, (tree, folder)
