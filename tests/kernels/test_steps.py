"""Networks with other steps than section 4.1's: each hidden layer is what it says, and so are its gradients."""

import numpy as np
import pytest

from bncourse.kernels import mlp, normalize
from bncourse.kernels.steps import BATCH_NORM, LAYER_NORM, RELU, SIGMOID, SKIP, TANH, Norm


def ghost_forward(x, gamma, beta, eps):
    """Batch norm of each half of the mini-batch by itself, as a lesson would write it."""
    results = [normalize.batchnorm_forward(part, gamma, beta, eps) for part in np.array_split(x, 2)]
    return np.concatenate([y for y, _ in results]), [cache for _, cache in results]


def ghost_backward(dy, caches):
    parts = zip(np.array_split(dy, 2), caches, strict=True)
    dx, dgamma, dbeta = zip(*(normalize.batchnorm_backward(*part) for part in parts), strict=True)
    return np.concatenate(dx), sum(dgamma), sum(dbeta)


GHOST_NORM = Norm(ghost_forward, ghost_backward, normalize.batchnorm_inference)
STEPS = {
    "batch norm, tanh": (BATCH_NORM, TANH),
    "batch norm, ReLU": (BATCH_NORM, RELU),
    "batch norm, linear": (BATCH_NORM,),
    "ReLU, batch norm": (RELU, BATCH_NORM),
    "layer norm, sigmoid": (LAYER_NORM, SIGMOID),
    "ghost norm, sigmoid": (GHOST_NORM, SIGMOID),
    "no norm": (TANH,),
    "linear": (),
    "skip after the activation": (BATCH_NORM, RELU, SKIP),
    "skip before the activation": (BATCH_NORM, SKIP, RELU),
    "two skips": (SKIP, TANH, SKIP),
}
SIZES = (7, 7, 7, 7, 4)
with_steps = pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS)


@pytest.fixture
def examples(rng):
    return rng.normal(size=(11, SIZES[0])), rng.integers(0, SIZES[-1], 11)


def network_with(rng, steps):
    """Every parameter random; a bias where the layer does not normalize right after its affine map."""
    normalized = any(isinstance(step, Norm) for step in steps)
    network = mlp.init(SIZES, normalized, std=0.7, rng=rng)
    for layer in network[:-1]:
        layer.steps = steps
        if not steps or not isinstance(steps[0], Norm):
            layer.b = np.zeros(layer.w.shape[1])
        for p in layer.parameters()[1:]:
            p += 0.3 * rng.normal(size=p.shape)
    return network


@with_steps
def test_every_gradient_is_the_slope_of_the_loss(steps, examples, rng):
    network = network_with(rng, steps)
    _, gradients, _ = mlp.loss_and_gradients(network, *examples)
    for layer, gradient in zip(network, gradients, strict=True):
        for p, dp in zip(layer.parameters(), gradient.parameters(), strict=True):
            v, start, losses = rng.normal(size=p.shape), p.copy(), []
            for h in (1e-6, -1e-6):
                p[...] = start + h * v
                losses.append(mlp.loss_and_gradients(network, *examples)[0])
            p[...] = start
            assert (losses[0] - losses[1]) / 2e-6 == pytest.approx(np.sum(dp * v), rel=1e-5, abs=1e-8)


@with_steps
def test_a_step_of_descent_lowers_the_loss(steps, examples, rng):
    network = network_with(rng, steps)
    loss, gradients, _ = mlp.loss_and_gradients(network, *examples)
    mlp.sgd_step(network, gradients, lr=1e-3)
    assert mlp.loss_and_gradients(network, *examples)[0] < loss


@with_steps
def test_inference_sees_one_example_at_a_time(steps, examples, rng):
    x, _ = examples
    network = network_with(rng, steps)
    statistics = mlp.population(network, [x, x[::-1]])
    together, _ = mlp.forward(network, x, statistics)
    assert mlp.forward(network, x[:1], statistics)[0][0] == pytest.approx(together[0], abs=1e-12)


def test_a_skip_adds_the_input_of_the_layer(examples, rng):
    x, _ = examples
    for trace in mlp.forward(network_with(rng, (BATCH_NORM, TANH, SKIP)), x)[1].hidden:
        assert np.array_equal(trace.z, trace.u + np.tanh(trace.y))


def test_a_trace_names_its_values_whatever_the_steps(examples, rng):
    x, _ = examples
    linear = mlp.forward(network_with(rng, ()), x)[1].hidden[0]
    assert linear.x is linear.y is linear.z is linear.activated is linear.normalized_input
    after = mlp.forward(network_with(rng, (RELU, BATCH_NORM)), x)[1].hidden[0]
    assert after.y is after.x
    assert after.normalized_input is after.activated
    assert np.array_equal(after.activated, np.maximum(after.x, 0))


def test_layer_norm_takes_no_statistics(examples, rng):
    x, _ = examples
    network = network_with(rng, (LAYER_NORM, SIGMOID))
    statistics = mlp.population(network, [x])
    assert np.array_equal(mlp.forward(network, x, statistics)[0], mlp.forward(network, x)[0])
