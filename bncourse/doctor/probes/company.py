"""The company probe: at inference the output for an example depends on that example alone.

The model is served twice, and the first example is the same: once among the others of the batch, once among copies of
itself. A module whose input for the example is the same and whose output is not has looked at the others. Its
output is then put right before the pass goes on, so that each module is judged by itself, the innermost first.
"""

from collections import Counter
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map

from bncourse.doctor.norms import CLASSES, Norm
from bncourse.doctor.patient import Patient, examples
from bncourse.doctor.report import Finding, finding
from bncourse.doctor.watch import Called, Functional, Watch

REDUCTIONS = {"mean", "var", "std", "var_mean", "std_mean", "sum", "einsum", "nanmean"}
TOLERANCE = {torch.float64: 1e-6, torch.float32: 1e-3}  # of the largest output; 0.05 in half precision


def company(patient: Patient, norms: dict[str, Norm]) -> Iterator[Finding]:
    """Layers that use the statistics of the batch at inference: batch-statistics-at-inference, a fault.

    Without a batch only batch norms of known classes are judged, by their modes.
    """
    model = patient.copy(training=False)
    found = {path: "its mode" for path, module in model.named_modules() if by_the_batch(module)}
    if patient.batch is not None:
        found |= by_experiment(patient, norms, found)
    if found:
        yield finding(
            "batch-statistics-at-inference",
            found,
            "fault",
            "; ".join(dict.fromkeys(found.values())),
            repair(patient, model, found),
        )


def by_the_batch(module: nn.Module) -> bool:
    """Whether a module is a batch norm of a known class that now uses the statistics of the batch."""
    return isinstance(module, CLASSES) and (module.training or module.running_mean is None)


def by_experiment(patient: Patient, norms: dict[str, Norm], known: dict[str, str]) -> dict[str, str]:
    """The layers found by two passes, and `known` ones, each with what was seen."""
    try:
        first = served(patient, Alone(patient.copy(training=False), examples(patient.batch)))
        batch = companions(patient.batch)
        second = served(patient, Company(patient.copy(training=False), examples(batch), first), batch)
    except ValueError as error:
        if known and "more than 1 value per channel" in str(error):  # a batch of one, as its owner sees it
            return {path: f"in eval() it raises '{error}'" for path in known}
        raise
    suspects = set(norms) | first.functional | first.reducing | set(known)
    changed = {path: change for path, change in second.changed.items() if path in suspects}
    worst_first = sorted(changed.items(), key=lambda item: -item[1])
    return {
        path: f"{'' if n else 'the same example in other company: '}output of {path or 'the model'} changed by "
        f"{change:.0%} of its size"
        for n, (path, change) in enumerate(worst_first)
    } | {path: "F.batch_norm is called with training=True" for path in first.functional - set(changed)}


