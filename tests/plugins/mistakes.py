"""A table at the end of the test output: each planted mistake, and the law that caught it."""

from collections import defaultdict

import pytest

CAUGHT = pytest.StashKey[dict]()


@pytest.fixture
def caught_mistakes(request):
    """Mistakes that a test of this folder has caught, and by which law."""
    return request.config.stash.setdefault(CAUGHT, defaultdict(dict))[request.path.parent.name]


def pytest_terminal_summary(terminalreporter, config):
    for package, caught in config.stash.get(CAUGHT, {}).items():
        width = max(map(len, caught), default=0)
        terminalreporter.section(f"bncourse.{package}: mistake, caught by")
        for mistake, law in caught.items():
            terminalreporter.line(f"{mistake:<{width}}  {law}")
