"""The layers that BN-Inception and GoogLeNet are made of: convolution, batch norm and nonlinearity; pooling; and more.

Every convolution and pooling pads so that stride 1 keeps the size of its input and stride 2 halves it, rounded up.
"""

import math
from collections.abc import Callable

import torch.fx
from torch import Tensor, nn

from bncourse.nn.local_response import LocalResponseNorm


class Convolution(nn.Module):
    """A convolution, batch norm and a nonlinearity: z = g(BN(W u)), section 3.2; without batch norm z = g(W u + b).

    `inputs` and `outputs` are numbers of feature maps, `kernel` is the side of the kernel in pixels, and `stride` its
    step. `norm` makes the batch norm from the number of feature maps, and is None for none; only then has the
    convolution a bias, which batch norm would subtract with the mean. `activation` makes the nonlinearity, called
    without arguments. With `separable` each input map has 8 filters of its own, and a 1x1 convolution mixes what they
    return.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, *, norm, activation, separable=False):
        super().__init__()
        bias = norm is None
        if separable:
            filters = 8 * inputs
            self.conv = nn.Sequential(
                nn.Conv2d(inputs, filters, kernel, stride, kernel // 2, groups=inputs, bias=False),
                nn.Conv2d(filters, outputs, 1, bias=bias),
            )
        else:
            self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=bias)
        self.norm = nn.Identity() if norm is None else norm(outputs)
        self.activation = activation()

    def forward(self, u):
        """z `(N, outputs, H', W')` of u `(N, inputs, H, W)`."""
        return self.activation(self.norm(self.conv(u)))


class PerActivation(nn.Module):
    """Batch norm of x `(N, C, H, W)` over the batch alone: each of the C H W activations on its own (section 4.2.3).

    `norm` makes a batch norm of images from a number of feature maps, as `torch.nn.BatchNorm2d` does; here it is given
    the number of activations. `shape` is `(C, H, W)`, that of one example, which every input must have.
    """

    def __init__(self, norm: Callable[[int], nn.Module], shape: tuple[int, ...]):
        super().__init__()
        self.shape = tuple(shape)
        self.norm = norm(math.prod(shape))

    def forward(self, x):
        """The normalized x, shaped like x. Raises ValueError for examples of another shape."""
        check_shape(x, self.shape)
        return self.norm(x.flatten(1)[:, :, None, None]).view_as(x)


def check_shape(x: Tensor, shape: tuple[int, ...]) -> None:
    """Raises ValueError unless every example in x has this shape, which depends on the size of the images."""
    if x.shape[1:] != shape:
        raise ValueError(
            f"x has examples of {tuple(x.shape[1:])}, but the batch norm here is per activation, for {shape}; "
            f"expected images of the network's image_size"
        )


torch.fx.wrap("check_shape")  # a trace of the network records the call, and does not look inside


def pooling(kind: str, patch: int, stride: int) -> nn.Module:
    """A layer that takes the maximum, or else the average, over patches of `patch` x `patch` pixels.

    `kind` is "max", or another word for the average, and `stride` is the step from patch to patch. Beyond the edge
    there is padding, which averages leave out.
    """
    if kind == "max":
        return nn.MaxPool2d(patch, stride, padding=patch // 2)
    return nn.AvgPool2d(patch, stride, padding=patch // 2, count_include_pad=False)


def local_response_norm() -> nn.Module:
    """A local response normalization with GoogLeNet's constants: five neighbours, alpha 0.0001, beta 0.75."""
    return LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=1.0)
