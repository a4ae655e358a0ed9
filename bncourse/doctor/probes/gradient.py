"""The gradient through the statistics: in each channel dx sums to 0, and so does dx times x_hat (section 3)."""

import copy
from collections.abc import Iterator

import torch
from torch import Tensor

from bncourse.doctor.norms import LARGE, Norm, run_alone
from bncourse.doctor.patient import Patient
from bncourse.doctor.report import Finding, finding
from bncourse.doctor.watch import first_tensor

NOTHING = {torch.float64: 1e-4, torch.float32: 1e-3}  # of the gradient's size; 0.02 in half precision


def gradient(patient: Patient, norms: dict[str, Norm]) -> Iterator[Finding]:
    """Batch norms with a backward pass that leaves out the mean or the variance: gradient-path-missing, a fault."""
    model = patient.copy(training=True)
    seen = {}
    for path, norm in norms.items():
        if norm.arguments is not None:
            sums = gradient_sums(norm, copy.deepcopy(norm.of(model)).train())
            limit = NOTHING.get(first_tensor(*norm.arguments).dtype, 0.02)
            if sums is not None and not max(sums) < limit:
                seen[path] = sums
    if seen:
        layers = sorted(seen, key=lambda path: max(seen[path]), reverse=True)
        of_mean, of_var = seen[layers[0]]
        yield finding(
            "gradient-path-missing",
            layers,
            "fault",
            f"{layers[0]}: the sum of dx is {of_mean:.1e} of its size, and that of dx times x_hat {of_var:.1e}; 0 is "
            f"right, so the gradient through the {missing(of_mean, of_var)} is missing",
        )


def gradient_sums(norm: Norm, module) -> tuple[float, float] | None:
    """The sums of dx and of dx x_hat over a channel, relative to the sums of their sizes: the worst channel's.

    Measured on a copy of the layer alone, for an input whose variance is so large that eps is nothing beside it. None
    where no gradient comes back at all.
    """
    like = first_tensor(*norm.arguments)
    shape = (max(len(like), 4), *like.shape[1:])
    generator = torch.Generator().manual_seed(1)
    x = (LARGE * torch.randn(shape, generator=generator)).to(like).requires_grad_()
    try:
        with torch.inference_mode(False), torch.enable_grad():
            y = run_alone(module, *norm.arguments, x)
            (y * torch.randn(shape, generator=generator).to(like)).sum().backward()
    except Exception:  # a layer that takes no other input, or whose output has no gradient
        return None
    if x.grad is None or not x.grad.any():
        return None
    dx, rows = (v.detach().double().movedim(norm.axis, -1).flatten(0, -2) for v in (x.grad, x))
    x_hat = (rows - rows.mean(0)) / rows.std(0, unbiased=False)
    return relative_sum(dx), relative_sum(dx * x_hat)


def relative_sum(v: Tensor) -> float:
    """The largest sum of a column of v, relative to the sum of its absolute values; columns of zeros are left out."""
    size = v.abs().sum(0)
    return float((v.sum(0).abs()[size > 0] / size[size > 0]).max())


def missing(of_mean: float, of_var: float) -> str:
    """In words, which of the statistics have no gradient, from the two sums of `gradient_sums`."""
    if of_mean > 0.01 and of_var > 0.01:
        return "mean and the variance"
    return "mean" if of_mean > of_var else "variance"
