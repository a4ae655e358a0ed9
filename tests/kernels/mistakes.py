"""Every mistake that people make in a batch norm, planted once: `Plain` with one part replaced.

Each is entered with the law that is to catch it.
"""

import numpy as np

from tests.kernels import laws, laws_of_arrays
from tests.kernels.plain import Plain

MISTAKES = {}


def mistake(name, law):
    """Enter a wrong batch norm under its name, with the law that is to catch it."""

    def enter(wrong):
        MISTAKES[name] = (wrong, law)
        return wrong

    return enter


# In the statistics


@mistake("unbiased variance inside the normalization", laws.the_output_is_that_of_algorithm_1)
class _(Plain):
    def var(self, x):
        m = x.size // x.shape[1]
        return super().var(x) * m / (m - 1)


@mistake("one-pass variance E[x²] - E[x]²", laws_of_arrays.float32_keeps_six_digits_far_from_zero)
class _(Plain):
    def widen(self, x):
        return x

    def var(self, x):
        return np.maximum(self.mean(x * x) - self.mean(x) ** 2, 0)


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


@mistake("per activation instead of per channel", laws.a_feature_map_goes_through_one_affine_map)
class _(Plain):
    def axes(self, x):
        return (0,)


@mistake("statistics over the axes of channels-last", laws.the_channels_are_the_second_axis)
class _(Plain):
    def axes(self, x):
        return tuple(range(x.ndim - 1))


@mistake("statistics of each example", laws.the_output_is_that_of_algorithm_1)
class _(Plain):
    def axes(self, x):
        return tuple(range(1, x.ndim))


# In eps, gamma and beta


@mistake("eps outside the root", laws.eps_is_added_to_the_variance)
class _(Plain):
    def inv_std(self, var, eps):
        return 1 / (np.sqrt(var) + eps)


@mistake("eps ignored", laws.eps_is_added_to_the_variance)
class _(Plain):
    def inv_std(self, var, eps):
        return 1 / np.sqrt(var)


@mistake("eps of 10e-7, meant as 1e-7", laws.eps_is_added_to_the_variance)
class _(Plain):
    def inv_std(self, var, eps):
        return 1 / np.sqrt(var + 10e-7)


@mistake("gamma (x_hat + beta)", laws.the_output_is_that_of_algorithm_1)
class _(Plain):
    def affine(self, x_hat, gamma, beta):
        return gamma * (x_hat + beta)


@mistake("gamma and beta ignored", laws.the_output_is_that_of_algorithm_1)
class _(Plain):
    def affine(self, x_hat, gamma, beta):
        return x_hat


# In the gradient


@mistake("statistics under no_grad: both paths missing", laws.dx_is_the_derivative)
class _(Plain):
    def dx(self, dy, x_hat, inv_std, gamma):
        return gamma * inv_std * dy


@mistake("dx without the variance path", laws.dx_is_the_derivative)
class _(Plain):
    def variance_path(self, dx_hat, x_hat):
        return 0


@mistake("dx without the mean path", laws.dx_is_the_derivative)
class _(Plain):
    def mean_path(self, dx_hat):
        return 0


@mistake("dx with the batch size in place of m'", laws.dx_is_the_derivative)
class _(Plain):
    def mean_path(self, dx_hat):
        return dx_hat.sum(self.axes(dx_hat), keepdims=True) / len(dx_hat)

    def variance_path(self, dx_hat, x_hat):
        return x_hat * (dx_hat * x_hat).sum(self.axes(dx_hat), keepdims=True) / len(dx_hat)


@mistake("gamma forgotten in dx", laws.dx_is_that_of_the_six_equations)
class _(Plain):
    def dx(self, dy, x_hat, inv_std, gamma):
        return super().dx(dy, x_hat, inv_std, np.ones_like(gamma))


@mistake("dgamma from y instead of x_hat", laws.dgamma_and_dbeta_are_derivatives)
class _(Plain):
    def dgamma(self, dy, x_hat, y):
        return super().dgamma(dy, y, y)


@mistake("x_hat rebuilt from y", laws.gamma_may_be_zero_or_negative)
class _(Plain):
    def backward(self, dy, cache):
        _, inv_std, gamma, beta, y, dtype = cache
        with np.errstate(divide="ignore", invalid="ignore"):
            return super().backward(dy, ((y - beta) / gamma, inv_std, gamma, beta, y, dtype))


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


@mistake("mean not subtracted", laws.a_bias_before_it_changes_nothing)
class _(Plain):
    def mean(self, x):
        return 0 * super().mean(x)


@mistake("inference that looks at the batch", laws.inference_treats_each_example_alone)
class _(Plain):
    def inference(self, x, gamma, beta, mean, var, eps):
        return super().inference(x, gamma, beta, x.mean((0, 2)), var, eps)
