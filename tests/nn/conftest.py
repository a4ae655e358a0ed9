"""One thread, and random tensors."""

import pytest
import torch


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
