"""Where the handbook sends its readers there is something to read: each lesson and each section exists."""

import re

import pytest

from bncourse import notebooks
from bncourse.doctor.handbook import HANDBOOK
from bncourse.lesson import NOTEBOOKS
from bncourse.paths import ROOT


def sections(number):
    """The numbers of a lesson's sections."""
    path, = NOTEBOOKS.glob(f"{number}_*.ipynb")
    cells = [cell.source for cell in notebooks.read(path).cells if cell.cell_type == "markdown"]
    return {int(found) for source in cells for found in re.findall(r"^## (\d+) ", source, re.MULTILINE)}


@pytest.mark.parametrize("name", HANDBOOK)
def test_the_section_of_a_finding_exists(name):
    number, named = re.fullmatch(r"lesson (\d\d), sections? (\d+(?: and \d+)*)", HANDBOOK[name].lesson).groups()
    assert {int(section) for section in named.split(" and ")} <= sections(number)


@pytest.mark.parametrize("name", HANDBOOK)
def test_the_page_of_the_doctor_has_each_finding_with_its_law(name):
    entry, page = HANDBOOK[name], (ROOT / "DOCTOR.md").read_text(encoding="utf-8")
    assert f"| `{name}` | {entry.law} | {entry.lesson} |" in page.splitlines()


def test_what_is_counted_twice_is_explained_among_the_cases():
    path, = NOTEBOOKS.glob("15_*.ipynb")
    text = "\n".join(cell.source for cell in notebooks.read(path).cells)
    assert HANDBOOK["counted-twice"].lesson == "lesson 15, section 4" and "## 4 Six cases" in text
    assert text.index("## 4 ") < text.index("(gradient checkpointing)") < text.index("## 5 ")
