"""Section 4.1's claims, and 4.2.2's of sigmoids: each number that the ledger prints, computed from recorded runs."""

from collections import Counter
from statistics import fmean

import numpy as np
import pytest

from bncourse import paper
from bncourse.experiments.activations import FASTER, FIGURE_1
from bncourse.experiments.recording import recorded

FIGURE, BEGUN, GRID, LONG, STAIRCASE, BY_STD, BY_RATE = (recorded("activations", part) for part in (
    "figure 1", "more seeds", "grid", "long grid", "staircase", "staircase by std", "staircase by rate"))
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
    return f"{100 * min(values):.1f} to {100 * max(values):.1f}"


def by_cell(runs, step, batchnorm):
    """The mean accuracy of the seeds after a step, by learning rate and initial standard deviation."""
    cells = {(run.config["lr"], run.config["std"]) for run in runs}
    return {(lr, std): fmean(at(run, step) for run in of(runs, batchnorm=batchnorm, lr=lr, std=std))
            for lr, std in cells}


def best(cells):
    lr, std = max(cells, key=cells.get)
    return f"{100 * cells[lr, std]:.1f} (rate {lr:g}, std {std:g})"


def near_the_best(cells):
    return sum(100 * (max(cells.values()) - accuracy) <= 1 for accuracy in cells.values())


def depth(run):
    return len(run.config["sizes"]) - 2


def test_c41_the_recorded_networks_are_the_papers_and_the_rest_is_named(measured):
    for run in FIGURE:
        assert run.config["sizes"] == [784, 100, 100, 100, 10]
        assert (run.config["batch"], run.config["dataset"]) == (60, "mnist")
    assert {run.provenance["sha256"] for run in FIGURE + STAIRCASE + GRID + LONG} == {FIGURE[0].provenance["sha256"]}
    seeds = {run.config["seed"] for run in FIGURE}
    assert measured["C41"] == (
        f"{FIGURE_1.steps:,} steps of 60 on MNIST, recorded with {len(seeds)} seeds; ours are the learning rate "
        f"{FIGURE_1.lr}, the weights' standard deviation {FIGURE_1.std}, eps 1e-5, and that a pixel above "
        f"{FIGURE_1.threshold} of 255 is 1")


def test_c42_the_batch_normalized_network_is_ahead_and_by_how_much(measured):
    def way(bn):
        return ", ".join(percent([at(run, step) for run in of(BEGUN if step <= 1000 else FIGURE, batchnorm=bn)])
                         for step in STEPS)

    def ahead(runs, step):
        plain, normal = (by_cell(runs, step, bn) for bn in (False, True))
        return f"{sum(normal[cell] > plain[cell] for cell in plain)} of {len(plain)}"

    def alone(runs):
        settings = Counter((run.config["lr"], run.config["std"]) for run in of(runs, batchnorm=True))
        assert settings == Counter((run.config["lr"], run.config["std"]) for run in of(runs, batchnorm=False))
        return list(settings.values()).count(1)

    cells = {(step, bn): by_cell(GRID, step, bn) for step in (1000, 2000) for bn in (True, False)}
    ends = [by_cell(LONG, 50_000, bn) for bn in (True, False)]
    end = [best(cells) for cells in ends]
    assert measured["C42"] == (
        f"test accuracy, %, after {', '.join(f'{step:,}' for step in STEPS)} steps: {way(True)} with batch norm, "
        f"{way(False)} without (MNIST, {len(BEGUN) // 2} seeds and, from 10,000 on, 5, rate {FIGURE_1.lr}, initial std "
        f"{FIGURE_1.std}); on a grid of rates from 0.02 to 16 and std from 0.01 to 0.8 ahead in {ahead(GRID, 100)} "
        f"settings after 100 steps, {ahead(GRID, 300)} after 300, {ahead(GRID, 1000)} after 1,000, {ahead(GRID, 2000)} "
        f"after 2,000, and in {ahead(LONG, 50_000)} after 50,000; each at its best, after 1,000 steps "
        f"{best(cells[1000, True])} against {best(cells[1000, False])}, 3 seeds each, after 50,000 {end[0]} against "
        f"{end[1]}, 5 seeds each; {alone(GRID)} of the {len(cells[1000, True])} settings have one seed, at the end "
        f"{alone(LONG)} of {len(ends[0])}; within a point of its best after 2,000 steps "
        f"{near_the_best(cells[2000, True])} against "
        f"{near_the_best(cells[2000, False])} of {len(cells[2000, True])} settings, after 50,000 "
        f"{near_the_best(ends[0])} against {near_the_best(ends[1])} of {len(ends[0])}")


