"""The cases of the clinic: each fault shows what its owner saw, and mended it does not."""

import inspect

import numpy as np
import pytest
import torch
from torch import nn

from bncourse.experiments import clinic


@pytest.fixture(scope="module", params=clinic.CASES, ids=lambda case: case.__name__)
def case(request):
    """A case by its name, with the fault and mended."""
    return request.param.__name__, request.param(), request.param(mended=True)


def test_the_fault_is_seen_and_mended_it_is_not(case):
    name, fault, mended = case
    seen = {
        "frozen_backbone": lambda: (fault["parameters moved"] == mended["parameters moved"] == 0
                                    and fault["statistics moved"] > 1 and mended["statistics moved"] == 0
                                    and fault["old task after"] < 0.5 < 0.9 < fault["old task before"]
                                    and mended["old task after"] == mended["old task before"]),
        "one_layer_in_training": lambda: (fault["one digit"] < 0.3 and fault["mixed"] > 0.9
                                          and mended["one digit"] > 0.9 and mended["mixed"] > 0.9),
        "checkpoint_counts_twice": lambda: (fault["counted"] == mended["counted"] == 2 * fault["steps"]
                                            and fault["losses apart"] < 1e-4 and mended["losses apart"] < 1e-4
                                            and fault["variances apart"] > 0.1 and mended["variances apart"] < 1e-4),
        "swapped_momentum": lambda: (fault["lowest"] < mended["lowest"] - 0.02
                                     and fault["re-estimated"] == pytest.approx(mended["re-estimated"], abs=1e-3)),
        "order_in_pairs": lambda: fault["training"] > 0.9 and mended["training"] > 0.99 < mended["validation"],
        "statistics_without_gradient": lambda: (fault["loss"] > 2 * mended["loss"] and fault["right"] < mended["right"]
                                                and fault["weights"] > 1.5 * mended["weights"]
                                                and fault["sum of dx"] > 1e-3 and mended["sum of dx"] < 1e-6),
    }
    assert set(fault) == set(mended) and seen[name](), (fault, mended)


def test_with_ordered_pairs_training_says_little_of_validation():
    assert min(clinic.order_in_pairs(seed=seed)["validation"] for seed in (1, 2)) < 0.9


def test_every_case_names_its_thread():
    for case in clinic.CASES:
        assert "#" in case.__doc__ or "pull request" in case.__doc__
        assert [each.default for each in inspect.signature(case).parameters.values()] == [False, 0]


def test_the_complete_batch_norm_by_hand_is_torchs_with_its_gradient():
    norm = nn.BatchNorm2d(3)
    nn.init.normal_(norm.weight, generator=torch.Generator().manual_seed(0))
    x = torch.randn(4, 3, 2, 2, generator=torch.Generator().manual_seed(1), requires_grad=True)
    for complete in (True, False):
        y, own = clinic.Handwritten(norm, complete)(x), norm(x)
        assert torch.allclose(y, own, atol=1e-6)
        dx, expected = (torch.autograd.grad((each**3).sum(), x)[0] for each in (y, own))
        assert torch.allclose(dx, expected, atol=1e-4) == complete


def test_mini_batches_of_one_digit_have_one_digit():
    t = np.random.default_rng(0).integers(0, 10, 300)
    found = clinic.by_digit(t, 5)
    assert found.shape[1] == 5 and all(len(set(t[i])) == 1 for i in found) and len(set(found.ravel())) == found.size
    assert len(found) == sum(np.bincount(t) // 5)


def test_a_pair_keeps_its_margin_when_its_order_is_swapped():
    model, x = clinic.network(clinic.SMALL, 0).eval(), clinic.test_digits()[0][:4]
    there, back = (clinic.which_first(model, x, np.full(4, swap)) for swap in (0, 1))
    assert torch.allclose(there, back, atol=1e-6) and there.abs().max() > 0
