"""No process group outlives a test; one stream of random numbers for PyTorch; a network that is trained once."""

import copy

import pytest
import torch

from tests.doctor import networks
from tests.doctor.of_modes import leave_the_world


@pytest.fixture(autouse=True)
def no_process_group():
    yield
    leave_the_world()


@pytest.fixture
def seeded(rng):
    """PyTorch's generator is seeded from the one of the tests, and put back after the test."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(rng.integers(2**31)))
        yield


@pytest.fixture(scope="session")
def trained_once():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return networks.trained()


@pytest.fixture
def model(trained_once, seeded):
    """A trained network of five batch norms, fresh for each test."""
    return copy.deepcopy(trained_once)
