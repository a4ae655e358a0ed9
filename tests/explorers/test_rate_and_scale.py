"""What the explorer of lesson 07 shows: the cell that is chosen, of every seed."""

from dataclasses import replace

import numpy as np
import pytest

from bncourse.experiments import sensitivity
from bncourse.explorers.rate_and_scale import by_cell, cell_explorer


@pytest.fixture(scope="module")
def recorded():
    config = sensitivity.Config(steps=5, rates=(0.1, 1.0), scales=(0.1, 1.0, 10.0), sizes=(784, 5, 10), test_images=20,
                                population_batches=1)
    return [sensitivity.run(replace(config, activation=activation, batchnorm=batchnorm, seed=seed))
            for activation in ("sigmoid", "relu") for batchnorm in (False, True) for seed in (0, 1)]


def test_a_cell_is_found_by_its_scale_and_its_rate(recorded):
    curves, accuracy, rates, scales = by_cell(recorded)
    assert (rates, scales) == ([0.1, 1.0], [0.1, 1.0, 10.0])
    run = next(run for run in recorded if run.config["activation"] == "relu" and run.config["batchnorm"])
    place = next(k for k in range(6) if (run.columns["std"][k], run.columns["lr"][k]) == (10.0, 0.1))
    cell = scales.index(10.0) * 2 + rates.index(0.1)
    assert cell == place
    assert curves["relu", True][0, cell].tolist() == [run.columns[f"loss {step}"][place] for step in (1, 2, 5)]
    assert accuracy["relu", True].shape == (2, 6)


def test_the_title_says_the_cell_and_both_accuracies(recorded):
    explorer = cell_explorer(recorded)
    explorer.controls["scale"].value = 10.0
    _, accuracy, _, _ = by_cell(recorded)
    title = explorer.figure.axes[0].get_title(loc="left")
    without, with_it = (np.median(accuracy["sigmoid", batchnorm][:, 5]) for batchnorm in (False, True))
    assert title == f"sigmoid, rate 1, scale 10: {without:.0%} without, {with_it:.0%} with"


def test_each_control_changes_the_picture(recorded):
    assert cell_explorer(recorded).dead_controls() == []
