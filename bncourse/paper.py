"""What the paper printed, as data: Figures 3, 4 and 5, and the ledger of its claims.

The files lie in data/paper and hold the printed values, slips included; their first lines tell the
source and the slips. The ledger says for each claim what the paper says, which notebooks show it,
by which functions, held by which tests, and with what verdict.

    figure3()[0]               Figure3(model='Inception', steps=31000000.0, max_accuracy=72.2)
    claims()["C32"].says       what the paper says of m/(m-1)
    claims_of("03")            the claims that lesson 03 is to show
    counted()                  how many claims there are, and how many came to each verdict, as a sentence
"""

import csv
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, get_args

from bncourse.paths import COURSE

PAPER = COURSE / "data" / "paper"
IDS = tuple(f"C{number}" for number in range(1, 62))
PERCENTILES = (15, 50, 85)  # of the inputs to a sigmoid, the three lines of Figure 1(b) and (c)
VERDICTS = ("holds", "holds in part", "contested", "a setting", "not tested here")


class PaperError(ValueError):
    """A file of data/paper that is malformed; the message names the claim or the row, and the field."""


# The figures.

class Figure3(NamedTuple):
    """A network of Figure 3: steps to 72.2 % accuracy, None where blank, and maximum accuracy in per cent."""

    model: str
    steps: float | None
    max_accuracy: float


class Figure4(NamedTuple):
    """A row of Figure 4; errors in per cent, None where the paper prints a dash. The resolution is text."""

    model: str
    resolution: str
    crops: int | None
    models: int | None
    top1_error: float | None
    top5_error: float


class Figure5(NamedTuple):
    """A layer or module of Figure 5, None where the paper leaves blank.

    output_size is (height, width, channels). pool is "avg" or "max" and proj the width of the projection
    after it; a pool without proj passes its channels through.
    """

    type: str
    patch_stride: str | None
    output_size: tuple[int, int, int]
    depth: int
    conv1x1: int | None
    conv3x3_reduce: int | None
    conv3x3: int | None
    double3x3_reduce: int | None
    double3x3: int | None
    pool: str | None
    proj: int | None


class GoogLeNetRow(NamedTuple):
    """A layer or module of GoogLeNet, None where there is none; output_size is (height, width, channels)."""

    type: str
    patch_stride: str | None
    output_size: tuple[int, int, int]
    conv1x1: int | None
    conv3x3_reduce: int | None
    conv3x3: int | None
    conv5x5_reduce: int | None
    conv5x5: int | None
    proj: int | None


def figure3(folder: Path = PAPER) -> list[Figure3]:
    """How many steps five networks take to 72.2 %, and how far they get. Raises PaperError."""
    return rows(folder / "figure3.csv", Figure3, steps=float, max_accuracy=percent)


def figure4(folder: Path = PAPER) -> list[Figure4]:
    """Errors of single models and ensembles on ImageNet. Raises PaperError."""
    return rows(folder / "figure4.csv", Figure4, crops=int, models=int, top1_error=percent, top5_error=percent)


def figure5(folder: Path = PAPER) -> list[Figure5]:
    """The architecture of BN-Inception, layer by layer. Raises PaperError."""
    widths = dict.fromkeys(("depth", *Figure5._fields[4:9]), int)
    return rows(folder / "figure5.csv", Figure5, output_size=size, proj=projection, **widths)


def googlenet(folder: Path = PAPER) -> list[GoogLeNetRow]:
    """The architecture that Figure 5 is compared with (Szegedy et al. 2014, Table 1). Raises PaperError."""
    widths = dict.fromkeys(GoogLeNetRow._fields[3:], int)
    return rows(folder / "googlenet.csv", GoogLeNetRow, output_size=size, **widths)


def rows(path: Path, kind: type, **readers: Callable) -> list:
    """The rows of a table as NamedTuples of this kind; a field without a reader is text."""
    with path.open(encoding="utf-8", newline="") as file:
        header, *lines = csv.reader(line for line in file if not line.startswith("#"))
    if tuple(header) != kind._fields:
        raise PaperError(f"{path.name} has the columns {', '.join(header)}; expected {', '.join(kind._fields)}")
    table = []
    for number, line in enumerate(lines, start=1):
        if len(line) != len(header):
            raise PaperError(f"{path.name}, row {number} has {len(line)} fields; expected {len(header)}")
        printed = dict(zip(header, line, strict=True))
        table.append(kind(*(read_field(f"{path.name}, row {number}", kind, name, text, readers.get(name, str))
                            for name, text in printed.items())))
    return table


def read_field(place: str, kind: type, name: str, text: str, read: Callable):
    """A field's value; None for an empty one or a dash, where the kind of row allows it."""
    if text in ("", "-"):
        if type(None) in get_args(kind.__annotations__[name]):
            return None
        raise PaperError(f"{place}: {name} is empty; the paper prints it in every row")
    try:
        return read(text)
    except ValueError as error:
        raise PaperError(f"{place}: {name} is {text!r}: {error}") from None


