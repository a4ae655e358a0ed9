"""Derivatives of every kind, and functions of many inputs at once."""

import copy

import torch
from torch.func import functional_call, grad, hessian, jacfwd, jacrev, jvp, stack_module_state, vmap

from tests.nn.uses.common import loss_of, parameters_of, untracked


def called_with_other_parameters(model, x, lib):
    return functional_call(model, {name: 2 * p for name, p in model.named_parameters()}, (x,))


def grad_in_training(model, x, lib):
    return grad(loss_of(untracked(model)))(x)


def grad_in_eval_mode(model, x, lib):
    return grad(loss_of(model.eval()))(x)


def jvp_in_training(model, x, lib):
    return jvp(loss_of(untracked(model)), (x,), (x.sin(),))


def jvp_while_tracking(model, x, lib):
    def trained(x):
        buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
        y = functional_call(model, buffers, (x,))
        return y, buffers["1.running_mean"].detach()

    return jvp(trained, (x,), (x.sin(),))


def jvp_in_eval_mode(model, x, lib):
    return jvp(loss_of(model.eval()), (x,), (x.sin(),))


def jvp_by_the_parameters(model, x, lib):
    parameters = {name: p.detach() for name, p in model.named_parameters()}
    tangents = {name: p.cos() for name, p in parameters.items()}
    return jvp(lambda p: functional_call(untracked(model), p, (x,)), (parameters,), (tangents,))


def jacobian_backwards(model, x, lib):
    return jacrev(untracked(model))(x)


def jacobian_forwards(model, x, lib):
    return jacfwd(untracked(model))(x)


def hessian_backwards(model, x, lib):
    return jacrev(jacrev(loss_of(untracked(model))))(x)


def hessian_forwards_over_backwards(model, x, lib):
    return hessian(loss_of(untracked(model)))(x)


def forwards_over_an_ordinary_gradient(model, x, lib):
    forward_ad, x = torch.autograd.forward_ad, x.requires_grad_()
    with forward_ad.dual_level():
        loss = loss_of(model)(forward_ad.make_dual(x, x.detach().sin()))
        tangent = forward_ad.unpack_dual(*torch.autograd.grad(loss, x)).tangent
        return tangent, [buffer.requires_grad for buffer in model.buffers()]


def gradcheck_in_every_mode(model, x, lib):
    everything = {"check_forward_ad": True, "check_batched_grad": True, "check_batched_forward_grad": True}
    norm, x = untracked(model)[4], x[:3, :2, :2, 0:1].requires_grad_()
    twice = torch.autograd.gradgradcheck(norm, x, check_fwd_over_rev=True)
    return torch.autograd.gradcheck(norm, x, **everything), twice


def mapped_over_batches_in_eval_mode(model, x, lib):
    return vmap(model.eval())(torch.stack([x, 2 * x]))


def mapped_over_batches_in_training(model, x, lib):
    return vmap(untracked(model))(torch.stack([x, 2 * x]))


def mapped_over_models_in_training(model, x, lib):
    twin = copy.deepcopy(model)
    twin[1].weight.data.mul_(2)
    return vmap(lambda p, b: functional_call(model, (p, b), (x,)))(*stack_module_state([model, twin]))


def mapped_over_gammas_alone(model, x, lib):
    gammas = torch.stack([model[1].weight.detach(), 2 * model[1].weight.detach()])
    return vmap(lambda gamma: functional_call(untracked(model), {"1.weight": gamma}, (x,)))(gammas)


def mapped_over_gammas_in_eval_mode(model, x, lib):
    gammas = torch.stack([model[1].weight.detach(), 2 * model[1].weight.detach()])
    with torch.no_grad():
        return vmap(lambda gamma: functional_call(model.eval(), {"1.weight": gamma}, (x,)))(gammas)


def gradients_of_each_example_in_eval_mode(model, x, lib):
    def loss(p, example):
        return functional_call(model.eval(), p, (example[None],)).pow(3).sum()

    return vmap(grad(loss), (None, 0))(parameters_of(model), x)


def gradients_for_several_dy_at_once(model, x, lib):
    y = model(x.requires_grad_())
    return torch.autograd.grad(y, x, torch.stack([y.detach(), y.detach().sin()]), is_grads_batched=True)
