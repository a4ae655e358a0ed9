"""What a claim about recorded runs is decided with. Figures draw the same values, and compute none of their own.

    recorded = by(find("activations"), "batchnorm")    {True: the runs with batch norm, False: those without}
    stack(recorded[True], "accuracy")                   their accuracies (runs, records)
    steps_to(run, 0.1), best(run)                       how soon, and how high
"""

from collections.abc import Mapping, Sequence
from numbers import Real

import numpy as np

from bncourse.runs.run import Run


def column(run: Run, name: str) -> np.ndarray:
    """A column of one run as an array `(records,)`. Raises KeyError where the run has no column of that name."""
    return np.array(run.columns[name])


def stack(runs: Sequence[Run], name: str) -> np.ndarray:
    """A column of several runs as an array `(runs, records)`; the runs must have been recorded equally often."""
    return np.array([run.columns[name] for run in runs])


def by(runs: Sequence[Run], name: str) -> dict:
    """The runs grouped by a field of their configuration: its values in the order in which they appear, each with
    the list of its runs. Raises KeyError where a configuration has no field of that name."""
    groups: dict = {}
    for run in runs:
        groups.setdefault(run.config[name], []).append(run)
    return groups


def mean_and_spread(values: Sequence[Real] | np.ndarray) -> tuple[float, float]:
    """The mean of one value for each run, and their standard deviation, which divides by one less than the runs."""
    return float(np.mean(values)), float(np.std(values, ddof=1))


def curve(run: Run, name: str = "top1") -> tuple[np.ndarray, np.ndarray]:
    """The steps after which a column was measured, and its values there: the rows that are not NaN.

    In a training of section 4.2 the early rows have a loss and no accuracy; "top1" is the accuracy @1.
    """
    steps, values = column(run, "step"), column(run, name)
    measured = ~np.isnan(values)
    return steps[measured], values[measured]


def best(run: Run, name: str = "top1") -> float:
    """The highest value of a column: of the accuracy @1, unless another column is named."""
    return float(curve(run, name)[1].max())


def steps_to(run: Run, target: float | int, name: str = "top1") -> float:
    """The steps after which a column first reaches the target, on a straight line from each test to the next.

    The column is the accuracy @1, unless another is named. A target that the first test reaches has its steps; infinity
    where the column never was that high.
    """
    steps, values = curve(run, name)
    reached = np.flatnonzero(values >= target)
    if not reached.size:
        return np.inf
    row = reached[0]
    return float(np.interp(target, values[row - 1:row + 1], steps[row - 1:row + 1]) if row else steps[0])


def last(run: Run, name: str = "top1") -> float:
    """The value of a column at its last test: of the accuracy @1, unless another column is named.

    Raises IndexError where the run was never tested, as one that diverged before its first test.
    """
    return float(curve(run, name)[1][-1])


def select(columns: Mapping[str, Sequence[Real]], **values: Real) -> dict[str, np.ndarray]:
    """The rows in which the named columns have these values, as arrays: `select(run.columns, crops=48, logits=0)`."""
    rows = np.logical_and.reduce([np.array(columns[name]) == value for name, value in values.items()])
    return {name: np.array(numbers)[rows] for name, numbers in columns.items()}


def ensemble_table(columns: Mapping[str, Sequence[Real]], measure: str, crops: int, logits: int = 0
                   ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Section 4.2.3's sets of networks, how many networks are in each, and the sets' errors, all `(sets,)`.

    columns  as a run of the ensembles has them; a set's number has a digit for each of its networks: 136
    measure  the column of the errors: "top1_error", "top5_error" or "loss"
    crops    of each picture
    logits   0 for the mean of probabilities, 1 for that of logits
    """
    rows = select(columns, crops=crops, logits=logits)
    return rows["members"], np.array([len(f"{number}") for number in rows["members"]]), rows[measure]
