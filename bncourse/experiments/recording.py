"""Recording what an experiment plans, and repeating what it recorded.

protocol.py says what an experiment is. One that can be recorded has a `PLAN`; one that can be replayed has `replay`
and `TOLERANCE`, as rounding differs between processors, and training makes the differences grow.

    for config in missing("activations"):
        record("activations", config)
"""

import importlib
import importlib.util
import tempfile
from pathlib import Path
from types import ModuleType

from bncourse import runs
from bncourse.experiments.protocol import EXPERIMENTS, Progress, RecordError, distance, from_record


class RecordingError(ValueError):
    """What was asked for cannot be recorded or replayed; the message says why."""


def module(experiment: str) -> ModuleType:
    """The module of an experiment. Raises RecordingError where no file has that name, or the file has no `run`."""
    name = f"bncourse.experiments.{experiment}"
    if not experiment.isidentifier() or importlib.util.find_spec(name) is None:
        raise RecordingError(f"experiment is {experiment!r}; expected the name of a file of bncourse/experiments")
    if experiment not in EXPERIMENTS:
        raise RecordingError(f"experiment is {experiment!r}, a file that has no run; "
                             f"expected one of {', '.join(EXPERIMENTS)}")
    return importlib.import_module(name)


def plan(experiment: str, part: str | None = None) -> list:
    """The configurations that an experiment records, each once, in the order of recording.

    They are those of all parts of its plan, unless one part is named.
    Raises RecordingError for an experiment without a plan and for an unknown part.
    """
    parts = getattr(module(experiment), "PLAN", {})
    if not parts:
        raise RecordingError(f"experiment is {experiment!r}, which has no PLAN; its runs name their own commands")
    if part is not None and part not in parts:
        raise RecordingError(f"part is {part!r}; expected one of {', '.join(parts)}")
    return list(dict.fromkeys(config for name in parts if part in (None, name) for config in parts[name]))


def recorded(experiment: str, part: str, folder: Path | None = None) -> list[runs.Run]:
    """The runs of one part of a plan, in its order.

    Raises RecordingError, naming the command, where one is missing, and where one that can be replayed was edited.
    """
    paths = [run_path(experiment, config, folder) for config in plan(experiment, part)]
    absent = [path.name for path in paths if not path.exists()]
    if absent:
        raise RecordingError(f"{len(absent)} of {len(paths)} runs are not recorded, {absent[0]} the first; "
                             f"python3 -m bncourse runs record {experiment} makes them")
    found = [runs.recorded(path) for path in paths]
    for run in found if can_replay(experiment) else []:
        for sentence in edited(run):
            raise RecordingError(f"{experiment}/{run.variant}: {sentence}")
    return found


def run_path(experiment: str, config, folder: Path | None = None) -> Path:
    """Where the run of a configuration lies, or will lie."""
    return Path(folder or runs.RUNS) / experiment / f"{config.variant()}.json"


def missing(experiment: str, folder: Path | None = None) -> list:
    """The planned configurations that are not recorded yet, in order."""
    return [config for config in plan(experiment) if not run_path(experiment, config, folder).exists()]


def record(experiment: str, config, folder: Path | None = None, progress: Progress | None = None) -> Path:
    """Measure one configuration and write it, whole or not at all; returns the file's path.

    An experiment with `resumed` goes on where it was interrupted, from its checkpoints. Before anything is measured,
    raises `runs.RunExists` where the run is recorded already, and RecordingError where the folder cannot be written to.
    """
    of, path = module(experiment), run_path(experiment, config, folder)
    if path.exists():
        kept = f", and {of.default_folder(config)} with its checkpoints," if hasattr(of, "resumed") else ""
        raise runs.RunExists(f"{path} exists; a run is never overwritten. Remove the file{kept} to record it again")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=path.parent).close()
    except OSError as error:
        raise RecordingError(f"{path.parent} cannot be written to ({error.strerror}); expected a folder that can"
                             ) from None
    measure = getattr(of, "resumed", of.run)
    return measure(config, progress).save(Path(folder or runs.RUNS))


def can_replay(experiment: str) -> bool:
    """Whether an experiment can be repeated: not where it measures seconds, which differ between machines, or tests
    networks whose weights are not part of the project."""
    return hasattr(module(experiment), "replay")


def replay(recorded: runs.Run, steps: int = 300, exact: bool = False) -> list[str]:
    """Measure the first rows of a run again, those within so many steps, and say what differs; nothing: empty.

    Where the settings are not those of the run's name, that is said, and nothing is measured. With `exact` every digit
    counts, as the processor that recorded the run gives them again; on others rounding differs.
    Raises RecordingError where the experiment or the record cannot be replayed, and what the experiment raises where
    its data are missing.
    """
    if steps < 0:
        raise RecordingError(f"steps is {steps}; expected 0 or more")
    if not can_replay(recorded.experiment):
        raise RecordingError(f"{recorded.experiment} has no replay; expected an experiment that can be repeated")
    experiment = module(recorded.experiment)
    try:
        told = edited(recorded)
        return told or differences(recorded, experiment.replay(recorded, steps), experiment.TOLERANCE, exact)
    except (runs.RunError, RecordError) as error:
        raise RecordingError(f"{recorded.experiment}/{recorded.variant} cannot be repeated: {error}") from None


def edited(recorded: runs.Run) -> list[str]:
    """A sentence where a run's settings are not those that its name was made of; none: empty.

    A name holds every setting that differs from the usual one, or a digest of all. Raises RecordError where the
    settings are none of the experiment's.
    """
    of = module(recorded.experiment)
    config = of.configuration(recorded) if hasattr(of, "configuration") else from_record(of.Config, recorded.config)
    if config.variant() == recorded.variant:
        return []
    return [f"the settings are of a run called {config.variant()}; expected those of the file's name: was one edited?"]


def differences(recorded: runs.Run, again: runs.Run, tolerance: dict[str, float | int],
                exact: bool = False) -> list[str]:
    """What a replay found otherwise, a sentence each: the data, or a column in the row where it is furthest off.

    A column `room of X` of the replay says for each row how far X may be off; without one, tolerance does for all rows.
    With `exact` nothing may be off.
    """
    told = []
    if again.provenance["sha256"] != recorded.provenance["sha256"]:
        told.append(f"the data are others: SHA-256 {again.provenance['sha256']}, "
                    f"recorded {recorded.provenance['sha256']}")
    for name in (name for name in again.columns if not name.startswith("room of ")):
        values, was = again.columns[name], recorded.columns[name]
        apart = [distance(value, other) for value, other in zip(values, was, strict=False)]
        room = again.columns.get(f"room of {name}", [tolerance.get(name, 0)] * len(apart))
        room = [0] * len(apart) if exact else room
        beyond = [row for row in range(len(apart)) if not apart[row] <= room[row]]
        if beyond:
            row = max(beyond, key=apart.__getitem__)
            told.append(f"{name} in row {row} is {values[row]}, recorded {was[row]}; "
                        f"expected a difference of at most {room[row]:g}")
    return told
