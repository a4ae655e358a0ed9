"""Which tests may run beside which: those of a file keep together, since they share its fixtures, and so do the cells
of a notebook. Tests named after a lesson take long; a lesson at a time keeps all processes busy to the end.
"""

import re

import pytest
from xdist.scheduler import LoadScopeScheduling

LESSON = re.compile(r"\[\d\d_\w+\]")


class FilesAndLessons(LoadScopeScheduling):
    def _split_scope(self, nodeid):
        return together(nodeid)


def together(nodeid):
    """What tests have in common that one process must run; a prefix of `nodeid`, and its lesson if it names one."""
    file, _, test = nodeid.partition("::")
    lesson = LESSON.search(test)
    return file + (lesson[0] if lesson else "")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    return FilesAndLessons(config, log)
