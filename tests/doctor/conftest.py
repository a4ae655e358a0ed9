"""One stream of random numbers for PyTorch, and a trained network that is made once."""

import copy

import pytest
import torch

from tests.doctor import networks


@pytest.fixture(autouse=True)
def seeded(rng):
    """PyTorch's generator is seeded from the one of the tests, and put back after each test."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(rng.integers(2**31)))
        yield


@pytest.fixture(scope="session")
def trained_once():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return networks.trained()


@pytest.fixture
def model(trained_once):
    """A trained network of five batch norms, fresh for each test."""
    return copy.deepcopy(trained_once)
