"""Section 4.2.2's claims: each number that the ledger prints, computed from the recorded runs."""

import math
from statistics import fmean, stdev

import pytest
import torch

from bncourse import paper
from bncourse.experiments import classification, views
from bncourse.experiments.recording import recorded
from bncourse.experiments.small_scale import FIVEFOLD, PLAN, RATES
from bncourse.experiments.variants import PAIR, SEVEN, SMALL, TINY, VARIANTS, at_scale, from_record
from bncourse.nn.local_response import LocalResponseNorm
from bncourse.runs import best, by, last, steps_to
from bncourse.training import to_input

WHERE = f"Tiny ImageNet, {SMALL.steps:,} steps, 3 seeds"


SWEEP = recorded("classification", "sweep")
RUNS, CENTERS, SCENES, ABLATION, PHOTOGRAPHS, LONG = (by(recorded("classification", part), "name") for part in (
    "seen whole", "variants", "scenes", "changes seen whole", "photographs", "long"))
ENDS = {name: [100 * last(run) for run in seeds] for name, seeds in RUNS.items()} | {  # on whole pictures
    name: seeds for part in ("photographs", "annealing")
    for name, seeds in views.accuracies(recorded("views", part)).items()}
LUCK = 0.0855  # an accuracy on scenes three standard deviations above 1 in 16


@pytest.fixture
def measured():
    """What the ledger says was measured, by claim."""
    return {id: claim.measured for id, claim in paper.claims().items()}


def percent(name):
    """Best accuracy: mean and standard deviation over the seeds."""
    accuracies = [100 * best(run) for run in RUNS[name]]
    return f"{fmean(accuracies):.1f} ± {stdev(accuracies):.1f}"


def faster(name, trained=RUNS):
    """How many times fewer steps than the Inception of the same seed to reach its best accuracy, for each seed."""
    return [steps_to(plain, best(plain)) / steps_to(run, best(plain))
            for plain, run in zip(trained["inception"], trained[name], strict=True)]


def mean_best(name):
    return fmean(best(run) for run in RUNS[name])


def test_every_network_has_three_seeds_on_photographs_and_five_on_scenes():
    assert list(CENTERS) == list(SCENES) == list(VARIANTS)
    assert list(RUNS) == [*VARIANTS, "bn-baseline-learning-rate"]
    for found, count in ((RUNS, 3), (CENTERS, 3), (SCENES, 5)):
        assert all([run.config["seed"] for run in runs] == list(range(count)) for runs in found.values())
    assert {from_record(run.config) for run in recorded("classification", "variants")} == set(PLAN["variants"])
    for part in PLAN:
        assert all(not run.provenance["dirty"] and run.provenance["threads"] == 1
                   for run in recorded("classification", part))
    for part in views.PLAN:
        assert not any(run.provenance["dirty"] for run in recorded("views", part))


def test_the_rate_that_is_multiplied_is_inceptions_best():
    assert [run.columns["lr"][0] for run in SWEEP] == list(RATES)
    assert max(SWEEP, key=best).columns["lr"][0] == SMALL.lr


def test_c47_inception_at_the_fivefold_rate(measured):
    ten = by([run for part in ("scenes", "controls", "fivefold") for run in recorded("classification", part)], "name")
    assert all([run.config["seed"] for run in ten[config.name]] == list(range(10)) for config in FIVEFOLD)
    lost = [run for run in ten["inception-x5"] if math.isnan(run.columns["loss"][-1])]
    stay = {config.name: sum(not run.columns["top1"][-1] > LUCK for run in ten[config.name]) for config in FIVEFOLD}
    assert max(map(best, RUNS["inception-x5"])) < min(map(best, RUNS["inception"]))
    assert measured["C47"] == (
        f"the networks are configurations, each a change of another. Inception at five times its rate: {WHERE}, best "
        f"accuracy {percent('inception-x5')} % instead of {percent('inception')}, no divergence; on scenes, at a rate "
        f"near its limit, {stay['inception-x5']} of 10 seeds stay at chance, {len(lost)} of them in numbers that are "
        f"not finite; there, of 10 seeds each, {stay['bn-baseline-learning-rate']} stay at chance with batch norm and "
        f"nothing else changed, {stay['inception-seven-x5']} with the seven changes and no batch norm, and "
        f"{stay['bn-x5']} with both")


def test_c48_c49_steps_and_accuracies(measured):
    never = [name for name in ("bn-baseline", "bn-x5", "bn-x30", "bn-x5-sigmoid") if 0 in faster(name)]
    assert never == []
    order = ["bn-x5-sigmoid", "bn-x5", "bn-x30", "bn-baseline", "inception"]
    told = ", ".join(f"{percent(name)} ({name})" for name in order)
    assert [run.config["seed"] for runs in LONG.values() for run in runs] == [0, 1, 2] * 6
    again = views.accuracies(recorded("views", "long"))
    ends = sorted(((again[name], name) for name in order), key=lambda end: fmean(end[0]), reverse=True)
    longer = ", ".join(f"{' '.join(f'{end:.1f}' for end in seeds)} ({name})" for seeds, name in ends)
    assert measured["C48"] == ("the numbers are ImageNet's and were not tested; an order was. "
                               f"{WHERE}, best accuracy in %: {told}; 40,000 steps, last test: {longer}")
    speeds, on_centers, later = ("; ".join(f"{name} {' '.join(f'{times:.1f}' for times in faster(name, trained))}"
                                           for name in ("bn-baseline", "bn-x5", "bn-x30"))
                                 for trained in (RUNS, CENTERS, LONG))
    assert measured["C49"] == (f"{WHERE}, times fewer steps than Inception, by seed: {speeds}; tested on the sharper "
                               f"centers of the pictures, {on_centers}, and in 40,000 steps {later}")


