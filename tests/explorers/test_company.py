"""The explorer of lesson 09 shows the recorded networks of its setting, and every control changes the picture."""

import numpy as np

from bncourse.experiments.recording import recorded
from bncourse.explorers.company import STATISTICS, accuracies, company_explorer


def test_no_control_is_dead_and_every_setting_can_be_drawn():
    explorer = company_explorer()
    assert explorer.dead_controls() == []
    for m in explorer.controls["m"].options:
        for rate in explorer.controls["rate"].options:
            explorer.controls["m"].value, explorer.controls["rate"].value = m, rate
            assert f"mini-batches of {m}, rate {rate:g}: " in explorer.figure.axes[0].get_title(loc="left")


def test_the_accuracies_are_those_of_the_records():
    found = accuracies()
    for run in recorded("company", "small"):
        for rate in run.config["rates"]:
            wanted = [test for lr, test in zip(run.columns["lr"], run.columns["test"], strict=True) if lr == rate]
            assert np.array_equal(found[run.config["norm"], run.config["batch"], rate]["test"], wanted)
    assert set(STATISTICS.values()) == {"test", "in order", "own"}
