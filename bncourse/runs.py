"""A run: what was measured, and all that is needed to measure it again, as small JSON.

A run is an experiment, a variant of it, the configuration, the provenance (without a host's name or a user's path) and
the measured columns. It lies in `data/runs/<experiment>/<variant>.json`, is written whole, and is never overwritten.

The files are strict JSON. A column holds ints and floats; what is not finite (a network that diverged is a measurement
too) is written as the string "NaN", "Infinity" or "-Infinity". Other values must be finite.
"""

import hashlib
import json
import math
import os
import re
import reprlib
from collections import Counter
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import numpy as np

from bncourse import machine
from bncourse.paths import DATA, ROOT

RUNS = DATA / "runs"
TITLES = {"glyphs": "glyphs (synthetic)", "scenes": "scenes (synthetic)", "mnist": "MNIST",
          "tiny-imagenet-100": "Tiny ImageNet"}
IN_CAPTIONS = {"lr": "learning rate", "std": "initial std"}  # the record holds the rest of the configuration
NOT_FINITE = ("NaN", "Infinity", "-Infinity")


class RunError(ValueError):
    """A run that is malformed; the message names the field."""


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

        Raises RunExists where the run is recorded already, or is just being written.
        """
        path = Path(folder) / self.experiment / f"{self.variant}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}.part")
        try:
            file = unfinished.open("x", encoding="utf-8", newline="\n")
        except FileExistsError:
            raise RunExists(f"{unfinished} exists: the run is being written by another process, "
                            "or its writing was interrupted; then remove that file") from None
        try:
            with file:
                file.write(to_json(self))
            if path.exists():
                raise RunExists(f"{path} is recorded already; choose another variant, or remove it first")
            unfinished.rename(path)
        finally:
            unfinished.unlink(missing_ok=True)
        return path

    @classmethod
    def load(cls, path: str | os.PathLike) -> "Run":
        """Reads a recorded run. Raises RunError, naming the file and the field, where it is malformed."""
        try:
            return cls(**from_json(Path(path).read_text(encoding="utf-8")))
        except ValueError as error:
            raise RunError(f"{path}: {error}") from None

    def caption(self) -> str:
        """One sentence of provenance for a figure; see the function `caption`."""
        return caption(self)


def find(experiment: str, folder: str | os.PathLike = RUNS) -> list[Run]:
    """The recorded runs of an experiment, by variant in alphabetical order; none recorded: empty."""
    check_name("experiment", experiment)
    return [Run.load(path) for path in sorted((Path(folder) / experiment).glob("[!.]*.json"))]


def provenance(*, command: str, seed: int, data: str, sha256: str, seconds: int | float,
               device: str | None = None, threads: int | None = None) -> dict:
    """What a run must tell about how it was made.

    `command` repeats it; `data` names the data and `sha256` is its `fingerprint`; `device` is the name of the
    processor unless given (an accelerator's name, say); `threads` is what the environment or a loaded PyTorch says
    unless given. Revision and dirt are null outside a git checkout. Raises RunError for a user's path in the command.
    """
    for private in (str(ROOT), str(Path.home())):
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


def setting(*runs: Run) -> str:
    """The data, the seeds and what the runs' configurations share of `IN_CAPTIONS`: the same on every machine.

    For example "glyphs (synthetic), 5 seeds, 600 steps of 60 examples, learning rate 0.1".
    """
    seeds = {run.provenance["seed"] for run in runs}
    shared = {key: value for key, value in runs[0].config.items()
              if all(run.config.get(key) == value for run in runs)}
    parts = [" and ".join(dict.fromkeys(data_title(run) for run in runs)),
             f"{len(seeds)} seeds" if len(seeds) > 1 else f"seed {min(seeds)}"]
    if "steps" in shared:
        parts.append(f"{shared['steps']:,} steps" + (f" of {shared['batch']} examples" if "batch" in shared else ""))
    return ", ".join(parts + [f"{title} {shared[key]}" for key, title in IN_CAPTIONS.items() if key in shared])


def caption(*runs: Run) -> str:
    """One sentence of provenance under a figure: the setting, the machine, the date.

    For example "glyphs (synthetic), 5 seeds, 600 steps of 60 examples, 2 threads of <cpu>, 2026-01-31".
    """
    devices = dict.fromkeys(device_title(run) for run in runs)
    dates = sorted({run.provenance["date"][:10] for run in runs})
    when = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
    return f"{setting(*runs)}, {' and '.join(devices)}, {when}"


def data_title(run: Run) -> str:
    return " and ".join(TITLES.get(name, name) for name in run.provenance["data"].split(" and "))


def device_title(run: Run) -> str:
    threads = run.provenance["threads"]
    return f"{threads} thread{'s' if threads > 1 else ''} of {run.provenance['device']}"


# The file.

def to_json(run: Run) -> str:
    """Strict JSON, one line for each column, so that a recorded run is small and still readable."""
    record = asdict(run)
    columns = record.pop("columns")
    lines = [f"    {json.dumps(name)}: {json.dumps([encode(value) for value in values])}"
             for name, values in columns.items()]
    head = json.dumps(record, indent=2, allow_nan=False, ensure_ascii=False)
    return head[:-2] + ',\n  "columns": {\n' + ",\n".join(lines) + "\n  }\n}\n"


def from_json(text: str) -> dict:
    """The fields of a run, checked. Raises RunError, or ValueError where the text is not JSON."""
    record = json.loads(text, parse_constant=refuse_number, parse_float=finite, object_pairs_hook=without_duplicates)
    check_keys("run", record, [field.name for field in fields(Run)])
    check_type("columns", record["columns"], dict)
    for name, values in record["columns"].items():
        check_type(f"columns.{name}", values, list)
        record["columns"][name] = [float(value) if value in NOT_FINITE else value for value in values]
    check_fields(record)
    return record


def encode(value: int | float) -> int | float | str:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def finite(digits: str) -> float:
    return float(digits) if math.isfinite(float(digits)) else refuse_number(digits)


def refuse_number(digits: str):
    raise RunError(f"holds the number {digits}; expected a finite one, or in a column one of the strings {NOT_FINITE}")


def without_duplicates(pairs: list) -> dict:
    """A JSON object whose names are all different. Raises RunError."""
    counts = Counter(name for name, _ in pairs)
    for name, times in counts.items():
        if times > 1:
            raise RunError(f"{name} appears {times} times in one object; expected once")
    return dict(pairs)


# What a run must be. Every function raises RunError, naming the field.

PROVENANCE = {
    "command": str, "revision": str | None, "dirty": bool | None, "versions": dict, "device": str, "threads": int,
    "seed": int, "data": str, "sha256": str, "seconds": int | float, "date": str,
}


def check_fields(run: dict):
    """Every field of a run, by the functions below."""
    check_name("experiment", run["experiment"])
    check_name("variant", run["variant"])
    check_config(run["config"])
    check_provenance(run["provenance"])
    check_columns(run["columns"])


def check_name(field: str, value):
    check_type(field, value, str)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", value):
        raise RunError(f"{field} is {value!r}; expected letters, digits, '-', '_' and '.', as it names a file")


def check_config(config):
    """A configuration holds what JSON can say and give back unchanged."""
    check_type("config", config, dict)
    for key, value in config.items():
        try:
            repeated = json.loads(json.dumps(value, allow_nan=False))
        except (TypeError, ValueError):
            repeated = None
        if repeated != value:
            raise RunError(f"config.{key} is {value!r}; expected what JSON holds: "
                           "text, a finite number, true, false, null, lists and objects of these")


def check_provenance(provenance):
    """The fields of `PROVENANCE` and no others, each of its type and within its range."""
    check_type("provenance", provenance, dict)
    check_keys("provenance", provenance, list(PROVENANCE))
    for key, kind in PROVENANCE.items():
        check_type(f"provenance.{key}", provenance[key], kind)
    for package, version in provenance["versions"].items():
        check_type(f"provenance.versions.{package}", version, str)
    if not re.fullmatch("[0-9a-f]{64}", provenance["sha256"]):
        raise RunError(f"provenance.sha256 is {provenance['sha256']!r}; expected 64 hexadecimal digits")
    if provenance["threads"] < 1:
        raise RunError(f"provenance.threads is {provenance['threads']}; expected at least 1")
    if not 0 <= provenance["seconds"] < math.inf:
        raise RunError(f"provenance.seconds is {provenance['seconds']}; expected 0 or more, and finite")
    try:
        datetime.fromisoformat(provenance["date"])
    except ValueError:
        raise RunError(f"provenance.date is {provenance['date']!r}; expected an ISO 8601 date") from None


def check_columns(columns):
    """Columns are lists of plain numbers, all of one length."""
    check_type("columns", columns, dict)
    lengths = {}
    for name, values in columns.items():
        check_type(f"columns.{name}", values, list)
        for row, value in enumerate(values):
            check_type(f"columns.{name}[{row}]", value, int | float)
        lengths[name] = len(values)
    if len(set(lengths.values())) > 1:
        raise RunError(f"columns have unequal lengths {lengths}; expected one length")


def check_type(field: str, value, kind):
    """A bool is not a number here; a NumPy array or float32 is not plain (`.tolist()` makes it so)."""
    kinds = get_args(kind) or (kind,)
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        names = " or ".join(one.__name__ for one in kinds)
        raise RunError(f"{field} is {reprlib.repr(value)} of type {type(value).__name__}; expected {names}")


def check_keys(field: str, record, names: list[str]):
    """An object has exactly these names."""
    check_type(field, record, dict)
    for name in names:
        if name not in record:
            raise RunError(f"{field} has no {name}; expected {', '.join(names)}")
    for name in record:
        if name not in names:
            raise RunError(f"{field} has an unknown {name}; expected only {', '.join(names)}")
