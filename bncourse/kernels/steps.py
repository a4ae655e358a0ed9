"""What a hidden layer of `mlp` does after its affine map: normalize, activate, add its input.

A step is a value. `Activation` and `Norm` are made of a pair of functions, forward and backward, so a lesson can make
its own, `Norm(ghost_forward, ghost_backward, batchnorm_inference)` for instance. A layer without activation is linear,
and the order of the steps is the order of its tuple. Section 4.1 needs `BATCH_NORM` and `SIGMOID`, section 3.2 `RELU`
too; the others are for lessons that compare activations, norms and skip connections.

All steps have two methods. `apply` takes the layer, the values that the layer has computed so far (its input u first,
the input of the step last), the population's statistics if they are to be used, and eps; it returns the next value
and what the way back needs. `apply_backward` takes the layer, the gradient for that value, what was needed, and the
gradients found so far, by the names of the layer's parameters; it returns the gradient for the input of the step.
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np

from bncourse.kernels import layers, normalize

Array = np.ndarray
Pair = tuple[Array, Array]  # mean and variance, `(M,)` each, for the M units of the layer


@runtime_checkable
class HasScale(Protocol):
    """A layer with the scale gamma and the shift beta of its norm, `(M,)` each, or None."""

    gamma: Array | None
    beta: Array | None


class Activation(NamedTuple):
    """A step `y = g(x)`: `forward(x) -> (y, cache)` and `backward(dy, cache) -> dx`, as `layers` has them."""

    forward: Callable
    backward: Callable

    def apply(self, layer: HasScale, values: list[Array], statistics: Pair | None, eps: float | int) -> tuple:
        """y for the last of the values, and the cache of the pair."""
        return self.forward(values[-1])

    def apply_backward(self, layer: HasScale, dy: Array, cache: object, gradients: dict) -> Array:
        """The gradient for x, where dy is that for y."""
        return self.backward(dy, cache)


class Norm(NamedTuple):
    """A step that normalizes, with the layer's gamma and beta; a layer that has none skips it.

    `forward(x, gamma, beta, eps) -> (y, cache)`, `backward(dy, cache) -> (dx, dgamma, dbeta)`, and
    `inference(x, gamma, beta, mean, var, eps) -> y`. inference is None for a norm that looks at each example alone,
    as layer norm does: it has no use for the statistics of the population.
    """

    forward: Callable
    backward: Callable
    inference: Callable | None = None

    def apply(self, layer: HasScale, values: list[Array], statistics: Pair | None, eps: float | int) -> tuple:
        """y for the last of the values, and the cache of the pair; None in its place where statistics were given."""
        x = values[-1]
        if layer.gamma is None:
            return x, None
        if statistics is None or self.inference is None:
            return self.forward(x, layer.gamma, layer.beta, eps)
        return self.inference(x, layer.gamma, layer.beta, *statistics, eps), None

    def apply_backward(self, layer: HasScale, dy: Array, cache: object, gradients: dict) -> Array:
        """The gradient for x, where dy is that for y; those of gamma and beta are put into `gradients`.

        Raises ValueError where the forward pass took statistics as given.
        """
        if layer.gamma is None:
            return dy
        if cache is None:
            raise ValueError("the tape was made with population statistics; gradients need batch statistics")
        dx, gradients["gamma"], gradients["beta"] = self.backward(dy, cache)
        return dx


class Skip(NamedTuple):
    """A step that adds the layer's input u to what the steps before it gave: a residual connection (He et al. 2016).

    The layer must have as many outputs as inputs.
    """

    def apply(self, layer: HasScale, values: list[Array], statistics: Pair | None, eps: float | int) -> tuple:
        """The sum of the first and the last of the values; the way back needs no cache."""
        return values[0] + values[-1], None

    def apply_backward(self, layer: HasScale, dy: Array, cache: object, gradients: dict) -> Array:
        """The gradient dy as it is; it is put into `gradients` for the layer's input u as well."""
        gradients["u"] = gradients["u"] + dy if "u" in gradients else dy
        return dy


SIGMOID = Activation(layers.sigmoid_forward, layers.sigmoid_backward)
TANH = Activation(layers.tanh_forward, layers.tanh_backward)
RELU = Activation(layers.relu_forward, layers.relu_backward)
BATCH_NORM = Norm(normalize.batchnorm_forward, normalize.batchnorm_backward, normalize.batchnorm_inference)
LAYER_NORM = Norm(normalize.layernorm_forward, normalize.layernorm_backward)
SKIP = Skip()
ACTIVATIONS = {"sigmoid": SIGMOID, "relu": RELU}  # those of sections 4.1 and 3.2, by their names in configurations
