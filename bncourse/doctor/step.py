"""One step of training, looked at: what enters each batch norm, and what gradient comes back.

The loss is the sum of all outputs, each times a random number, so that no gradient is 0 by symmetry. A copy of the
model takes the step, with gradients for all of its parameters, frozen or not.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from bncourse.doctor.norms import CLASSES, Norm
from bncourse.doctor.patient import Patient
from bncourse.doctor.watch import Called, Functional, Watch, first_tensor
from bncourse.nn.dataflow import LINEAR


@dataclass
class Entry:
    """What entered a batch norm in one call of it.

    path        the batch norm, or the module that calls `F.batch_norm`
    by_batch    whether the statistics of the batch were used
    again       whether it was in the backward pass, where gradient checkpointing computes once more
    rows        the input as `(positions, C)`, without a gradient
    examples    the size of the input's first axis
    shape       the input's shape
    """

    path: str
    by_batch: bool
    again: bool
    rows: Tensor
    examples: int
    shape: tuple[int, ...]

    @property
    def values(self) -> int:
        """How many values a channel has: m', of section 3.2."""
        return len(self.rows)


@dataclass
class BiasGradient:
    """Sums over the gradient dy at the output of a linear layer with a bias, for each of its C channels.

    Over several calls of the layer they add up, without cancelling: what is wasted is so in each call.

    total         the absolute value of the sum over all examples and positions: the gradient of the bias
    size          the sum of the absolute values
    by_example    the largest absolute value of the sums over the positions of one example
    """

    total: Tensor
    size: Tensor
    by_example: Tensor


class Step(Watch):
    """A step of training of `model`, a copy: `entries`, the gradients `biases` and `squares`, and the `buffers` before.

    `norms` are the model's batch norms. `squares` maps a batch norm to the squared norm of the gradient at its output,
    and `still` to which of its channels `(C,)` have one output for all inputs. `functional` holds the arguments of
    `F.batch_norm` by the module that calls it.
    """

    def __init__(self, model: nn.Module, norms: dict[str, Norm]):
        super().__init__(model)
        self.norms = norms
        self.entries: list[Entry] = []
        self.biases: dict[str, BiasGradient] = {}
        self.squares: dict[str, float] = {}
        self.still: dict[str, Tensor] = {}
        self.functional: dict[str, Functional] = {}
        self.before = {name: b.clone() for name, b in model.named_buffers()}

    def enter(self, path, module, args, kwargs):
        x = first_tensor(args, kwargs)
        if path in self.norms and x is not None and x.dim() > 1:
            self.note(path, x, self.norms[path].axis, uses_batch(module))

    def note(self, path: str, x: Tensor, axis: int, by_batch: bool) -> None:
        """Notes an input of a batch norm."""
        rows = x.detach().movedim(axis, -1).flatten(0, -2)
        self.entries.append(Entry(path, by_batch, self.backward, rows, len(x), tuple(x.shape)))

    def leave(self, path, module, args, kwargs, output):
        if not isinstance(output, Tensor) or not output.requires_grad:
            return
        if isinstance(module, LINEAR) and getattr(module, "bias", None) is not None:
            axis = -1 if isinstance(module, nn.Linear) else 1
            output.register_hook(lambda dy: self.sum_up(path, dy.movedim(axis, -1)))
        if path in self.norms:
            rows = output.detach().movedim(self.norms[path].axis, -1).flatten(0, -2)
            still = (rows == rows[:1]).all(0)
            self.still[path] = still & self.still.get(path, still)
            output.register_hook(lambda dy: self.square(path, dy))

    def sum_up(self, path: str, dy: Tensor) -> None:
        """Takes in the gradient `(N, ..., C)` at the output of a linear layer; several calls add up."""
        dy = dy.double().reshape(len(dy), -1, dy.shape[-1])
        sums = BiasGradient(dy.sum((0, 1)).abs(), dy.abs().sum((0, 1)), dy.sum(1).abs().amax(0))
        if path in self.biases:
            before = self.biases[path]
            sums = BiasGradient(before.total + sums.total, before.size + sums.size, before.by_example + sums.by_example)
        self.biases[path] = sums

    def square(self, path: str, dy: Tensor) -> None:
        """Takes in the gradient at the output of a batch norm."""
        self.squares[path] = self.squares.get(path, 0.0) + float(dy.double().square().sum())

    def function(self, path, called: Called):
        arguments = Functional.of(called)
        if arguments is not None and path not in self.norms:
            self.functional[path] = arguments
            with torch._C.DisableTorchFunction():
                by_batch = arguments.training or arguments.running_mean is None
                self.note(path, arguments.input, 1, by_batch)
        return called.run()

    def of(self, path: str, again: bool = False) -> list[Entry]:
        """The entries of one batch norm, in the forward pass or `again`, in the backward pass."""
        return [entry for entry in self.entries if entry.path == path and entry.again == again]

    def paths_of_owners(self) -> list[tuple[str, nn.Module]]:
        """The modules of classes that are not PyTorch's, by their paths, without the batch norms."""
        owners = [(path, module) for module, path in self.paths.items()]
        return [(p, m) for p, m in owners if not type(m).__module__.startswith("torch.") and p not in self.norms]

    def moved(self, path: str) -> list[str]:
        """The floating-point buffers of a module itself that the step has changed."""
        module = self.model.get_submodule(path)
        names = [(n, b, self.before[f"{path}.{n}".lstrip(".")]) for n, b in module.named_buffers(recurse=False)]
        return [n for n, b, before in names if b.is_floating_point() and not torch.equal(b, before)]


def uses_batch(module: nn.Module) -> bool:
    """Whether a batch norm normalizes by the batch in its present mode; one written by hand is taken at its mode."""
    return module.training or (isinstance(module, CLASSES) and module.running_mean is None)


def training_step(patient: Patient, step: Step) -> Step:
    """Lets the copy that `step` looks at take a step, forward and backward; raises what the model raises.

    Where no output has a gradient, only the forward pass is seen.
    """
    for p in step.model.parameters():
        p.requires_grad_(p.is_floating_point())
        p.grad = None
    with torch.inference_mode(False), torch.enable_grad(), step:
        output = patient.call(step.model)
        with torch._C.DisableTorchFunction():
            loss = weighted_sum(output)
        if loss is not None:
            step.backward = True
            loss.backward()
    return step


def weighted_sum(output) -> Tensor | None:
    """The sum of all outputs that have a gradient, each times a random number; None where none has."""
    generator = torch.Generator().manual_seed(0)
    terms = [
        (y.float() * torch.randn(y.shape, generator=generator).to(y.device)).sum()
        for y in tree_leaves(output)
        if isinstance(y, Tensor) and y.requires_grad and y.is_floating_point()
    ]
    return sum(terms) if terms else None
