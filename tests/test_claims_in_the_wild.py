"""Section 5's outlook: what the ledger prints of recurrent networks and of new domains, computed from the records."""

import numpy as np
import pytest

from bncourse import paper
from bncourse.experiments.company import at_best, chosen_rate
from bncourse.experiments.domains import DOMAINS
from bncourse.experiments.recording import recorded

ADAPTATION = {run.config["norm"]: run for run in recorded("domains", "adaptation")}
SEQUENCES = {(run.config["norm"], run.config["gamma"]): run for run in recorded("recurrent", "norms")}


def percent(run, column):
    return f"{100 * np.median(at_best(run, column)):.1f}"


def in_words(values):
    *others, last = values
    return f"{', '.join(others)} and {last}"


@pytest.mark.parametrize("run", [*ADAPTATION.values(), *SEQUENCES.values()], ids=lambda run: run.variant)
def test_no_chosen_rate_lies_at_an_edge_of_those_tried(run):
    assert chosen_rate(run) not in (run.config["rates"][0], run.config["rates"][-1])


def test_c57_new_statistics_repair_networks_with_batch_norm_and_without():
    told = {norm: in_words([f"{name} {percent(run, f'{name} before')} to {percent(run, f'{name} after')}"
                            for name in DOMAINS if name != "same"]) for norm, run in ADAPTATION.items()}
    assert paper.claims()["C57"].measured == (
        "digits of MNIST under other conditions, right before and after new statistics from 1,000 of them without "
        f"labels: {told['batch']} % with batch norm; {told['none']} % without, its activations rescaled likewise "
        "(medians of 5 seeds, each network at its best rate)")


def test_c57_all_gain_and_without_batch_norm_less_was_lost_under_four_of_six_conditions():
    """Of negatives both guess, and a thick pen broke more of the network without batch norm."""
    before, after = ({norm: {name: np.median(at_best(run, f"{name} {when}")) for name in DOMAINS if name != "same"}
                      for norm, run in ADAPTATION.items()} for when in ("before", "after"))
    assert all(after[norm][name] > share for norm, by in before.items() for name, share in by.items())
    assert [name for name in before["none"] if before["none"][name] < before["batch"][name]] == ["thick"]
    assert max(before[norm]["inverted"] for norm in before) < 0.13
    assert max(after[norm]["inverted"] for norm in after) < 0.3


def test_c57_which_of_the_two_is_ahead_depends_on_the_rate():
    """Two rates of batch norm are chosen alike; of these, one is near the other network with noise, and one is not."""
    def at_rate(norm, column, rate):
        columns = ADAPTATION[norm].columns
        return np.median([v for v, lr in zip(columns[column], columns["lr"], strict=True) if lr == rate])

    assert at_rate("batch", "chosen", 0.03) == at_rate("batch", "chosen", 0.1)
    best = np.median(at_best(ADAPTATION["none"], "noise after"))
    assert best - at_rate("batch", "noise after", 0.03) > 0.04 > 0.02 > best - at_rate("batch", "noise after", 0.1)
    assert at_rate("batch", "dark before", 0.1) > at_rate("none", "dark before", 0.1) + 0.3


def test_c56_the_gradient_fades_without_a_norm_and_statistics_of_each_step_belong_to_their_step():
    plain, normal, one, layer, inputs = (SEQUENCES[kind] for kind in (
        ("none", 1.0), ("batch", 0.1), ("batch", 1.0), ("layer", 1.0), ("input", 1.0)))
    factor = {run.variant: f"{10 ** np.median(at_best(run, 'faded')):.1f}" for run in (plain, normal, one)}
    late = in_words([percent(run, "later 8") for run in (plain, normal, layer)])
    assert paper.claims()["C56"].measured == (
        "an LSTM that reads MNIST's digits in 14 steps. Before training, the gradient for the state at step 13 is "
        f"{factor[plain.variant]} times that at step 1 without a norm, {factor[normal.variant]} and "
        f"{factor[one.variant]} times with batch norm of each step (gamma 0.1 and 1). Right after 300 steps: "
        f"{percent(plain, 'test')} % without, {percent(normal, 'test')} and {percent(one, 'test')} with it, "
        f"{percent(inputs, 'test')} with that of the inputs alone, {percent(layer, 'test')} with layer norm; where the "
        f"digit begins 8 steps later, without, with it (0.1) and with layer norm, {late} (medians of 5 seeds, each at "
        "its best rate). Internal covariate shift was not measured")


def test_every_claim_of_the_paper_is_shown():
    claims = paper.claims()
    assert len(claims) == 61 and [id for id, claim in claims.items() if not claim.shown] == []
