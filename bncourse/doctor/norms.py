"""Which modules of a model are batch norms, by what they do and not by what they are called.

A batch norm in training has two laws that no other layer has. Its output stays the same when each channel of its
input is scaled and shifted by numbers of its own (section 3.3: BN(aWu) = BN(Wu)); and the output for an example
changes when the other examples do. Layer and instance norm have the first and not the second, a recurrent layer
the second and not the first. So a batch norm that somebody wrote by hand is found too, and its channel axis with it.
"""

import copy
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from bncourse.doctor.patient import Patient
from bncourse.doctor.watch import Called, Functional, Watch, first_tensor
from bncourse.nn.batchnorm import BATCHNORMS

CLASSES = (_BatchNorm, *BATCHNORMS)
LARGE = 20.0  # the scale of inputs for trying: eps is nothing beside their variance
SAME, OTHER = 1e-2, 1e-3  # relative differences below which outputs are the same, and above which they are not


@dataclass
class Norm:
    """A batch norm of a model.

    path         its path in the model
    axis         the axis of its input that it does not average over
    by_hand      whether it was found by its laws, and not by its class
    arguments    those of one call of it, its input first, with the input's shape; None where it was not reached
    """

    path: str
    axis: int
    by_hand: bool
    arguments: tuple[tuple, dict] | None = None

    def of(self, model: nn.Module) -> nn.Module:
        """The module itself, in a copy of the model."""
        return model.get_submodule(self.path)


class Capture(Watch):
    """Keeps the arguments of the first call of each module that might be a batch norm, and of `F.batch_norm`.

    `functional` holds the latter by the module that calls it, with copies of the statistics as they were before.
    """

    def __init__(self, model: nn.Module):
        super().__init__(model)
        self.calls: dict[str, tuple[tuple, dict]] = {}
        self.shapes_kept: set[str] = set()
        self.functional: dict[str, Functional] = {}

    def enter(self, path, module, args, kwargs):
        if path not in self.calls and first_tensor(args, kwargs) is not None:
            self.calls[path] = (args, kwargs)

    def leave(self, path, module, args, kwargs, output):
        x = first_tensor(args, kwargs)
        if x is not None and isinstance(output, Tensor) and output.shape == x.shape and x.dim() > 1:
            self.shapes_kept.add(path)

    def function(self, path, called: Called):
        known = Functional.of(called)
        if known is not None and known.running_mean is not None and path not in self.functional:
            copies = {name: getattr(known, name).detach().clone() for name in ("running_mean", "running_var")}
            self.functional[path] = replace(known, **copies)
        return called.run()


def captured(patient: Patient) -> Capture:
    """What a forward pass in training mode shows of a patient's modules; as far as it comes, where it raises."""
    capture = Capture(patient.copy(training=True))
    try:
        with torch.no_grad(), capture:
            patient.call(capture.model)
    except Exception:  # the passes that need the model in training say what it raised
        pass
    return capture


def batch_norms(patient: Patient, capture: Capture | None = None) -> dict[str, Norm]:
    """The batch norms of a patient by their paths, in the order of its modules.

    Those of PyTorch and of this package are known by their classes. Modules of other classes are tried where a pass in
    training mode reaches them, the inner ones first; a module around a batch norm that it calls is not one itself.
    `capture` is such a pass, where there was one.
    """
    if capture is None and patient.batch is not None:
        capture = captured(patient)
    calls, candidates = (capture.calls, capture.shapes_kept) if capture else ({}, set())
    found = {}
    for path, module in reversed(list(patient.copy(training=True).named_modules())):
        if any(inside(other, path) and norm.arguments is not None for other, norm in found.items()):
            continue
        if isinstance(module, CLASSES):
            found[path] = Norm(path, 1, False, calls.get(path))
        elif path in candidates and not type(module).__module__.startswith("torch."):
            axis = normalized_axis(module, *calls[path])
            if axis is not None:
                found[path] = Norm(path, axis, True, calls[path])
    return dict(reversed(found.items()))


def inside(path: str, outer: str) -> bool:
    """Whether the module at `path` is a part of the one at `outer`."""
    return path != outer and f"{path}.".startswith(f"{outer}." if outer else "")


def normalized_axis(module: nn.Module, args: tuple, kwargs: dict) -> int | None:
    """The channel axis along which a module is a batch norm in training mode; None where it is none.

    `args` and `kwargs` are those of a call, of which the first floating-point tensor is the input.
    """
    x = first_tensor(args, kwargs)
    shape = (max(len(x), 4), *x.shape[1:])
    for axis in dict.fromkeys((1, x.dim() - 1, *range(2, x.dim() - 1))):
        if torch.Size(shape).numel() < 4 * shape[axis]:
            continue
        try:
            if is_batchnorm(module, args, kwargs, x.new_empty(shape), axis):
                return axis
        except Exception:  # a module that takes no other input is no batch norm that can be tried
            continue
    return None


def is_batchnorm(module: nn.Module, args: tuple, kwargs: dict, like: Tensor, axis: int) -> bool:
    """Whether a module has the two laws of batch norm along an axis, for inputs shaped and typed like `like`."""
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(like.shape, generator=generator)
    sizes = [-1 if a == axis else 1 for a in range(z.dim())]

    def transformed(v):
        scale = LARGE * (1 + torch.rand(like.shape[axis], generator=generator)).reshape(sizes)
        return v * scale + LARGE * torch.randn(like.shape[axis], generator=generator).reshape(sizes)

    other = torch.cat([z[:1], torch.randn(z[1:].shape, generator=generator) ** 3 + 1])
    y, scaled, company = (
        isolated(module, args, kwargs, v.to(like)) for v in (LARGE * z, transformed(z), LARGE * other)
    )
    size = y.std()
    same = (y - scaled).abs().max() < SAME * size
    return bool(size > 0 and same and (y[0] - company[0]).abs().max() > OTHER * size)


def isolated(module: nn.Module, args: tuple, kwargs: dict, x: Tensor, training: bool = True) -> Tensor:
    """The output of a copy of a module for x in place of the first tensor among its arguments, without a gradient."""
    with torch.no_grad():
        return run_alone(copy.deepcopy(module).train(training), args, kwargs, x)


def run_alone(module: nn.Module, args: tuple, kwargs: dict, x: Tensor):
    """The output of a module, called with x in place of the first floating-point tensor among its arguments."""
    first = first_tensor(args, kwargs)
    args = tuple(x if v is first else v for v in args)
    return module(*args, **{name: x if v is first else v for name, v in kwargs.items()})
