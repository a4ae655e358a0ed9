"""Shared by all tests: one seeded generator, shapes checked at run time, notebooks as tests."""

import jaxtyping
import numpy as np
import pytest

jaxtyping.install_import_hook("bncourse", "beartype.beartype")  # before anything imports bncourse

pytest_plugins = ["tests.plugins.notebooks"]


@pytest.fixture
def rng():
    """The one source of randomness in tests."""
    return np.random.default_rng(0)
