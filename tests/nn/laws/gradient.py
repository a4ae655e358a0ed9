"""Laws of the gradient: all its paths, at any gamma, twice over, and nothing touched on the way."""

import torch

from tests.nn.laws.oracle import axes, made, paper
from tests.nn.like_torch import assert_close, gradients


def gradients_are_those_of_the_formula(cls, shape, randn):
    module, x, dy = made(cls, shape, eps=0.3), 2 + 3 * randn(*shape), randn(*shape)
    x.requires_grad_()
    inputs = (x, module.weight, module.bias)
    expected = torch.autograd.grad(paper(*inputs, module.eps), inputs, dy)
    assert_close(gradients(module, x, dy)[1:], expected, 1e-10)


def gradients_hold_where_gamma_is_zero_or_negative(cls, shape, randn):
    module, x, dy = made(cls, shape), randn(*shape), randn(*shape)
    with torch.no_grad():
        module.weight.copy_(torch.linspace(-1, 1, shape[1]))
    assert (module.weight == 0).any()
    inputs = (x.requires_grad_(), module.weight, module.bias)
    expected = torch.autograd.grad(paper(*inputs, module.eps), inputs, dy)
    assert_close(gradients(module, x, dy)[1:], expected, 1e-10)


def gradients_agree_with_finite_differences(cls, shape, randn):
    module = made(cls, shape)
    assert torch.autograd.gradcheck(module, randn(*shape).requires_grad_(), rtol=1e-6, raise_exception=False)


def gradients_can_be_differentiated_again(cls, shape, randn):
    module, x = made(cls, shape, eps=0.1), randn(*shape)
    inputs = (x.requires_grad_(), module.weight, module.bias)
    dy, direction = randn(*shape).requires_grad_(), [randn(*v.shape) for v in inputs]

    def second(y):
        first = torch.autograd.grad(y, inputs, dy, create_graph=True)
        return torch.autograd.grad(first, (x, module.weight, dy), direction)

    assert_close(second(module(x)), second(paper(*inputs, module.eps)), 1e-9)


def dx_moves_neither_the_mean_nor_the_variance(cls, shape, randn):
    module, x = made(cls, shape, eps=1e-12), randn(*shape)
    _, dx, *_ = gradients(module, x, randn(*shape))
    x_hat = paper(x, torch.ones(shape[1]), torch.zeros(shape[1]), 0)
    assert_close(dx.sum(axes(x)), torch.zeros(shape[1], dtype=dx.dtype), 1e-10)
    assert_close((x_hat * dx).sum(axes(x)), torch.zeros(shape[1], dtype=dx.dtype), 1e-8)


def scaling_the_weights_leaves_y_and_divides_their_gradient(cls, shape, randn):
    module, u, w, dy = made(cls, shape, eps=1e-14), randn(*shape), randn(shape[1], shape[1]), randn(*shape)

    def through(weights):
        weights = weights.clone().requires_grad_()
        y = module(torch.einsum("oc,nc...->no...", weights, u))
        return y, *torch.autograd.grad(y, weights, dy)

    (y, dw), (y_scaled, dw_scaled) = through(w), through(5 * w)
    assert_close(y_scaled, y, 1e-9)
    assert_close(5 * dw_scaled, dw, 1e-9)


def neither_x_nor_dy_is_touched(cls, shape, randn):
    module, x, dy = made(cls, shape), randn(*shape).requires_grad_(), randn(*shape)
    kept = x.detach().clone(), dy.clone()
    for mode in (True, False):
        module.train(mode)(x).backward(dy)
        assert_close((x.detach(), dy), kept, 0)
        assert x._version == dy._version == 0


def the_gradient_of_an_earlier_forward_survives_a_later_one(cls, shape, randn):
    module, x, dy = made(cls, shape), randn(*shape).requires_grad_(), randn(*shape)
    expected = gradients(module, x, dy)[1:]
    y = module(x)
    module(7 + 3 * randn(*shape)).sum().backward()
    assert_close(torch.autograd.grad(y, (x, *module.parameters()), dy), expected, 1e-12)
