"""Laws of what a module remembers: running statistics, inference, modes, state."""

import copy
import io

import torch

from tests.nn.laws.oracle import axes, column, made
from tests.nn.like_torch import assert_close, gradients


def one_step_moves_the_running_statistics_by_momentum(cls, shape, randn):
    for momentum in (0.1, 0.3):
        module, x = made(cls, shape, momentum=momentum), 2 + 3 * randn(*shape)
        mean, var = module.running_mean.clone(), module.running_var.clone()
        module(x)
        assert_close(module.running_mean, (1 - momentum) * mean + momentum * x.mean(axes(x)), 1e-12)
        assert_close(
            module.running_var, (1 - momentum) * var + momentum * x.var(axes(x), correction=1), 1e-12
        )


def two_values_per_channel_double_the_running_variance(cls, shape, randn):
    shape = (2, shape[1], *[1] * (len(shape) - 2))
    module, x = made(cls, shape, momentum=1.0), randn(*shape)
    module(x)
    assert_close(module.running_var, (x[0] - x[1]).flatten().square() / 2, 1e-12)


def without_momentum_all_mini_batches_weigh_the_same(cls, shape, randn):
    module = made(cls, shape, momentum=None)
    xs = [k + k * randn(*shape) for k in (1, 2, 3)]
    for x in xs:
        module(x)
    assert_close(module.running_mean, torch.stack([x.mean(axes(x)) for x in xs]).mean(0), 1e-12)
    assert_close(module.running_var, torch.stack([x.var(axes(x)) for x in xs]).mean(0), 1e-12)
    assert module.num_batches_tracked == 3


def inference_uses_the_running_statistics_and_leaves_them(cls, shape, randn):
    module, x = made(cls, shape).eval(), randn(*shape)
    kept = copy.deepcopy(module.state_dict())
    mean, var = column(module.running_mean, x), column(module.running_var, x)
    expected = column(module.weight, x) * (x - mean) / torch.sqrt(var + module.eps) + column(module.bias, x)
    assert_close(module(x), expected, 1e-12)
    assert_close(module(x[:1]), expected[:1], 1e-12)
    assert_close(module.state_dict(), kept, 0)


def inference_in_half_precision_is_computed_in_float32(cls, shape, randn):
    x = (300 * randn(*shape)).half()
    module = made(cls, shape, dtype=torch.float16).eval()
    with torch.no_grad():
        module.running_mean.copy_(100 + randn(shape[1]))
    exact = copy.deepcopy(module).double()
    assert_close(module(x).double(), exact(x.double()), 6e-4)


def inference_is_differentiable_with_fixed_statistics(cls, shape, randn):
    module, x, dy = made(cls, shape).eval(), randn(*shape), randn(*shape)
    y, dx, dgamma, dbeta = gradients(module, x, dy)
    inv_std = torch.rsqrt(module.running_var + module.eps)
    assert_close(dx, dy * column(module.weight * inv_std, x), 1e-12)
    assert_close(dgamma, (dy * (y - column(module.bias, x)) / column(module.weight, x)).sum(axes(x)), 1e-10)
    assert_close(dbeta, dy.sum(axes(x)), 1e-12)


def the_mode_is_train_or_eval_and_nothing_else(cls, shape, randn):
    module, x = made(cls, shape), randn(*shape)
    with torch.no_grad():
        quiet = module.train()(x)
    assert module.num_batches_tracked == 1
    assert_close(quiet, module.train()(x.clone().requires_grad_()), 0)
    with torch.no_grad():
        quiet = module.eval()(x)
    assert_close(quiet, module.eval()(x.clone().requires_grad_()), 0)


def without_running_statistics_the_mini_batch_serves_at_inference_too(cls, shape, randn):
    module = made(cls, shape, track_running_stats=False)
    x = randn(*shape)
    assert_close(module.eval()(x), module.train()(x), 0)
    assert list(module.buffers()) == []


def running_statistics_keep_no_graph(cls, shape, randn):
    module = made(cls, shape)
    for _ in range(3):
        module(randn(*shape).requires_grad_())
    assert all(not buffer.requires_grad and buffer.grad_fn is None for buffer in module.buffers())
    copy.deepcopy(module)


def the_state_dict_carries_all_that_inference_needs(cls, shape, randn):
    trained, fresh, x = made(cls, shape), cls(shape[1], dtype=torch.float64), randn(*shape)
    trained(randn(*shape))
    saved = io.BytesIO()
    torch.save(trained.state_dict(), saved)
    saved.seek(0)
    fresh.load_state_dict(torch.load(saved, weights_only=True))
    assert_close(fresh.eval()(x), trained.eval()(x), 0)
    assert fresh.num_batches_tracked == 1


def an_empty_mini_batch_passes_and_teaches_nothing(cls, shape, randn):
    module = made(cls, shape)
    mean, var = module.running_mean.clone(), module.running_var.clone()
    for mode in (True, False):
        y, dx, dgamma, dbeta = gradients(module.train(mode), randn(0, *shape[1:]))
        assert y.shape == dx.shape == (0, *shape[1:])
        assert_close((dgamma, dbeta), (torch.zeros_like(dgamma), torch.zeros_like(dbeta)), 0)
    assert_close((module.running_mean, module.running_var), (mean, var), 0)
    assert module.num_batches_tracked == 1


def a_single_value_per_channel_is_refused_in_training(cls, shape, randn):
    module, lonely = made(cls, shape), randn(1, shape[1], *[1] * (len(shape) - 2))
    kept = copy.deepcopy(module.state_dict())
    try:
        module(lonely)
    except ValueError:
        assert_close(module.state_dict(), kept, 0)
        assert module.eval()(lonely).shape == lonely.shape
    else:
        raise AssertionError("one value per channel was normalized by itself")
