"""The file of a run: strict JSON, and the checks that every field of a run passes.

A column holds ints and floats. A network that diverged is a measurement too: in a column the string "NaN", "Infinity"
or "-Infinity" stands for a number that is not finite. Every other number must be finite.
"""

import json
import math
import re
import reprlib
from collections import Counter
from datetime import datetime
from typing import get_args

NOT_FINITE = ("NaN", "Infinity", "-Infinity")
FIELDS = ("experiment", "variant", "config", "provenance", "columns")


class RunError(ValueError):
    """A run that is malformed; the message names the field."""


class MissingColumn(RunError, KeyError):
    """A run was asked for a column that it has not."""

    __str__ = ValueError.__str__  # a KeyError shows its message in quotation marks


class Columns(dict):
    """The columns of a run by name. Raises MissingColumn for a name that is none of them."""

    def __missing__(self, name):
        raise MissingColumn(f"columns has no {name!r}; expected one of {', '.join(self)}")


def written(fields: dict) -> str:
    """The fields of a run as strict JSON, one line for each column: a recorded run is small and still readable."""
    lines = [f"    {json.dumps(name)}: {json.dumps([encode(value) for value in values])}"
             for name, values in fields["columns"].items()]
    head = json.dumps({name: fields[name] for name in FIELDS if name != "columns"}, indent=2, allow_nan=False,
                      ensure_ascii=False)
    return head[:-2] + ',\n  "columns": {\n' + ",\n".join(lines) + "\n  }\n}\n"


def from_json(text: str) -> dict:
    """The fields of a run, checked. Raises RunError, or ValueError where the text is not JSON."""
    record = json.loads(text, parse_constant=refuse_number, parse_float=finite, object_pairs_hook=without_duplicates)
    check_keys("run", record, list(FIELDS))
    check_type("columns", record["columns"], dict)
    record["columns"] = Columns(record["columns"])
    for name, values in record["columns"].items():
        check_type(f"columns.{name}", values, list)
        record["columns"][name] = [float(value) if value in NOT_FINITE else value for value in values]
    check_fields(record)
    return record


def encode(value: int | float) -> int | float | str:
    """The number, or the name of one that is not finite."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def finite(digits: str) -> float:
    """The float that the digits of a JSON number say. Raises RunError where it is too large to be finite."""
    return float(digits) if math.isfinite(float(digits)) else refuse_number(digits)


def refuse_number(digits: str):
    """Raises RunError for a number that strict JSON does not have."""
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
    """Checks every field of a run, by the functions below."""
    check_name("experiment", run["experiment"])
    check_name("variant", run["variant"])
    check_config(run["config"])
    check_provenance(run["provenance"])
    check_columns(run["columns"])


def check_name(field: str, value):
    """An experiment and a variant name a folder and a file."""
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
            if type(value) not in (int, float):
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
