"""The table of planted mistakes at the end of the test output."""

import pytest

CAUGHT = pytest.StashKey[dict]()


@pytest.fixture
def caught_mistakes(request):
    """Mistakes that a test has caught, and by which law."""
    return request.config.stash.setdefault(CAUGHT, {})


def pytest_terminal_summary(terminalreporter, config):
    caught = config.stash.get(CAUGHT, {})
    if caught:
        width = max(map(len, caught))
        terminalreporter.section("bncourse.kernels: mistake, caught by")
        for mistake, law in caught.items():
            terminalreporter.line(f"{mistake:<{width}}  {law}")
