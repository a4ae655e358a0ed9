"""Six networks and every set of them: the laws of means, and what is recorded of the six that were trained."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import torch

from bncourse import paper, runs
from bncourse.datasets import scenes
from bncourse.evaluation import Crops, score
from bncourse.experiments import classification, ensembles, kept, recording, trainings
from bncourse.experiments.ensembles import (
    CROPS,
    Config,
    Means,
    crop_probabilities,
    every_subset,
    mean_over_crops,
    order,
)
from bncourse.experiments.variants import MEMBERS, TINY, at_scale

SHORT = replace(TINY, steps=4, every=4, width=0.0625)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Two short trainings, kept where `trainings.default_folder` finds them, of few scenes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scenes, "LENGTH", {"train": 96, "val": 7})
        patch.setattr(kept, "DATA", tmp_path_factory.mktemp("data"))
        members = tuple(at_scale(MEMBERS[name], SHORT) for name in ("member-1", "member-6"))
        for member in members:
            trainings.train(member)
        yield Config(members)


@pytest.fixture(scope="module")
def run(trained):
    return ensembles.run(trained)


def column(run, name, **where):
    """The values of a column in the rows where others have these values."""
    columns = {key: np.array(values) for key, values in run.columns.items()}
    chosen = np.all([columns[key] == value for key, value in where.items()], axis=0)
    return columns[name][chosen]


# Crops


@pytest.mark.parametrize("view", ["center", "whole"])
def test_the_first_crop_is_the_single_one_of_training_and_the_second_its_mirror_image(view):
    picture = scenes.Scenes("val", 1, size=32).image(0)
    crops = Crops(28, squares=1)(picture)[torch.tensor(order(view))]
    single = classification.single_crop(replace(at_scale(MEMBERS["member-1"], TINY), view=view))
    assert torch.equal(crops[0], single(picture, None)) and torch.equal(crops[1], crops[0].flip(2))


@pytest.mark.parametrize("view", ["center", "whole"])
def test_the_first_twelve_crops_are_of_one_scale_and_all_are_there_once(view):
    assert sorted(order(view)[:12]) == list(range(12)) and sorted(order(view)) == list(range(48))


def test_the_mean_over_all_crops_is_what_the_command_evaluate_takes(trained):
    from bncourse.experiments.scoring import predict

    network = ensembles.open_member(trained.members[0])
    val = classification.open_pictures(network.config).val
    p, labels = crop_probabilities(network, val)
    theirs, same = predict(network, val, crops=True)
    assert torch.equal(labels, same)
    assert torch.allclose(mean_over_crops(p, 48).p.float(), theirs, atol=1e-5)


# Rows


def test_there_is_a_row_for_each_set_number_of_crops_and_mean(run):
    assert sorted(set(run.columns["members"])) == [1, 2, 12]
    assert len(run.columns["members"]) == 3 * len(CROPS) * 2


def test_a_set_is_averaged_as_its_name_says(rng):
    p = torch.tensor(rng.dirichlet(np.ones(7), size=(3, 9, 48)))
    labels = torch.tensor(rng.integers(7, size=9))
    table = list(every_subset([{crops: mean_over_crops(q, crops) for crops in (1, 12)} for q in p], labels))
    for chosen in (some for size in range(3) for some in combinations(range(3), size + 1)):
        for crops in (1, 12):
            part = p[list(chosen), :, :crops]
            name = {"members": int("".join(str(k + 1) for k in chosen)), "crops": crops}
            for logits, q in enumerate((part.mean((0, 2)), part.log().mean((0, 2)).softmax(1))):
                row, = (row for row in table if row | name | {"logits": logits} == row)
                assert row["top1_error"] == pytest.approx(100 * (1 - score(q, labels).top1), abs=1e-5)
                assert row["top5_error"] == pytest.approx(100 * (1 - score(q, labels).top5), abs=1e-5)
                assert row["loss"] == pytest.approx(-q[range(9), labels].log().mean().item(), abs=1e-8)


def test_a_probability_that_float32_took_for_zero_has_a_finite_loss():
    sure = torch.tensor([[[1.0, 0.0]] * 48])
    table = list(every_subset([{1: mean_over_crops(sure, 1)}], torch.tensor([1])))
    assert all(80 < row["loss"] < 90 for row in table)


def test_means_are_of_probabilities_and_of_logarithms():
    p = torch.tensor([[[0.5, 0.5], [0.125, 0.875]]])
    means = mean_over_crops(p, 2)
    assert means._fields == Means._fields
    assert means.p[0, 0] == pytest.approx(0.3125) and means.log_p[0, 0].exp() == pytest.approx(0.25)


# Networks


def test_the_run_tells_the_trainings_and_the_weights(run, trained):
    assert [network["training"] for network in run.config["networks"]] == [m.variant() for m in trained.members]
    weights = {network["weights"] for network in run.config["networks"]}
    assert len(weights) == 2 and all(len(digest) == 64 for digest in weights)
    assert run.variant.startswith("scenes-2members-4steps-") and run.config["pictures"] == 7
    assert len({members.variant() for members in (trained, Config(trained.members[::-1]), ensembles.PLAN["six"][0],
                                                  Config(ensembles.SIX[1:] + ensembles.SIX[:1]))}) == 4


def test_it_is_recorded_by_the_command_that_its_provenance_names(run):
    assert run.provenance["command"] == "python3 -m bncourse runs record ensembles"
    assert recording.plan("ensembles") == [ensembles.PLAN["six"][0], ensembles.PLAN["six, longer"][0]]
    assert not recording.can_replay("ensembles")


def test_a_part_of_the_pictures_is_in_the_name_and_in_the_run(trained):
    few = ensembles.run(replace(trained, pictures=3))
    assert few.config["pictures"] == 3 and few.variant.endswith("-3pictures")


def test_progress_counts_networks(trained):
    seen = []
    ensembles.run(replace(trained, pictures=1), lambda *step: seen.append(step))
    assert seen == [(1, 2), (2, 2)]


def test_a_network_that_is_missing_or_unfinished_is_refused_by_name(trained, monkeypatch):
    with pytest.raises(trainings.KeptError, match=r"training\.json"):
        ensembles.run(Config((replace(trained.members[0], seed=7),)))
    other = trainings.default_folder(trained.members[0])
    monkeypatch.setattr(trainings, "default_folder", lambda member: other)
    with pytest.raises(trainings.KeptError, match="member-6 was trained for 4 steps as scenes-member-1"):
        ensembles.run(Config(trained.members[1:]))


@pytest.mark.parametrize(("members", "sentence"), [
    ((), "members are 0; expected 1 to 9"),
    ((at_scale(MEMBERS["member-1"], TINY),) * 10, "members are 10; expected 1 to 9"),
    ((MEMBERS["member-1"], replace(MEMBERS["member-2"], data="other")), "trained on other, scenes; expected"),
])
def test_an_ensemble_that_cannot_be_named_is_refused(members, sentence):
    with pytest.raises(ValueError, match=sentence):
        Config(members)


# The record


@pytest.fixture(scope="module", params=list(ensembles.PLAN))
def six(request):
    run, = recording.recorded("ensembles", request.param)
    return run


def trainings_of(run):
    """The trainings of the plan to which a recorded run belongs."""
    config, = (config for config, in ensembles.PLAN.values() if config.variant() == run.variant)
    return config.members


def by_set(run, measure, crops, logits):
    """A measure by the tuple of a set's networks, counted from 1."""
    rows = zip(column(run, "members", crops=crops, logits=logits), column(run, measure, crops=crops, logits=logits),
               strict=True)
    return {tuple(map(int, f"{members}")): value for members, value in rows}


