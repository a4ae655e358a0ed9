"""Uses that raise, with torch.nn's batch norms too."""

import io

import torch
from torch.func import grad, vmap


def one_set_of_running_statistics_for_several_batches(model, x, lib):
    vmap(model)(torch.stack([x, 2 * x]))


def running_statistics_that_a_differentiated_function_does_not_take(model, x, lib):
    grad(lambda x: model(x).sum())(x)


def float32_in_a_bfloat16_layer(model, x, lib):
    model[1].bfloat16()(model[0](x).float())


def float32_in_a_float64_layer(model, x, lib):
    model[1](model[0](x).float())


def the_whole_module_loaded_without_trust(model, x, lib):
    saved = io.BytesIO()
    torch.save(model, saved)
    saved.seek(0)
    torch.load(saved, weights_only=True)


def one_value_per_channel(model, x, lib):
    model(x[:1, :, :5, :5])


def x_changed_before_the_backward_pass(model, x, lib):
    u = model[0](x)
    y = model[1](u)
    u.add_(1)
    y.sum().backward()


def a_batch_norm_traced_by_fx_on_its_own(model, x, lib):
    torch.fx.symbolic_trace(model[1])
