"""Whoever breaks an annotation is told so, whatever checks it; and a function without one is as it is written."""

from collections.abc import Iterator
from functools import partial

import numpy as np
import pytest
from beartype import beartype
from jaxtyping import Float

from bncourse.kernels.algorithms import batchnorm_forward
from bncourse.notebooks import check
from tests.plugins.annotations import Unlike, checked, kind_of

checked = partial(checked, typechecker=beartype)


@checked
def outer(x: Float[np.ndarray, "n c"], y: Float[np.ndarray, "n c"]) -> Float[np.ndarray, "n n"]:
    return x @ y.T if x.size else x


@checked
def counted(n: int) -> Iterator[int]:
    yield from range(n)


@checked
def named(name: str) -> str:
    return name or 0


def plain(x):
    return x


def test_shapes_are_checked_against_one_another_and_in_what_comes_back():
    assert outer(np.ones((2, 3)), np.ones((2, 3))).shape == (2, 2)
    for wrong in ((np.ones((2, 3)), np.ones((3, 3))), (np.ones((2, 3), int), np.ones((2, 3))),
                  (np.ones((2, 0)), np.ones((2, 0)))):  # fmt: skip
        with pytest.raises(TypeError):
            outer(*wrong)


@pytest.mark.parametrize("wrong", [
    (np.ones((2, 3)), np.ones((2, 4))), (np.ones((2, 3), "f4"), np.ones((2, 3), int)), (np.ones((2, 3)), [[1.0] * 3]),
    (np.ones((2, 3)), None), (np.ones((3, 2)), np.ones((2, 3)))])  # fmt: skip
def test_a_call_that_passed_vouches_for_its_own_kind_alone(wrong):
    assert [len(outer(np.ones((2, 3)), np.ones((2, 3)))) for _ in range(3)] == [2, 2, 2]
    for _ in range(2):
        with pytest.raises(TypeError):
            outer(*wrong)


def test_what_has_parts_of_its_own_is_looked_at_each_time():
    assert kind_of((1, [np.ones(2)])) == kind_of((1, [np.zeros(2)])) != kind_of((1, [np.ones(3)]))
    assert len({kind_of(value) for value in (1, True, 1.0, "1", None)}) == 5
    for value in ({}, iter([]), ({1: 2},)):
        with pytest.raises(Unlike):
            kind_of(value)


def test_types_are_checked_and_in_what_comes_back():
    assert named("a") == "a" and list(counted(2)) == [0, 1]
    for wrong in (partial(named, 1), partial(named, ""), partial(counted, "2")):
        with pytest.raises(Exception, match=r"int|str"):
            wrong()


def test_a_function_without_annotations_is_left_as_it_is():
    assert checked(plain) is plain


@pytest.mark.parametrize("wrong", [partial(batchnorm_forward, np.ones((4, 3)), np.ones(3), np.ones(2)),
                                   partial(check, 3)])  # fmt: skip
def test_the_package_is_checked(wrong):
    with pytest.raises(Exception, match="type"):
        wrong()