def percent(text: str) -> float:
    """25.2 from "25.2%", "24.88" or "4.9%*": the sign and the star belong to the print."""
    return float(text.removesuffix("*").removesuffix("%"))


def size(text: str) -> tuple[int, int, int]:
    height, width, channels = map(int, text.split("x"))
    return height, width, channels


def projection(text: str) -> int | None:
    return None if text == "pass through" else int(text)


# The ledger.

class Shown(NamedTuple):
    """Where a claim is shown: a notebook's number, the heading of its section, and the test that holds it."""

    notebook: str
    section: str
    test: str


@dataclass(frozen=True)
class Claim:
    """A claim of the paper: what it says in our words, where the course shows it, and the verdict."""

    id: str
    section: str
    says: str
    notebook: tuple[str, ...]
    shown: tuple[Shown, ...]
    function: tuple[str, ...]
    verdict: str
    measured: str = ""


def claims(path: Path = PAPER / "claims.toml") -> dict[str, Claim]:
    """The ledger, C1 to C61 in the order of the paper. Raises PaperError."""
    with path.open("rb") as file:
        records = tomllib.load(file)
    for id in IDS:
        if id not in records:
            raise PaperError(f"{id} is missing from {path.name}; expected {IDS[0]} to {IDS[-1]}")
    for id, expected in zip(records, IDS, strict=False):
        if id != expected:
            raise PaperError(f"{id} stands in {path.name} where {expected} is expected")
    if len(records) > len(IDS):
        raise PaperError(f"{list(records)[len(IDS)]} is unknown; expected {IDS[0]} to {IDS[-1]}")
    return {id: read_claim(id, record) for id, record in records.items()}


def claims_of(notebook: str, path: Path = PAPER / "claims.toml") -> list[Claim]:
    """The claims that a notebook, by its number, is to show."""
    return [claim for claim in claims(path).values() if notebook in claim.notebook]


def counted(path: Path = PAPER / "claims.toml") -> str:
    """How many claims the paper has, how many are run here, and how many came to each verdict, as a sentence."""
    verdicts = [claim.verdict for claim in claims(path).values()]
    idle = verdicts.count("not tested here")
    words = {"holds": ("holds", "hold"), "holds in part": ("holds in part", "hold in part"),
             "contested": ("is contested", "are contested"),
             "a setting": ("says how something was set up", "say how something was set up")}
    *first, last = (f"{count} {words[verdict][count > 1]}" for verdict in words if (count := verdicts.count(verdict)))
    return (f"{len(verdicts)} claims: {len(verdicts) - idle} are run here, of which {', '.join(first)} and {last}; "
            f"{idle} {'are' if idle > 1 else 'is'} not tested here.")


def read_claim(id: str, record) -> Claim:
    """One claim of the file. Raises PaperError, naming the claim and the field."""
    expect(id, isinstance(record, dict), f"is {record!r}; expected a table")
    text, several = ("section", "says", "verdict"), ("notebook", "shown", "function")
    for field in (*text, *several):
        expect(id, field in record, f"{field} is missing")
    for field, value in record.items():
        kind = str if field in (*text, "measured") else list if field in several else None
        expect(id, kind is not None, f"{field} is unknown")
        expect(id, isinstance(value, kind), f"{field} is {value!r}; expected a {kind.__name__}")
    for field in ("section", "says"):
        expect(id, record[field].strip() and not set(record[field]) & set("|\n"),
               f"{field} is {record[field]!r}; expected text that fits a table: one line, no '|'")
    check_lists(id, record)
    expect(id, record["verdict"] in VERDICTS,
           f"verdict is {record['verdict']!r}; expected one of {', '.join(VERDICTS)}")
    expect(id, record["shown"] or record["verdict"] == "not tested here",
           f"verdict is {record['verdict']!r}, but shown is empty; expected the place that shows it")
    lists = {"notebook": tuple(record["notebook"]), "function": tuple(record["function"]),
             "shown": tuple(Shown(**place) for place in record["shown"])}
    return Claim(id=id, **(record | lists))


def check_lists(id: str, record: dict):
    """That notebook, function and shown hold what they should."""
    for number in record["notebook"]:
        expect(id, re.fullmatch(r"\d\d", str(number)), f"notebook has {number!r}; expected two digits as text")
    for function in record["function"]:
        expect(id, re.fullmatch(r"bncourse(\.\w+)+", str(function)),
               f"function has {function!r}; expected a full name, bncourse.module.function")
    for place in record["shown"]:
        expect(id, isinstance(place, dict) and set(place) == set(Shown._fields)
               and all(isinstance(value, str) and value for value in place.values()),
               f"shown has {place!r}; expected the texts {', '.join(Shown._fields)}")
        expect(id, place["notebook"] in record["notebook"],
               f"shown is in notebook {place['notebook']}, which is not among notebook = {record['notebook']}")
        expect(id, re.fullmatch(r"tests/[\w/]+\.py::\w+", place["test"]),
               f"shown has the test {place['test']!r}; expected tests/test_file.py::test_name")


def expect(id: str, true, complaint: str):
    if not true:
        raise PaperError(f"{id}: {complaint}")
