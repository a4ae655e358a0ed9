"""Whoever breaks an annotation is told so, whatever checks it; and a function without one is as it is written."""

from collections.abc import Iterator
from functools import partial

import numpy as np
import pytest
from beartype import beartype
from jaxtyping import Float

from bncourse.kernels.algorithms import batchnorm_forward
from bncourse.notebooks import check
from tests.plugins.annotations import checked

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
