"""A run: what was measured, and all that is needed to measure it again.

A run is an experiment, a variant of it, the configuration, the provenance (without a host's name or a user's path) and
the measured columns. It lies in `data/runs/<experiment>/<variant>.json`, is written whole, and is never overwritten.
"""

import hashlib
import os
import uuid
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from bncourse import machine
from bncourse.paths import COURSE, ROOT
from bncourse.runs.record import RunError, check_fields, check_name, from_json, written

RUNS = COURSE / "data" / "runs"


class RunExists(FileExistsError):
    """A run of this name is recorded already; a run is never overwritten."""


@dataclass(frozen=True)
class Run:
    """A measurement with its provenance (see `provenance` for its fields).

    `columns` maps a name to a list of int or float, all of one length. Raises RunError where a field is missing, of
    the wrong type, or cannot be written as strict JSON.
    """

    experiment: str
    variant: str
    config: dict
    provenance: dict
    columns: dict

    def __post_init__(self):
        check_fields(vars(self))

    def save(self, folder: str | os.PathLike = RUNS) -> Path:
        """Writes `<folder>/<experiment>/<variant>.json` whole, and returns its path.

        Of several processes that save a run of one name, one does. Raises RunExists where it is recorded already.
        """
        path = Path(folder) / self.experiment / f"{self.variant}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
        try:
            unfinished.write_text(to_json(self), encoding="utf-8", newline="\n")
            give_name(unfinished, path)
        finally:
            unfinished.unlink(missing_ok=True)
        return path

    @classmethod
    def load(cls, path: str | os.PathLike) -> "Run":
        """Reads a run. Raises RunError, naming the file and the field, where it is malformed."""
        try:
            return cls(**from_json(Path(path).read_text(encoding="utf-8")))
        except RecursionError:
            raise RunError(f"{path}: is nested too deeply for a run") from None
        except ValueError as error:
            raise RunError(f"{path}: {error}") from None

    def caption(self) -> str:
        """One sentence of provenance for a figure; see `captions.caption`."""
        from bncourse.runs.captions import caption  # which is written in terms of this class

        return caption(self)


def to_json(run: Run) -> str:
    """The run as strict JSON; see `record.written`."""
    return written(asdict(run))


def give_name(unfinished: Path, path: Path) -> None:
    """Gives a finished file its name. Raises RunExists where another has it, also if it came in this moment."""
    exists = RunExists(f"{path} is recorded already; choose another variant, or remove it first")
    try:
        os.link(unfinished, path)
    except FileExistsError:
        raise exists from None
    except OSError:  # a file system without links
        if path.exists():
            raise exists from None
        unfinished.rename(path)


def find(experiment: str, folder: str | os.PathLike = RUNS) -> list[Run]:
    """The recorded runs of an experiment, by variant in alphabetical order; none recorded: empty.

    Raises RunError as `recorded` does.
    """
    check_name("experiment", experiment)
    return [recorded(path) for path in sorted((Path(folder) / experiment).glob("[!.]*.json"))]


def recorded(path: Path) -> Run:
    """The run at its place, `<experiment>/<variant>.json`.

    Raises RunError, naming the file, where the run is malformed, is of another experiment or variant than its place
    says, or measured nothing.
    """
    run = Run.load(path)
    for field, told, place in (("experiment", run.experiment, path.parent.name), ("variant", run.variant, path.stem)):
        if told != place:
            raise RunError(f"{path}: {field} is {told!r}; expected {place!r}, by its place: was the file moved?")
    if not run.columns or not all(run.columns.values()):
        raise RunError(f"{path}: there are {'no columns' if not run.columns else 'no rows in the columns'}; expected "
                       "what was measured")
    return run


def provenance(*, command: str, seed: int, data: str, sha256: str, seconds: int | float,
               device: str | None = None, threads: int | None = None) -> dict:
    """What a run must tell about how it was made.

    `command` repeats it; `data` names the data and `sha256` is its `fingerprint`; `device` is the name of the
    processor unless given (an accelerator's name, say); `threads` is what the environment or a loaded PyTorch says
    unless given. Revision and dirt are null outside a git checkout. Raises RunError for a user's path in the command.
    """
    for private in (str(ROOT), os.path.expanduser("~")):
        if len(private) > 1 and private in command:
            raise RunError(f"command is {command!r}, which holds the path {private}; "
                           "expected one relative to the project")
    revision, dirty = machine.revision()
    return {
        "command": command, "revision": revision, "dirty": dirty, "versions": machine.versions(),
        "device": machine.processor() if device is None else device,
        "threads": machine.threads() if threads is None else threads,
        "seed": seed, "data": data, "sha256": sha256, "seconds": round(seconds, 3),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def fingerprint(*arrays: np.ndarray) -> str:
    """SHA-256 of the arrays' dtypes, shapes and values; the same whatever the machine's byte order."""
    digest = hashlib.sha256()
    for array in arrays:
        little = array.astype(array.dtype.newbyteorder("<"), copy=False)
        digest.update(f"{little.dtype.str} {little.shape}\n".encode())
        digest.update(little.tobytes())
    return digest.hexdigest()
