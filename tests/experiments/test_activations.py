"""The experiment of section 4.1 at small size: what it records, that it repeats, and what it refuses."""

import pickle
from dataclasses import asdict, replace

import numpy as np
import pytest

from bncourse import datasets
from bncourse.experiments import activations
from bncourse.experiments.activations import Config, run
from bncourse.runs import Run

SMALL = Config(steps=30, sizes=(784, 12, 9, 10), records=3, test_images=150, population_batches=2)
with_and_without = pytest.mark.parametrize("batchnorm", [True, False], ids=["batchnorm", "plain"])


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_batch_norm_is_far_ahead_after_150_steps(seed):
    """Figure 1(a), in small: here the plain network has hardly begun."""
    config = Config(steps=150, seed=seed, records=1, test_images=500)
    with_norm, without = (run(replace(config, batchnorm=batchnorm)).columns for batchnorm in (True, False))
    assert with_norm["accuracy"][-1] > without["accuracy"][-1] + 0.3


def test_batch_norm_keeps_the_inputs_of_the_last_sigmoids_in_place_while_the_network_learns():
    """Figures 1(b) and 1(c), in small: without it they spread manifold as soon as the network learns."""
    config = Config(steps=600, records=1, test_images=500)
    with_norm, without = (run(replace(config, batchnorm=batchnorm)).columns["spread"] for batchnorm in (True, False))
    assert with_norm[-1] < 2 * with_norm[0]
    assert without[-1] > 10 * without[0]


@with_and_without
def test_a_seed_decides_everything_that_is_recorded(batchnorm):
    config = replace(SMALL, batchnorm=batchnorm)
    first, again, other = run(config), run(config), run(replace(config, seed=1))
    assert first.columns == again.columns
    assert first.columns["p50"] != other.columns["p50"]


def test_what_is_observed_does_not_disturb_the_training():
    sparse, dense = run(replace(SMALL, records=1)), run(replace(SMALL, records=30))
    assert sparse.columns["accuracy"] == [dense.columns["accuracy"][0], dense.columns["accuracy"][-1]]
    assert sparse.columns["spread"] == [dense.columns["spread"][0], dense.columns["spread"][-1]]
    half_an_epoch = replace(SMALL, batchnorm=False, batch=5000, steps=2)
    few, many = (run(replace(half_an_epoch, population_batches=n)) for n in (1, 3))
    assert few.columns == many.columns


def test_both_networks_begin_with_the_same_weights_and_see_the_same_mini_batches(monkeypatch):
    seen = {True: [], False: []}

    def spy(network, x, t):
        seen[network[0].gamma is not None].append((network[0].w.copy(), x, t))
        return original(network, x, t)

    original = activations.mlp.loss_and_gradients
    monkeypatch.setattr(activations.mlp, "loss_and_gradients", spy)
    for batchnorm in seen:
        run(replace(SMALL, batchnorm=batchnorm))
    assert np.array_equal(seen[True][0][0], seen[False][0][0])
    for (_, x, t), (_, other_x, other_t) in zip(*seen.values(), strict=True):
        assert np.array_equal(x, other_x)
        assert np.array_equal(t, other_t)


@with_and_without
def test_the_percentiles_are_those_of_the_named_unit(batchnorm, monkeypatch):
    inputs = []

    def spy(network, test, population):
        statistics = activations.mlp.population(network, population) if batchnorm else None
        _, tape = activations.mlp.forward(network, test[0], statistics)
        inputs.append(tape.hidden[-1].y)
        return original(network, test, population)

    original = activations.observe
    monkeypatch.setattr(activations, "observe", spy)
    columns = run(replace(SMALL, batchnorm=batchnorm)).columns
    (unit,) = set(columns["unit"])
    for row, y in enumerate(inputs):
        assert y.shape == (150, 9)
        expected = np.percentile(y[:, unit], [15, 50, 85])
        assert [columns[name][row] for name in ("p15", "p50", "p85")] == pytest.approx(expected)
        assert columns["spread"][row] == pytest.approx(
            np.median(np.percentile(y, 85, axis=0) - np.percentile(y, 15, axis=0)))


def test_the_typical_unit_has_as_many_that_move_more_as_less(rng):
    amount = rng.permutation(np.arange(9.0))
    direction = np.where(amount > 4, -1, 1)
    path = np.linspace(0, 1, 5)[:, None, None] * amount * direction  # (records, 1, units)
    percentiles = rng.normal(size=9) + np.broadcast_to(path, (5, 3, 9))
    assert amount[activations.typical_unit(percentiles)] == 4


@pytest.mark.parametrize(("spacing", "records", "steps", "expected"), [
    ("even", 3, 30, [0, 10, 20, 30]),
    ("even", 1, 30, [0, 30]),
    ("even", 50, 3, [0, 1, 2, 3]),
    ("log", 4, 1000, [0, 1, 10, 100, 1000]),
    ("log", 1, 1000, [0, 1, 1000]),
    ("even", 5, 0, [0]),
])
def test_records_are_spaced_as_asked_and_hold_both_ends(spacing, records, steps, expected):
    assert Config(steps=steps, records=records, spacing=spacing).recorded_steps() == expected


