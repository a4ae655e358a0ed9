"""Every mistake that people make in a batch norm, each entered with the law that is to catch it.

Wrong transforms and gradients are those of the learners' catalogue, `bncourse.checks.mistakes`. Mistakes that the
catalogue has no place for, most of them in the handling of arrays, are `Plain` with one part replaced.
"""

import numpy as np

from bncourse.checks.mistakes import axes, backward, forward
from bncourse.kernels.algorithms import from_rows, to_rows
from tests.kernels import laws, laws_of_arrays
from tests.kernels.plain import Plain

MISTAKES = {}


def mistake(name, law):
    """Enter a wrong batch norm under its name, with the law that is to catch it."""

    def enter(wrong):
        MISTAKES[name] = (wrong, law)
        return wrong

    return enter


def wrong_transform(function):
    """A class like `Plain` whose y is that of a wrong `(x, gamma, beta, eps) -> y` on arrays of the shape of x."""

    class Wrong(Plain):
        def forward(self, x, gamma, beta, eps):
            return function(x, gamma, beta, eps), super().forward(x, gamma, beta, eps)[1]

    return Wrong


def wrong_gradient(function):
    """A class like `Plain` whose gradients are those of a wrong dense `(dy, x, gamma, beta, eps)`."""

    class Wrong(Plain):
        def forward(self, x, gamma, beta, eps):
            return super().forward(x, gamma, beta, eps)[0], (x.copy(), gamma, beta, eps)

        def backward(self, dy, cache):
            x, *others = cache
            dx, dgamma, dbeta = function(to_rows(dy), to_rows(x), *others)
            return from_rows(dx, dy.shape), dgamma, dbeta

    return Wrong


# From the learners' catalogue

TRANSFORMS = {
    "unbiased variance inside the normalization": (
        forward.unbiased_variance, laws.the_output_is_that_of_algorithm_1),
    "one-pass variance E[x²] - E[x]²": (
        forward.one_pass_variance, laws_of_arrays.float32_keeps_six_digits_far_from_zero),
    "statistics of each example": (forward.per_example, laws.the_output_is_that_of_algorithm_1),
    "eps outside the root": (forward.eps_outside_the_root, laws.eps_is_added_to_the_variance),
    "eps ignored": (forward.eps_ignored, laws.eps_is_added_to_the_variance),
    "gamma (x_hat + beta)": (forward.beta_inside, laws.the_output_is_that_of_algorithm_1),
    "gamma and beta ignored": (forward.gamma_and_beta_ignored, laws.the_output_is_that_of_algorithm_1),
    "mean not subtracted": (forward.mean_kept, laws.a_bias_before_it_changes_nothing),
}
AXES = {
    "per activation instead of per channel": (axes.by_axes((0,)), laws.a_feature_map_goes_through_one_affine_map),
    "statistics over the axes of channels-last": (axes.by_axes((0, 1, 2)), laws.the_channels_are_the_second_axis),
}
GRADIENTS = {
    "statistics under no_grad: both paths missing": (backward.statistics_held_constant, laws.dx_is_the_derivative),
    "dx without the variance path": (backward.variance_path_missing, laws.dx_is_the_derivative),
    "dx without the mean path": (backward.mean_path_missing, laws.dx_is_the_derivative),
    "gamma forgotten in dx": (backward.gamma_forgotten, laws.dx_is_that_of_the_six_equations),
    "dgamma from y instead of x_hat": (backward.dgamma_from_y, laws.dgamma_and_dbeta_are_derivatives),
    "x_hat rebuilt from y": (backward.x_hat_rebuilt_from_y, laws.gamma_may_be_zero_or_negative),
}
for name, (function, law) in TRANSFORMS.items():
    mistake(name, law)(wrong_transform(axes.on_rows(function)))
for name, (function, law) in AXES.items():
    mistake(name, law)(wrong_transform(function))
for name, (function, law) in GRADIENTS.items():
    mistake(name, law)(wrong_gradient(function))


# In the statistics


@mistake("mean rounded and not corrected", laws_of_arrays.a_constant_feature_gives_beta)
class _(Plain):
    def widen(self, x):
        return x


@mistake("one long float32 sum", laws_of_arrays.long_sums_keep_six_digits)
class _(Plain):
    def widen(self, x):
        return x

    def mean(self, x):
        return np.cumsum(x, axis=0)[-1:] / len(x) if x.ndim == 2 and len(x) else super().mean(x)


@mistake("statistics in float16", laws_of_arrays.float16_has_statistics_in_float32)
class _(Plain):
    def widen(self, x):
        return x if x.dtype == np.float16 else x.astype(np.float64)


# In eps, gamma and beta


@mistake("eps of 10e-7, meant as 1e-7", laws.eps_is_added_to_the_variance)
class _(Plain):
    def inv_std(self, var, eps):
        return 1 / np.sqrt(var + 10e-7)


# In the gradient


