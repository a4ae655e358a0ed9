"""Sections 1 and 3.3 on rate and scale: the laws, and each number that the ledger prints, from recorded runs."""

import numpy as np
import pytest

from bncourse import paper
from bncourse.experiments import sensitivity
from bncourse.experiments.digits import binary_images, minibatches
from bncourse.experiments.recording import recorded
from bncourse.kernels import mlp
from bncourse.kernels.normalize import batchnorm_backward, batchnorm_forward
from bncourse.kernels.steps import BATCH_NORM, RELU, SIGMOID

NETWORKS = [("sigmoid", False), ("sigmoid", True), ("relu", False), ("relu", True)]


@pytest.fixture
def measured():
    """What the ledger says was measured, by claim."""
    return {id: claim.measured for id, claim in paper.claims().items()}


def of(part, activation, batchnorm):
    """The five runs of one network in one part of the record."""
    return [run for run in recorded("sensitivity", part)
            if (run.config["activation"], run.config["batchnorm"]) == (activation, batchnorm)]


def accuracy(part, *network):
    """The median over the seeds, `(scales, rates)`."""
    return np.median(sensitivity.grid(of(part, *network), "accuracy"), axis=0)


def rates_that_learn(*network):
    """The rates at which some scale is half right or more."""
    return np.array(sensitivity.RATES)[(accuracy("all", *network) >= 0.5).any(axis=0)]


def test_c1_c12_with_batch_norm_more_rates_and_scales_learn_and_by_how_many(measured):
    cells = {network: int((accuracy("all", *network) >= 0.5).sum()) for network in NETWORKS}
    assert len(of("all", "relu", True)) == 5 and accuracy("all", "relu", True).size == 81
    assert f"sigmoid {cells['sigmoid', False]} without and {cells['sigmoid', True]} with" in measured["C1"]
    assert f"ReLU {cells['relu', False]} and {cells['relu', True]}" in measured["C1"]
    for activation in sensitivity.ACTIVATIONS:
        assert cells[activation, True] > 3 * cells[activation, False]
        assert rates_that_learn(activation, True)[-1] > 3 * rates_that_learn(activation, False)[-1]


def test_c12_a_network_with_batch_norm_diverges_too_and_its_hidden_weights_alone_do_not(measured):
    for activation in sensitivity.ACTIVATIONS:
        everything = np.median(sensitivity.diverged(of("all", activation, True)), axis=0)
        assert everything[:, sensitivity.RATES.index(100)].all() and not everything[:, :7].any()
        assert not sensitivity.diverged(of("hidden weights", activation, True)).any()
    worst = min(accuracy("hidden weights", activation, True).min() for activation in sensitivity.ACTIVATIONS)
    assert f"{100 * worst:.0f} % or more in each of 25 cells" in measured["C12"]


def gradients_of_a_layer(u, w, gamma, beta, dy):
    y, cache = batchnorm_forward(u @ w, gamma, beta, 1e-12)
    dx, _, _ = batchnorm_backward(dy, cache)
    return y, dx @ w.T, u.T @ dx


@pytest.mark.parametrize("a", [0.3, 7.0])
def test_c37_a_positive_factor_leaves_the_output_and_divides_the_gradient(a, rng):
    layer = rng.normal(size=(20, 6)), rng.normal(size=(6, 4))
    rest = rng.normal(size=4), rng.normal(size=4), rng.normal(size=(20, 4))
    y, du, dw = gradients_of_a_layer(*layer, *rest)
    y_a, du_a, dw_a = gradients_of_a_layer(layer[0], a * layer[1], *rest)
    assert np.allclose(y_a, y, atol=1e-9) and np.allclose(du_a, du, atol=1e-9) and np.allclose(a * dw_a, dw, atol=1e-9)
    assert np.abs((layer[1] * dw).sum(axis=0)).max() < 1e-9


def test_c37_a_negative_factor_turns_the_sign_and_a_small_one_meets_eps(rng):
    x, beta = rng.normal(size=(20, 4)), rng.normal(size=4)
    y, minus, small = (batchnorm_forward(a * x, np.ones(4), beta, 1e-5)[0] for a in (1, -1, 0.003))
    assert np.allclose(minus - beta, -(y - beta), atol=1e-12)
    assert np.all((small - beta).std(axis=0) < 0.9 * (y - beta).std(axis=0))


def losses(a, rate, steps=60):
    """Of section 4.1's network with hidden weights a times as large, at this rate, all else at 0.1."""
    (x, t), _, _ = binary_images("glyphs", threshold=127)
    for_weights, for_batches = np.random.default_rng(0).spawn(2)
    network, found = mlp.init(rng=for_weights), []
    for layer in network[:-1]:
        layer.w *= a
    for _, i in zip(range(steps), minibatches(len(x), 60, for_batches), strict=False):
        loss, gradients, _ = mlp.loss_and_gradients(network, x[i], t[i], 1e-12)
        for gradient in gradients[:-1]:
            gradient.w *= rate / 0.1
        mlp.sgd_step(network, gradients, 0.1)
        found.append(loss)
    return np.array(found)


def test_c37_the_weights_times_a_at_a_squared_times_the_rate_have_the_same_losses():
    base = losses(1, 0.5)
    assert np.abs(losses(10, 50) - base).max() < 1e-9 < 0.1 < np.abs(losses(10, 0.5) - base).max()


def amplification(step, batchnorm, scale, seed):
    """The move of the tenth activation's input against its spread, over that of the first one's."""
    (x, _), _, _ = binary_images("glyphs", threshold=127)
    rng = np.random.default_rng(seed)
    network = mlp.init((784, *[100] * 10, 10), batchnorm, scale, rng=rng)
    for layer in network[:-1]:
        layer.steps = (BATCH_NORM, step)
    before = [trace.y for trace in mlp.forward(network, x[:600])[1].hidden]
    network[0].w += 1e-3 * scale * rng.normal(size=network[0].w.shape)
    after = [trace.y for trace in mlp.forward(network, x[:600])[1].hidden]
    moved = [np.linalg.norm(b - a) / np.linalg.norm(a - a.mean(axis=0)) for a, b in zip(before, after, strict=True)]
    return moved[-1] / moved[0]


def test_c38_small_changes_grow_less_in_a_sigmoid_network_and_more_in_one_of_relus(measured):
    grown = {(step, batchnorm): [np.median([amplification(step, batchnorm, scale, seed) for seed in range(5)])
                                 for scale in (0.1, 10.0)]
             for step in (SIGMOID, RELU) for batchnorm in (False, True)}
    assert grown[SIGMOID, False][1] > 500 and grown[SIGMOID, True][1] < 1.5
    assert np.allclose(grown[SIGMOID, True][0], grown[SIGMOID, True][1], rtol=0.02)
    assert grown[RELU, True][0] > 2 * grown[RELU, False][0]
    assert (f"ReLU {grown[RELU, False][0]:.1f} without, {grown[RELU, True][0]:.1f} with batch norm") in measured["C38"]


def test_c38_sigmoids_saturate_with_batch_norm_too_where_the_rate_is_high():
    flat = {bn: np.median(sensitivity.grid(of("all", "sigmoid", bn), "flat"), axis=0) for bn in (False, True)}
    assert flat[True][:7, :5].max() < 0.05 and flat[True][:, 7:].min() > 0.8
    assert flat[False][sensitivity.SCALES.index(1) :].min() > 0.5
