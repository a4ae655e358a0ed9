"""The mean of the biased variance of images whose pixels are correlated, against drawn images."""

import numpy as np
import pytest

from bncourse.kernels.statistics import expected_variance


def test_the_formula_of_the_variance_is_what_correlated_pixels_give(rng):
    for rho in (0.0, 0.4, 1.0):
        shared, own = rng.normal(size=(40_000, 3, 1)), rng.normal(size=(40_000, 3, 5))
        measured = (np.sqrt(rho) * shared + np.sqrt(1 - rho) * own).var(axis=(1, 2)).mean()
        assert float(expected_variance(rho, 3, 5)) == pytest.approx(measured, abs=0.02)
