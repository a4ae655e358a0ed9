"""How recorded runs are read: a column, the runs by a setting, how high a curve gets, and how soon."""

import math

import numpy as np
import pytest

from bncourse import runs


@pytest.fixture
def make():
    def run(accuracy, **config):
        told = runs.provenance(command="python -m x", seed=0, data="scenes", sha256="0" * 64, seconds=1)
        columns = {"step": [1, 500, 1000], "top1": [math.nan, *accuracy], "loss": [3.0, 2.0, 1.0]}
        return runs.Run("classification", "x", config, told, columns)

    return run


@pytest.fixture
def ensembles():
    """The columns of a record of three networks, every set of them, with 1 and 48 crops, in both ways."""
    sets = [1, 2, 3, 12, 13, 23, 123]
    rows = [(members, crops, logits) for members in sets for crops in (1, 48) for logits in (0, 1)]
    members, crops, logits = map(list, zip(*rows, strict=True))
    return {"members": members, "crops": crops, "logits": logits, "top1_error": list(map(float, range(len(rows))))}


def test_a_target_is_first_reached_on_the_line_between_two_tests(make):
    assert [runs.steps_to(make([0.2, 0.3]), target) for target in (0.1, 0.2, 0.25, 0.3, 0.31)] == pytest.approx(
        [500, 500, 750, 1000, np.inf])
    assert runs.steps_to(make([0.3, 0.2]), 0.3) == 500


def test_the_best_value_need_not_be_the_last(make):
    assert (runs.best(make([0.3, 0.2])), runs.last(make([0.3, 0.2]))) == (0.3, 0.2)


def test_another_column_is_read_where_it_is_named(make):
    run = make([0.3, 0.2])
    assert runs.best(run, "loss") == 3 and runs.steps_to(run, 3, "loss") == 1
    assert list(runs.column(run, "loss")) == [3, 2, 1]


def test_a_curve_has_the_rows_in_which_it_was_measured(make):
    steps, accuracy = runs.curve(make([0.3, 0.2]))
    assert list(steps) == [500, 1000] and list(accuracy) == [0.3, 0.2]


def test_runs_are_grouped_in_the_order_in_which_a_setting_appears(make):
    a, b, c = make([0.1, 0.2], name="x"), make([0.2, 0.3], name="a"), make([0.3, 0.4], name="x")
    assert list(runs.by([a, b, c], "name").items()) == [("x", [a, c]), ("a", [b])]
    with pytest.raises(KeyError, match="rate"):
        runs.by([a], "rate")


def test_a_stack_has_a_row_for_each_run_and_the_spread_divides_by_one_less(make):
    stacked = runs.stack([make([0.1, 0.2]), make([0.3, 0.6])], "top1")
    assert stacked.shape == (2, 3)
    mean, spread = runs.mean_and_spread(stacked[:, -1])
    assert mean == pytest.approx(0.4) and spread == pytest.approx(0.4 / math.sqrt(2))


def test_selected_rows_have_every_value_that_is_asked_for(ensembles):
    rows = runs.select(ensembles, crops=1, logits=1)
    assert list(rows["top1_error"]) == ensembles["top1_error"][1::4] and set(rows["crops"]) == {1}


def test_a_table_has_the_sets_their_sizes_and_the_errors_of_one_setting(ensembles):
    members, models, error = runs.ensemble_table(ensembles, "top1_error", crops=48, logits=1)
    assert list(members) == [1, 2, 3, 12, 13, 23, 123] and list(models) == [1, 1, 1, 2, 2, 2, 3]
    assert list(error) == ensembles["top1_error"][3::4]
