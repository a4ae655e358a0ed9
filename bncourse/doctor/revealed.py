"""What a batch norm remembers: with two known buffers and one batch, any layer reveals its conventions.

Fed with a batch of mean mu and variance var, a layer changes what it remembers from `old` to `old + alpha (mu - old)`
and `old + alpha (k var - old)`. Two such batches give alpha, the weight of the new value, which PyTorch calls momentum;
and k, which is m / (m - 1) where the variance that is stored is the unbiased one, and 1 where it is not.
"""

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bncourse.doctor.norms import CLASSES, Norm, run_alone
from bncourse.doctor.watch import first_tensor

VALUES = 8  # examples in a batch for trying: few, so that m / (m - 1) shows
CLOSE = 1e-3


@dataclass
class Memory:
    """Where a batch norm keeps its statistics, and by which conventions it moves them.

    mean, var    the names of the attributes of the module; None where there is none
    alpha        the weight of the new value in one step
    correction   what the variance of the mini-batch is multiplied by: 1, or m / (m - 1) with `m` values
    m            how many values a channel had when that was measured
    registered   whether both are buffers, which are saved with the model
    """

    mean: str | None = None
    var: str | None = None
    alpha: float | None = None
    correction: float | None = None
    m: int = 0
    registered: bool = True


def memory(norm: Norm, module: nn.Module) -> Memory:
    """What a batch norm remembers, from its class, or by experiment on copies of `module`, its module."""
    if isinstance(module, CLASSES):
        stored = module.running_mean is not None
        return Memory("running_mean", "running_var", module.momentum) if stored else Memory()
    if norm.arguments is None:
        return Memory()
    try:
        return by_experiment(norm, module)
    except Exception:  # a module that takes no other batch keeps its secret
        return Memory()


def by_experiment(norm: Norm, module: nn.Module) -> Memory:
    """What a module remembers, found by feeding it two batches and looking at which of its tensors follow."""
    x = first_tensor(*norm.arguments)
    shape = (VALUES, *x.shape[1:])
    generator = torch.Generator().manual_seed(2)
    sizes = [-1 if axis == norm.axis % x.dim() else 1 for axis in range(x.dim())]
    means, scales = (5 + 5 * torch.rand(shape[norm.axis], generator=generator).reshape(sizes) for _ in range(2))
    inputs = [(means + scales * torch.randn(shape, generator=generator)).to(x) for _ in range(2)]
    module = finite(copy.deepcopy(module).train())
    states = [tensors_of(module)]
    for value in inputs:
        with torch.no_grad():
            run_alone(module, *norm.arguments, value)
        states.append(tensors_of(module))
    rows = inputs[1].double().movedim(norm.axis, -1).flatten(0, -2)
    m, found = len(rows), Memory(m=len(rows))
    moved = {n: (states[1][n], new) for n, new in states[2].items() if new.numel() == rows.shape[1]}
    for name, (old, new) in moved.items():
        alpha = weight_of(old, new, rows.mean(0))
        if alpha is not None:
            found.mean, found.alpha = name, alpha
    for name, (old, new) in moved.items():
        if name != found.mean and found.alpha is not None:
            target = (old + (new - old) / found.alpha) / rows.var(0, unbiased=False)
            for correction in (1.0, m / (m - 1)):
                if (target - correction).abs().max() < CLOSE:
                    found.var, found.correction = name, correction
    buffers = dict(module.named_buffers(recurse=False))
    found.registered = all(name in buffers for name in (found.mean, found.var) if name)
    return found


def finite(module: nn.Module) -> nn.Module:
    """The module, whose remembered numbers are 1 where they were not finite: a NaN would stay one."""
    for tensor in (*module.buffers(recurse=False), *vars(module).values()):
        if isinstance(tensor, Tensor) and tensor.is_floating_point() and not isinstance(tensor, nn.Parameter):
            with torch.no_grad():
                tensor[~torch.isfinite(tensor)] = 1.0
    return module


def tensors_of(module: nn.Module) -> dict[str, Tensor]:
    """Copies of the floating-point tensors that a module remembers: buffers and plain attributes, not parameters."""
    held = dict(module.named_buffers(recurse=False)) | vars(module)
    return {
        name: value.detach().double().flatten().clone()
        for name, value in held.items()
        if isinstance(value, Tensor) and value.is_floating_point() and not isinstance(value, nn.Parameter)
    }


def weight_of(old: Tensor, new: Tensor, value: Tensor) -> float | None:
    """alpha, where `new = old + alpha (value - old)` in every channel; None where no alpha fits."""
    step, towards = new - old, value - old
    if not step.any():
        return None
    alpha = float((step * towards).sum() / towards.square().sum())
    fits = (step - alpha * towards).abs().max() < CLOSE * step.abs().max()
    return alpha if fits and 0 < alpha <= 1 + CLOSE else None
