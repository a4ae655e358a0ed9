"""Steps that depend on company or on chance: each is what it says, its gradients are slopes, and inference is quiet."""

import numpy as np
import pytest

from bncourse.kernels import mlp, normalize
from bncourse.kernels.noise import Dropout, ghost_norm, group_norm, noisy_norm, renorm, unsteady_norm
from bncourse.kernels.steps import BATCH_NORM, LAYER_NORM, RELU, TANH

SIZES = (7, 6, 6, 4)
EPS = 1e-5


def steps_named(name, seed=0):
    """The steps of a layer, with the same random numbers each time that they are made."""
    rng = np.random.default_rng(seed)
    return {"ghost": (ghost_norm(3), TANH), "group": (group_norm(2), TANH), "noisy": (noisy_norm(3, rng), TANH),
            "unsteady": (unsteady_norm(0.7, rng), TANH), "dropout after": (BATCH_NORM, TANH, Dropout(0.3, rng)),
            "dropout before": (Dropout(0.3, rng), BATCH_NORM, TANH), "renorm": (renorm(), RELU)}[name]


def network_with(rng, name):
    network = mlp.init(SIZES, True, std=0.7, rng=rng)
    for layer in network:
        for p in layer.parameters()[1:]:
            p += 0.3 * rng.normal(size=p.shape)
    return afresh(network, name)


def afresh(network, name):
    """The network with its random steps made again."""
    for seed, layer in enumerate(network[:-1]):
        layer.steps = steps_named(name, seed)
    return network


@pytest.mark.parametrize("name", ["ghost", "group", "noisy", "unsteady", "dropout after", "dropout before"])
def test_every_gradient_is_the_slope_of_the_loss(name, rng):
    x, t, network = rng.normal(size=(11, 7)), rng.integers(0, 4, 11), network_with(rng, name)
    _, gradients, _ = mlp.loss_and_gradients(network, x, t)
    for layer, gradient in zip(network, gradients, strict=True):
        for p, dp in zip(layer.parameters(), gradient.parameters(), strict=True):
            v, start, losses = rng.normal(size=p.shape), p.copy(), []
            for h in (1e-6, -1e-6):
                p[...] = start + h * v
                losses.append(mlp.loss_and_gradients(afresh(network, name), x, t)[0])
            p[...] = start
            assert (losses[0] - losses[1]) / 2e-6 == pytest.approx(np.sum(dp * v), rel=1e-5, abs=1e-8)


@pytest.mark.parametrize("name", ["ghost", "group", "noisy", "unsteady", "dropout after", "dropout before", "renorm"])
def test_inference_sees_one_example_at_a_time_and_draws_nothing(name, rng):
    x, network = rng.normal(size=(11, 7)), network_with(rng, name)
    statistics = mlp.population(network, [x])
    together, _ = mlp.forward(network, x, statistics)
    assert mlp.forward(network, x[:1], statistics)[0][0] == pytest.approx(together[0], abs=1e-12)


def test_renorm_is_batch_norm_at_first_and_corrects_towards_its_moving_statistics(rng):
    x, other, gamma, beta = rng.normal(size=(9, 3)), rng.normal(2, 3, (9, 3)), rng.normal(size=3), rng.normal(size=3)
    norm = renorm(r_max=1.5, d_max=0.4, momentum=0.2)
    assert np.allclose(norm.forward(x, gamma, beta, EPS)[0], normalize.batchnorm_forward(x, gamma, beta, EPS)[0])
    wanted = normalize.batchrenorm_forward(other, gamma, beta, x.mean(0), x.var(0), 1.5, 0.4, EPS)[0]
    assert np.allclose(norm.forward(other, gamma, beta, EPS)[0], wanted)
    moved = [0.8 * x.mean(0) + 0.2 * other.mean(0), 0.8 * x.var(0) + 0.2 * other.var(0)]
    wanted = normalize.batchrenorm_forward(x, gamma, beta, *moved, 1.5, 0.4, EPS)[0]
    assert np.allclose(norm.forward(x, gamma, beta, EPS)[0], wanted)


def test_noise_is_as_large_as_that_of_mini_batches_of_its_size(rng):
    """Both disturb x_hat, and both by (1 + x_hat^2 / 2) / m."""
    m, x = 16, rng.normal(size=(4096, 200))
    one, zero = np.ones(200), np.zeros(200)
    off = {"noisy": noisy_norm(m, rng).forward(x, one, zero, EPS)[0] - x,
           "ghost": ghost_norm(m).forward(x, one, zero, EPS)[0] - x}
    for low, high in ((0.0, 0.2), (0.9, 1.1), (1.8, 2.2)):
        seen = (abs(x) > low) & (abs(x) < high)
        wanted = (1 + ((low + high) / 2) ** 2 / 2) / m
        assert np.mean(off["noisy"][seen] ** 2) == pytest.approx(wanted, rel=0.1)
        own_share = 2 / m if low == 0.0 else 0.25  # x is itself one of the m: its own mean follows it
        assert np.mean(off["ghost"][seen] ** 2) == pytest.approx(wanted, rel=0.1 + own_share)


def test_the_noise_of_a_part_is_common_to_its_examples(rng):
    x = np.repeat(rng.normal(size=(1, 5)), 7, axis=0) + 1e-9 * rng.normal(size=(7, 5))
    y, _ = noisy_norm(3, rng).forward(x, np.ones(5), np.zeros(5), 1.0)
    assert np.ptp(y[:3], axis=0).max() < 1e-7 and np.ptp(y[3:], axis=0).max() < 1e-7
    assert abs(y[0] - y[3]).min() > 1e-6


def test_unsteady_noise_has_another_mean_and_another_spread_in_each_unit_and_step(rng):
    x, norm = rng.normal(size=(20_000, 6)), unsteady_norm(2.0, rng)
    noise = [norm.forward(x, np.ones(6), np.ones(6), EPS)[0] - normalize.batchnorm_forward(x, np.ones(6), np.ones(6))[0]
             for _ in range(50)]
    means, spreads = (np.array([getattr(step, of)(0) for step in noise]) for of in ("mean", "std"))
    assert np.abs(means).max() < 2.05 and means.std() == pytest.approx(2 / np.sqrt(3), rel=0.1)
    assert 0 <= spreads.min() and spreads.max() < 2.05 and spreads.mean() == pytest.approx(1, rel=0.1)
    assert np.abs(np.corrcoef(means.T)[np.triu_indices(6, 1)]).max() < 0.6


def test_dropout_keeps_the_mean_and_drops_the_share(rng):
    x = np.ones((1000, 50))
    y, _ = Dropout(0.3, rng).apply(mlp.Layer(x), [x], None, EPS)
    assert set(np.unique(y)) == {0.0, 1 / 0.7}
    assert np.mean(y == 0) == pytest.approx(0.3, abs=0.01) and y.mean() == pytest.approx(1, abs=0.02)


def test_one_group_is_layer_norm_for_equal_gammas(rng):
    x, gamma, beta = rng.normal(size=(5, 6)), np.full(6, 1.7), np.full(6, 0.3)
    assert np.allclose(group_norm(1).forward(x, gamma, beta, EPS)[0], LAYER_NORM.forward(x, gamma, beta, EPS)[0])
