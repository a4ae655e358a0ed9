"""What every notebook calls first and last: the set-up, the table of claims, the map of the course."""

import json
import platform
from importlib.metadata import version
from pathlib import Path

import numpy as np
from IPython.display import Markdown
from threadpoolctl import threadpool_limits

from bncourse import checks, datasets, explanations, paper, runs
from bncourse.checks import progress
from bncourse.paths import COURSE

NOTEBOOKS = COURSE / "notebooks"


def setup(seed: int = 0, data: str | None = None) -> np.random.Generator:
    """Print the versions and the data that the notebook runs with; returns the notebook's one random generator.

    seed is that generator's. data is a key of `runs.TITLES`, such as "scenes"; without it, the digits that are chosen
    for this session (`datasets.chosen`). Raises ValueError for any other name.

    NumPy's matrix products are held to one thread: the course's are small, and a second thread that has to wait
    for a busy core makes them many times slower.
    """
    if data not in (None, *runs.TITLES):
        raise ValueError(f"data is {data!r}; expected one of {', '.join(map(repr, runs.TITLES))}")
    threadpool_limits(1)
    print(f"Python {platform.python_version()}, NumPy {np.__version__}, bncourse {version('bncourse')}")
    print(f"data: {runs.TITLES[data or datasets.chosen()]}")
    return np.random.default_rng(seed)


def data_title() -> str:
    """The name of the digits that this session runs on, for captions; "synthetic" stands in it where they are made."""
    return runs.TITLES[datasets.chosen()]


def claims_table(notebook: str, measured: dict[str, str]) -> Markdown:
    """A table of a lesson's claims: what the paper says, what was measured, the verdict of data/paper/claims.toml.

    notebook is the number of the lesson, such as "03". measured maps the number of a claim, such as "C7", to what this
    run of the notebook measured, in words; a claim that is missing there shows what claims.toml says was measured.
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


def explanations_table() -> Markdown:
    """The table of data/paper/explanations.toml: the paper's explanations of batch norm, and which of them survived."""
    return Markdown(explanations.table())


def course_map() -> Markdown:
    """A table of the course: each notebook, its question, and a dot for each exercise, filled where it is passed."""
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
