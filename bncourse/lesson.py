"""What every notebook calls first and last: the set-up, the table of claims, the map of the course."""

import json
import platform
from importlib.metadata import version
from pathlib import Path

import numpy as np
from IPython.display import Markdown
from threadpoolctl import threadpool_limits

from bncourse import checks, datasets, paper, runs
from bncourse.checks import progress
from bncourse.paths import ROOT

NOTEBOOKS = ROOT / "notebooks"


def setup(seed: int = 0, data: str | None = None) -> np.random.Generator:
    """Say which versions and which data the notebook runs with; returns its one seeded generator.

    The data are the digits that are chosen, unless others are named, as in `runs.TITLES`.

    NumPy's matrix products are held to one thread: the course's are small, and a second thread that has to wait
    for a busy core makes them many times slower.
    """
    threadpool_limits(1)
    print(f"Python {platform.python_version()}, NumPy {np.__version__}, bncourse {version('bncourse')}")
    print(f"data: {runs.TITLES[data or datasets.chosen()]}")
    return np.random.default_rng(seed)


def data() -> str:
    """The data that this session runs on, with the word synthetic where they are made from a seed."""
    return runs.TITLES[datasets.chosen()]


def claims_table(notebook: str, measured: dict[str, str]) -> Markdown:
    """The ledger's claims for a notebook: what the paper says, what was measured, the verdict.

    measured maps a claim's number to this run's figure; a claim that is not in it shows the ledger's own.
    Raises ValueError for a claim that the ledger does not give to this notebook.
    """
    claims = paper.claims_of(notebook)
    stray = sorted(set(measured) - {claim.id for claim in claims})
    if stray:
        raise ValueError(f"{stray[0]} is not among the claims of notebook {notebook}: "
                         f"{', '.join(claim.id for claim in claims)}")
    lines = ["| claim | the paper | measured here | verdict |", "|---|---|---|---|"]
    lines += [f"| {c.id} | {c.says} | {measured.get(c.id, c.measured) or '–'} | **{c.verdict}** |" for c in claims]
    return Markdown("\n".join(lines))


def course_map() -> Markdown:
    """The notebooks that are there, the question of each, and how many of its exercises are passed."""
    done = progress.passed()
    lines = ["| | lesson | the question | exercises passed |", "|---|---|---|---|"]
    for path in sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb")):
        number, title, question = opening(path)
        exercises = [e for e in checks.exercises() if e.startswith(f"{number}.")]
        marks = "".join("●" if e in done else "○" for e in exercises)
        lines.append(f"| {number} | [{title}]({path.name}) | {question} | {marks} |")
    return Markdown("\n".join(lines))


def opening(path: Path) -> tuple[str, str, str]:
    """A notebook's number, title and question, read from its first cell."""
    lines = "".join(json.loads(path.read_text(encoding="utf-8"))["cells"][0]["source"]).splitlines()
    number, title = lines[0].removeprefix("# ").split(" · ", 1)
    question = next(line.strip("*") for line in lines if line.startswith("**"))
    return number, title, question
