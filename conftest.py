"""Shared by all tests: one seeded generator, and shapes checked at run time."""

import numpy as np
import pytest


@pytest.fixture
def rng():
    """The one source of randomness in tests."""
    return np.random.default_rng(0)