SETTINGS = [(crops, logits) for crops in CROPS for logits in (0, 1)]


def test_the_record_has_all_63_sets_in_every_setting(six):
    wanted = [some for size in range(1, 7) for some in combinations(range(1, 7), size)]
    assert len(wanted) == 63
    for crops, logits in SETTINGS:
        assert list(by_set(six, "loss", crops, logits)) == wanted
    assert len(six.columns["loss"]) == 63 * len(SETTINGS)


def test_the_record_is_of_the_planned_trainings_and_of_a_clean_revision(six):
    assert [network["training"] for network in six.config["networks"]] == [
        member.variant() for member in trainings_of(six)]
    assert six.provenance["dirty"] is False and six.config["pictures"] == 5_000


@pytest.mark.parametrize(("crops", "logits"), SETTINGS)
def test_no_recorded_set_loses_more_than_its_networks_on_average(six, crops, logits):
    loss = by_set(six, "loss", crops, logits)
    for some, together in loss.items():
        assert together <= np.mean([loss[k,] for k in some]) + 1e-8


def test_with_one_network_and_one_crop_there_is_nothing_to_average(six):
    for measure in ("top1_error", "top5_error", "loss"):
        ways = [by_set(six, measure, 1, logits) for logits in (0, 1)]
        assert all(ways[0][k,] == pytest.approx(ways[1][k,], abs=1e-6) for k in range(1, 7))


def test_one_crop_errs_as_at_the_end_of_the_recorded_training(six):
    for k, config in enumerate(trainings_of(six), start=1):
        trained = runs.Run.load(recording.run_path("classification", config))
        for measure, top in (("top1_error", "top1"), ("top5_error", "top5")):
            assert by_set(six, measure, 1, 0)[k,] == pytest.approx(100 * (1 - trained.columns[top][-1]), abs=0.06)


def means_of_top5(run):
    """The top-5 error by one crop and by 48, the mean of the six networks; and that of all six with 48."""
    one, many = (by_set(run, "top5_error", crops, 0) for crops in (1, 48))
    return *(np.mean([errors[k,] for k in range(1, 7)]) for errors in (one, many)), many[1, 2, 3, 4, 5, 6]


def test_on_tiny_imagenet_crops_lower_the_error_and_networks_lower_it_further(six):
    single, multicrop, ensemble = means_of_top5(six)
    assert single > multicrop > ensemble


def test_the_ledger_tells_the_longer_run():
    longer, = recording.recorded("ensembles", "six, longer")
    single, multicrop, ensemble = means_of_top5(longer)
    assert paper.claims()["C52"].measured.endswith(
        f"top-5 error: one crop {single:.1f} % (mean of six), 48 crops {multicrop:.1f} %, six networks and 48 crops "
        f"{ensemble:.1f} %")
    one, many = (by_set(longer, "top5_error", crops, 0) for crops in (1, 48))
    best, best48 = (min(errors[k,] for k in range(1, 7)) for errors in (one, many))
    assert paper.claims()["C53"].measured.endswith(
        f"with one crop {one[1, 2, 3, 4, 5, 6]:.1f} % together, {best:.1f} % the best alone; with 48 crops "
        f"{ensemble:.1f} % together, {best48:.1f} % the best alone")
