"""Shared by all tests: one seeded generator, shapes checked at run time, notebooks as tests."""

import gc
import os

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from tests.plugins import annotations

annotations.install()  # before anything imports bncourse
gc.set_threshold(20_000, 20)  # else a tenth of the time goes into looking for garbage among what 200 modules hold

# Matrix products are small here; a second thread that waits for a busy core costs far more.
os.environ.setdefault("OMP_NUM_THREADS", "1")  # of what is loaded from here on, in the kernels of notebooks too
threadpool_limits(int(os.environ["OMP_NUM_THREADS"]))  # of what is loaded already

pytest_plugins = ["tests.plugins.scheduling", "tests.plugins.notebooks", "tests.plugins.tables"]


@pytest.fixture
def rng():
    """The one source of randomness in tests."""
    return np.random.default_rng(0)
