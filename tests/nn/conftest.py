"""One thread, random tensors, and at the end a table of the planted mistakes that were caught."""

import pytest
import torch

CAUGHT = pytest.StashKey[dict]()


@pytest.fixture(autouse=True)
def one_thread(rng):
    """One thread, and initial weights from a generator that starts where the test's `rng` says."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(int(rng.integers(2**31)))
    yield
    torch.set_num_threads(before)


@pytest.fixture
def randn(rng):
    """`randn(N, C, ..., dtype=torch.float64)`: standard normal tensors from `rng`."""

    def draw(*shape, dtype=torch.float64):
        return torch.from_numpy(rng.standard_normal(shape)).to(dtype)

    return draw


@pytest.fixture
def caught_mistakes(request):
    """Mistakes that a test has caught, and by what; printed as a table at the end."""
    return request.config.stash.setdefault(CAUGHT, {})


def pytest_terminal_summary(terminalreporter, config):
    caught = config.stash.get(CAUGHT, {})
    if caught:
        width = max(map(len, caught))
        terminalreporter.section("bncourse.nn: mistake, caught by")
        for mistake, law in caught.items():
            terminalreporter.line(f"{mistake:<{width}}  {law}")
