"""The explorer of lesson 15 shows the recorded networks before and after new statistics, and each control acts."""

import numpy as np
import pytest

from bncourse.experiments.company import at_best
from bncourse.experiments.domains import DOMAINS
from bncourse.experiments.recording import recorded
from bncourse.explorers.in_the_wild import SOURCES, domain_explorer

RUNS = recorded("domains", "adaptation")


@pytest.fixture
def explorer():
    return domain_explorer(RUNS)


def test_every_setting_writes_the_medians_of_its_record(explorer):
    by_norm = {run.config["norm"]: run for run in RUNS}
    assert set(explorer.controls["pictures"].options) == set(DOMAINS) - {"same"}
    for pictures, source in (("fog", "20 pictures"), ("noise", "1000 pictures"), ("thick", "zeros and ones")):
        explorer.controls["pictures"].value, explorer.controls["source"].value = pictures, source
        ax, = explorer.figure.axes
        expected = [f"{100 * np.median(at_best(by_norm[norm], f'{pictures} {part}')):.0f}"
                    for norm in ("none", "batch") for part in ("before", SOURCES[source])]
        assert [text.get_text() for text in ax.texts] == expected
        assert ax.get_title(loc="left") == f"{pictures}: new statistics from {source}"


def test_each_source_is_a_column_of_the_record():
    assert all(f"fog {part}" in run.columns for run in RUNS for part in SOURCES.values())


def test_no_control_is_dead(explorer):
    assert explorer.dead_controls() == []
