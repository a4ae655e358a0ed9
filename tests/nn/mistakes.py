"""Mistakes that real batch norms have made, each planted in ours by editing its source.

`MISTAKES` maps what is wrong to the edits (a passage, and what replaces it) and to the law that must notice.
"""

import types
from pathlib import Path
from typing import NamedTuple

from bncourse.nn import batchnorm

SOURCE = Path(batchnorm.__file__).read_text(encoding="utf-8")


class Mistake(NamedTuple):
    edits: dict[str, str]
    caught_by: str


def planted(mistake):
    """`batchnorm.py` with the mistake in it, as a module of its own."""
    source = SOURCE
    for passage, wrong in mistake.edits.items():
        assert passage in source, f"batchnorm.py no longer says {passage!r}"
        source = source.replace(passage, wrong)
    module = types.ModuleType("planted")
    exec(compile(source, "planted", "exec"), vars(module))
    return module


VAR = "        var = channel_means(x_c.square())\n        scale"
CENTRED = "dx = (dy * per_channel(scale, x)).sub_(per_channel(scale * mean_dy, x))"
PROJECTED = "dx = torch.addcmul(dx, x_c, per_channel(scale * inv_std * mean_dy_x_hat, x), value=-1)"
RUN_MEAN = "layer.running_mean.copy_((1 - new) * layer.running_mean + new * mean)"
RUN_VAR = "layer.running_var.copy_((1 - new) * layer.running_var + new * (m / (m - 1)) * var)"
APPLY = "y, mean, rest, var = Normalize.apply(input, self.weight, self.bias, self.eps)"
SAVE = "ctx.save_for_backward(x, gamma, beta, *output[1:])"
PER_ACTIVATION = """n = input[0, 0].numel()
        y, *rows = Normalize.apply(
            input.flatten(1), self.weight.repeat_interleave(n), self.bias.repeat_interleave(n), self.eps
        )
        y, (mean, rest, var) = y.reshape(input.shape), (row.reshape(-1, n).mean(1) for row in rows)"""

MISTAKES = {
    "statistics under no_grad": Mistake(
        {CENTRED: "dx = dy * per_channel(scale, x)", PROJECTED: "pass"}, "gradients_are_those_of_the_formula"
    ),
    "dx without the variance path": Mistake(
        {PROJECTED: "pass"}, "dx_moves_neither_the_mean_nor_the_variance"
    ),
    "dx without the mean path": Mistake(
        {CENTRED: "dx = dy * per_channel(scale, x)"}, "dx_moves_neither_the_mean_nor_the_variance"
    ),
    "dx with the batch size instead of m'": Mistake(
        {
            CENTRED: CENTRED.replace("scale * mean_dy", "scale * mean_dy * x[0, 0].numel()"),
            PROJECTED: PROJECTED.replace("mean_dy_x_hat", "mean_dy_x_hat * x[0, 0].numel()"),
        },
        "gradients_agree_with_finite_differences",
    ),
    "gamma forgotten in dx": Mistake(
        {"scale = inv_std if gamma is None else gamma * inv_std": "scale = inv_std"},
        "gradients_hold_where_gamma_is_zero_or_negative",
    ),
    "dgamma from y instead of x_hat": Mistake(
        {"(m * mean_dy_x_hat)": "(m * (gamma * mean_dy_x_hat + beta * mean_dy))"},
        "gradients_are_those_of_the_formula",
    ),
    "x_hat rebuilt from y": Mistake(
        {
            "x_c = (x - per_channel(mean, x)).sub_(per_channel(rest, x))": (
                "x_c = (Normalize.forward(x, gamma, beta, ctx.eps)[0] - per_channel(beta, x))"
                " / per_channel(gamma * (var + ctx.eps).rsqrt(), x)"
            )
        },
        "gradients_hold_where_gamma_is_zero_or_negative",
    ),
    "second derivatives with frozen statistics": Mistake(
        {"if torch.is_grad_enabled():": "if False:"}, "gradients_can_be_differentiated_again"
    ),
    "one workspace for all calls": Mistake(
        {
            SAVE: "Normalize.kept = (x, gamma, beta, *output[1:])",
            "mean, rest, var = ctx.saved_tensors": "mean, rest, var = Normalize.kept",
        },
        "the_gradient_of_an_earlier_forward_survives_a_later_one",
    ),
    "x modified in place": Mistake(
        {"x_c = x - per_channel(mean, x)": "x_c = x.sub_(per_channel(mean, x)).clone()"},
        "neither_x_nor_dy_is_touched",
    ),
    "dy modified in place": Mistake(
        {"dx = (dy * per_channel(scale, x))": "dx = dy.mul_(per_channel(scale, x))"},
        "neither_x_nor_dy_is_touched",
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
        {"per_channel(mean.to(dtype), x)": "per_channel(mean, x)"},
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
        {"= 1e-5,": "= 10e-5,"}, "eps_is_1e_5_and_momentum_a_tenth_unless_said_otherwise"
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
        {"max(values_per_channel(x), 1)": "values_per_channel(x)"},
        "an_empty_mini_batch_passes_and_teaches_nothing",
    ),
    "one value normalized by itself": Mistake(
        {"values_per_channel(x) == 1": "False"}, "a_single_value_per_channel_is_refused_in_training"
    ),
    "biased running variance": Mistake(
        {"new * (m / (m - 1)) * var": "new * var"}, "one_step_moves_the_running_statistics_by_momentum"
    ),
    "running standard deviation stored as variance": Mistake(
        {"new * (m / (m - 1)) * var": "new * (m / (m - 1) * var).sqrt()"},
        "one_step_moves_the_running_statistics_by_momentum",
    ),
    "running variance never updated": Mistake(
        {RUN_VAR: "pass"}, "one_step_moves_the_running_statistics_by_momentum"
    ),
    "momentum taken for its complement": Mistake(
        {"else layer.momentum": "else 1 - layer.momentum"}, "one_step_moves_the_running_statistics_by_momentum"
    ),
    "no momentum taken for a tenth": Mistake(
        {"1 / layer.num_batches_tracked.to(mean.dtype) if": "0.1 if"},
        "without_momentum_all_mini_batches_weigh_the_same",
    ),
    "running buffers that keep the autograd graph": Mistake(
        {
            "        ctx.mark_non_differentiable(*output[1:])\n": "",
            "@torch.no_grad()": "",
            RUN_MEAN: "layer.running_mean = (1 - new) * layer.running_mean + new * mean",
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
        {"vector(track_running_stats))": "vector(track_running_stats), persistent=False)"},
        "the_state_dict_carries_all_that_inference_needs",
    ),
}
