"""Ghost batch norm is batch norm of its parts."""

import numpy as np
import pytest

from bncourse.kernels import normalize
from bncourse.kernels.ghost import ghostnorm_backward, ghostnorm_forward
from bncourse.kernels.gradcheck import check_coordinates
from tests.kernels.book import EPS, SHAPES, assert_close, batch, by_the_book

with_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)


@with_shape
def test_one_part_is_batch_norm(shape, rng):
    x, gamma, beta, dy = batch(rng, shape)
    y, cache = ghostnorm_forward(x, gamma, beta, 2 * len(x), EPS)
    plain, plain_cache = normalize.batchnorm_forward(x, gamma, beta, EPS)
    assert_close(y, plain, 1e-14)
    for ours, theirs in zip(ghostnorm_backward(dy, cache), normalize.batchnorm_backward(dy, plain_cache), strict=True):
        assert_close(ours, theirs, 1e-14)


@pytest.mark.parametrize(("n", "size", "parts"), [(12, 4, [4, 4, 4]), (11, 4, [6, 5]), (5, 2, [3, 2]), (3, 4, [3])])
def test_each_part_is_normalized_by_itself(n, size, parts, rng):
    x, gamma, beta, _ = batch(rng, (n, 3, 2))
    y, _ = ghostnorm_forward(x, gamma, beta, size, EPS)
    edges = np.cumsum(parts)[:-1]
    wanted = [by_the_book(part, gamma, beta, EPS) for part in np.split(x, edges)]
    assert [len(part) for part in wanted] == parts
    assert_close(y, np.concatenate(wanted), 1e-12)


def test_gradients_are_those_of_finite_differences(rng):
    x, gamma, beta, dy = batch(rng, (7, 3))
    _, cache = ghostnorm_forward(x, gamma, beta, 3, EPS)
    dx, dgamma, dbeta = ghostnorm_backward(dy, cache)

    def y(x, gamma, beta):
        return ghostnorm_forward(x, gamma, beta, 3, EPS)[0]

    check_coordinates(lambda x: y(x, gamma, beta), x, dx, dy)
    check_coordinates(lambda gamma: y(x, gamma, beta), gamma, dgamma, dy)
    check_coordinates(lambda beta: y(x, gamma, beta), beta, dbeta, dy)


def test_a_gradient_of_another_shape_and_a_size_of_nothing_are_refused(rng):
    x, gamma, beta, dy = batch(rng, (6, 3))
    _, cache = ghostnorm_forward(x, gamma, beta, 2, EPS)
    with pytest.raises(ValueError, match="shape"):
        ghostnorm_backward(dy[1:], cache)
    with pytest.raises(ValueError, match="virtual_batch_size is 0; expected 1 or more"):
        ghostnorm_forward(x, gamma, beta, 0, EPS)
