"""The paper's explanations of batch norm, and which of them survived: data/paper/explanations.toml.

An explanation is why the paper says that batch norm works, or how it says to use it. The file gives for each the claims
of the ledger that hold it, its status today, what the course measured, the lesson, and the test that recomputes the
numbers. `table` is what the lessons, CLAIMS.md and the course page show.

    explanations()["shift"].status         'not supported'
"""

import re
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path

from bncourse.paper import IDS, PAPER, PaperError

FILE = PAPER / "explanations.toml"
STATUS = ("survived", "survived with caveats", "evidence mixed", "reason replaced", "not supported",
          "refuted at initialization", "overtaken in practice")


@dataclass(frozen=True)
class Explanation:
    """One explanation: what the paper says, by which claims, its status, what we measured, where, and by which test."""

    says: str
    claims: tuple[str, ...]
    status: str
    measured: str
    lesson: str
    test: str


def explanations(path: Path = FILE) -> dict[str, Explanation]:
    """The explanations by their short names, in the order of the file.

    Raises PaperError, naming the explanation and the field, where the file is malformed.
    """
    with path.open("rb") as file:
        records = tomllib.load(file)
    return {name: read(name, record) for name, record in records.items()}


def read(name: str, record: object) -> Explanation:
    """One explanation of the file. Raises PaperError."""
    if not isinstance(record, dict) or set(record) != {field.name for field in fields(Explanation)}:
        raise PaperError(f"{name}: it has {sorted(record) if isinstance(record, dict) else record!r}; expected the "
                         f"fields {', '.join(field.name for field in fields(Explanation))}")
    expected = {"says": "[^|\n]+", "measured": "[^|\n]+", "lesson": r"\d\d", "test": r"tests/[\w/]+\.py::\w+",
                "status": "|".join(STATUS)}
    for field, pattern in expected.items():
        if not (isinstance(record[field], str) and re.fullmatch(pattern, record[field])):
            raise PaperError(f"{name}: {field} is {record[field]!r}; expected text like {pattern}")
    if not (isinstance(record["claims"], list) and record["claims"] and set(record["claims"]) <= set(IDS)):
        raise PaperError(f"{name}: claims is {record['claims']!r}; expected some of {IDS[0]} to {IDS[-1]}")
    return Explanation(**(record | {"claims": tuple(record["claims"])}))


def table(path: Path = FILE) -> str:
    """Markdown: each explanation with its status, what was measured, the lesson and the claims."""
    lines = ["| the paper's explanation | today | what we measured | lesson | claims |", "|---|---|---|---|---|"]
    lines += [f"| {e.says} | **{e.status}** | {e.measured} | {e.lesson} | {', '.join(e.claims)} |"
              for e in explanations(path).values()]
    return "\n".join(lines)
