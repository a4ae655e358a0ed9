"""What tests of several folders look at, made once: the small notebook, executed, and the decks and the course page."""

import contextlib
import os

import nbformat
import pytest

from bncourse.lectures import deck, lessons, plans, site
from bncourse.notebooks import refresh
from tests.small import notebook


@pytest.fixture(scope="session")
def refreshed(tmp_path_factory):
    """The path of the small notebook as `refresh` writes it. Tests spoil copies of it."""
    path = tmp_path_factory.mktemp("refreshed") / "small.ipynb"
    nbformat.write(notebook(), path)
    refresh(path)
    return path


@pytest.fixture(scope="session")
def material(tmp_path_factory):
    """A folder with `slides`, the decks of the whole lessons, and `site`, the course page that students get.

    It is made once for all processes of a run; they only add to it.
    """
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "material"
    if not folder.exists():
        draft, course = tmp_path_factory.mktemp("draft"), lessons.find()
        for name in ("slides", "site"):
            (draft / name).mkdir()
        deck.write(course, draft / "slides")
        for plan in plans.names():
            deck.write_lectures(plan, course, draft / "slides")
        site.write(course, "student", draft / "site", repository="owner/name", packages=("evaluation",))
        with contextlib.suppress(OSError):  # another process was quicker
            os.replace(draft, folder)
    return folder
