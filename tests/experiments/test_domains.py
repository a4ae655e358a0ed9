"""New domains: batch norms that change nothing, new statistics, and what is measured with them."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from bncourse.experiments import domains
from bncourse.experiments.domains import CLASSES, DOMAINS, Config

SMALL = dict(widths=(2, 3, 8), batch=20, steps=2, images=60)


@torch.enable_grad()
def trained(norm, **changes):
    config = Config(norm=norm, **SMALL | changes)
    return config, domains.train(config, 0.05, 0)


@pytest.fixture(scope="module")
def source():
    return domains.tensor(domains.pictures(Config(), "train", 60)[0])


def test_both_norms_begin_with_the_same_weights_and_differ_in_the_bias_and_the_norms():
    plain, normal = (domains.network(Config(norm=norm, **SMALL), seed=3) for norm in ("none", "batch"))
    for one, other in zip(plain, normal, strict=True):
        if isinstance(one, nn.Conv2d | nn.Linear):
            assert torch.equal(one.weight, other.weight)
    assert [type(layer).__name__ for layer in plain].count("Identity") == 3
    assert not any(normal[k].bias is not None for k in (0, 3, 7)) and normal[10].bias is not None


@torch.no_grad()
def test_batch_norms_that_recover_the_identity_change_nothing_on_the_source(source):
    config, model = trained("none")
    with_norms = domains.with_identity_norms(model, source)
    assert sum(isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d) for layer in with_norms) == 3
    assert torch.allclose(with_norms(source), model(source), atol=1e-5)
    other = domains.tensor(1 - domains.pictures(config, "test", 30)[0])
    assert torch.allclose(with_norms(other), model(other), atol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("norm", domains.NORMS)
def test_new_statistics_take_out_a_factor_and_a_shift_of_the_first_layers_output(norm, source):
    config, model = trained(norm)
    model = domains.at_home(config, model)
    x, _ = domains.pictures(config, "train", 60)
    first = model[:2](source)
    rescaled = domains.adapted(model, 0.3 * x)[:2](0.3 * source)
    assert torch.allclose(rescaled, first, rtol=0.02, atol=0.02 * float(first.std()))  # up to eps
    assert not torch.allclose(model[:2](0.3 * source), first, atol=0.1 * float(first.std()))


@torch.no_grad()
def test_the_rescaled_activations_of_a_network_without_norm_have_the_sources_moments(source):
    config, model = trained("none", images=200)
    at_home = domains.at_home(config, model)
    x, _ = domains.pictures(config, "train", 200)
    noise = DOMAINS["noise"](x)
    home, after = at_home[:2](domains.tensor(x)), domains.adapted(at_home, noise)[:2](domains.tensor(noise))
    assert torch.allclose(after.mean((0, 2, 3)), home.mean((0, 2, 3)), atol=1e-3)
    assert torch.allclose(after.std((0, 2, 3)), home.std((0, 2, 3)), rtol=1e-2, atol=1e-3)


def test_adapting_leaves_the_network_and_its_parameters_as_they_were(source):
    config, model = trained("batch")
    model = domains.at_home(config, model)
    before = copy.deepcopy(model.state_dict())
    other = domains.adapted(model, np.ones((5, 28, 28)) * np.arange(5)[:, None, None])
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(torch.equal(one, two) for one, two in zip(model.parameters(), other.parameters(), strict=True))
    assert not torch.equal(other[1].running_mean, model[1].running_mean) and not model.training


@pytest.mark.parametrize("norm", domains.NORMS)
def test_a_run_has_a_row_for_each_rate_and_seed_and_a_column_for_each_measurement(norm, monkeypatch):
    monkeypatch.setattr(domains, "PICTURES", (2, 40))
    config = Config(norm=norm, rates=(0.1,), seeds=(0, 1), **SMALL)
    columns = domains.run(config).columns
    parts = ["before", "after", "from 2", "from 40", *(f"of {k}" for k in CLASSES)]
    assert list(columns)[:3] == ["lr", "seed", "chosen"]
    assert set(columns) == {"lr", "seed", "chosen", *(f"{name} {part}" for name in DOMAINS for part in parts)}
    assert columns["lr"] == [0.1, 0.1] and columns["seed"] == [0, 1]
    assert all(0 <= value <= 1 for name, column in columns.items() if name != "seed" for value in column)
    assert columns["same before"] == pytest.approx(columns["same after"], abs=0.02)


def test_statistics_are_of_as_many_pictures_and_of_such_digits_as_the_column_says(monkeypatch):
    config, model = trained("batch")
    model, seen = domains.at_home(config, model), []
    monkeypatch.setattr(domains, "DOMAINS", {"same": DOMAINS["same"]})
    monkeypatch.setattr(domains, "PICTURES", (2, 40))
    monkeypatch.setattr(domains, "adapted", lambda model, x: seen.append(x) or model)
    domains.measure(config, model)
    x, t = domains.pictures(config, "train", 60)
    expected = [x, x[:2], x[:40], *(x[t < k] for k in CLASSES)]
    assert all(np.array_equal(one, other) for one, other in zip(seen, expected, strict=True))


def test_the_conditions_are_what_they_are_called():
    x = np.random.default_rng(0).uniform(size=(3, 28, 28))
    made = {name: condition(x) for name, condition in DOMAINS.items()}
    assert np.array_equal(made["same"], x) and np.allclose(made["dark"], 0.3 * x)
    assert np.allclose(made["fog"], 0.5 + x / 2) and np.allclose(made["inverted"] + x, 1)
    assert 0.2 < np.abs(made["noise"] - x).mean() < 0.4 and np.array_equal(made["noise"], DOMAINS["noise"](x))
    assert (made["thick"] >= x).all() and made["blur"].std() < 0.5 * x.std()
    assert np.allclose(made["blur"].mean(), x.mean(), atol=0.02)


@pytest.mark.parametrize(("field", "value", "words"), [
    ("norm", "bn", "norm is 'bn'; expected one of none, batch"), ("batch", 1, "batch is 1; expected 2 or more"),
    ("widths", (3, 4), "expected three positive numbers"), ("widths", (3, 4, 0), "expected three positive numbers"),
    ("seeds", (-1,), "expected one or more numbers from 0 on")])
def test_a_field_out_of_range_is_named(field, value, words):
    with pytest.raises(ValueError, match=words):
        Config(**{field: value})