class Alone(Watch):
    """A pass at inference that keeps what concerns the first example.

    `count` is the number of examples. `firsts` maps each call, a path and a number, to the input and output of the
    first example; `functional` are the paths of modules that normalize by the batch through `F.batch_norm`, and
    `reducing` those of modules that compute means or sums by themselves.
    """

    def __init__(self, model: nn.Module, count: int):
        super().__init__(model)
        self.count, self.calls = count, Counter()
        self.firsts: dict[tuple[str, int], tuple[list, list]] = {}
        self.functional: set[str] = set()
        self.reducing: set[str] = set()

    def leave(self, path, module, args, kwargs, output):
        self.firsts[self.key(path)] = self.first((args, kwargs)), self.first(output)

    def key(self, path: str) -> tuple[str, int]:
        """A name for this call of the module: its path, and how often it was called before."""
        self.calls[path] += 1
        return path, self.calls[path]

    def function(self, path, called: Called):
        arguments = Functional.of(called)
        own = isinstance(self.model.get_submodule(path), CLASSES)
        if arguments is not None and arguments.training and not own:
            self.functional.add(path)
        if called.name in REDUCTIONS:
            self.reducing.add(path)
        return called.run()

    def first(self, tree) -> list[Tensor]:
        """The rows of the first example, of each tensor that has a whole number of rows for each example."""
        return [self.rows(t).clone() for t in tree_leaves(tree) if self.by_example(t)]

    def by_example(self, t) -> bool:
        """Whether t is a tensor whose first axis holds the examples, or so many rows for each."""
        return isinstance(t, Tensor) and t.dim() > 0 and len(t) > 0 and len(t) % self.count == 0

    def rows(self, t: Tensor) -> Tensor:
        """The part of t that belongs to the first example."""
        return t[: len(t) // self.count]


class Company(Alone):
    """The same pass with other companions, compared with the first; what differs is put right.

    `changed` maps the path of each module that looked at the companions to the change of its output, relative to
    its size.
    """

    def __init__(self, model: nn.Module, count: int, first: Alone):
        super().__init__(model, count)
        self.expected = first.firsts
        self.changed: dict[str, float] = {}

    def leave(self, path, module, args, kwargs, output):
        x, y = self.expected.get(self.key(path), (None, None))
        if x is None or difference(self.first((args, kwargs)), x) > 0:
            return None
        change = difference(self.first(output), y)
        if not 0 < change < float("inf"):
            return None
        self.changed[path] = max(change, self.changed.get(path, 0.0))
        return self.put_right(output, y)

    def put_right(self, output, y: list[Tensor]):
        """The output with the first example's rows of the other pass."""
        remaining = iter(y)

        def mended(t):
            if not self.by_example(t):
                return t
            t = t.clone()
            self.rows(t).copy_(next(remaining))
            return t

        return tree_map(mended, output)


def served(patient: Patient, watch: Alone, batch=None) -> Alone:
    """A pass at inference of the copy that `watch` looks at, for a batch, or for that of the patient."""
    with torch.no_grad(), watch:
        patient.call(watch.model, batch)
    return watch


def companions(batch):
    """The batch with other companions for its first example: copies of it, or its mirror image where all are alike."""
    count = max(examples(batch), 1)
    rows = [t for t in tree_leaves(batch) if isinstance(t, Tensor) and t.dim() and len(t) == count]
    alike = all(torch.equal(t, t[:1].expand_as(t)) for t in rows)

    def replaced(t):
        if not (isinstance(t, Tensor) and t.dim() and len(t) == count):
            return t
        if not alike:
            return t[:1].expand_as(t).clone()
        mirrored = t[:1].flip(-1) * (3 if t.is_floating_point() else 1)
        return torch.cat([t[:1], mirrored.expand(max(count - 1, 1), *t.shape[1:])])

    return tree_map(replaced, batch)


def difference(some: list[Tensor], others: list[Tensor]) -> float:
    """The largest difference between two lists of tensors, relative to their size; 0 where rounding explains it.

    Infinite where the lists do not have the same shapes.
    """
    if [t.shape for t in some] != [t.shape for t in others]:
        return float("inf")
    largest = 0.0
    for a, b in zip(some, others, strict=True):
        if not a.is_floating_point():
            largest = max(largest, float((a != b).any()))
            continue
        a, b = a.nan_to_num(), b.nan_to_num()
        size = torch.maximum(a.abs().max(), b.abs().max()) if a.numel() else 0
        change = float((a - b).abs().max() / size) if size > 0 else 0.0
        if change > TOLERANCE.get(a.dtype, 0.05):
            largest = max(largest, change)
    return largest


def repair(patient: Patient, model: nn.Module, found: dict[str, str]) -> str | None:
    """A line of code for each layer that is one of PyTorch's batch norms; None where there is none."""
    lines = []
    for path in found:
        module = model.get_submodule(path)
        if isinstance(module, CLASSES) and module.running_mean is not None:
            lines.append(f'model.get_submodule("{patient.prefix}{path}").eval()')
    return "\n".join(lines[:6]) or None
