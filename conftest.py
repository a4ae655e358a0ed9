"""Shared by all tests: one seeded generator, shapes checked at run time, notebooks as tests."""

import os

import jaxtyping
import numpy as np
import pytest
from threadpoolctl import threadpool_limits

jaxtyping.install_import_hook("bncourse", "beartype.beartype")  # before anything imports bncourse

if "OMP_NUM_THREADS" not in os.environ:
    threadpool_limits(1)  # matrix products are small here; a second thread that waits for a busy core costs far more

pytest_plugins = ["tests.plugins.beside", "tests.plugins.notebooks", "tests.plugins.tables"]


@pytest.fixture
def rng():
    """The one source of randomness in tests."""
    return np.random.default_rng(0)
