"""The page of the paper: Algorithm 2's statistics. Its transform and gradient keep the laws in test_normalize.py."""

import numpy as np
import pytest

from bncourse.kernels import algorithms
from bncourse.kernels.statistics import Population


@pytest.mark.parametrize("shape", [(6, 3), (4, 3, 5, 2)])
def test_population_statistics_are_those_of_a_population(shape, rng):
    batches = [rng.normal(3, 2, size=shape) for _ in range(5)]
    population = Population()
    for x in batches:
        population.update(x)
    mean, var = algorithms.population_statistics(iter(batches))
    assert mean == pytest.approx(population.mean) and var == pytest.approx(population.var)


def test_with_one_mini_batch_the_variance_is_the_unbiased_one(rng):
    x = rng.normal(size=(7, 2))
    mean, var = algorithms.population_statistics([x])
    assert mean == pytest.approx(x.mean(0)) and var == pytest.approx(x.var(0, ddof=1))


def test_inference_with_them_is_algorithm_1_of_a_large_batch_nearly(rng):
    x, gamma, beta = rng.normal(2, 3, size=(4000, 2)), np.array([0.5, 2.0]), np.array([1.0, -1.0])
    statistics = algorithms.population_statistics(x.reshape(40, 100, 2))
    y = algorithms.batchnorm_inference(x, gamma, beta, *statistics)
    assert np.abs(y - algorithms.batchnorm_forward(x, gamma, beta)[0]).max() < 0.05