@mistake("dx with the batch size in place of m'", laws.dx_is_the_derivative)
class _(Plain):
    def mean_path(self, dx_hat):
        return dx_hat.sum(self.axes(dx_hat), keepdims=True) / len(dx_hat)

    def variance_path(self, dx_hat, x_hat):
        return x_hat * (dx_hat * x_hat).sum(self.axes(dx_hat), keepdims=True) / len(dx_hat)


# At inference


@mistake("batch statistics at inference", laws.inference_takes_the_statistics_it_is_given)
class _(Plain):
    def inference(self, x, gamma, beta, mean, var, eps):
        return self.forward(x, gamma, beta, eps)[0]


@mistake(
    "standard deviation taken for the variance at inference", laws.inference_takes_the_statistics_it_is_given
)
class _(Plain):
    def inference(self, x, gamma, beta, mean, var, eps):
        return super().inference(x, gamma, beta, mean, np.sqrt(var), eps)


# In the handling of arrays


@mistake("x modified in place", laws_of_arrays.no_argument_is_written_to)
class _(Plain):
    def forward(self, x, gamma, beta, eps):
        y, cache = super().forward(x, gamma, beta, eps)
        x -= self.mean(x)
        return y, cache


@mistake("dy modified in place", laws_of_arrays.no_argument_is_written_to)
class _(Plain):
    def backward(self, dy, cache):
        gradients = super().backward(dy, cache)
        dy *= cache[2]
        return gradients


@mistake("x centred in place, read-only or not", laws_of_arrays.read_only_arrays_will_do)
class _(Plain):
    def forward(self, x, gamma, beta, eps):
        x -= 0
        return super().forward(x, gamma, beta, eps)


@mistake("rows in the order of memory", laws_of_arrays.the_rows_of_a_transposed_matrix_are_still_examples)
class _(Plain):
    def forward(self, x, gamma, beta, eps):
        return super().forward(x.ravel(order="K").reshape(x.shape), gamma, beta, eps)


@mistake("maps in the order of memory", laws_of_arrays.strides_do_not_matter)
class _(Plain):
    def forward(self, x, gamma, beta, eps):
        return super().forward(x.ravel(order="K").reshape(x.shape), gamma, beta, eps)


@mistake("y in float64, whatever x is", laws_of_arrays.y_and_dx_have_the_dtype_of_x)
class _(Plain):
    def forward(self, x, gamma, beta, eps):
        return super().forward(x.astype(np.float64), gamma, beta, eps)


@mistake("one workspace for all calls", laws_of_arrays.the_first_of_two_forward_passes_can_still_go_back)
class _(Plain):
    def __init__(self):
        self.workspace = {}

    def forward(self, x, gamma, beta, eps):
        y, (x_hat, *others) = super().forward(x, gamma, beta, eps)
        shared = self.workspace.setdefault(x.shape, x_hat)
        shared[...] = x_hat
        return y, (shared, *others)


@mistake("the cache refers to x and computes x_hat again", laws_of_arrays.x_and_y_belong_to_the_caller)
class _(Plain):
    def forward(self, x, gamma, beta, eps):
        y, cache = super().forward(x, gamma, beta, eps)
        return y, (x, *cache)

    def backward(self, dy, cache):
        x, _, inv_std, *others = cache
        return super().backward(dy, ((x - self.mean(x)) * inv_std, inv_std, *others))


@mistake("variance of one value divided by zero", laws_of_arrays.one_example_gives_beta_and_no_gradient)
class _(Plain):
    def var(self, x):
        m = np.float64(x.size // x.shape[1])
        with np.errstate(divide="ignore", invalid="ignore"):
            return super().var(x) * m / (m - 1)


@mistake("mean of no value divided by zero", laws_of_arrays.no_example_gives_nothing)
class _(Plain):
    def dgamma(self, dy, x_hat, y):
        with np.errstate(invalid="ignore"):
            return super().dgamma(dy, x_hat, y) / np.float64(len(dy)) * len(dy)


@mistake("dx too small where x is large", laws_of_arrays.every_scale_is_normalized)
class _(Plain):
    def inv_std(self, var, eps):
        return 1 / np.sqrt(np.clip(var + eps, 1e-8, 1e8))


@mistake("the gradient keeps a part along the mean", laws.the_gradient_neither_shifts_nor_scales_the_batch)
class _(Plain):
    def mean_path(self, dx_hat):
        return 0.99 * super().mean_path(dx_hat)


@mistake(
    "scale of the weights not divided out",
    laws.scaling_the_weights_leaves_the_output_and_divides_their_gradient,
)
class _(Plain):
    def inv_std(self, var, eps):
        return np.ones_like(var)


@mistake("inference that looks at the batch", laws.inference_treats_each_example_alone)
class _(Plain):
    def inference(self, x, gamma, beta, mean, var, eps):
        return super().inference(x, gamma, beta, x.mean((0, 2)), var, eps)
