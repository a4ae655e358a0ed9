"""Laws of y: the formula, its accuracy, and independence of everything that should not matter."""

import torch

from tests.nn.laws.oracle import assert_normalizes, axes, channels_last, column, made
from tests.nn.like_torch import assert_close, gradients


def y_is_gamma_x_hat_plus_beta(cls, shape, randn):
    assert_normalizes(made(cls, shape, eps=0.3), 2 + 3 * randn(*shape), 1e-12)


def eps_stands_beside_the_variance_whatever_the_scale(cls, shape, randn):
    for std in (1e-3, 1e-6, 1e6):
        assert_normalizes(made(cls, shape), std * randn(*shape), 1e-10)


def eps_is_1e_5_and_momentum_a_tenth_unless_said_otherwise(cls, shape, randn):
    module = cls(shape[1])
    assert (module.eps, module.momentum, module.training) == (1e-5, 0.1, True)


def far_from_zero_float32_keeps_six_digits(cls, shape, randn):
    for mean in (1e3, 1e4):
        x = (mean + randn(64, *shape[1:])).float()
        assert_normalizes(made(cls, shape, dtype=torch.float32), x, 2e-6)


def a_constant_feature_gives_beta(cls, shape, randn):
    module = made(cls, shape, dtype=torch.float32)
    locations = torch.Size(shape[2:]).numel()
    x = torch.full((100_000 // locations, *shape[1:]), 3.3)
    assert_close(module(x), column(module.bias, x).expand_as(x), 1e-4)


def half_precision_is_measured_in_float32(cls, shape, randn):
    for dtype, tolerance in ((torch.float16, 1e-3), (torch.bfloat16, 1e-2)):
        x = (300 * randn(*shape)).to(dtype)
        for parameters in (torch.float32, dtype):
            assert_normalizes(made(cls, shape, dtype=parameters), x, tolerance)


def channels_do_not_see_one_another(cls, shape, randn):
    module, x = made(cls, shape), randn(*shape)
    before = module(x)
    x[:, 0] += randn(*x[:, 0].shape)
    after = module(x)
    assert_close(after[:, 1:], before[:, 1:], 1e-12)
    assert (after[:, 0] - before[:, 0]).abs().max() > 0.1


def the_order_of_examples_and_locations_does_not_matter(cls, shape, randn):
    module, x = made(cls, shape), randn(*shape)
    for axis in axes(x):
        assert_close(module(x.flip(axis)), module(x).flip(axis), 1e-12)


def memory_layout_does_not_matter_and_is_kept(cls, shape, randn):
    module, x = made(cls, shape), randn(*shape)
    twice = torch.stack([x, x], dim=-1)
    layouts = [
        x.transpose(0, 1).contiguous().transpose(0, 1),
        x.mT.contiguous().mT,
        twice[..., 0],
        channels_last(x),
    ]
    dy = randn(*shape)
    expected = gradients(module, x, dy)
    for same in layouts:
        assert_close(gradients(module, same, dy), expected, 1e-12)
    assert module(layouts[-1]).stride() == layouts[-1].stride()


def a_broadcast_input_is_as_good_as_its_copy(cls, shape, randn):
    module, x = made(cls, shape), randn(*shape[:-1], 1).expand(*shape)
    assert_close(module(x), module(x.contiguous()), 1e-12)


def types_go_through(cls, shape, randn):
    for dtype in (torch.float64, torch.float32, torch.float16, torch.bfloat16):
        module = cls(shape[1], dtype=dtype)
        for x, y, dx, *rest in ((x, *gradients(module, x)) for x in [randn(*shape).to(dtype)]):
            assert {t.dtype for t in (x, y, dx, *rest, module.running_var, module.eval()(x))} == {dtype}
