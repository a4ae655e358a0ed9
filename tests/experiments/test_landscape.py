"""Landscape: what is measured along a step and of a shift is what its name says."""

import numpy as np
import pytest

from bncourse import runs
from bncourse.experiments import landscape
from bncourse.experiments.digits import binary_images
from bncourse.experiments.landscape import MULTIPLES, Config
from bncourse.kernels import mlp
from bncourse.kernels.gradcheck import numeric_gradient
from bncourse.kernels.steps import BATCH_NORM, SIGMOID

SMALL = dict(sizes=(784, 12, 10, 8, 10), steps=4, batch=8, records=2)


def trained(**wanted):
    """A small network after a few steps, with the mini-batch that comes next."""
    config = Config(**(SMALL | wanted))
    *_, (_, network, batch) = landscape.train(config, 0.3, 0)
    return config, network, batch


@pytest.mark.parametrize("activation", landscape.ACTIVATIONS)
@pytest.mark.parametrize("norm", landscape.NORMS)
def test_all_norms_start_from_the_same_weights_and_train(norm, activation):
    config = Config(norm=norm, activation=activation, rates=(0.1, 0.5), **SMALL)
    network = landscape.init(config, np.random.default_rng(0))
    plain = landscape.init(Config(norm="none", activation=activation, **SMALL), np.random.default_rng(0))
    assert all(np.array_equal(a.w, b.w) for a, b in zip(network, plain, strict=True))
    columns = landscape.run(config).columns
    assert (columns["lr"], columns["seed"], columns["step"]) == ([0.1, 0.1, 0.5, 0.5], [0] * 4, [2, 4, 2, 4])
    assert all(np.isfinite(value) for column in columns.values() for value in column)


def test_rows_come_by_rate_with_the_seeds_in_order_and_the_best_rate_is_that_of_the_median():
    lr = [0.1, 0.1, 0.5, 0.5] * 3
    chosen = [0, 0.5, 0, 0.6, 0, 0.7, 0, 0.6, 0, 0.9, 0, 0.8]
    told = runs.provenance(command="python -m x", seed=0, data="glyphs", sha256="0" * 64, seconds=1)
    config = {"rates": [0.1, 0.5], "seeds": [0, 1, 2]}
    recorded = runs.Run("landscape", "x", config, told, {"lr": lr, "chosen": chosen})
    assert landscape.at_rate(recorded, 0.1)["chosen"].tolist() == [[0, 0.5], [0, 0.7], [0, 0.9]]
    assert landscape.best_rate(recorded) == 0.1
    rows = {f"loss at {a}": np.array([[a], [-a]]) for a in MULTIPLES}
    assert [part.tolist() for part in landscape.loss_range(rows)] == [[[0.5], [-4]], [[4], [-0.5]]]


def test_a_run_can_be_repeated_noise_and_all():
    one, two = (landscape.run(Config(norm="noisy", **SMALL)).columns for _ in range(2))
    assert one == two


def test_the_step_along_which_is_looked_is_the_one_that_training_takes():
    _, network, (x, t) = trained()
    row = landscape.along(network, x, t, 0.3)
    loss, gradients, _ = mlp.loss_and_gradients(network, x, t)
    assert row["loss"] == pytest.approx(loss)
    mlp.sgd_step(network, gradients, 0.3)
    after, found, _ = mlp.loss_and_gradients(network, x, t)
    assert row["loss at 1"] == pytest.approx(after)
    apart = landscape.flat(found) - landscape.flat(gradients)
    assert row["change at 1"] == pytest.approx(np.linalg.norm(apart))


def test_close_by_the_loss_falls_by_the_squared_gradient_and_the_gradient_stays():
    _, network, (x, t) = trained(activation="sigmoid")
    row = landscape.along(network, x, t, 1e-6)
    for a in MULTIPLES:
        assert (row["loss"] - row[f"loss at {a}"]) / (a * 1e-6) == pytest.approx(row["gradient"] ** 2, rel=1e-3)
        assert row[f"cosine at {a}"] == pytest.approx(1)


def test_looking_changes_nothing():
    config, network, batch = trained(norm="noisy")
    before = landscape.flat(network).copy()
    landscape.measure(config, network, batch, 0.3)
    assert np.array_equal(landscape.flat(network), before)


def test_the_shift_of_a_layer_is_made_by_the_layers_below_alone():
    _, network, (x, t) = trained(norm="none", activation="sigmoid")
    row = landscape.shift(network, x, t, 0.3)
    _, gradients, _ = mlp.loss_and_gradients(network, x, t)
    below = landscape.moved(network, gradients, 0.3)
    below[2:] = network[2:]

    def loss(w):
        changed = [*below[:2], mlp.Layer(w, network[2].b, steps=network[2].steps), network[3]]
        return mlp.loss_and_gradients(changed, x, t)[0]

    after = numeric_gradient(loss, network[2].w)
    assert row["shift 3"] == pytest.approx(np.linalg.norm(after - gradients[2].w), rel=1e-4)
    assert row["gradient 3"] == pytest.approx(np.linalg.norm(gradients[2].w))


def test_the_noise_is_in_the_drift_and_nowhere_else():
    config, network, batch = trained(norm="noisy", activation="sigmoid")
    calm = landscape.quiet(config, network)
    assert [layer.steps for layer in calm[:-1]] == [(BATCH_NORM, SIGMOID)] * 3
    rows = [landscape.measure(config, network, batch, 0.3) for _ in range(2)]
    differ = {name for name in rows[0] if rows[0][name] != rows[1][name]}
    assert "drift" in differ <= {"drift", "train", "chosen", "test"}
    assert rows[0]["drift"] > 10 * landscape.drift(calm, *batch, 0.3)["drift"]


def test_gamma_and_beta_alone_or_the_last_layer_alone_are_trained():
    start = landscape.init(Config(**SMALL), np.random.default_rng(0).spawn(2)[0])
    _, network, _ = trained(trained="scales")
    assert all(np.array_equal(a.w, b.w) for a, b in zip(start, network, strict=True))
    assert all((layer.gamma != 1).any() and (layer.beta != 0).any() for layer in network[:-1])
    _, network, _ = trained(trained="last", norm="none")
    assert all(np.array_equal(a.w, b.w) for a, b in zip(start[:-1], network[:-1], strict=True))
    assert (network[-1].w != start[-1].w).any() and all((layer.b == 0).all() for layer in network[:-1])


def test_accuracies_are_of_the_digits_that_are_named():
    config, network, _ = trained(norm="none")
    found = landscape.accuracies(config, network)
    x, t = binary_images("glyphs", threshold=127).test
    i = np.arange(4000) * len(x) // 4000
    right = mlp.predict(network, x[i]) == t[i]
    assert (found["chosen"], found["test"]) == (right[::2].mean(), right[1::2].mean())


@pytest.mark.parametrize(("field", "value", "words"), [
    ("norm", "bn", "norm is 'bn'; expected one of none, batch, noisy"), ("trained", "most", "trained is 'most'"),
    ("batch", 1, "batch is 1; expected 2 or more"), ("amount", -1, "amount is -1; expected 0 or more"),
    ("rates", (0.1, 0.0), "expected one or more positive"), ("seeds", (), "expected one or more numbers from 0 on")])
def test_a_field_out_of_range_is_named(field, value, words):
    with pytest.raises(ValueError, match=words):
        Config(**{field: value})


def test_scales_alone_need_a_norm():
    with pytest.raises(ValueError, match="expected a norm that has gamma and beta"):
        Config(norm="none", trained="scales")
