"""What the explorer of lesson 12 says."""

import math

import numpy as np
import pytest

from bncourse.experiments.recording import recorded
from bncourse.explorers.imagenet_runs import first_to_reach, mean_steps, target_explorer
from bncourse.runs import Run, by, provenance


@pytest.fixture
def variants():
    told = provenance(command="python -m x", seed=0, data="scenes", sha256="0" * 64, seconds=1)

    def run(*accuracy):
        columns = {"step": [1, 500, 1000], "top1": [math.nan, *accuracy], "loss": [1.0] * 3, "lr": [0.1] * 3}
        return Run("classification", "x", {}, told, columns)

    return {"inception": [run(0.1, 0.3)], "bn-x5": [run(0.2, 0.4), run(0.3, 0.4)]}


@pytest.mark.parametrize(("target", "names", "sentence"), [
    (20, ["inception", "bn-x5"], "20 %: BN-x5 first, after 500 steps"),
    (25, ["inception", "bn-x5"], "25 %: BN-x5 first, after 562 steps"),
    (25, ["inception"], "25 %: Inception first, after 875 steps"),
    (2, ["inception", "bn-x5"], "2 %: Inception and BN-x5 first, after 500 steps"),
    (40, ["inception"], "40 %: no network gets there with every seed"),
])
def test_who_is_first_is_said(variants, target, names, sentence):
    assert first_to_reach({name: variants[name] for name in names}, target) == sentence


def test_of_three_that_arrive_together_the_number_is_said(variants):
    three = variants | {"bn-x30": variants["inception"]}
    assert first_to_reach(three, 2) == "2 %: 3 networks first, after 500 steps"


def test_what_it_says_of_the_recorded_networks_fits_into_a_line():
    variants = by(recorded("classification", "variants"), "name")
    targets = target_explorer(variants).controls["target"]
    said = [first_to_reach(variants, target) for target in range(targets.min, targets.max + 1)]
    assert max(map(len, said)) < 60


def test_a_network_with_a_seed_that_never_gets_there_has_no_steps(variants):
    assert mean_steps(variants, 30) == pytest.approx({"inception": 1000, "bn-x5": 625})
    assert mean_steps(variants, 35) == pytest.approx({"inception": math.inf, "bn-x5": 812.5})


def test_each_control_changes_the_picture(variants):
    assert target_explorer(variants).dead_controls() == []


def test_networks_that_arrive_together_have_one_ring_around_the_other(variants):
    explorer = target_explorer(variants)
    ax, = explorer.figure.axes

    def rings(target):
        explorer.controls["target"].value = target
        return [(*line.get_xdata(), line.get_markersize()) for line in ax.lines if line.get_marker() == "o"]

    assert rings(10) == [(500, 7), (500, 13)]
    assert np.allclose(rings(25), [(875, 7), (562.5, 7)])
