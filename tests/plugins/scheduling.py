"""Which tests may run beside which, and which go first.

Those of a file keep together, since they share its fixtures, and so do the cells of a notebook. Tests that run a lesson
take long; a lesson at a time keeps all processes busy. Those of a browser keep together all the same: what they look at
is made once. What starts processes or trains goes first, and the many short files are left for the end, so that all
processes end together.
"""

import re

import pytest
from xdist.scheduler import LoadScopeScheduling

LESSON = re.compile(r"\[\d\d_\w+\]")
LONG = ("notebooks/", "tests/browser/", "tests/plugins/test_notebooks.py", "tests/training/", "tests/experiments/",
        "tests/test_rounding.py", "tests/test_wheel.py")


class FilesAndLessons(LoadScopeScheduling):
    def _split_scope(self, nodeid):
        return together(nodeid)


def together(nodeid):
    """What tests have in common that one process must run; a prefix of `nodeid`, and its lesson if it names one."""
    file, _, test = nodeid.partition("::")
    lesson = None if file.startswith("tests/browser/") else LESSON.search(test)
    return file + (lesson[0] if lesson else "")


def pytest_collection_modifyitems(items):
    """Puts what takes long first, otherwise in the order in which it was collected."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    return FilesAndLessons(config, log)
