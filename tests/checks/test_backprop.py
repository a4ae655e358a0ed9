"""The keys of lesson 04 are derivatives, and answers that learners give to its exercises get the verdict they earn."""

import numpy as np
import pytest

from bncourse.checks import backprop
from bncourse.checks.mistakes import weighted
from bncourse.kernels.gradcheck import numeric_gradient, relative_error
from bncourse.kernels.normalize import batchnorm_backward, batchnorm_forward

LESSON_X, LESSON_DY = np.array([[0.0], [4.0], [5.0]]), np.array([[1.0], [0.0], [2.0]])
PROBE_X, PROBE_DY = np.array([[0.3], [1.1], [4.7], [2.0]]), np.array([[1.0], [-2.0], [4.0], [0.7]])


def transformed(x, w, gamma, eps):
    """Batch norm with weighted statistics, without beta."""
    centred = x - w @ x
    return gamma * centred / np.sqrt(w @ centred**2 + eps)


@pytest.mark.parametrize("case", range(4))
def test_the_key_of_04_2_is_the_derivative_of_the_weighted_transform(case):
    dy, x, w, gamma, eps = backprop.one_line.cases(np.random.default_rng(0))[case]
    dx, dgamma, dbeta = weighted.right(dy, x, w, gamma, eps)
    x = x - x.mean(0)  # a shift changes no gradient, and differences of small numbers keep their digits
    assert relative_error(dx, numeric_gradient(lambda v: transformed(v, w, gamma, eps), x, dy)) < 1e-7
    assert relative_error(dgamma, numeric_gradient(lambda v: transformed(x, w, v, eps), gamma, dy)) < 1e-7
    assert np.allclose(dbeta, dy.sum(0))


def test_with_equal_weights_the_key_of_04_2_is_batch_norms(rng):
    x, dy, gamma = rng.normal(2, 3, (6, 4)), rng.normal(size=(6, 4)), rng.normal(size=4)
    _, cache = batchnorm_forward(x, gamma, np.zeros(4), 1e-2)
    for key, kernel in zip(weighted.right(dy, x, np.full(6, 1 / 6), gamma, 1e-2), batchnorm_backward(dy, cache),
                           strict=True):
        assert np.allclose(key, kernel, atol=1e-13)


def test_the_box_of_the_lesson_is_not_the_answer_to_04_2():
    def box(dy, x, w, gamma, eps):
        s = np.sqrt(x.var(axis=0) + eps)
        x_hat = (x - x.mean(axis=0)) / s
        dx = gamma / s * (dy - dy.mean(axis=0) - x_hat * (dy * x_hat).mean(axis=0))
        return dx, (dy * x_hat).sum(axis=0), dy.sum(axis=0)

    assert backprop.one_line(box).mistake == "the weights ignored"


def test_a_derivative_by_differences_passes_no_exercise():
    def differences(dy, x, w, gamma, eps):
        _, dgamma, dbeta = weighted.right(dy, x, w, gamma, eps)
        return numeric_gradient(lambda v: transformed(v, w, gamma, eps), x, dy), dgamma, dbeta

    verdict = backprop.one_line(differences)
    assert verdict.state == "rejected" and verdict.mistake == ""


@pytest.mark.parametrize("eps", [0.0, 1e-12, 1e-9])
@pytest.mark.parametrize("limit", [1e-6, 1e-4])
def test_04_3_may_be_solved_with_any_probe_and_any_sensible_limit(eps, limit):
    def diagnose(backward):
        dx = backward(PROBE_DY, PROBE_X, np.ones(1), np.zeros(1), eps)[0]
        x_hat = PROBE_X - PROBE_X.mean()
        return abs(dx.sum()) > limit, abs((dx * x_hat).sum()) > limit

    assert backprop.diagnosis(diagnose).passed


@pytest.mark.parametrize(("first", "second", "name"), [
    (0, 0, "both compared with exactly zero"),
    (0, 1e-6, "the sum compared with exactly zero"),
    (1e-6, 0, "what eps leaves taken for a missing path"),
])
def test_a_comparison_with_exactly_zero_is_named_also_where_the_sum_would_come_out_as_zero(first, second, name):
    def diagnose(backward):
        dx = backward(LESSON_DY, LESSON_X, np.ones(1), np.zeros(1), 1e-9)[0]
        x_hat = LESSON_X - LESSON_X.mean()
        return abs(dx.sum()) > first, abs((dx * x_hat).sum()) > second

    verdict = backprop.diagnosis(diagnose)
    assert verdict.mistake == name and "1e-16" in verdict.text


def test_an_answer_to_04_3_that_looks_at_dgamma_is_told_that_dgamma_is_right():
    def diagnose(backward):
        _, dgamma, dbeta = backward(PROBE_DY, PROBE_X, np.ones(1), np.zeros(1), 1e-9)
        x_hat = (PROBE_X - PROBE_X.mean()) / PROBE_X.std()
        return abs(dbeta - PROBE_DY.sum()) > 1e-6, abs(dgamma - (PROBE_DY * x_hat).sum()) > 1e-6

    assert "right dgamma and dbeta" in backprop.diagnosis(lambda b: [bool(a[0]) for a in diagnose(b)]).text