def test_c42_each_network_has_its_best_setting_inside_the_grid():
    for bn in (True, False):
        for runs, step in ((GRID, 1000), (GRID, 2000), (LONG, 50_000)):
            cells = by_cell(runs, step, bn)
            lr, std = max(cells, key=cells.get)
            assert min(lr for lr, _ in cells) < lr < max(lr for lr, _ in cells)
            assert min(std for _, std in cells) < std < max(std for _, std in cells)


def test_c43_the_inputs_of_the_last_sigmoids_spread_early_without_batch_norm_and_then_as_with_it(measured):
    def spread(bn, step):
        return fmean(at(run, step, "spread") for run in of(FIGURE, batchnorm=bn))

    def travelled(bn):
        return fmean(float(np.ptp(run.columns["p50"])) for run in of(FIGURE, batchnorm=bn))

    def more(bn, start, end):
        return spread(bn, end) - spread(bn, start)

    early = [spread(bn, 1000) / spread(bn, 0) for bn in (True, False)]
    late = [spread(bn, 50_000) / spread(bn, 1000) for bn in (True, False)]
    assert early[1] > 10 * early[0]
    assert measured["C43"].startswith(
        f"p85 - p15, median over the last layer's units, grows {early[1]:.0f} times in the first 1,000 steps without "
        f"batch norm and {early[0]:.1f} times with it, by {more(False, 0, 1000):.1f} and {more(True, 0, 1000):.1f}, "
        f"in the other 49,000 {late[1]:.1f} times and {late[0]:.1f}, by {more(False, 1000, 50_000):.1f} and "
        f"{more(True, 1000, 50_000):.1f}; "
        f"the typical unit's median ranges over {travelled(False):.1f} and {travelled(True):.1f} (MNIST, 5 seeds)")
    assert more(True, 1000, 50_000) > more(False, 1000, 50_000)


def test_c50_with_batch_norm_sigmoids_learn_at_every_depth_and_without_it_where_the_weights_are_large_enough(measured):
    def ends(bn, std):
        """By depth the accuracies after the last step, in per cent, one for each seed."""
        chosen = of(STAIRCASE + BY_STD, batchnorm=bn, std=std)
        return {d: [100 * run.columns["accuracy"][-1] for run in chosen if depth(run) == d]
                for d in sorted({depth(run) for run in chosen})}

    def between(values):
        values = list(values)
        return f"{min(values):.1f} to {max(values):.1f}"

    plain = {std: ends(False, std) for std in (0.1, 0.2, 0.3, 0.4, 0.6)}
    trains = {std: [d for d, seeds in ladder.items() if min(seeds) > 20] for std, ladder in plain.items()}
    late = {(0.1, 5), (0.2, 8)}  # one seed of three has started by the last step
    for std, ladder in plain.items():
        assert trains[std] == list(ladder)[:len(trains[std])]
        assert all(max(seeds) < 12 for d, seeds in ladder.items() if d > max(trains[std]) and (std, d) not in late)
    normal = [value for seeds in ends(True, 0.1).values() for value in seeds]
    other = [value for std in (0.01, 0.4) for value in ends(True, std)[12]]
    fast = {key: [100 * run.columns["accuracy"][-1] for run in BY_RATE
                  if (run.config["lr"], depth(run), run.config["std"]) == key] for key in FASTER}
    assert max(value for lr in (2.0, 4.0) for d in (7, 8) for value in fast[lr, d, 0.1]) < 12
    assert min(fast[4.0, 6, 0.1]) < 50 < min(fast[2.0, 6, 0.1])
    five = ", ".join(f"{value:.0f}" for value in plain[0.1][5])
    assert measured["C50"].startswith(
        f"fully connected, 100 sigmoids a layer, {STAIRCASE[0].config['steps']:,} steps, rate {FIGURE_1.lr}, MNIST, 3 "
        f"seeds at the depths that decide, test accuracy in %: with batch norm {between(normal)} with 1 to 12 hidden "
        f"layers and initial std 0.1, {between(other)} with 12 and std 0.01 or 0.4 (2 seeds); without, up to "
        f"{max(trains[0.1])} layers train with std 0.1 (with 5 by seed {five}), {max(trains[0.2])} with 0.2, "
        f"{max(trains[0.3])} with 0.3, and all 12 with 0.4, to {between(plain[0.4][12])}; at "
        f"rate 2 and std 0.1 5 and 6 layers train too, to {between(fast[2.0, 5, 0.1] + fast[2.0, 6, 0.1])}, and 7 and "
        "8 do not. Inception")
