"""What a patient is: a fault, the call that shows it, where it is, and how bad; and how one is registered."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from torch import nn

from tests.doctor.bodies import seeded


class Case(NamedTuple):
    """What the doctor is given: the arguments of `examine`, in its order."""

    model: nn.Module
    batch: object = None
    loader: object = None
    optimizer: object = None


class Patient(NamedTuple):
    """One fault.

    `row` is the fault's row in `diagnoses.TITLES`. `build(ill)` makes the case, and with `ill` false its healthy twin,
    which differs in the fault alone. `layers` are the module paths that the finding has to name, and `also` those that
    it may name besides, "*" for any. `severity` lists the words that are right for the gravest finding. `source` is a
    public thread with this wiring.
    """

    name: str
    row: int
    build: Callable[[bool], Case]
    layers: tuple[str, ...]
    also: tuple[str, ...]
    severity: tuple[str, ...]
    source: str


PATIENTS: list[Patient] = []


def patient(row, layers, severity, *, also=(), source=""):
    """Registers the decorated `build(ill)` as a patient, under its name and with what the doctor has to say of it.

    Paths and severities are written as words with spaces between.
    """
    def register(build):
        words = layers.split(), also.split() if isinstance(also, str) else also, severity.split()
        PATIENTS.append(Patient(build.__name__, row, partial(seeded, build), *map(tuple, words), source))
        return build
    return register