@pytest.mark.parametrize("steps", [0, 1, 7])
def test_a_row_for_each_recorded_step(steps):
    config = replace(SMALL, steps=steps)
    columns = run(config).columns
    assert columns["step"] == config.recorded_steps()
    assert {len(column) for column in columns.values()} == {len(columns["step"])}
    assert all(0 <= accuracy <= 1 for accuracy in columns["accuracy"])


@pytest.mark.parametrize("steps", [1, 30, 250])
def test_progress_is_told_at_most_a_hundred_times_and_ends_at_the_total(steps):
    calls = []
    run(replace(SMALL, steps=steps), progress=lambda done, total: calls.append((done, total)))
    assert len(calls) <= 100
    assert calls == sorted(calls)
    assert calls[-1] == (steps, steps)
    assert {total for _, total in calls} == {steps}


def test_a_run_is_saved_whole_with_what_it_takes_to_repeat_it(tmp_path):
    config = replace(SMALL, lr=0.25, seed=3)
    recorded = run(config)
    loaded = Run.load(recorded.save(tmp_path))
    assert loaded == recorded
    assert loaded.variant == "glyphs-batchnorm-12_9-30steps-lr0.25-std0.1-seed3"
    assert Config(**loaded.config | {"sizes": tuple(loaded.config["sizes"])}) == config
    assert repr(config) in loaded.provenance["command"]
    assert (loaded.provenance["seed"], loaded.provenance["data"]) == (3, "glyphs")


def test_an_interrupt_passes_through_and_the_next_run_is_as_if_nothing_had_been():
    def interrupt(done, total):
        if done == 10:
            raise KeyboardInterrupt

    whole = run(SMALL)
    with pytest.raises(KeyboardInterrupt):
        run(SMALL, progress=interrupt)
    assert run(SMALL).columns == whole.columns


def test_a_run_and_its_configuration_travel_to_another_process():
    assert pickle.loads(pickle.dumps(SMALL)) == SMALL
    assert pickle.loads(pickle.dumps(run(SMALL))).columns == run(SMALL).columns
    assert pickle.loads(pickle.dumps(run)) is run


def test_an_epoch_shows_every_example_once_but_for_the_incomplete_mini_batch(rng):
    batches = activations.minibatches(10, 3, rng)
    epochs = [np.concatenate([next(batches) for _ in range(3)]) for _ in range(2)]
    for epoch in epochs:
        assert len(set(epoch.tolist())) == 9
        assert set(epoch.tolist()) < set(range(10))
    assert not np.array_equal(*epochs)


def test_images_become_binary_at_the_threshold():
    images, labels = datasets.load("glyphs", "test")
    train, (x, t), _ = activations.binary_images("glyphs", 200)
    assert np.array_equal(x, images.reshape(-1, 784) > 200)
    assert np.array_equal(t, labels)
    assert not train[0].flags.writeable


@pytest.mark.parametrize(("change", "sentence"), [
    ({"steps": -1}, "steps is -1; expected an int of 0 or more"),
    ({"steps": True}, "steps is True; expected an int of 0 or more"),
    ({"seed": -2}, "seed is -2; expected an int of 0 or more"),
    ({"batch": 0}, "batch is 0; expected an int of 1 or more"),
    ({"batch": 1}, "batch is 1; expected 2 or more, as batch norm turns a single example into beta"),
    ({"lr": 0}, "lr is 0; expected a positive number"),
    ({"lr": -0.5}, r"lr is -0\.5; expected a positive number"),
    ({"lr": float("nan")}, "lr is nan; expected a positive number"),
    ({"std": float("inf")}, "std is inf; expected a positive number"),
    ({"dataset": "letters"}, "dataset is 'letters'; expected one of glyphs, mnist"),
    ({"sizes": (784, 10)}, r"sizes is \(784, 10\); expected 784, one or more hidden layers, 10"),
    ({"sizes": (100, 50, 10)}, "sizes is .*; expected 784"),
    ({"threshold": 255}, "threshold is 255; expected an int from 0 to 254"),
    ({"records": 0}, "records is 0; expected an int of 1 or more"),
    ({"spacing": "cubic"}, "spacing is 'cubic'; expected one of even, log, early"),
    ({"test_images": 0}, "test_images is 0; expected an int of 1 or more"),
    ({"population_batches": 0}, "population_batches is 0; expected an int of 1 or more"),
])
def test_a_field_out_of_range_is_refused_by_name(change, sentence):
    with pytest.raises(ValueError, match=sentence):
        replace(SMALL, **change)


def test_a_plain_network_may_learn_from_single_examples():
    assert replace(SMALL, batchnorm=False, batch=1).batch == 1


@pytest.mark.parametrize(("change", "sentence"), [
    ({"batch": 10_001}, "batch is 10001, but there are 10000 training images"),
    ({"test_images": 2_001}, "test_images is 2001, but there are 2000 test images"),
])
def test_more_than_the_data_is_refused(change, sentence):
    with pytest.raises(ValueError, match=sentence):
        run(replace(SMALL, **change))


def test_all_test_images_are_used_where_no_number_is_given():
    everything = run(replace(SMALL, steps=0, test_images=None)).columns["accuracy"]
    assert everything == run(replace(SMALL, steps=0, test_images=2000)).columns["accuracy"]
    assert asdict(SMALL)["test_images"] == 150
