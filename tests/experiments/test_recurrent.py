"""The recurrent network: what each norm computes at a step, its statistics, and longer sequences."""

import numpy as np
import pytest
import torch

from bncourse.experiments import recurrent
from bncourse.experiments.digits import binary_images
from bncourse.experiments.recurrent import EXTRA, Config, Statistics

SMALL = dict(units=6, batch=20, steps=2, images=40)


@pytest.fixture(scope="module")
def digits():
    return binary_images("glyphs", threshold=127)


def new(norm, gamma=1.0):
    config = Config(norm=norm, gamma=gamma, **SMALL)
    return config, recurrent.seeded(config, 0)[0]


def test_without_a_norm_it_is_torchs_lstm(digits):
    _, network = new("none")
    x, own = recurrent.sequences(digits.train[0][:5]), torch.nn.LSTM(56, 6, batch_first=True)
    order = np.concatenate([np.arange(6) + 6 * k for k in (1, 0, 3, 2)])  # torch has input, forget, new, output
    own.load_state_dict({"weight_ih_l0": network.wx.T[order], "weight_hh_l0": network.wh.T[order],
                         "bias_ih_l0": network.bias[order], "bias_hh_l0": torch.zeros(24)})
    states, _ = own(x)
    logits, trace = network(x)
    assert torch.allclose(torch.stack(trace.states, 1), states, atol=1e-6)
    assert torch.allclose(logits, states[:, -1] @ network.wo, atol=1e-6)


@pytest.mark.parametrize("norm", ("batch", "layer"))
def test_both_products_and_the_cell_are_normalized_at_each_step(norm, digits):
    _, network = new(norm, gamma=0.5)
    _, (inputs, returns, cells, states) = network(recurrent.sequences(digits.train[0][:8]))

    def normal(value):  # by the mini-batch or by the example, then times gamma
        axis = 0 if norm == "batch" else 1
        spread = (value.var(axis, correction=0, keepdim=True) + 1e-5).sqrt()
        return 0.5 * (value - value.mean(axis, keepdim=True)) / spread

    for t in (1, 7, 13):
        forget, enter, leave, new_value = (normal(inputs[t]) + normal(returns[t]) + network.bias).chunk(4, dim=1)
        assert torch.allclose(cells[t], forget.sigmoid() * cells[t - 1] + enter.sigmoid() * new_value.tanh(), atol=1e-5)
        assert torch.allclose(states[t], leave.sigmoid() * normal(cells[t]).tanh(), atol=1e-5)
        assert torch.allclose(returns[t], states[t - 1] @ network.wh, atol=1e-5)


@pytest.mark.parametrize("norm", ("none", "layer"))
def test_a_norm_without_company_treats_each_sequence_alone(norm, digits):
    _, network = new(norm)
    x = recurrent.sequences(digits.train[0][:5])
    assert torch.allclose(network(x)[0][:2], network(x[:2])[0], atol=1e-6)


@pytest.mark.parametrize("norm", ("batch", "input"))
def test_with_the_statistics_of_a_mini_batch_inference_is_training(norm, digits):
    config, network = new(norm)
    x = recurrent.sequences(recurrent.evenly_spaced(digits.train, config.images)[0])
    statistics, (logits, trace) = recurrent.population(config, network), network(x)
    biased = Statistics(statistics.mean, [var * (n - 1) / n for var, n in zip(
        statistics.var, (len(x) * (14 if norm == "input" else 1),) * 3, strict=True)])
    assert torch.allclose(network(x, biased)[0], logits, atol=1e-4)
    if norm == "batch":
        assert torch.allclose(statistics.mean[1][3], trace.returns[3].mean(0), atol=1e-6)
        assert torch.allclose(statistics.var[2][5], trace.cells[5].var(0), atol=1e-6)
    else:
        assert torch.allclose(statistics.mean[0][0], torch.stack(trace.inputs).mean((0, 1)), atol=1e-6)


def test_after_the_last_step_come_its_own_statistics_and_shared_ones_are_the_mean_of_all():
    one = Statistics([torch.arange(3.0)[:, None]], [torch.ones(3, 1)])
    assert [float(one.at(t)[0][0]) for t in (0, 2, 3, 9)] == [0, 2, 2, 2]
    assert [float(one.shared().at(t)[0][0]) for t in (0, 5)] == [1, 1]


def test_a_digit_stands_between_its_blank_steps(digits):
    x = recurrent.sequences(digits.train[0][:2], before=2, after=3)
    assert x.shape == (2, 19, 56) and not x[:, :2].any() and not x[:, -3:].any()
    assert np.array_equal(np.sort(x[1].flatten())[-400:], np.sort(digits.train[0][1].astype(np.float32))[-400:])


def test_all_norms_begin_with_the_same_weights_and_their_own_gamma():
    plain = new("none")[1]
    for norm in recurrent.NORMS:
        network = new(norm, gamma=0.3)[1]
        assert torch.equal(network.wx, plain.wx) and torch.equal(network.wh, plain.wh)
        assert all(torch.equal(gamma, torch.full_like(gamma, 0.3)) for gamma in network.gammas)
    for part in plain.wh.chunk(4, dim=1):
        assert torch.allclose(part @ part.T, torch.eye(6), atol=1e-5)


@pytest.mark.parametrize("norm", recurrent.NORMS)
def test_a_run_has_a_row_for_each_rate_and_seed_and_can_be_repeated(norm):
    config = Config(norm=norm, rates=(0.01, 0.1), seeds=(3, 4), **SMALL)
    columns = recurrent.run(config).columns
    shared = [f"{kind} {extra}" for extra in EXTRA for kind in ("shared later", "shared longer")] + ["shared test"]
    assert (set(shared) <= set(columns)) == (norm == "batch") and {"train", "chosen", "test", "faded"} <= set(columns)
    assert columns["lr"] == [0.01, 0.1, 0.01, 0.1] and columns["seed"] == [3, 3, 4, 4]
    assert columns["faded"][0] == columns["faded"][1] != columns["faded"][2]
    if norm == "batch":
        assert recurrent.run(config).columns == columns


def test_the_gradient_for_the_last_state_is_that_of_the_logits(digits):
    config, network = new("none")
    found = recurrent.gradients_over_time(config, network)
    i = next(recurrent.seeded(config, 0)[1])
    logits = network(recurrent.sequences(digits.train[0][i]))[0].detach()
    t = torch.from_numpy(digits.train[1][i])
    dlogits = (logits.softmax(1) - torch.nn.functional.one_hot(t, 10)) / len(i)
    expected = float((dlogits @ network.wo.T.detach()).norm())
    assert found.shape == (14,) and found[-1] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(("field", "value", "words"), [
    ("norm", "bn", "norm is 'bn'; expected one of none, batch"), ("gamma", -1.0, "gamma is -1.0; expected 0 or more"),
    ("units", 0, "units is 0; expected 1 or more"), ("batch", 1, "batch is 1; expected 2 or more"),
    ("rates", (), "expected one or more positive")])
def test_a_field_out_of_range_is_named(field, value, words):
    with pytest.raises(ValueError, match=words):
        Config(**{field: value})
