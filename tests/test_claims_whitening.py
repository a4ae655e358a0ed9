"""Section 2's claims that a few lines can hold, one law each; data/paper/claims.toml points here."""

import numpy as np
import pytest
import torch

from bncourse.kernels.normalize import batchnorm_backward, batchnorm_forward
from bncourse.kernels.whiten import whiten_forward


@pytest.fixture
def x(rng):
    """Correlated features of scales 20, 10, 1 and 0.5."""
    return rng.normal(size=(400, 4)) @ rng.normal(size=(4, 4)) * np.array([20, 10, 1, 0.5])


def steps_to_a_millionth(x, t):
    """Gradient steps of least squares, at the inverse of the largest eigenvalue."""
    hessian = x.T @ x / len(x)
    lam, u = np.linalg.eigh(hessian)
    energies = (u.T @ (x.T @ t / len(x))) ** 2 / lam
    steps = 0
    while (energies * (1 - lam / lam[-1]) ** (2 * steps)).sum() > 1e-6 * energies.sum():
        steps += 1
    return steps


def forms(x):
    x_hat, _ = batchnorm_forward(x, np.ones(4), np.zeros(4), 1e-12)
    return x - x.mean(0), x_hat, whiten_forward(x)[0]


def test_c15_whitened_inputs_need_a_single_step_of_gradient_descent(x, rng):
    t = rng.normal(size=400)
    raw, _, whitened = (steps_to_a_millionth(form, t) for form in forms(x))
    assert whitened == 1
    assert raw > 100


def test_c21_standardized_inputs_learn_faster_though_they_are_correlated(x, rng):
    t = rng.normal(size=400)
    raw, standardized, _ = forms(x)
    assert np.abs(np.corrcoef(standardized.T)[np.triu_indices(4, 1)]).max() > 0.3
    assert steps_to_a_millionth(raw, t) > 5 * steps_to_a_millionth(standardized, t)


def train_bias(u, t, gradient, steps=300, lr=0.1):
    b, biases, losses = np.zeros(u.shape[1]), [], []
    for _ in range(steps):
        x_hat = u + b - (u + b).mean(0)
        biases.append(b)
        losses.append(((x_hat - t) ** 2).sum(1).mean() / 2)
        b = b - lr * gradient((x_hat - t) / len(u))
    return np.array(biases), np.array(losses)


def test_c16_a_step_that_ignores_the_mean_moves_the_bias_for_ever_and_the_loss_never(rng):
    u, t = rng.normal(size=(30, 5)), rng.normal(1, 1, size=(30, 5))
    b, loss = train_bias(u, t, lambda dx_hat: dx_hat.sum(0))
    assert np.ptp(loss) < 1e-10
    assert np.allclose(b, np.arange(300)[:, None] * b[1], rtol=1e-9)
    assert (np.abs(b[-1]) > 10).all()


def test_c16_with_the_mean_inside_the_gradient_the_bias_stays(rng):
    u, t = rng.normal(size=(30, 5)), rng.normal(1, 1, size=(30, 5))
    b, _ = train_bias(u, t, lambda dx_hat: (dx_hat - dx_hat.mean(0)).sum(0))
    assert np.abs(b).max() < 1e-12


def variance_in_training(statistics, seed, steps=12, lr=1.0):
    """The second layer's variance at each step, in a ReLU network normalized by what `statistics` returns."""
    rng = np.random.default_rng(seed)
    w = [torch.tensor(rng.normal(size=shape) / shape[0] ** 0.5, requires_grad=True)
         for shape in ((40, 60), (60, 60), (60, 60), (60, 10))]
    scales = [torch.ones(60, dtype=torch.float64, requires_grad=True) for _ in range(3)]
    kept, seen = [None] * 3, []
    for _ in range(steps):
        u, t = torch.tensor(rng.normal(size=(50, 40))), torch.tensor(rng.integers(10, size=50))
        for k in range(3):
            x = u @ w[k]
            mean, var = kept[k] = statistics(x, kept[k])
            u = torch.relu(scales[k] * (x - mean) / torch.sqrt(var + 1e-5))
            if k == 1:
                seen.append(x.detach().var(0).mean().item())
        gradients = torch.autograd.grad(torch.nn.functional.cross_entropy(u @ w[3], t), [*w, *scales])
        with torch.no_grad():
            for p, dp in zip([*w, *scales], gradients, strict=True):
                p -= lr * dp
    return np.array(seen)


def inside(x, before):
    return x.mean(0), x.var(0, correction=0)


def outside(x, before):
    return [s.detach() for s in inside(x, before)]


def moving(x, before):
    now = outside(x, before)
    return now if before is None else [0.99 * old + 0.01 * new for old, new in zip(before, now, strict=True)]


@pytest.mark.parametrize("seed", range(5))
def test_c17_at_a_high_rate_moving_averages_as_constants_blow_up_and_batch_norm_does_not(seed):
    assert variance_in_training(inside, seed, lr=4.0).max() < 100
    assert variance_in_training(moving, seed, lr=4.0).max() > 1e6


@pytest.mark.parametrize("seed", range(5))
def test_c17_at_a_modest_rate_moving_averages_as_constants_do_not_blow_up(seed):
    assert variance_in_training(moving, seed, lr=0.1).max() < 100


@pytest.mark.parametrize("lr", [0.1, 1.0, 4.0])
def test_c17_the_statistics_of_the_mini_batch_as_constants_do_not_blow_up(lr):
    assert variance_in_training(outside, seed=0, lr=lr).max() < 100


def jacobian(x, eps):
    """d x_hat_i / d x_j of one feature, row by row, by the backward pass."""
    _, cache = batchnorm_forward(x[:, None], np.ones(1), np.zeros(1), eps)
    return np.array([batchnorm_backward(row[:, None], cache)[0][:, 0] for row in np.eye(len(x))])


def test_c18_the_jacobian_is_the_sum_of_the_paths_through_the_value_and_through_the_set(rng):
    x, eps = rng.normal(2, 3, size=7), 0.1
    s = np.sqrt(x.var() + eps)
    x_hat = (x - x.mean()) / s
    through_the_set = -(1 + np.outer(x_hat, x_hat)) / (7 * s)
    assert np.allclose(jacobian(x, eps), np.eye(7) / s + through_the_set, atol=1e-14)


def test_c18_with_both_paths_neither_a_shift_nor_a_spread_of_all_values_changes_anything(rng):
    x = rng.normal(2, 3, size=7)
    whole = jacobian(x, 1e-12)
    assert np.abs(whole @ np.ones(7)).max() < 1e-12
    assert np.abs(whole @ (x - x.mean())).max() < 1e-10
