"""Section 4.1's claims, and 4.2.2's of sigmoids: each number that the ledger prints, computed from recorded runs."""

from statistics import fmean, stdev

import numpy as np
import pytest

from bncourse import paper
from bncourse.experiments.activations import FIGURE_1
from bncourse.experiments.recording import recorded

FIGURE, STAIRCASE, GRID = (recorded("activations", part) for part in ("figure 1", "staircase", "grid"))
STEPS = (100, 1000, 10_000, 50_000)


@pytest.fixture
def measured():
    """What the ledger says was measured, by claim."""
    return {id: claim.measured for id, claim in paper.claims().items()}


def of(runs, **wanted):
    """The runs whose configuration has these values."""
    return [run for run in runs if all(run.config[key] == value for key, value in wanted.items())]


def at(run, step, column="accuracy"):
    return run.columns[column][run.columns["step"].index(step)]


def final(runs):
    """The mean test accuracy after the last step."""
    return fmean(run.columns["accuracy"][-1] for run in runs)


def percent(values):
    return f"{100 * fmean(values):.1f} ± {100 * stdev(values):.1f}"


def depth(run):
    return len(run.config["sizes"]) - 2


def test_c41_the_recorded_networks_are_the_papers_and_the_rest_is_named(measured):
    for run in FIGURE:
        assert run.config["sizes"] == [784, 100, 100, 100, 10]
        assert (run.config["batch"], run.config["dataset"]) == (60, "mnist")
    assert {run.provenance["sha256"] for run in FIGURE + STAIRCASE + GRID} == {FIGURE[0].provenance["sha256"]}
    seeds = {run.config["seed"] for run in FIGURE}
    assert measured["C41"] == (
        f"{FIGURE_1.steps:,} steps of 60 on MNIST, recorded with {len(seeds)} seeds; ours are the learning rate "
        f"{FIGURE_1.lr}, the weights' standard deviation {FIGURE_1.std}, eps 1e-5, and that a pixel above "
        f"{FIGURE_1.threshold} of 255 is 1")


def test_c42_the_batch_normalized_network_is_ahead_and_by_how_much(measured):
    way = [", ".join(percent([at(run, step) for run in of(FIGURE, batchnorm=bn)]) for step in STEPS)
           for bn in (True, False)]
    cells = {(run.config["lr"], run.config["std"]) for run in GRID}
    normal, plain = ({(lr, std): final(of(GRID, batchnorm=bn, lr=lr, std=std)) for lr, std in cells}
                     for bn in (True, False))
    ahead = [100 * (normal[cell] - plain[cell]) for cell in cells]
    assert {len(of(GRID, batchnorm=bn, lr=lr, std=std)) for lr, std in cells for bn in (True, False)} == {3}
    assert measured["C42"] == (
        f"test accuracy, %, after {', '.join(f'{step:,}' for step in STEPS)} steps: {way[0]} with batch norm, {way[1]} "
        f"without (MNIST, 5 seeds, rate {FIGURE_1.lr}, initial std {FIGURE_1.std}); after 50,000 steps ahead in "
        f"{sum(gap > 0 for gap in ahead)} of {len(cells)} pairs of rate and std (3 seeds), by {min(ahead):.1f} to "
        f"{max(ahead):.1f} points; each at its best pair, {100 * max(normal.values()):.1f} against "
        f"{100 * max(plain.values()):.1f}")


def test_c43_the_inputs_of_the_last_sigmoids_spread_early_without_batch_norm_and_then_as_with_it(measured):
    def spread(bn, step):
        return fmean(at(run, step, "spread") for run in of(FIGURE, batchnorm=bn))

    def travelled(bn):
        return fmean(float(np.ptp(run.columns["p50"])) for run in of(FIGURE, batchnorm=bn))

    early = [spread(bn, 1000) / spread(bn, 0) for bn in (True, False)]
    late = [spread(bn, 50_000) / spread(bn, 1000) for bn in (True, False)]
    assert early[1] > 10 * early[0]
    assert measured["C43"].startswith(
        f"p85 - p15, median over the last layer's units, grows {early[1]:.0f} times in the first 1,000 steps without "
        f"batch norm and {early[0]:.1f} times with it, in the other 49,000 {late[1]:.1f} times and {late[0]:.1f}; "
        f"the typical unit's median ranges over {travelled(False):.1f} and {travelled(True):.1f} (MNIST, 5 seeds)")


def test_c50_with_batch_norm_sigmoids_learn_at_every_depth_and_without_it_only_in_few_layers(measured):
    depths = sorted({depth(run) for run in STAIRCASE})
    normal, plain = ({d: [run for run in of(STAIRCASE, batchnorm=bn) if depth(run) == d] for d in depths}
                     for bn in (True, False))
    chance = max(max(run.columns["accuracy"]) for d in depths[5:] for run in plain[d])
    ends = {run.columns["accuracy"][-1] for d in depths[5:] for run in plain[d]}
    learn = [f"{100 * final(plain[d]):.1f}" for d in depths[:4]]
    with_bn = [100 * final(normal[d]) for d in depths]
    five = ", ".join(f"{100 * run.columns['accuracy'][-1]:.0f}" for run in plain[5])
    assert chance < 0.12 and len(ends) == 1
    assert measured["C50"].startswith(
        f"fully connected, 100 sigmoids a layer, {STAIRCASE[0].config['steps']:,} steps, rate {FIGURE_1.lr}, MNIST, 3 "
        f"seeds, test accuracy in %: {min(with_bn):.1f} to {max(with_bn):.1f} with batch norm and {depths[0]} to "
        f"{depths[-1]} hidden layers; without, {', '.join(learn)} with 1 to 4, {five} with 5 by seed, and "
        f"{100 * ends.pop():.0f}, the commonest digit, with 6 to {depths[-1]}. Inception")
