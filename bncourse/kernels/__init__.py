"""Normalization in NumPy alone: pure functions, gradients by hand, nothing remembered between calls.

    algorithms.py      Algorithms 1, 2  the transform, its gradient, population statistics, inference: the paper's lines
    gradient_steps.py  section 3        its six gradient equations, one by one
    normalize.py       sections 3, 3.2  the transform for use: checked and fast
    fast.py                             the arithmetic of all normalizations
    layouts.py         section 3.2      which values share one mean: by channel, or over any axes
    statistics.py      section 3.1      the population's mean and variance: Algorithm 2, moving averages
    conventions.py     section 3.1      weights from one framework's conventions to another's
    whiten.py          section 2        full whitening, with the gradient through the covariance
    other_norms.py                      layer, instance and group norm; standardization over any axes
    renormalize.py                      batch renormalization (Ioffe 2017)
    ghost.py                            ghost batch norm (Hoffer et al. 2017)
    layers.py          section 4.1      affine map, sigmoid, tanh, ReLU, softmax cross-entropy
    mlp.py             section 4.1      the network of Figure 1, its training and its inference
    steps.py           section 3.2      the steps that follow a layer's affine map: norms, activations, skips
    jacobians.py       section 3.3      Jacobians of a normalized layer, and how much gradients grow in wide ones
    noise.py           section 3.4      steps that depend on company or chance: ghost, renorm, noisy norm, Dropout
    gradcheck.py                        is this gradient the derivative?
    arguments.py                        what the functions expect, and what they say when they get something else

The functions and classes of ghost, gradcheck, jacobians, layers, normalize, statistics and whiten can be imported from
here, with them those of gradient_steps, other_norms and renormalize. algorithms is a page to read, whose functions have
the names of those in normalize; mlp, steps, noise and conventions are used by their own names, as in `mlp.init`.
"""

from bncourse.kernels.ghost import ghostnorm_backward, ghostnorm_forward
from bncourse.kernels.gradcheck import (
    GradientMismatch,
    check_coordinates,
    check_direction,
    numeric_gradient,
    relative_error,
    slope,
)
from bncourse.kernels.jacobians import batchnorm_jacobian, growth, growth_limit, layer_jacobian
from bncourse.kernels.layers import (
    affine_backward,
    affine_forward,
    affine_input_backward,
    affine_parameters_backward,
    relu_backward,
    relu_forward,
    sigmoid_backward,
    sigmoid_forward,
    softmax_cross_entropy_backward,
    softmax_cross_entropy_forward,
    tanh_backward,
    tanh_forward,
)
from bncourse.kernels.normalize import (
    GradientSteps,
    batch_axes,
    batch_statistics,
    batchnorm_backward,
    batchnorm_backward_steps,
    batchnorm_forward,
    batchnorm_inference,
    batchrenorm_backward,
    batchrenorm_forward,
    groupnorm_backward,
    groupnorm_forward,
    instancenorm_backward,
    instancenorm_forward,
    layernorm_backward,
    layernorm_forward,
    per_channel,
    standardize,
    standardize_backward,
)
from bncourse.kernels.statistics import CONVENTIONS, Convention, MovingAverage, Population, expected_variance
from bncourse.kernels.whiten import EqualEigenvalues, SingularCovariance, whiten_backward, whiten_forward

__all__ = [
    "CONVENTIONS",
    "Convention",
    "EqualEigenvalues",
    "GradientMismatch",
    "GradientSteps",
    "MovingAverage",
    "Population",
    "SingularCovariance",
    "affine_backward",
    "affine_forward",
    "affine_input_backward",
    "affine_parameters_backward",
    "batch_axes",
    "batch_statistics",
    "batchnorm_backward",
    "batchnorm_backward_steps",
    "batchnorm_forward",
    "batchnorm_inference",
    "batchnorm_jacobian",
    "batchrenorm_backward",
    "batchrenorm_forward",
    "check_coordinates",
    "check_direction",
    "expected_variance",
    "ghostnorm_backward",
    "ghostnorm_forward",
    "groupnorm_backward",
    "groupnorm_forward",
    "growth",
    "growth_limit",
    "instancenorm_backward",
    "instancenorm_forward",
    "layer_jacobian",
    "layernorm_backward",
    "layernorm_forward",
    "numeric_gradient",
    "per_channel",
    "relative_error",
    "relu_backward",
    "relu_forward",
    "sigmoid_backward",
    "sigmoid_forward",
    "slope",
    "softmax_cross_entropy_backward",
    "softmax_cross_entropy_forward",
    "standardize",
    "standardize_backward",
    "tanh_backward",
    "tanh_forward",
    "whiten_backward",
    "whiten_forward",
]
