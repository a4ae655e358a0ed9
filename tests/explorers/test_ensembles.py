"""The explorer of lesson 13: it shows what the record says, and computes nothing."""

import numpy as np
import pytest

from bncourse.experiments import recording
from bncourse.explorers.ensembles import ensemble_explorer
from bncourse.runs import ensemble_table


@pytest.fixture(scope="module")
def run():
    return recording.recorded("ensembles", "six")[0]


@pytest.fixture(scope="module")
def explorer(run):
    return ensemble_explorer(run)


@pytest.fixture
def drawn(explorer):
    """The panels of the explorer after its controls were set."""
    explorer.reset()

    def choose(**values):
        for name, value in values.items():
            explorer.controls[name].value = value
        return explorer.figure.axes

    return choose


def test_it_shows_every_set_and_lights_the_chosen_one(drawn, run):
    left, _ = drawn(networks=(1, 3), crops=12, mean="of logits", measure="loss")
    members, models, error = ensemble_table(run.columns, "loss", 12, logits=1)
    others, chosen = left.lines
    assert list(others.get_ydata()) == list(error) and list(others.get_xdata()) == list(models)
    own = error[members == 13].item()
    assert chosen.get_xydata().tolist() == [[2, own]]
    assert left.get_title(loc="left") == f"networks 1, 3: {own:.2f}"


def test_it_shows_the_chosen_set_against_the_number_of_crops(drawn, run):
    _, right = drawn(networks=(2, 5, 6), crops=24)
    line, here = right.lines
    numbers = sorted(set(run.columns["crops"]))
    tables = [ensemble_table(run.columns, "top5_error", crops) for crops in numbers]
    curve = [error[members == 256].item() for members, _, error in tables]
    assert line.get_ydata() == pytest.approx(curve)
    assert here.get_xydata().tolist() == [[numbers.index(24), curve[numbers.index(24)]]]


def test_no_network_is_no_point_and_is_said(drawn):
    left, _ = drawn(networks=())
    assert left.get_title(loc="left") == "no network is chosen" and np.isnan(left.lines[1].get_ydata()).all()


def test_the_limits_depend_on_the_measure_alone(drawn):
    limits = {drawn(networks=networks, crops=crops, measure="top-1")[0].get_ylim()
              for networks, crops in (((1,), 1), ((1, 2, 3), 48))}
    assert len(limits) == 1
