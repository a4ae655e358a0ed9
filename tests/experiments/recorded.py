"""The runs that the course has recorded, read once for all tests of a process, and when they are asked for."""

from functools import cache

from bncourse import runs


@cache
def runs_of(experiment):
    """The recorded runs of an experiment, which no test may change."""
    return tuple(runs.find(experiment))
