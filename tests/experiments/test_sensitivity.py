"""The grids of rates and scales at small size: what moves, what is held, what is recorded, what counts as diverged."""

import math
from dataclasses import replace

import numpy as np
import pytest

from bncourse.experiments import sensitivity
from bncourse.experiments.digits import binary_images
from bncourse.experiments.sensitivity import REST, Config, run
from bncourse.kernels import mlp

SMALL = Config(steps=12, rates=(0.1, 1.0), scales=(0.1, 1.0), sizes=(784, 9, 8, 10), test_images=100,
               population_batches=2)


def test_a_row_for_each_cell_the_rates_of_the_smallest_scale_first():
    columns = run(SMALL).columns
    assert columns["std"] == [0.1, 0.1, 1.0, 1.0] and columns["lr"] == [0.1, 1.0, 0.1, 1.0]
    assert list(columns)[-5:] == ["loss 1", "loss 2", "loss 5", "loss 10", "loss 12"]
    assert all(len(values) == 4 for values in columns.values()) and columns["steps"] == [12] * 4


def test_a_seed_decides_everything_that_is_recorded():
    first, again, other = run(SMALL), run(SMALL), run(replace(SMALL, seed=1))
    assert first.columns == again.columns != other.columns


def test_the_first_loss_is_that_of_the_initial_weights_at_any_rate():
    columns = run(SMALL).columns
    assert columns["loss 1"][0] == columns["loss 1"][1] != columns["loss 1"][2]


def test_only_hidden_weights_have_the_scale_where_only_they_move():
    large, small = (sensitivity.init(replace(SMALL, moved="hidden weights"), std) for std in (10.0, 0.1))
    assert np.allclose(large[0].w, 100 * small[0].w, rtol=1e-6) and np.allclose(large[1].w, 100 * small[1].w, rtol=1e-6)
    assert np.allclose(large[-1].w, small[-1].w, rtol=1e-6)
    assert np.isclose(small[-1].w.std(), REST, rtol=0.2)
    assert np.allclose(sensitivity.init(SMALL, 10.0)[-1].w, 100 * small[-1].w, rtol=1e-6)


@pytest.mark.parametrize("batchnorm", [True, False])
def test_only_hidden_weights_have_the_rate_where_only_they_move(batchnorm):
    config = replace(SMALL, moved="hidden weights", steps=1, batchnorm=batchnorm)
    train, _, _ = binary_images("glyphs", threshold=127)
    moves = {}
    for lr in (0.1, 3.0):
        before, after = sensitivity.init(config, 0.1), sensitivity.init(config, 0.1)
        list(sensitivity.descend(config, after, lr, train))
        moves[lr] = [[q - p for p, q in zip(a.parameters(), b.parameters(), strict=True)]
                     for a, b in zip(before, after, strict=True)]
    for slow, fast in zip(moves[0.1][:-1], moves[3.0][:-1], strict=True):
        assert np.allclose(fast[0], 30 * slow[0], rtol=1e-3, atol=1e-6) and np.abs(fast[0]).max() > 1e-4
        assert all(np.array_equal(p, q) for p, q in zip(slow[1:], fast[1:], strict=True))
    assert all(np.array_equal(p, q) for p, q in zip(moves[0.1][-1], moves[3.0][-1], strict=True))


def test_hidden_weights_at_a_times_the_scale_and_a_squared_times_the_rate_learn_alike():
    config = replace(SMALL, moved="hidden weights", steps=40)
    here = run(replace(config, scales=(0.3,), rates=(0.1,))).columns
    there = run(replace(config, scales=(3.0,), rates=(10.0,))).columns
    assert here["loss 40"] == pytest.approx(there["loss 40"], rel=0.02)


def test_a_training_ends_at_the_first_loss_that_is_not_finite():
    columns = run(replace(SMALL, batchnorm=False, rates=(1e38,), scales=(1.0,))).columns
    assert columns["steps"][0] < 12 and columns["worst"] == [math.inf]
    assert math.isnan(columns["loss 12"][0]) and not math.isnan(columns["loss 1"][0])


def test_a_column_is_a_grid_and_diverged_is_a_last_loss_above_the_first_or_none():
    made = run(replace(SMALL, scales=(0.1,)))
    for last, found in ((0.5, False), (1.05, False), (1.2, True), (math.nan, True)):
        columns = made.columns | {"loss 1": [1.0, 1.0], "loss 12": [last, 0.5]}
        assert sensitivity.diverged([replace(made, columns=columns)] * 3).tolist() == [[[found, False]]] * 3
    assert sensitivity.grid([made], "lr").tolist() == [[[0.1, 1.0]]]


def test_the_flat_share_is_that_of_slopes_near_zero():
    """A ReLU is flat for half of its inputs; a sigmoid that is fed with hundreds is flat nearly everywhere."""
    relu, sigmoid = (run(replace(SMALL, steps=1, rates=(1e-6,), scales=(scale,), activation=activation,
                                 batchnorm=batchnorm)).columns["flat"][0]
                     for activation, batchnorm, scale in (("relu", True, 0.1), ("sigmoid", False, 100.0)))
    assert 0.3 < relu < 0.7 and sigmoid > 0.9


def test_a_replay_has_the_first_cells():
    whole = run(SMALL)
    assert sensitivity.replay(whole, steps=25).columns == {name: values[:2] for name, values in whole.columns.items()}
    assert len(sensitivity.replay(whole, steps=1).columns["lr"]) == 1


def test_without_batch_norm_a_layer_has_a_bias_and_no_gamma():
    layer = sensitivity.init(replace(SMALL, batchnorm=False), 0.1)[0]
    assert layer.gamma is None and layer.b is not None
    assert [layer.w.dtype for layer in sensitivity.init(SMALL, 0.1)] == [np.float32] * 3
    assert isinstance(layer, mlp.Layer)


@pytest.mark.parametrize(("field", "value"), [("activation", "tanh"), ("moved", "gamma"), ("batch", 1), ("steps", 0),
                                              ("rates", (0.0,)), ("scales", ()), ("dataset", "cats")])
def test_a_field_out_of_range_is_named(field, value):
    with pytest.raises(ValueError, match=f"{field} is "):
        Config(**{field: value})
