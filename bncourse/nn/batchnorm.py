"""Batch normalization as PyTorch modules: Algorithm 1 in training, population statistics at inference.

`BatchNorm1d`, `BatchNorm2d` and `BatchNorm3d` stand in for their namesakes in `torch.nn`, from which they derive: the
same arguments, buffers, `state_dict`, errors and modes, and whatever looks for batch norms finds them. What they
compute is our own, in `normalize.py`; a module adds what is remembered: gamma (`weight`, as `torch.nn` names it),
beta (`bias`) and the moving statistics of section 3.1.

    bn = BatchNorm2d(64)
    y = bn(x)                     training: x is (N, 64, H, W); normalized by the mini-batch, statistics tracked
    y = bn.eval()(x)              inference: normalized by the moving statistics

In a graph that is written for other programs (torch.jit.script and trace, torch.export, ONNX) a batch norm is one node,
which those programs know and fold: there, and there alone, the layer is PyTorch's own batch norm. Code that compares
exact classes, as PyTorch's fusers do, needs `convert_batchnorm(model, to="torch")` first.

Letters in shapes are those of `normalize.py`; what a layer costs beside `torch.nn`'s, `benchmarks/modules.py` measures.
"""

import types

import torch
from jaxtyping import Float
from torch import Tensor, fx, nn

from bncourse.nn.normalize import normalize, normalize_with, values_per_channel


def track(layer: nn.Module, mean: Float[Tensor, " C"], var: Float[Tensor, " C"], m: int | Tensor) -> None:
    """Moves the running statistics of a batch norm towards those of one mini-batch (section 3.1).

    `layer` is a batch norm of this package or of `torch.nn`. `mean` and `var` are the mini-batch's mean and biased
    variance; the variance is multiplied by m / (m - 1), which makes it unbiased. `m` is the number of values of each
    channel: an int, or a tensor (C,) of numbers above 1. An empty mini-batch is counted and changes nothing else.
    """
    layer.num_batches_tracked.add_(1)
    if isinstance(m, int) and m < 2:
        return
    for running, measured in ((layer.running_mean, mean), (layer.running_var, m / (m - 1) * var)):
        new = 1 / layer.num_batches_tracked.to(running.dtype) if layer.momentum is None else layer.momentum
        running.lerp_(measured.detach().to(running.dtype), new)


