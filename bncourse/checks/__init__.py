"""Checks: a learner's answer -> a verdict, with the name of the mistake.

    frame.py        Check, Mistake, Verdict: ask, compare, recognise
    values.py       numbers given and wanted, compared; a clause about where they differ
    layer_check.py  Assembled: a whole layer, held to PyTorch's law by law
    layer_laws.py   those laws
    statements.py   sentences to be judged true or false
    mistakes/       the catalogue of wrong batch norms, as code
    progress.py     which exercises have been passed
    start_here.py, covariate_shift.py, ...   one file of checks for each lesson, named as it is
"""

import importlib
import pkgutil

from bncourse.checks.frame import Judge


def exercises() -> dict[str, Judge]:
    """Every check of the course by its exercise, in order: '03.1' -> the first check of lesson 03."""
    modules = [importlib.import_module(f"{__name__}.{m.name}") for m in pkgutil.iter_modules(__path__)]
    found = [c for m in modules for c in vars(m).values() if isinstance(c, Judge)]
    return {c.exercise: c for c in sorted(found, key=lambda c: c.exercise)}
