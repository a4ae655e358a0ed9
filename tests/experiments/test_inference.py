"""The experiment of section 3.1 repeats by its seed and refuses what cannot be run, by name."""

import pytest

from bncourse.experiments.inference import Config, run

SHORT = {"steps": 6, "records": 2, "population_batches": 2}


def test_a_run_repeats_by_its_seed():
    one, same, other = (run(Config(seed=seed, **SHORT)).columns for seed in (3, 3, 4))
    assert one == same != other


def test_a_column_stands_for_each_kind_of_statistics_and_ends_with_the_last_step():
    columns = run(Config(alphas=(0.5, 0.9), **SHORT)).columns
    assert list(columns) == ["step", "Algorithm 2", "alpha 0.5", "alpha 0.9"]
    assert columns["step"][-1] == 6


def test_how_often_the_network_is_looked_at_does_not_change_what_it_learns():
    seldom = run(Config(steps=40, records=1, population_batches=2)).columns
    often = run(Config(steps=40, records=8, population_batches=3)).columns
    for alpha in ("alpha 0.9", "alpha 0.99"):
        assert often[alpha][-1] == seldom[alpha][-1]


@pytest.mark.parametrize(("field", "value"), [("steps", 0), ("batch", 1), ("seed", -1), ("lr", 0), ("std", -1.0)])
def test_a_field_out_of_range_is_named_with_its_value(field, value):
    with pytest.raises(ValueError, match=f"{field} is {value}; expected"):
        Config(**{field: value})


def test_an_unknown_dataset_is_named():
    with pytest.raises(ValueError, match="dataset is 'cifar'"):
        Config(dataset="cifar")
