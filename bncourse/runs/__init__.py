"""Runs: measurements with their provenance, recorded as small JSON, and the words in which they are read.

    run.py       a `Run`, its provenance, its file: save, load, find
    record.py    the file's strict JSON, and the checks of every field
    captions.py  what is said of runs under a figure
    reading.py   what a claim is decided with: a column, the runs by a setting, the best value, the steps to a value

    recorded = runs.by(runs.find("activations"), "batchnorm")
    runs.stack(recorded[True], "accuracy")[:, -1]
"""

from bncourse.runs.captions import TITLES, caption, data_title, device_title, setting
from bncourse.runs.reading import (
    best,
    by,
    column,
    curve,
    ensemble_table,
    last,
    mean_and_spread,
    select,
    stack,
    steps_to,
)
from bncourse.runs.record import PROVENANCE, RunError, from_json
from bncourse.runs.run import RUNS, Run, RunExists, find, fingerprint, provenance, recorded, to_json

__all__ = ["PROVENANCE", "RUNS", "TITLES", "Run", "RunError", "RunExists", "best", "by", "caption", "column", "curve",
           "data_title", "device_title", "ensemble_table", "find", "fingerprint", "from_json", "last",
           "mean_and_spread", "provenance", "recorded", "select", "setting", "stack", "steps_to", "to_json"]