def test_c50_inception_with_sigmoids(measured):
    assert all(best(run) < 0.015 for run in RUNS["inception-sigmoid"])  # chance is 0.01
    assert measured["C50"].endswith(
        f"Inception with sigmoids, best accuracy in %: {percent('bn-x5-sigmoid')} with batch norm, "
        f"{percent('inception-sigmoid')}, chance, without ({WHERE})")


def test_c45_c46_the_changes_alone(measured):
    base = ENDS["bn-baseline"]
    points = {name: [100 * last(run) - plain for run, plain in
                     zip(ABLATION[f"bn-baseline-{name}"], base, strict=False)] for name in SEVEN | PAIR}
    told = ", ".join(f"{name} {' '.join(f'{value:+.1f}' for value in values)}" for name, values in points.items())
    assert f"points at the last test over BN-Baseline of the same seed, 2 seeds: {told}; " in measured["C45"]
    ten = base + views.accuracies(recorded("views", "noise"))["bn-baseline"]
    apart = stdev(ten) * math.sqrt(1 / 2 + 1 / 10)  # of a mean of two seeds from a mean of ten
    above = {name: fmean(values) + fmean(base[:2]) - fmean(ten) for name, values in points.items()}
    out = {name: f"{above[name]:+.1f}" for name in SEVEN if abs(above[name]) > 3 * apart}
    rest = max(abs(above[name]) for name in SEVEN if name not in out)
    assert rest < apart and "local-response" not in out
    assert measured["C45"].endswith(
        f"ten seeds of BN-Baseline end at {fmean(ten):.1f} ± {stdev(ten):.1f} %, of which these 2 are the lowest; from "
        f"the mean of the ten {', '.join(f'{name} {value}' for name, value in out.items())} stand out, and all others, "
        f"local-response among them, which is a placebo here, lie within {rest:.1f}")
    assert sorted(ten)[:2] == sorted(base[:2])
    assert measured["C46"].endswith(
        f"alone, with 2 seeds, {' '.join(f'{value:+.1f}' for value in points['shuffling'])} points at the last test "
        f"over BN-Baseline of the same seed (Tiny ImageNet, 5 passes), where a placebo moves them by "
        f"{' '.join(f'{value:+.1f}' for value in points['local-response'])}")


def test_local_response_normalization_hardly_changes_a_value_behind_batch_norm():
    config, moved = at_scale(VARIANTS["bn-baseline"], TINY), []
    network = classification.initial(config, 16).train()
    for layer in network.modules():
        if isinstance(layer, LocalResponseNorm):
            layer.register_forward_hook(lambda _, x, y: moved.append(((y - x[0]).norm() / x[0].norm()).item()))
    pictures, _ = next(iter(classification.mini_batches(config, classification.open_pictures(config)).epoch(0)))
    network(to_input(pictures, torch.device("cpu")))
    assert len(moved) == 2 and max(moved) < 0.001


def test_c51_the_changes_together(measured):
    fastest = max(("bn-baseline", "bn-x5", "bn-x30", "bn-x5-sigmoid"), key=lambda name: fmean(faster(name)))
    assert fastest == "bn-x5"
    assert mean_best("bn-x5") > mean_best("bn-x30")
    ends = {name: f"{fmean(seeds):.1f} ± {stdev(seeds):.1f}" for name, seeds in ENDS.items()}
    assert measured["C51"] == (
        f"{WHERE}, accuracy at the last test in %, without and with batch norm: Inception as it is "
        f"{ends['inception']}, {ends['bn-baseline']}; at 5 times the rate, nothing else changed, "
        f"{ends['inception-x5']}, {ends['bn-baseline-learning-rate']}; there with all seven changes "
        f"{ends['inception-seven-x5']}, {ends['bn-x5']}, the fastest. With batch norm at 30 times the rate "
        f"{ends['bn-baseline-x30']}, nothing else changed, {ends['bn-x30']} with all seven changes, "
        f"{ends['bn-x30-ends-as-x5']} where it ends at the rate of BN-x5; BN-x5 that ends at the rate of BN-x30 "
        f"{ends['bn-x5-ends-as-x30']}")


def test_each_pair_on_photographs_differs_by_batch_norm_alone_and_batch_norm_is_ahead_with_every_seed():
    pairs = (("inception", "bn-baseline"), ("inception-x5", "bn-baseline-learning-rate"),
             ("inception-seven-x5", "bn-x5"))
    trained = CENTERS | PHOTOGRAPHS
    for without, with_it in pairs:
        for plain, normal in zip(trained[without], trained[with_it], strict=True):
            assert {name for name in plain.config if plain.config[name] != normal.config[name]} == {"name", "batchnorm"}
        assert all(normal > plain + 2.5 for plain, normal in zip(ENDS[without], ENDS[with_it], strict=True))