class BatchNorm(nn.modules.batchnorm._BatchNorm):
    """The common part of `BatchNorm1d`, `BatchNorm2d` and `BatchNorm3d`, which differ in how many axes x may have.

    In training mode, y = gamma (x - mean) / sqrt(var + eps) + beta, with the mini-batch's own mean and variance of each
    channel; in eval mode, with the moving statistics (sections 3 and 3.1).

    `num_features` is C, the number of channels. `eps` is added to the variance under the root. `momentum` is the
    weight of the new mini-batch in the moving statistics, which is 1 - alpha for a moving average that keeps the share
    alpha; with None all mini-batches so far weigh the same. Without `affine` there are no gamma and beta, and without
    `bias` there is no beta. Without `track_running_stats` nothing is remembered, and the mini-batch's own statistics
    serve in eval mode too. `device` and `dtype` are those of the parameters and statistics.

    gamma is the parameter `weight`, beta the parameter `bias`, and the buffers are `running_mean`, `running_var` and
    `num_batches_tracked`. Arguments, state and the number of axes are those of the base class in `torch.nn`.

    Calling the layer raises ValueError where x has another number of axes, where a mini-batch has a single
    value per channel (C30), and where eps is not positive; NotImplementedError where x holds integers; RuntimeError
    where channels or types disagree.
    """

    def forward(self, input: Tensor) -> Tensor:
        """The normalized mini-batch y, shaped and typed like x, which is called `input` as in `torch.nn`."""
        if torch.jit.is_scripting():
            return self._forward_in_a_graph(input)
        else:
            return self._forward_by_itself(input)

    def _forward_by_itself(self, input: Tensor) -> Tensor:
        """`forward`, but in a script: the layer by its own arithmetic, unless it is being written into a graph."""
        if isinstance(input, fx.Proxy) and input.tracer.root is not self:
            return input.tracer.create_proxy("call_module", input.tracer.path_of_module(self), (input,), {})
        if is_exported():
            return self._forward_in_a_graph(input)
        by_batch = self.training or self.running_mean is None
        self._check_input_dim(input)
        self._check_type_and_channels(input)
        self._check_normalizable(input, by_batch)
        if not by_batch:
            mean, var = self.running_mean, self.running_var
            return normalize_with(input, mean, var, self.weight, self.bias, self.eps)
        y, mean, rest, var = normalize(input, self.weight, self.bias, self.eps)
        if self.track_running_stats and self.running_mean is not None:
            track(self, mean + rest, var, values_per_channel(input))
        return y

    # torch.nn's forward, under a name of its own, since a script has one method of each name
    _forward_in_a_graph = types.FunctionType(
        nn.modules.batchnorm._BatchNorm.forward.__code__, vars(nn.modules.batchnorm), "_forward_in_a_graph"
    )

    def _check_type_and_channels(self, x: Tensor) -> None:
        """Raises NotImplementedError or RuntimeError where x does not fit the layer."""
        if not x.is_floating_point():
            raise NotImplementedError(f"x has dtype {x.dtype}; expected floating point: try x.float()")
        state = self.running_mean if self.weight is None else self.weight
        if state is None:
            return
        if x.shape[1] != state.numel():
            raise RuntimeError(
                f"x has {x.shape[1]} channels (shape {tuple(x.shape)}); expected {state.numel()}"
            )
        if x.dtype != state.dtype and (x.dtype.itemsize, state.dtype) != (2, torch.float32):
            raise RuntimeError(
                f"x has dtype {x.dtype}, but this batch norm has {state.dtype}; expected the same, "
                f"or float32 where x is in half precision: try x.to({state.dtype})"
            )

    def _check_normalizable(self, x: Tensor, by_batch: bool) -> None:
        """Raises ValueError where x cannot be divided by a standard deviation, its own or the remembered one."""
        if by_batch and values_per_channel(x) == 1:
            raise ValueError(
                f"Expected more than 1 value per channel when training, got input size {tuple(x.shape)}: "
                f"one value less its mean is 0; use a larger mini-batch, or eval()"
            )
        if self.eps < 0 or (by_batch and self.eps == 0):
            expected = (
                "positive while mini-batches are normalized by themselves" if by_batch else "non-negative"
            )
            raise ValueError(f"eps must be {expected}, but got {self.eps}")


def is_exported() -> bool:
    """Whether a model is being written down as a graph, by torch.export or torch.jit.trace, on which ONNX builds."""
    return torch.compiler.is_exporting() or torch.jit.is_tracing()


class BatchNorm1d(BatchNorm, nn.BatchNorm1d):
    """Batch norm of C units, x `(N, C)` (section 3), or of C feature maps along a sequence, x `(N, C, L)`.

    The arguments are those of `BatchNorm`, and of `torch.nn.BatchNorm1d`.
    """


class BatchNorm2d(BatchNorm, nn.BatchNorm2d):
    """Batch norm of images, x `(N, C, H, W)`: one mean and one variance for each feature map (section 3.2).

    The arguments are those of `BatchNorm`, and of `torch.nn.BatchNorm2d`.
    """


class BatchNorm3d(BatchNorm, nn.BatchNorm3d):
    """Batch norm of volumes or films, x `(N, C, D, H, W)`: one mean and one variance for each feature map.

    The arguments are those of `BatchNorm`, and of `torch.nn.BatchNorm3d`.
    """


class LazyBatchNorm1d(nn.LazyBatchNorm1d, BatchNorm1d):
    """A `BatchNorm1d` that learns its number of channels from the first mini-batch, as `torch.nn.LazyBatchNorm1d`."""

    cls_to_become = BatchNorm1d


class LazyBatchNorm2d(nn.LazyBatchNorm2d, BatchNorm2d):
    """A `BatchNorm2d` that learns its number of channels from the first mini-batch, as `torch.nn.LazyBatchNorm2d`."""

    cls_to_become = BatchNorm2d


class LazyBatchNorm3d(nn.LazyBatchNorm3d, BatchNorm3d):
    """A `BatchNorm3d` that learns its number of channels from the first mini-batch, as `torch.nn.LazyBatchNorm3d`."""

    cls_to_become = BatchNorm3d


BATCHNORMS = (BatchNorm, nn.modules.batchnorm._BatchNorm)  # ours, and all of torch.nn's
