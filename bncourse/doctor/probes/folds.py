"""Folding: a batch norm right behind a linear layer or a convolution can be folded into it (Algorithm 2, line 11)."""

import re
from collections.abc import Iterator, Mapping

from torch import nn

from bncourse.doctor.patient import Patient
from bncourse.doctor.report import Finding, finding
from bncourse.doctor.watch import first_tensor
from bncourse.nn.dataflow import LINEAR
from bncourse.nn.fold import fold_batchnorm

NONLINEAR = re.compile(r"comes from .*(relu|gelu|elu|silu|swish|mish|tanh|sigmoid|softplus)", re.IGNORECASE)
BESIDES = re.compile(r"the output of .* is used by (.*) as well")


def folds(patient: Patient, calls: Mapping[str, tuple[tuple, dict]]) -> Iterator[Finding]:
    """Batch norms that could have been folded and are not, since of their wiring: not-foldable, a note.

    Those that come after a nonlinearity, and those that share their convolution with another batch norm. Others that
    cannot be folded are as designed: after a sum or a concatenation, as in residual networks before the activation, and
    in a branch beside convolutions of the same input, as in RepVGG, where no other order would help.

    `calls` are the arguments of each module in a forward pass.
    """
    model = patient.copy(training=False)
    args = patient.batch if isinstance(patient.batch, dict | tuple) else (patient.batch,)
    if isinstance(args, dict):
        return
    try:
        report = fold_batchnorm(model, args).fold_report
    except Exception:  # a model that cannot be watched has other findings
        return
    branches = branching(model, calls)
    found = {path: reason for path, reason in report.left.items() if NONLINEAR.search(reason) and path not in branches}
    for path, reason in report.left.items():
        users = BESIDES.search(reason)
        if users and set(users[1].split(", ")) <= set(report.left):
            found[path] = reason
    if found:
        yield finding("not-foldable", found, "note", "; ".join(dict.fromkeys(f"{p}: {r}" for p, r in found.items())))


def branching(model: nn.Module, calls: Mapping[str, tuple[tuple, dict]]) -> set[str]:
    """The modules whose input goes to a linear layer or a convolution as well."""
    inputs = {path: first_tensor(*call) for path, call in calls.items()}
    shared = {id(x) for path, x in inputs.items() if isinstance(model.get_submodule(path), LINEAR)}
    return {path for path, x in inputs.items() if id(x) in shared and not isinstance(model.get_submodule(path), LINEAR)}
