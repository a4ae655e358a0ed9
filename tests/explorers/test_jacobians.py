"""The explorer of lesson 08: depth, batch size and activation of a new network."""

import numpy as np
import pytest

from bncourse.experiments import depth
from bncourse.explorers import jacobians
from bncourse.kernels.jacobians import growth_limit
from bncourse.kernels.steps import RELU


@pytest.fixture(scope="module")
def explorer():
    rng = np.random.default_rng(0)
    x, t = rng.uniform(size=(128, 784)), rng.integers(10, size=128)

    def gradient(layers, batch, activation, norm):
        config = depth.Config(activation=activation, norm=norm, depth=layers, width=64)
        network = depth.init(config, np.random.default_rng(0))
        return np.array([depth.observed(network, x[:batch], t[:batch])[0]["gradient"]])

    return jacobians.depth_explorer(gradient, depth.ACTIVATIONS)


@pytest.fixture
def said(explorer):
    """What the title says of a choice: the growth measured with batch norm and that of theory."""
    explorer.reset()

    def choose(**values):
        for name, value in values.items():
            explorer.controls[name].value = value
        words = explorer.figure.axes[0].get_title(loc="left").split()
        return float(words[words.index("a") - 1]), float(words[-1])

    return choose


def test_it_begins_with_a_relu_network_that_explodes_as_theory_says(said):
    measured, theory = said()
    assert measured == pytest.approx(theory, rel=0.05)
    assert theory == pytest.approx(growth_limit(RELU), rel=0.03)


@pytest.mark.parametrize(("batch", "theory"), [(8, 1.2), (128, 1.01)])
def test_linear_layers_grow_less_in_larger_minibatches(said, batch, theory):
    assert said(activation="linear", batch=batch)[1] == theory


def test_the_line_has_as_many_points_as_the_network_has_layers(explorer, said):
    said(depth=7)
    assert len(explorer.figure.axes[0].lines[0].get_xdata()) == 7


def test_without_batch_norm_the_gradient_of_a_sigmoid_network_leaves_the_picture_below(explorer, said):
    said(activation="sigmoid")
    assert "without, below" in [text.get_text() for text in explorer.figure.axes[0].texts]


def test_every_control_changes_the_picture(explorer):
    explorer.reset()
    assert explorer.dead_controls() == []
