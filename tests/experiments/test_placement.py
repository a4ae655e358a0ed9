"""Batch norm before the activation or after it: the gradients, the pairing of seeds, and what u and Wu look like."""

import numpy as np
import pytest

from bncourse.experiments import placement
from bncourse.experiments.placement import Config
from bncourse.kernels import mlp
from bncourse.kernels.layers import softmax_cross_entropy_forward

SMALL = dict(sizes=(12, 7, 6, 10))


@pytest.fixture
def examples(rng):
    return rng.normal(size=(9, 12)), rng.integers(10, size=9)


@pytest.mark.parametrize("activation", placement.ACTIVATIONS)
@pytest.mark.parametrize("place", placement.PLACES)
def test_every_gradient_is_the_slope_of_the_loss(place, activation, examples, rng):
    config, (u, t) = Config(place=place, activation=activation, **SMALL), examples
    network = placement.init(config)
    _, found, _ = mlp.loss_and_gradients(network, u, t)

    def loss():
        return softmax_cross_entropy_forward(mlp.forward(network, u)[0], t)[0]

    for layer, gradient in zip(network, found, strict=True):
        for p, dp in zip(layer.parameters(), gradient.parameters(), strict=True):
            direction = rng.normal(size=p.shape)
            p += 1e-6 * direction
            up = loss()
            p -= 2e-6 * direction
            slope = (up - loss()) / 2e-6
            p += 1e-6 * direction
            assert slope == pytest.approx((dp * direction).sum(), rel=1e-5, abs=1e-7)


def test_before_a_sigmoid_it_is_the_network_of_section_4_1(examples):
    config, (u, t) = Config(**SMALL), examples
    network = placement.init(config)
    usual = [mlp.Layer(layer.w, layer.b, layer.gamma, layer.beta) for layer in network]
    assert np.array_equal(mlp.forward(network, u)[0], mlp.forward(usual, u)[0])
    ours, theirs = mlp.loss_and_gradients(network, u, t)[1], mlp.loss_and_gradients(usual, u, t)[1]
    for a, b in zip(ours, theirs, strict=True):
        assert all(np.array_equal(p, q) for p, q in zip(a.parameters(), b.parameters(), strict=True))


@pytest.mark.parametrize("activation", placement.ACTIVATIONS)
@pytest.mark.parametrize("place", placement.PLACES)
def test_a_hidden_layer_is_what_section_3_2_writes(place, activation, examples, rng):
    """`g(BN(Wu))` before, `BN(g(Wu + b))` after, written out."""
    u, _ = examples
    network = placement.init(Config(place=place, activation=activation, **SMALL))
    g = {"relu": lambda x: np.maximum(x, 0), "sigmoid": lambda x: 1 / (1 + np.exp(-x))}[activation]
    layer = network[0]
    layer.beta += rng.normal(size=layer.beta.shape)

    def bn(x):
        return (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-5) + layer.beta

    if place == "before":
        expected = g(bn(u @ layer.w))
    else:
        layer.b += rng.normal(size=layer.b.shape)
        expected = bn(g(u @ layer.w + layer.b))
    trace = mlp.forward(network, u)[1].hidden[0]
    assert np.allclose(trace.z, expected, rtol=0, atol=1e-12)
    x = u @ layer.w + (0 if layer.b is None else layer.b)
    assert np.allclose(trace.normalized_input, x if place == "before" else g(x), rtol=0, atol=1e-12)


def test_both_places_start_from_the_same_weights_and_a_bias_stands_where_no_mean_cancels_it():
    before, after = (placement.init(Config(place=place, seed=4, **SMALL)) for place in placement.PLACES)
    assert all(np.array_equal(a.w, b.w) for a, b in zip(before, after, strict=True))
    assert [layer.b is None for layer in before] == [True, True, False]
    assert [layer.b is None for layer in after] == [False, False, False]


@pytest.fixture(scope="module")
def relu():
    return placement.run(Config(activation="relu", lr=0.05, steps=60)).columns


def test_after_a_relu_u_is_skewed_and_wu_is_not(relu):
    assert relu["skewness u"][0] > 3 * relu["skewness Wu"][0]
    assert relu["kurtosis u"][0] > 3 * relu["kurtosis Wu"][0]


def test_the_inputs_of_the_activation_are_not_sparse(relu):
    assert relu["zeros Wu"] == [0]
    assert relu["zeros g"][0] > 0.3


def test_the_shape_of_a_gaussian_is_zero_and_constant_units_are_left_out(rng):
    gaussian = rng.normal(size=(200_000, 1))
    with_a_constant = np.hstack([gaussian, np.ones_like(gaussian)])
    assert placement.skewness_and_kurtosis(with_a_constant) == pytest.approx((0, 0), abs=0.05)
    assert placement.skewness_and_kurtosis(rng.exponential(size=(400_000, 1))) == pytest.approx((2, 6), rel=0.2)


def test_the_same_seed_gives_the_same_run():
    config = Config(steps=3, seed=2, place="after")
    assert placement.run(config).columns == placement.run(config).columns


@pytest.mark.parametrize(("field", "value"), [("place", "between"), ("activation", "tanh"), ("batch", 1), ("lr", 0.0),
                                              ("steps", -1), ("dataset", "cats")])
def test_a_field_out_of_range_is_named(field, value):
    with pytest.raises(ValueError, match=f"{field} is {value!r}"):
        Config(**{field: value})
