"""Checks: a learner's answer -> a verdict, with the name of the mistake.

    frame.py       Check, Mistake, Verdict: ask, compare, recognise
    assembled.py   Assembled: a whole layer, held to PyTorch's law by law
    statements.py  sentences to be judged true or false
    mistakes.py, mistakes_backward.py, mistakes_axes.py, mistakes_layers.py
                   the catalogue of wrong batch norms, as code
    progress.py    which exercises have been passed
    start_here.py, minibatch.py, ...   one file of checks for each notebook
"""

import importlib
import pkgutil

from bncourse.checks.frame import Judge


def exercises() -> dict[str, Judge]:
    """Every check of the course by its exercise, in order: '03.1' -> the first check of notebook 03."""
    modules = [importlib.import_module(f"{__name__}.{m.name}") for m in pkgutil.iter_modules(__path__)]
    found = [c for m in modules for c in vars(m).values() if isinstance(c, Judge)]
    return {c.exercise: c for c in sorted(found, key=lambda c: c.exercise)}
