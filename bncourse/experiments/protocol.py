"""What makes a file of this folder an experiment, and the parts that all experiments share.

    Config                      a frozen dataclass with `variant()`, a file name that no other measurement has
    run(config, progress=None)  measures, writes nothing, returns a `runs.Run`
    PLAN                        optional: what the course records, configurations by part
    resumed(config, progress)   optional: `run` with checkpoints in the folder `default_folder(config)`, from the newest
                                of which it goes on; recording measures so where it can
    replay(recorded, steps)     optional: the first rows of a recorded run, measured again; then `TOLERANCE` says for
                                each column how far the two may be apart, unless a column `room of X` says it for X
    configuration(recorded)     optional: the configuration that a run holds, where `from_record` does not find it

`run` calls `progress(done, total)` while it works. tests/experiments/test_protocol.py holds every file to this.
"""

import math
from collections.abc import Callable
from dataclasses import asdict, fields

from bncourse import runs

EXPERIMENTS = ("activations", "classification", "company", "crops", "depth", "domains", "ensembles", "folding",
               "inference", "landscape", "placement", "recurrent", "sensitivity", "shift", "views", "whitening")
Progress = Callable[[int, int], object]


class RecordError(ValueError):
    """A record that its experiment cannot repeat; the message says what of it."""


FIRST_ROOM = 2e-5  # before any step rounding changes the order of sums alone
LEAST_ROOM = 0.005  # where a maximum of equal values is pooled, a rounding error can send a gradient elsewhere


def recorded_run(config: object, columns: dict[str, list], *, data: str, sha256: str, seconds: float | int,
                 experiment: str | None = None, command: str | None = None, record: dict | None = None,
                 seed: int | None = None, device: str | None = None, threads: int | None = None) -> runs.Run:
    """The run of a configuration: its measured columns, the configuration as JSON holds it, and the provenance.

    columns     a list of plain numbers for each name, all of one length
    data        the name of the data, and `sha256` their fingerprint
    seconds     what the measurement took
    experiment  the file of the experiment; the one that defines the configuration's class unless given
    command     what repeats the run; Python that calls the experiment's `run` unless given
    record      the configuration as the run holds it; all of its fields unless given
    seed        the configuration's unless given
    device, threads    as `runs.provenance` takes them

    Raises `runs.RunError` where a field is malformed.
    """
    experiment = experiment or type(config).__module__.rpartition(".")[2]
    return runs.Run(
        experiment=experiment,
        variant=config.variant(),
        config=to_record(config) if record is None else record,
        provenance=runs.provenance(
            command=command or python_command(experiment, config),
            seed=config.seed if seed is None else seed,
            data=data,
            sha256=sha256,
            seconds=seconds,
            device=device,
            threads=threads,
        ),
        columns=columns,
    )


def python_command(experiment: str, config: object, names: str = "Config, run") -> str:
    """A shell command that measures the configuration and saves the run; `names` are those that Python imports."""
    return f'python -c "from bncourse.experiments.{experiment} import {names}; run({config}).save()"'


def to_record(config: object) -> dict:
    """The fields of a configuration as JSON holds them: a tuple is a list."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(config).items()}


def from_record(kind: type, record: dict) -> object:
    """The configuration of this class that `to_record` wrote: a list is a tuple. Raises RecordError for another."""
    try:
        return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in record.items()})
    except (TypeError, ValueError) as error:
        raise RecordError(f"config is none of this experiment: {error}") from None


def check_rates_and_seeds(rates: tuple, seeds: tuple) -> None:
    """Raises ValueError unless there are positive, finite learning rates, and seeds from 0 on."""
    for name, values, kind in (("rates", rates, "positive numbers"), ("seeds", seeds, "numbers from 0 on")):
        if not values or not all(0 <= value < math.inf for value in values) or (name == "rates" and 0 in values):
            raise ValueError(f"{name} is {values}; expected one or more {kind}")


def unusual(config: object, *named: str) -> list[str]:
    """The parts of a run's name for the fields that differ from their defaults: "lr0.2", "widths4_5".

    `named` are the fields that the name holds anyway. So the usual values are unnamed, and any two configurations
    have two names.
    """
    return [f"{field.name}{in_a_name(getattr(config, field.name), field.default)}" for field in fields(config)
            if field.name not in named and getattr(config, field.name) != field.default]


def in_a_name(value: object, default: object = None) -> str:
    """A value as a file's name may hold it; a whole number is written as a float where the default is one."""
    if isinstance(value, tuple):
        return "_".join(in_a_name(part) for part in value)
    return str(float(value) if isinstance(default, float) else value).replace("+", "")


def tell(progress: Progress | None, done: int, total: int) -> None:
    """Calls `progress(done, total)` about a hundred times in all, and at the end; not at all where it is None."""
    if progress and (done % math.ceil(total / 100) == 0 or done == total):
        progress(done, total)


def room_for_rounding(values: list[float], moved: list[float], least: float = LEAST_ROOM,
                      first: float = FIRST_ROOM) -> list[float]:
    """How far each value of a replay may be from the recorded one, if the two differ by their rounding alone.

    `moved` are the values of the same training from weights that were moved by one unit in the last place. Another
    processor rounds in every step, and not once. So a value may be off by ten times what was seen up to the row after
    it, and by `least` in any case. The first row is of the initial weights, where no step has made a difference grow:
    it may be off by ten times what was seen there, and by `first`.
    """
    apart = [distance(value, other) for value, other in zip(values, moved, strict=False)]
    apart += [math.inf] * (len(values) - len(apart))
    later = [max(least, 10 * max(apart[: row + 2])) for row in range(1, len(values))]
    return [max(first, 10 * apart[0]), *later]


def distance(value: int | float, other: int | float) -> float:
    """How far apart two values are: 0 where both are NaN or the same infinity, infinity where only one is NaN."""
    if value == other or (math.isnan(value) and math.isnan(other)):
        return 0.0
    return math.inf if math.isnan(value - other) else abs(value - other)
