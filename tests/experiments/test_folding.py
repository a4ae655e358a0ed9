"""The measurement of folding times two networks that give the same outputs, one of them without batch norm."""

import pytest
import torch

from bncourse.experiments.folding import Config, network, run, saved
from bncourse.nn import fold_batchnorm

SMALL = Config(rounds=3, batch=2, size=8, widths=(4, 5))


def test_every_round_times_both_networks():
    measured = run(SMALL)
    assert measured.columns["round"] == [0, 1, 2]
    assert len(measured.columns["batch_norm"]) == len(measured.columns["folded"]) == 3
    assert saved(measured) < 1 and measured.provenance["threads"] == 1


def test_the_threads_are_given_back():
    before = torch.get_num_threads()
    run(SMALL)
    assert torch.get_num_threads() == before


def test_every_batch_norm_of_the_network_folds():
    assert len(fold_batchnorm(network(SMALL)).fold_report.folded) == 2


@pytest.mark.parametrize("field", ["rounds", "batch", "size"])
def test_a_field_below_one_is_named(field):
    with pytest.raises(ValueError, match=f"{field} is 0; expected 1 or more"):
        Config(**{field: 0})
