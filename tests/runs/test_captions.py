"""What is said of runs under a figure, to a reader and to a room."""

from bncourse import runs
from bncourse.runs import RUNS, Run
from bncourse.runs.captions import for_a_room
from tests.test_runs import make_run


def test_a_room_is_told_all_but_machines_and_dates():
    ours = [Run.load(path) for path in sorted(RUNS.glob("*/*.json"))]
    one, other = (make_run(device=f"a CPU @ {speed} GHz", threads=2, date=f"2026-0{month}-01", config={"lr": 0.1})
                  for speed, month in ((2.2, 1), (3.4, 2)))
    for some in [(one,), (one, other), *((run,) for run in ours)]:
        told = f"Line: median. {runs.caption(*some)}; a stroke: 1,000 of 2."
        assert for_a_room(told) == f"Line: median. {runs.setting(*some)}; a stroke: 1,000 of 2."
    assert len(ours) > 10 and for_a_room("Computed; no data.") == "Computed; no data."
