"""Gradients through many layers: what is measured is right, and the recorded runs say what lesson 08 says."""

import json
from dataclasses import fields, replace

import numpy as np
import pytest

from bncourse import runs
from bncourse.experiments import depth, recording
from bncourse.experiments.depth import ACTIVATIONS, Config, init, measured_growth, observed, run
from bncourse.experiments.protocol import from_record, to_record
from bncourse.kernels import mlp
from bncourse.kernels.gradcheck import check_direction
from bncourse.kernels.jacobians import growth
from bncourse.kernels.steps import SKIP

SMALL = Config(depth=6, width=20, batch=10)


def recorded(part, **wanted):
    found = [run for run in recording.recorded("depth", part)
             if all(run.config[name] == value for name, value in wanted.items())]
    assert len(found) == 5 and len({run.provenance["seed"] for run in found}) == 5
    return found


def gradient(part, **wanted):
    return runs.stack(recorded(part, **wanted), "gradient")


def rise(gradients):
    """log10 of the squared gradient in the lowest layer over that in the top one."""
    return gradients[..., 0] - gradients[..., -1]


def digits(rng, n=10):
    return rng.uniform(size=(n, 784)), rng.integers(10, size=n)


@pytest.mark.parametrize("fields", [{}, {"norm": "none"}, {"skip": True}, {"activation": "linear"},
                                    {"norm": "scale", "skip": True, "branch": 0.5}])
def test_the_squares_are_those_of_the_gradients(rng, fields):
    """The gradient for a layer's output times the output's change is the change of the loss: a factor 1 + h on the
    output of a layer moves the loss by h <dz, z>, and a mini-batch's weights get z' dx."""
    network, (x, t) = init(replace(SMALL, **fields), rng), digits(rng)
    seen, gradients = observed(network, x, t)
    _, expected, tape = mlp.loss_and_gradients(network, x, t)
    for mine, theirs, layer in zip(seen["weights"], expected, gradients, strict=False):
        assert 10**mine == pytest.approx(np.sum(np.square(theirs.w, dtype=float)), rel=1e-4)
        assert np.array_equal(theirs.w, layer.w)
    top = tape.output
    dz = mlp.layers.affine_input_backward(mlp.layers.softmax_cross_entropy_backward(
        mlp.layers.softmax_cross_entropy_forward(mlp.forward(network, x)[0], t)[1]), top)
    assert 10 ** seen["gradient"][-1] == pytest.approx(np.sum(np.square(dz, dtype=float)), rel=1e-4)


def test_the_scale_of_skipinit_has_the_gradient_of_its_one_factor(rng):
    x, gamma, dy = rng.normal(size=(5, 3)), rng.normal(size=1), rng.normal(size=(5, 3))
    _, cache = depth.scale_forward(x, gamma, np.zeros(1), 0)
    dx, dgamma, dbeta = depth.scale_backward(dy, cache)
    check_direction(lambda x: depth.scale_forward(x, gamma, np.zeros(1), 0)[0], x, dx, dy, rng)
    check_direction(lambda g: depth.scale_forward(x, g, np.zeros(1), 0)[0], gamma, dgamma, dy, rng)
    assert not dbeta.any()


def test_a_network_is_what_the_configuration_asks_for(rng):
    network = init(replace(SMALL, weights="orthogonal", skip=True), rng)
    assert [SKIP in layer.steps for layer in network[:-1]] == [False] + [True] * 5
    assert np.allclose(network[2].w @ network[2].w.T, np.eye(20), atol=1e-5)
    he = init(replace(SMALL, norm="none", width=400), rng)
    assert he[1].gamma is None and he[1].w.var() == pytest.approx(2 / 400, rel=0.05)
    assert init(replace(SMALL, norm="scale", skip=True, branch=0.0), rng)[1].gamma.tolist() == [0]


def test_in_a_new_network_skipinit_hands_the_gradient_down_as_it_is(rng):
    seen, _ = observed(init(replace(SMALL, norm="scale", skip=True, branch=0.0), rng), *digits(rng))
    assert np.ptp(seen["gradient"]) == 0


def test_the_scale_of_the_weights_cancels_with_batch_norm(rng):
    network, (x, t) = init(SMALL, rng), digits(rng)
    before, _ = observed(network, x, t)
    for layer in network[:-1]:
        layer.w *= np.float32(16)
    assert np.allclose(before["gradient"], observed(network, x, t)[0]["gradient"], atol=0.01)


def test_rows_are_the_layers_at_each_moment_and_a_seed_decides_them():
    config = replace(SMALL, records=(0, 2))
    columns = run(config).columns
    assert columns["step"] == [0] * 6 + [2] * 6 and columns["layer"] == [1, 2, 3, 4, 5, 6] * 2
    assert columns == run(config).columns != run(replace(config, seed=1)).columns


def test_a_replay_ends_within_ten_steps_and_begins_as_the_record():
    whole = run(replace(SMALL, records=(0, 2, 12)))
    again = depth.replay(whole, steps=300)
    assert again.columns["step"] == [0] * 6 + [2] * 6
    assert again.columns["gradient"] == whole.columns["gradient"][:12]


