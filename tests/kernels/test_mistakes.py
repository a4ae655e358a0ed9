"""Each planted mistake breaks the law that is to catch it, and each law catches one.

The summary of the test run prints the table.
"""

import pytest

from bncourse.checks.mistakes import backward
from bncourse.kernels import algorithms
from tests.kernels.book import Implementation
from tests.kernels.laws import LAWS as MATHEMATICS
from tests.kernels.laws_of_arrays import LAWS as ARRAYS
from tests.kernels.mistakes import MISTAKES, wrong_gradient, wrong_transform
from tests.kernels.plain import Plain

ELSEWHERE = {  # mistakes that need state, which a kernel has not
    "biased running variance": "bncourse.nn, bncourse.kernels.statistics",
    "running standard deviation stored as variance": "bncourse.nn",
    "running variance never updated": "bncourse.nn",
    "running buffers that keep the autograd graph": "bncourse.nn",
    "momentum taken for its complement": "bncourse.nn, bncourse.kernels.statistics",
    "mode read from grad-enabled": "bncourse.nn",
    "moving statistics absent from state_dict": "bncourse.nn",
    "bias kept before batch norm": "bncourse.kernels.mlp has none",
}


RIGHT = {
    "Plain": Plain,
    "transform": wrong_transform(lambda *arguments: algorithms.batchnorm_forward(*arguments)[0]),
    "gradient": wrong_gradient(backward.right),
}


@pytest.mark.parametrize("name", RIGHT)
@pytest.mark.parametrize("law", MATHEMATICS + ARRAYS, ids=lambda law: law.__name__)
def test_what_the_mistakes_are_planted_in_is_right(law, name, rng):
    """So that nothing but the mistake breaks a law."""
    right = RIGHT[name]()
    law(Implementation(right.forward, right.backward, right.inference), rng)


@pytest.mark.parametrize("name", MISTAKES)
def test_the_mistake_is_caught(name, rng, record_property):
    cls, law = MISTAKES[name]
    wrong = cls()
    with pytest.raises((AssertionError, ValueError, RuntimeWarning)):
        law(Implementation(wrong.forward, wrong.backward, wrong.inference), rng)
    record_property("mistake", ("kernels", name, law.__name__))


def test_every_law_catches_something(record_property):
    """A law that no mistake breaks would be one that cannot fail."""
    assert {law for _, law in MISTAKES.values()} == set(MATHEMATICS + ARRAYS)
    for mistake, place in ELSEWHERE.items():
        record_property("mistake", ("kernels", mistake, f"not a kernel's: {place}"))
