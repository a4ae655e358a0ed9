"""Section 3.4's claims, and 4.2.1's of shuffling: each number that the ledger prints, computed from recorded runs."""

import numpy as np
import pytest

from bncourse import paper
from bncourse.experiments.company import at_best, at_rate, chosen_rate
from bncourse.experiments.recording import recorded

DROPOUT, NOISE, SMALL, ORDERS = (recorded("company", part) for part in ("dropout", "noise", "small", "orders"))


@pytest.fixture
def measured():
    """What the ledger says was measured, by claim."""
    return {id: claim.measured for id, claim in paper.claims().items()}


def of(runs, **wanted):
    """The run whose configuration has these values."""
    found = [run for run in runs if all(run.config[key] == value for key, value in wanted.items())]
    assert len(found) == 1
    return found[0]


def percent(values):
    return f"{100 * np.median(values):.1f}"


@pytest.mark.parametrize("runs", [DROPOUT, NOISE, SMALL], ids=["dropout", "noise", "small"])
def test_no_chosen_rate_lies_at_an_edge_of_those_tried(runs):
    for run in runs:
        assert chosen_rate(run) not in (run.config["rates"][0], run.config["rates"][-1]), run.variant


def test_c4_batch_norm_generalizes_better_without_dropout_and_not_at_equal_rates(measured):
    best = {(norm, p): percent(at_best(of(DROPOUT, norm=norm, dropout=p), "test")) for norm in ("none", "batch")
            for p in (0.0, 0.2, 0.5)}
    plain, normal = ([100 * np.median(at_rate(of(DROPOUT, norm=norm, dropout=0.0), "test", rate))
                      for rate in (0.03, 0.1, 0.3)] for norm in ("none", "batch"))
    ahead = np.subtract(plain, normal)
    assert min(ahead) > 0
    assert measured["C4"] == (
        f"1,000 digits of MNIST, each network at its best rate: {best['batch', 0.0]} % of other digits right with "
        f"batch norm and {best['none', 0.0]} without; with Dropout of 0.2 and 0.5 {best['batch', 0.2]}, "
        f"{best['batch', 0.5]} and {best['none', 0.2]}, {best['none', 0.5]}. At the same rate, 0.03 to 0.3, the "
        f"network without batch norm is ahead by {min(ahead):.1f} to {max(ahead):.1f} "
        "points (medians of 5 seeds)")


def test_c40_noise_of_the_size_of_company_helps_a_little_and_more_of_it_does_not(measured):
    ends = {(kind, part): percent(at_best(of(NOISE, norm=kind, part=part), "test")) for kind in ("ghost", "noisy")
            for part in (4, 16, 64)}
    whole = percent(at_best(of(NOISE, norm="batch"), "test"))
    assert measured["C40"] == (
        "given x, x_hat wavers with variance (1 + x_hat^2 / 2) / m. On 1,000 digits of MNIST, mini-batches of 500: "
        f"{whole} % of other digits right with batch norm of all; {ends['ghost', 4]}, {ends['ghost', 16]}, "
        f"{ends['ghost', 64]} with batch norm of parts of 4, 16, 64; {ends['noisy', 4]}, {ends['noisy', 16]}, "
        f"{ends['noisy', 64]} with batch norm of all and noise of their size (medians of 5 seeds, each at its best "
        "rate)")


def test_c46_whom_an_example_meets_matters_with_batch_norm_alone_and_at_the_small_rate(measured):
    right = {(norm, order, rate): 100 * np.median(at_rate(of(ORDERS, norm=norm, order=order), "test", rate))
             for norm in ("batch", "none") for order in ("shuffled", "fixed", "sorted") for rate in (0.1, 0.3)}
    told = {(norm, rate): ", ".join(f"{right[norm, order, rate]:.1f}" for order in ("shuffled", "fixed", "sorted"))
            for norm in ("batch", "none") for rate in (0.1, 0.3)}
    pairs = [at_rate(of(ORDERS, norm="batch", order=order), "test", 0.1) for order in ("shuffled", "fixed")]
    assert np.all(np.subtract(*pairs) > 0) and right["none", "shuffled", 0.1] < right["none", "fixed", 0.1]
    assert measured["C46"].startswith(
        "1,000 digits of MNIST in mini-batches of 20, shuffled, fixed, sorted by class: "
        f"{told['batch', 0.1]} % of other digits right with batch norm and {told['none', 0.1]} without at rate 0.1; "
        f"{told['batch', 0.3]} and {told['none', 0.3]} at rate 0.3 (medians of 5 seeds). On ImageNet pictures: ")


def test_c20_in_small_mini_batches_the_norms_of_one_example_are_ahead(measured):
    at = {(norm, m): percent(at_best(of(SMALL, norm=norm, batch=m), "test")) for norm in ("batch", "layer", "group")
          for m in (2, 64)}
    assert measured["C20"].endswith(
        f"In mini-batches of 2, layer and group norm have {at['layer', 2]} and {at['group', 2]} % of MNIST's test "
        f"digits right and batch norm {at['batch', 2]}; in mini-batches of 64 {at['layer', 64]}, {at['group', 64]} and "
        f"{at['batch', 64]} (medians of 5 seeds, each at its best rate)")
