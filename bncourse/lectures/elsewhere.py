"""Lessons on other people's machines: links to Colab and Binder, and the form of a notebook that Colab can run.

Colab has a kernel and not the course, so its form begins with a cell that installs it from the repository. Colab opens
notebooks from GitHub alone: the site has to be published from the branch `gh-pages`, where the links look for them.
"""

import re
from dataclasses import replace

from nbformat.v4 import new_code_cell

from bncourse.lectures.editions import with_cells
from bncourse.lectures.lessons import Lesson

REPOSITORY = re.compile(r"(?:https://github\.com/)?([\w.-]+/[\w.-]+?)(?:\.git)?/?")
BRANCH = "gh-pages"
INSTALL = """# Once in a session: installs the course, a minute or two.
import importlib.util
import subprocess
import sys

if importlib.util.find_spec("bncourse") is None:
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "{what}"], check=True)"""


class NotOnGitHub(ValueError):
    """A repository that neither Colab nor Binder can open."""


def github(address: str) -> str:
    """OWNER/NAME of a repository on GitHub, from that or from its address. Raises NotOnGitHub."""
    found = REPOSITORY.fullmatch(address)
    if not found:
        raise NotOnGitHub(f"the repository is {address!r}; expected OWNER/NAME, or https://github.com/OWNER/NAME")
    return found[1]


def links(lesson: Lesson, repository: str) -> str:
    """Links that open a lesson in Colab and in Binder."""
    about = f"<span class='aside'> lesson {lesson.number}</span>"
    name = lesson.path.name
    colab = f"https://colab.research.google.com/github/{repository}/blob/{BRANCH}/colab/{name}"
    binder = f"https://mybinder.org/v2/gh/{repository}/HEAD?urlpath=lab/tree/notebooks/{name}"
    return f'<a href="{colab}">open{about} in Colab</a> <a href="{binder}">open{about} in Binder</a>'


def for_colab(lesson: Lesson, repository: str) -> Lesson:
    """The lesson with a first code cell that installs the course from the repository."""
    first, *rest = lesson.cells
    what = f"bncourse @ git+https://github.com/{repository}"
    install = new_code_cell(INSTALL.format(what=what), id="install")
    return replace(lesson, notebook=with_cells(lesson.notebook, [first, install, *rest]))
