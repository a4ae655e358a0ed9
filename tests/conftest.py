"""The small notebook, executed once for all tests."""

import nbformat
import pytest

from bncourse.notebooks import refresh
from tests.small import notebook


@pytest.fixture(scope="session")
def refreshed(tmp_path_factory):
    """The path of the small notebook as `refresh` writes it. Tests spoil copies of it."""
    path = tmp_path_factory.mktemp("refreshed") / "small.ipynb"
    nbformat.write(notebook(), path)
    refresh(path)
    return path
