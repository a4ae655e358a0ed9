"""Looking on while a model runs: which module is running, and which functions it calls by itself.

A pass of an examination is a subclass of `Watch` that overrides what it wants to see:

    enter(path, module, args, kwargs)              before a module's forward pass
    leave(path, module, args, kwargs, output)      after it; what is returned, if not None, takes the output's place
    function(path, called)                         in the module called `path`, a function of PyTorch is called
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode


@dataclass
class Called:
    """A call of one of PyTorch's functions: the function, its arguments, and its result once it was called."""

    function: object
    args: tuple
    kwargs: dict
    result: object = None

    @property
    def name(self) -> str:
        """The function's name, such as "mean", for functions and methods alike."""
        return getattr(self.function, "__name__", str(self.function))

    def run(self):
        """Calls the function and keeps its result."""
        self.result = self.function(*self.args, **self.kwargs)
        return self.result


@dataclass
class Functional:
    """The arguments of `F.batch_norm`, or of `torch.batch_norm`, by their names."""

    input: Tensor
    running_mean: Tensor | None
    running_var: Tensor | None
    weight: Tensor | None = None
    bias: Tensor | None = None
    training: bool = False
    momentum: float = 0.1
    eps: float = 1e-5

    @classmethod
    def of(cls, called: Called) -> "Functional | None":
        """The arguments of a call, or None where another function is called."""
        if called.function is F.batch_norm:
            return cls(*called.args, **called.kwargs)
        if called.function is torch.batch_norm:
            x, weight, bias, mean, var, training, momentum, eps = called.args[:8]
            return cls(x, mean, var, weight, bias, training, momentum, eps)
        return None


class Watch(TorchFunctionMode):
    """Looks on while `with watch:` is in force and the model `model` runs; `backward` says in which phase.

    `backward` is set by whoever runs the backward pass; a module that is entered then is being computed again, as
    gradient checkpointing does.
    """

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model
        self.paths = {module: path for path, module in model.named_modules()}
        self.stack: list[str] = []
        self.backward = False
        for module in self.paths:
            module.register_forward_pre_hook(self._enter, with_kwargs=True)
            module.register_forward_hook(self._leave, with_kwargs=True, always_call=True)

    def enter(self, path: str, module: nn.Module, args: tuple, kwargs: dict) -> None:
        """Before a module's forward pass."""

    def leave(self, path: str, module: nn.Module, args: tuple, kwargs: dict, output):
        """After a module's forward pass; returns an output to put in place of its own, or None."""

    def function(self, path: str, called: Called):
        """In place of a function that the module `path` calls by itself; returns its result."""
        return called.run()

    def _enter(self, module, args, kwargs):
        self.stack.append(self.paths[module])
        self.quietly(self.enter, self.paths[module], module, args, kwargs)

    def _leave(self, module, args, kwargs, output):
        if self.stack:
            self.stack.pop()
        if output is not None:
            return self.quietly(self.leave, self.paths[module], module, args, kwargs, output)
        return None

    def quietly(self, look, *args):
        """Calls one of the methods above without watching the functions that it calls itself."""
        with torch._C.DisableTorchFunction():
            return look(*args)

    def __torch_function__(self, function, types, args=(), kwargs=None):
        called = Called(function, args, kwargs or {})
        return self.function(self.stack[-1], called) if self.stack else called.run()


def first_tensor(args: tuple, kwargs: dict) -> Tensor | None:
    """The first floating-point tensor among the arguments of a module's call, or None."""
    return next((v for v in (*args, *kwargs.values()) if isinstance(v, Tensor) and v.is_floating_point()), None)
