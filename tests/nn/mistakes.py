"""Mistakes that real batch norms have made, each planted in ours by editing its source.

`MISTAKES` maps what is wrong to the edits (a passage, and what replaces it) and to the law that must notice.
"""

import types
from pathlib import Path
from typing import NamedTuple

from bncourse.nn import batchnorm, normalize

BORROWED = "from bncourse.nn.normalize import normalize, normalize_with, values_per_channel\n"
SOURCE = "".join(Path(module.__file__).read_text(encoding="utf-8") for module in (normalize, batchnorm))


class Mistake(NamedTuple):
    edits: dict[str, str]
    caught_by: str


def planted(mistake):
    """`normalize.py` and `batchnorm.py` with the mistake in them, as one module of its own."""
    source = SOURCE
    for passage, wrong in {BORROWED: "", **mistake.edits}.items():
        assert passage in source, f"the source no longer says {passage!r}"
        source = source.replace(passage, wrong)
    module = types.ModuleType("planted")
    exec(compile(source, "planted", "exec"), vars(module))
    return module


SMALL_SLABS = {"SLAB = 2**18": "SLAB = 8"}
VAR = "    var = channel_means(x_c.square())\n    scale"
INV_STD = "        inv_std = (var + ctx.eps).rsqrt()\n"
REBUILT = """        x_hat = (formula(x, gamma, beta, ctx.eps)[0] - per_channel(beta, x)) / per_channel(gamma, x)
        x = x_hat / per_channel(inv_std, x) + per_channel(mean + rest, x)
"""
PROJECTED = "torch.sub(x_, mean_, out=dx_).mul_(slope).add_(shift)"
ADDED = "torch.add(dy_, dx_, alpha=share, out=dx_).mul_(scale)"
SAVE = "ctx.save_for_backward(x, gamma, beta, mean, rest, var)"
RUNNING = "((layer.running_mean, mean), (layer.running_var, m / (m - 1) * var))"
APPLY = "y, mean, rest, var = normalize(input, self.weight, self.bias, self.eps)"
PER_ACTIVATION = """n = input[0, 0].numel()
        y, *rows = normalize(
            input.flatten(1), self.weight.repeat_interleave(n), self.bias.repeat_interleave(n), self.eps
        )
        y, (mean, rest, var) = y.reshape(input.shape), (row.reshape(-1, n).mean(1) for row in rows)"""
FORWARD = "    def forward(self, input: Tensor) -> Tensor:\n"
OTHER_EPS = """    def __init__(self, num_features, eps=10e-5, *args, **settings):
        super().__init__(num_features, eps, *args, **settings)

"""
NOT_SAVED = """    def __init__(self, *args, **settings):
        super().__init__(*args, **settings)
        self._non_persistent_buffers_set |= {"running_mean", "running_var", "num_batches_tracked"}

"""

