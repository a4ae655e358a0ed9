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
    found = placement.gradients(config, network, u, t)

    def loss():
        return softmax_cross_entropy_forward(placement.forward(config, network, u)[0], t)[0]

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
    assert np.allclose(placement.forward(config, network, u)[0], mlp.forward(network, u)[0])
    ours, theirs = placement.gradients(config, network, u, t), mlp.loss_and_gradients(network, u, t)[1]
    for a, b in zip(ours, theirs, strict=True):
        assert all(np.allclose(p, q) for p, q in zip(a.parameters(), b.parameters(), strict=True))


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
    assert placement.shape(np.hstack([gaussian, np.ones_like(gaussian)])) == pytest.approx((0, 0), abs=0.05)
    assert placement.shape(rng.exponential(size=(400_000, 1))) == pytest.approx((2, 6), rel=0.2)


def test_the_same_seed_gives_the_same_run():
    config = Config(steps=3, seed=2, place="after")
    assert placement.run(config).columns == placement.run(config).columns


@pytest.mark.parametrize(("field", "value"), [("place", "between"), ("activation", "tanh"), ("batch", 1), ("lr", 0.0),
                                              ("steps", -1), ("dataset", "cats")])
def test_a_field_out_of_range_is_named(field, value):
    with pytest.raises(ValueError, match=f"{field} is {value!r}"):
        Config(**{field: value})
