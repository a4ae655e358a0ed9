"""Population statistics: Algorithm 2 over mini-batches of any sizes, in models of every kind."""

import copy
import itertools

import torch
from torch import nn

import bncourse.nn
from bncourse.nn import population_statistics
from bncourse.nn.population import Population
from tests.nn.like_torch import assert_close, randomize
from tests.nn.models import INPUT, Linked, batchnorms, depthwise, every_lib, every_model


def made(build, lib):
    return randomize(build(lib).double())[0]


def seen_by(model, batches, training):
    """What enters each batch norm, `(C, m)` a mini-batch, while those in `training` are in training mode."""
    model = copy.deepcopy(model).eval()
    seen = {name: [] for name in batchnorms(model)}
    for name, layer in batchnorms(model).items():

        def look(layer, args, kwargs, into=seen[name]):
            (x,) = [*args, *kwargs.values()]
            into.append(x.transpose(0, 1).flatten(1))

        layer.train(name in training)
        layer.register_forward_pre_hook(look, with_kwargs=True)
    with torch.no_grad():
        for x in batches:
            model(x)
    return seen


def pooled(xs):
    """Mean of all values; squared deviations from each mini-batch's mean over their degrees of freedom."""
    deviations = torch.cat([x - x.mean(1, keepdim=True) for x in xs], dim=1)
    return torch.cat(xs, dim=1).mean(1), deviations.square().sum(1) / sum(x.shape[1] - 1 for x in xs)


@every_lib
@every_model
def test_ragged_mini_batches_give_what_brute_force_gives(build, lib, randn):
    model, batches = made(build, lib), [randn(n, *INPUT[build]) for n in (5, 2, 7, 3)]
    seen = seen_by(model, batches, training=batchnorms(model))
    assert population_statistics(model, batches) is model
    for name, layer in batchnorms(model).items():
        assert_close((layer.running_mean, layer.running_var), pooled(seen[name]), 1e-9)
        assert layer.num_batches_tracked == 4


@every_lib
def test_equal_mini_batches_give_algorithm_2_to_the_letter(lib, randn):
    m, model = 6, nn.Sequential(lib.BatchNorm1d(3)).double()
    batches = [k + randn(m, 3) for k in range(4)]
    population_statistics(model, batches)
    assert_close(model[0].running_mean, torch.stack([x.mean(0) for x in batches]).mean(0), 1e-12)
    sigma_squared = torch.stack([x.var(0, correction=0) for x in batches])
    assert_close(model[0].running_var, m / (m - 1) * sigma_squared.mean(0), 1e-12)


@every_model
def test_equal_mini_batches_give_what_update_bn_of_torch_gives(build, randn):
    model, batches = made(build, nn), [randn(4, *INPUT[build]) for _ in range(3)]
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    other = copy.deepcopy(model)
    torch.optim.swa_utils.update_bn(batches, other)
    assert_close(population_statistics(model, batches).state_dict(), other.state_dict(), 1e-10)


def test_mean_and_variance_are_unbiased_over_ragged_mini_batches():
    values = torch.tensor([0.0, 1.0, 5.0], dtype=torch.float64)
    means, variances = [], []
    for draw in itertools.product(values, repeat=5):
        population = Population()
        for x in torch.stack(draw)[:, None].split([2, 3]):
            population.update(x)
        means.append(population.mean)
        variances.append(population.var)
    assert_close(torch.cat(means).mean(), values.mean(), 1e-12)
    assert_close(torch.cat(variances).mean(), values.var(correction=0), 1e-12)


@every_model
def test_later_layers_are_measured_behind_earlier_ones_in_training_mode(build, randn):
    model, batches = made(build, bncourse.nn), [randn(3, *INPUT[build]) for _ in range(2)]
    population_statistics(model, batches)
    first, *_, last = batchnorms(model)
    in_turn = seen_by(model, batches, training=[last])
    together = seen_by(model, batches, training=batchnorms(model))
    mean = batchnorms(model)[last].running_mean
    assert_close(mean, pooled(together[last])[0], 1e-9)
    assert (mean - pooled(in_turn[last])[0]).abs().max() > 1e-3
    assert_close(together[first], in_turn[first], 0)


@every_lib
def test_a_layer_used_twice_is_measured_over_both_uses(lib, randn):
    model, batches = Linked(lib).double(), [randn(n, 4) for n in (3, 5)]
    population_statistics(model, batches)
    uses = [u.T for x in batches for u in (x, 3 * x + 1)]
    assert_close((model.norm.running_mean, model.norm.running_var), pooled(uses), 1e-12)
    assert model.norm.num_batches_tracked == 4


@every_lib
def test_averaging_without_momentum_goes_on_from_the_population(lib, randn):
    norm, (*batches, another) = lib.BatchNorm1d(3, momentum=None).double(), [randn(4, 3) for _ in range(4)]
    population_statistics(norm, batches)
    norm(another)
    assert_close(norm.running_mean, torch.cat([*batches, another]).mean(0), 1e-12)


@every_lib
def test_inference_on_the_population_standardizes_it(lib, randn):
    norm, x = lib.BatchNorm2d(3).double(), 5 + 2 * randn(40, 3, 2, 2)
    y = population_statistics(norm, x.split(20)).eval()(x)
    assert_close(y.mean((0, 2, 3)), torch.zeros(3, dtype=y.dtype), 1e-9)
    assert (y.var((0, 2, 3)) - 1).abs().max() < 0.1


@every_lib
def test_float32_far_from_zero_keeps_its_variance(lib, randn):
    x = (1e4 + randn(64, 3)).float()
    norm = population_statistics(lib.BatchNorm1d(3), x.split(16))
    expected = pooled([part.T.double() for part in x.split(16)])
    assert_close((norm.running_mean.double(), norm.running_var.double()), expected, 1e-6)


def test_empty_mini_batches_change_nothing(randn):
    model, x = nn.Sequential(nn.BatchNorm1d(3)).double(), randn(4, 3)
    population_statistics(model, [x[:0], x, x[:0]])
    assert_close((model[0].running_mean, model[0].running_var), (x.mean(0), x.var(0)), 1e-12)
    assert model[0].num_batches_tracked == 1


def test_dropout_is_off_and_overridden_train_methods_do_not_matter(randn):
    class Frozen(nn.Sequential):
        def train(self, mode=True):
            return super().train(False)

    linear, batches = nn.Linear(3, 3).double(), [randn(4, 3), randn(5, 3)]
    plain = nn.Sequential(linear, nn.BatchNorm1d(3)).double()
    noisy = Frozen(linear, nn.Dropout(0.9), nn.BatchNorm1d(3)).double()
    population_statistics(plain, batches)
    population_statistics(noisy, batches)
    assert_close(noisy[2].state_dict(), plain[1].state_dict(), 0)


def test_sync_batchnorm_of_a_single_process_is_measured_like_any_other(randn):
    model, batches = made(depthwise, nn), [randn(n, *INPUT[depthwise]) for n in (3, 4)]
    synchronized = nn.SyncBatchNorm.convert_sync_batchnorm(copy.deepcopy(model))
    population_statistics(model, batches)
    population_statistics(synchronized, batches)
    assert_close(synchronized.state_dict(), model.state_dict(), 1e-12)


def test_thousands_of_mini_batches_far_from_zero_keep_their_digits(randn):
    seen, batches = Population(), [1e4 + randn(32, 4, dtype=torch.float32) for _ in range(500)]
    for x in batches:
        seen.update(x)
    assert seen.mean.sub(torch.cat(batches).double().mean(0)).abs().max() < 5e-4
