"""Running a model to see what it does, and a changed copy of it to see whether that still does the same.

Both runs are in float64 where the model can be run so: two right answers then agree in about ten digits, and a wrong
one stands out, however deep the model is.
"""

import copy
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from bncourse.nn.dataflow import Flow, call, tensors, watch_output

CLOSEST = 1e-6  # parts of models may compute in float32 whatever they are given


def observe(model: nn.Module, example: object) -> tuple[Flow, object, torch.dtype | None]:
    """What flows where in a model as it runs on an example, what it returns, and the dtype in which it ran.

    The dtype is float64, or None for the model's own where it cannot be run in float64. A copy of the model runs, on
    a copy of the example. Raises what the model raises.
    """
    try:
        return *watch_output(*copies(model, example, torch.float64)), torch.float64
    except Exception:  # a device without float64, or a model that asks for another type
        return *watch_output(*copies(model, example, None)), None


def disagreement(model: nn.Module, example: object, expected: object) -> str | None:
    """How the outputs of a model for an example differ from what was expected, as a phrase; None where they agree.

    They agree where they differ by rounding alone: by at most the root of the precision of the outputs' dtype, in units
    of the largest output.
    """
    try:
        with torch.no_grad():
            found = call(model, example)
    except Exception as error:  # it asks for something that the change has taken away
        return f"the folded model raises {type(error).__name__}: {error}"
    pairs = tensors(found), tensors(expected)
    if not pairs[1]:
        return "the model returns no tensor by which to confirm the result"
    if [x.shape for x in pairs[0]] != [x.shape for x in pairs[1]]:
        return "the folded model returns tensors of other shapes for the example"
    for x, y in zip(*pairs, strict=True):
        off, allowed = difference(x, y)
        if not off <= allowed:
            return f"the outputs for the example change by {off:.1g} of the largest"
    return None


def copies(model: nn.Module, example: object, dtype: torch.dtype | None) -> tuple[nn.Module, object]:
    """A copy of a model and one of an example, their floating-point numbers in the dtype if one is given."""

    def copied(v):
        if not isinstance(v, Tensor):
            return v
        return v.detach().clone().to(dtype if v.is_floating_point() else None)

    example = dict(example) if isinstance(example, Mapping) else example
    return copy.deepcopy(model).to(dtype), tree_map(copied, example)


def difference(x: Tensor, y: Tensor) -> tuple[float, float]:
    """The largest difference of two tensors of one shape in units of the largest y, and what rounding may make it."""
    allowed = max(torch.finfo(y.dtype).eps ** 0.5, CLOSEST) if y.is_floating_point() else 0.0
    x, y = (v.detach().cpu().to(torch.complex128 if v.is_complex() else torch.float64) for v in (x, y))
    same = (x == y) | (x.isnan() & y.isnan())
    off = torch.where(same, 0, x - y).abs().max().item() if x.numel() else 0.0
    largest = y[y.isfinite()].abs().max().item() if y.isfinite().any() else 0.0
    return off / largest if largest else off, allowed
