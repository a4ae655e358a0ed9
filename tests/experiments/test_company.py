"""Company: each configuration trains the network that it names, on the mini-batches that it names."""

import itertools

import numpy as np
import pytest

from bncourse.experiments import company
from bncourse.experiments.company import Config
from bncourse.kernels import mlp
from bncourse.kernels.noise import Dropout
from bncourse.kernels.steps import BATCH_NORM, RELU, SIGMOID

SMALL = dict(sizes=(784, 12, 10, 10), steps=3, batch=100, part=50, groups=2, images=500)


@pytest.mark.parametrize("norm", company.NORMS)
def test_all_norms_start_from_the_same_weights_and_train(norm):
    config = Config(norm=norm, dropout=0.2, rates=(0.1, 0.5), seeds=(3, 4), **SMALL)
    network = company.init(config, np.random.default_rng(0))
    plain = company.init(Config(norm="none", **SMALL), np.random.default_rng(0))
    assert all(np.array_equal(a.w, b.w) for a, b in zip(network, plain, strict=True))
    columns = company.run(config).columns
    assert list(columns) == ["lr", "seed", "train", "chosen", "test", "in order", "own", "loss", "test loss"]
    assert columns["lr"] == [0.1, 0.5, 0.1, 0.5] and columns["seed"] == [3, 3, 4, 4]
    assert all(np.isfinite(value) and value >= 0 for column in columns.values() for value in column)


def test_a_run_can_be_repeated():
    one, two = (company.run(Config(norm="noisy", dropout=0.3, **SMALL)).columns for _ in range(2))
    assert one == two


def test_dropout_stands_where_it_is_asked_for():
    rng = np.random.default_rng(0)
    assert company.steps(Config(activation="sigmoid"), rng) == (BATCH_NORM, SIGMOID)
    before = company.steps(Config(dropout=0.5, place="before"), rng)
    after = company.steps(Config(dropout=0.5), rng)
    assert before == (Dropout(0.5, rng), BATCH_NORM, RELU) and after == (BATCH_NORM, RELU, Dropout(0.5, rng))


def batches_of(order, epochs=2):
    """The mini-batches of the first epochs, as sets of indices, and their labels."""
    t = np.random.default_rng(1).integers(0, 10, 100)
    drawn = company.orders(Config(order=order, batch=10), t, np.random.default_rng(2))
    found = [list(itertools.islice(drawn, 10)) for _ in range(epochs)]
    return [[frozenset(i.tolist()) for i in epoch] for epoch in found], t


@pytest.mark.parametrize("order", company.ORDERS)
def test_an_epoch_has_each_example_once_and_another_order_than_the_one_before(order):
    (first, second), _ = batches_of(order)
    assert sorted(itertools.chain(*first)) == sorted(itertools.chain(*second)) == list(range(100))
    assert first != second


def test_fixed_and_sorted_mini_batches_keep_their_company_and_shuffled_ones_do_not():
    for order, same in (("fixed", True), ("sorted", True), ("shuffled", False)):
        (first, second), _ = batches_of(order)
        assert (set(first) == set(second)) is same
    (first, _), t = batches_of("sorted")
    assert max(len(set(t[list(batch)])) for batch in first) <= 3


def test_statistics_in_order_are_those_that_each_layer_is_given_at_inference():
    config = Config(**SMALL)
    network = company.train(config, 0.1, 0)
    statistics = company.population_in_order(config, network, values=50)
    x, _ = company.examples(config)
    seen = mlp.forward(network, x[np.arange(50) * len(x) // 50], statistics)[1]
    for pair, trace in zip(statistics, seen.hidden, strict=True):
        assert np.allclose(trace.x.mean(0), pair.mean) and np.allclose(trace.x.var(0), pair.var)


@pytest.mark.parametrize(("field", "value", "words"), [
    ("norm", "bn", "norm is 'bn'; expected one of none, batch"), ("order", "random", "order is 'random'"),
    ("batch", 1, "batch is 1; expected 2 or more"), ("dropout", 1.0, "dropout is 1.0; expected 0 or more and below 1"),
    ("images", 20, "images is 20, but batch is 60"), ("rates", (0.1, 0.0), "expected one or more positive"),
    ("seeds", (), "seeds is ..; expected one or more numbers from 0 on")])
def test_a_field_out_of_range_is_named(field, value, words):
    with pytest.raises(ValueError, match=words):
        Config(**{field: value})


def test_the_rate_is_chosen_on_other_images_than_those_reported():
    config = Config(**SMALL, rates=(0.1, 0.5), seeds=(0, 1, 2))
    run = company.run(config)
    run.columns["chosen"] = [0.3, 0.9, 0.3, 0.1, 0.3, 0.2]  # medians 0.3 and 0.2
    run.columns["test"] = [0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
    assert company.chosen_rate(run) == 0.1
    assert list(company.at_rate(run, "test", 0.5)) == [0.6, 0.8, 1.0]
    assert list(company.at_best(run, "test")) == [0.5, 0.7, 0.9]


@pytest.mark.parametrize(("activation", "gain"), [("relu", 2), ("sigmoid", 1)])
def test_weights_have_the_variance_that_their_inputs_and_the_activation_ask_for(activation, gain):
    for layer in company.init(Config(activation=activation, sizes=(784, 400, 300, 10)), np.random.default_rng(0)):
        assert layer.w.var() == pytest.approx(gain / len(layer.w), rel=0.06)