def test_growth_is_the_factor_of_one_step_down():
    gradients = np.log10([3.0 ** -np.arange(12), 1.5 ** -np.arange(12)])
    assert measured_growth(gradients) == pytest.approx([3, 1.5])
    assert measured_growth(gradients[0], margin=0) == pytest.approx(3)
    with pytest.raises(ValueError, match="gradient has 12 layers; expected more than 13"):
        measured_growth(gradients, margin=6)


def test_every_field_that_is_not_usual_is_in_the_name_and_a_record_keeps_them_all():
    others = {"dataset": "mnist", "activation": "tanh", "norm": "none", "skip": True, "weights": "orthogonal",
              "branch": 0.5, "depth": 3, "width": 9, "batch": 4, "lr": 1.0, "records": (0, 5), "seed": 2}
    changed = [replace(Config(), **{name: value}) for name, value in others.items()]
    assert Config().variant() == "glyphs-relu-batch-seed0" and set(others) == {each.name for each in fields(Config)}
    assert len({config.variant() for config in changed} | {Config().variant()}) == 1 + len(others)
    assert [from_record(Config, json.loads(json.dumps(to_record(config)))) for config in changed] == changed


@pytest.mark.parametrize(("field", "value", "words"), [
    ("activation", "swish", "activation is 'swish'; expected one of relu, linear"),
    ("norm", "layer", "norm is 'layer'; expected one of batch"), ("batch", 1, "batch is 1; expected 2 or more"),
    ("records", (3, 3), "records is .3, 3.; expected numbers of steps in ascending order"),
    ("lr", 0.0, "lr is 0.0; expected a positive number")])
def test_a_field_out_of_range_is_named(field, value, words):
    with pytest.raises(ValueError, match=words):
        replace(SMALL, **{field: value})


# what is recorded

@pytest.mark.parametrize(("activation", "batch"), [("relu", 8), ("relu", 128), ("linear", 8), ("linear", 32),
                                                   ("linear", 128), ("tanh", 128), ("sigmoid", 128)])
def test_c39_new_networks_with_batch_norm_explode_as_theory_says(rng, activation, batch):
    measured = measured_growth(gradient("new", activation=activation, batch=batch, norm="batch"))
    assert np.allclose(measured, growth(ACTIVATIONS[activation], batch, rng, draws=20_000), rtol=0.02)


def test_c39_without_batch_norm_he_weights_keep_the_gradient():
    assert np.allclose(measured_growth(gradient("new", norm="none")), 1, atol=0.02)


def test_skips_rescue_with_small_shares_and_alone_make_it_worse():
    alone = rise(gradient("new", activation="relu", batch=128, norm="batch"))
    normalized, raw = (rise(gradient("skips", norm=norm)) for norm in ("batch", "none"))
    assert alone.min() > 7.5 and raw.min() > 14 and normalized.max() < 3
    assert rise(gradient("skips", norm="scale", branch=50**-0.5)).max() < 1.6
    assert np.abs(rise(gradient("skips", norm="scale", branch=0.0))).max() < 1e-3


def test_batch_norm_divides_a_residual_layers_share_by_more_than_the_root_of_the_layers_below():
    spread = 10 ** runs.stack(recorded("skips", norm="batch"), "spread")
    assert (2 < spread[:, 39] / spread[:, 9]).all() and (spread[:, 39] / spread[:, 9] < 4).all()


@pytest.mark.parametrize(("weights", "batch", "least", "most"), [("gaussian", 40, 2, 20), ("orthogonal", 40, -1, 1.5),
                                                                 ("orthogonal", 16, 2, 20)])
def test_orthogonal_weights_hold_the_gradient_of_linear_layers_where_examples_are_more_than_units(weights, batch, least,
                                                                                                  most):
    config = Config(activation="linear", weights=weights, width=32, batch=batch, depth=300)
    risen = [rise(np.array(run(replace(config, seed=seed)).columns["gradient"])) for seed in range(3)]
    assert least < np.median(risen) < most


def test_orthogonal_weights_do_not_help_a_relu():
    columns = run(Config(weights="orthogonal")).columns
    assert measured_growth(columns["gradient"]) == pytest.approx(np.pi / (np.pi - 1), rel=0.05)


def in_training(norm, lr):
    """Growth a layer after 0, 1, 10, 100 and 1,000 steps, (seeds, moments)."""
    return measured_growth(gradient("trained", norm=norm, lr=lr).reshape(5, 5, 20), margin=1)


def test_c39_training_takes_the_growth_away_the_faster_the_larger_the_rate():
    slow, middle, fast = (in_training("batch", lr) for lr in (0.001, 0.1, 1.0))
    assert (slow[:, 4] > 1.35).all() and (slow[:, 1] > 1.42).all()
    assert (middle[:, 1] > 1.35).all() and (middle[:, 3] < 1.25).all()
    assert (fast[:, 1] < 1.42).all() and (fast[:, 2] < 1.15).all()
