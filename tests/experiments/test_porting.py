"""Porting a checkpoint: the whole conversion changes nothing, and each part that is left out costs something."""

import pytest
import torch

from bncourse.experiments import porting
from bncourse.kernels import conventions


@pytest.fixture(scope="module")
def costs():
    return porting.costs()


def test_the_whole_conversion_changes_nothing(costs):
    assert costs["nothing"]["logits apart"] < 1e-4 and costs["nothing"]["right"] > 0.5


def test_each_part_that_is_left_out_changes_what_it_should(costs):
    whole = costs["nothing"]
    assert costs["variance"]["logits apart"] > 0.05 and costs["eps"]["logits apart"] > 1e-3
    assert costs["flattened map"]["right"] < 0.5 * whole["right"]
    assert costs["momentum"]["logits apart"] == whole["logits apart"] and costs["momentum"]["right"] == whole["right"]
    assert costs["momentum"]["lowest"] < whole["lowest"]


def test_there_and_back_gives_the_same_arrays():
    model = porting.network(porting.SMALL, 3)
    porting.set_up(model, {"momentum": 0.2, "eps": 1e-3})
    model(torch.rand(16, 1, 28, 28, generator=torch.Generator().manual_seed(0)))
    back = porting.in_torch(porting.as_in_keras(model), {"momentum": 0.2, "eps": 1e-3}, porting.M,
                            {"dense1": porting.SMALL.widths[1]})
    for name, values in model.state_dict().items():
        if "tracked" not in name:
            assert torch.allclose(back.state_dict()[name], values, rtol=1e-6), name
    assert [back[k].eps for k in (1, 4, 8)] == [1e-3] * 3 and [back[k].momentum for k in (1, 4, 8)] == [0.2] * 3


def test_in_keras_the_last_axis_is_that_of_the_outputs():
    weights = porting.as_in_keras(porting.network(porting.SMALL, 0))
    one, two, three = porting.SMALL.widths
    assert weights["conv2"]["kernel"].shape == (5, 5, one, two)
    assert weights["dense1"]["kernel"].shape == (49 * two, three)
    assert set(weights["bn3"]) == set(conventions.NAMES["Keras"])