MISTAKES = {
    "statistics under no_grad": Mistake(
        {ADDED: "torch.mul(dy_, scale, out=dx_)"}, "gradients_are_those_of_the_formula"
    ),
    "dx without the variance path": Mistake(
        {PROJECTED: "dx_.copy_(per_channel(dbeta, x).expand_as(dx_))"},
        "dx_moves_neither_the_mean_nor_the_variance",
    ),
    "dx without the mean path": Mistake(
        {"torch.addcmul(dbeta, rest, slope, value=-1)": "(-rest * slope)"},
        "dx_moves_neither_the_mean_nor_the_variance",
    ),
    "dx with the batch size instead of m'": Mistake(
        {"share = -1 / max(values_per_channel(x), 1)": "share = -1 / len(x)"},
        "gradients_agree_with_finite_differences",
    ),
    "gamma forgotten in dx": Mistake(
        {"per_channel(inv_std if gamma is None else gamma * inv_std, x)": "per_channel(inv_std, x)"},
        "gradients_hold_where_gamma_is_zero_or_negative",
    ),
    "dgamma from y instead of x_hat": Mistake(
        {"dgamma.to(gamma.dtype)": "(gamma * dgamma + beta * dbeta)"}, "gradients_are_those_of_the_formula"
    ),
    "x_hat rebuilt from y": Mistake(
        {
            INV_STD: INV_STD + REBUILT
        },
        "gradients_hold_where_gamma_is_zero_or_negative",
    ),
    "second derivatives with frozen statistics": Mistake(
        {VAR: VAR.replace("\n", ".detach()\n", 1)}, "gradients_can_be_differentiated_again"
    ),
    "one workspace for all calls": Mistake(
        {SAVE: "Normalize.kept = (x, gamma, beta, mean, rest, var)", "= ctx.saved_tensors": "= Normalize.kept"},
        "the_gradient_of_an_earlier_forward_survives_a_later_one",
    ),
    "x modified in place": Mistake(
        {"x_c = x - per_channel(mean, x)": "x_c = x.sub_(per_channel(mean, x)).clone()"},
        "neither_x_nor_dy_is_touched",
    ),
    "dy modified in place": Mistake(
        {ADDED: "dx_.copy_(dy_.add_(dx_, alpha=share)).mul_(scale)"}, "neither_x_nor_dy_is_touched"
    ),
    "slabs averaged as if they were of one size": Mistake(
        SMALL_SLABS | {"torch.stack(squares).sum(0) / m": "torch.stack(squares).mean(0)"},
        "y_is_gamma_x_hat_plus_beta",
    ),
    "slabs by the rounded mean alone": Mistake(
        SMALL_SLABS | {"else beta - rest * scale": "else beta"}, "far_from_zero_float32_keeps_six_digits"
    ),
    "the gradient's sums over one slab": Mistake(
        SMALL_SLABS | {"sum(products[1:], products[0])": "products[0]"}, "gradients_are_those_of_the_formula"
    ),
    "unbiased variance inside the normalization": Mistake(
        {VAR: VAR.replace("\n", " * (x[:, 0].numel() / (x[:, 0].numel() - 1))\n", 1)},
        "y_is_gamma_x_hat_plus_beta",
    ),
    "one-pass variance": Mistake(
        {VAR: VAR.replace("x_c.square())", "x.square()) - mean.square()")},
        "far_from_zero_float32_keeps_six_digits",
    ),
    "centred once": Mistake(
        {"return x_c.sub_(per_channel(rest, x)), mean, rest": "return x_c, mean, 0 * rest"},
        "far_from_zero_float32_keeps_six_digits",
    ),
    "statistics in half precision": Mistake(
        {"dtype = torch.promote_types(x.dtype, torch.float32)": "dtype = x.dtype"},
        "half_precision_is_measured_in_float32",
    ),
    "inference in half precision": Mistake(
        {"mean, scale = mean.to(dtype),": "mean, scale = mean,"},
        "inference_in_half_precision_is_computed_in_float32",
    ),
    "y in the type of the statistics": Mistake(
        {"return y.to(x.dtype), mean": "return y, mean"}, "types_go_through"
    ),
    "eps outside the root": Mistake(
        {"(var + eps).rsqrt()": "1 / (var.sqrt() + eps)"}, "eps_stands_beside_the_variance_whatever_the_scale"
    ),
    "eps ignored": Mistake(
        {"(var + eps).rsqrt()": "var.rsqrt()"}, "eps_stands_beside_the_variance_whatever_the_scale"
    ),
    "eps 10e-6 written for 1e-6": Mistake(
        {FORWARD: OTHER_EPS + FORWARD}, "eps_is_1e_5_and_momentum_a_tenth_unless_said_otherwise"
    ),
    "gamma (x_hat + beta)": Mistake(
        {"y.add_(per_channel(beta, x))": "y.add_(per_channel(gamma * beta, x))"}, "y_is_gamma_x_hat_plus_beta"
    ),
    "gamma and beta ignored": Mistake(
        {APPLY: APPLY.replace("self.weight, self.bias", "None, None")}, "y_is_gamma_x_hat_plus_beta"
    ),
    "per activation instead of per channel": Mistake({APPLY: PER_ACTIVATION}, "y_is_gamma_x_hat_plus_beta"),
    "memory taken for NCHW": Mistake(
        {APPLY: APPLY.replace("input,", "input.as_strided(input.shape, torch.empty(input.shape).stride()),")},
        "memory_layout_does_not_matter_and_is_kept",
    ),
    "empty mini-batch divided by zero": Mistake(
        {"channel_sums(x) / max(values_per_channel(x), 1)": "channel_sums(x) / values_per_channel(x)"},
        "an_empty_mini_batch_passes_and_teaches_nothing",
    ),
    "one value normalized by itself": Mistake(
        {"values_per_channel(x) == 1": "False"}, "a_single_value_per_channel_is_refused_in_training"
    ),
    "biased running variance": Mistake(
        {"m / (m - 1) * var": "var"}, "one_step_moves_the_running_statistics_by_momentum"
    ),
    "biased running variance of two values": Mistake(
        {"m / (m - 1) * var": "(m / (m - 1) if m > 2 else 1) * var"},
        "two_values_per_channel_double_the_running_variance",
    ),
    "running standard deviation stored as variance": Mistake(
        {"m / (m - 1) * var": "(m / (m - 1) * var).sqrt()"},
        "one_step_moves_the_running_statistics_by_momentum",
    ),
    "running variance never updated": Mistake(
        {RUNNING: "((layer.running_mean, mean),)"}, "one_step_moves_the_running_statistics_by_momentum"
    ),
    "momentum taken for its complement": Mistake(
        {"else layer.momentum": "else 1 - layer.momentum"}, "one_step_moves_the_running_statistics_by_momentum"
    ),
    "no momentum taken for a tenth": Mistake(
        {"1 / layer.num_batches_tracked.to(running.dtype) if": "0.1 if"},
        "without_momentum_all_mini_batches_weigh_the_same",
    ),
    "running buffers that keep the autograd graph": Mistake(
        {
            "        ctx.mark_non_differentiable(mean, rest, var)\n": "",
            "measured.detach()": "measured",
        },
        "running_statistics_keep_no_graph",
    ),
    "batch statistics at inference": Mistake(
        {"by_batch = self.training or": "by_batch = True or"},
        "inference_uses_the_running_statistics_and_leaves_them",
    ),
    "mode read from grad-enabled": Mistake(
        {"by_batch = self.training or": "by_batch = torch.is_grad_enabled() or"},
        "the_mode_is_train_or_eval_and_nothing_else",
    ),
    "moving statistics absent from the state_dict": Mistake(
        {FORWARD: NOT_SAVED + FORWARD},
        "the_state_dict_carries_all_that_inference_needs",
    ),
}
