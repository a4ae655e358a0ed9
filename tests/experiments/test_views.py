"""Four views of the same pictures: what each shows, and that new averages are those of the center."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.optim.swa_utils import update_bn

from bncourse import evaluation
from bncourse.datasets import scenes
from bncourse.datasets.transforms import normalize
from bncourse.experiments import classification, ensembles, kept, recording, scoring, small_scale, trainings, views
from bncourse.experiments.variants import TINY, VARIANTS, at_scale

SHORT = replace(TINY, steps=4, every=4, width=0.0625)
NORMAL, PLAIN = (at_scale(VARIANTS[name], SHORT) for name in ("bn-x5", "inception"))


@pytest.fixture(scope="module", autouse=True)
def kept_trainings(tmp_path_factory):
    """Two short trainings, kept where `kept.default_folder` finds them, of few scenes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scenes, "LENGTH", {"train": 48, "val": 40})
        patch.setattr(views, "AVERAGED", 12)
        patch.setattr(views, "EXAMINED", 40)
        patch.setattr(kept, "DATA", tmp_path_factory.mktemp("data"))
        for training in (NORMAL, PLAIN):
            trainings.train(training)
        yield


@pytest.fixture(scope="module")
def run():
    return views.run(views.Config(NORMAL))


def test_there_is_a_row_for_each_view_and_with_batch_norm_two_with_other_averages(run):
    rows = [(0, 0), (1, 0), (2, 0), (3, 0)]
    assert list(zip(run.columns["view"], run.columns["recomputed"], strict=True)) == [*rows, (0, 1), (2, 1)]
    plain = views.run(views.Config(PLAIN, pictures=5))
    assert list(zip(plain.columns["view"], plain.columns["recomputed"], strict=True)) == rows
    assert plain.variant == f"{PLAIN.variant()}-5pictures" and plain.config["pictures"] == 5
    assert run.variant == NORMAL.variant() and run.config["network"]["training"] == NORMAL.variant()


def test_half_a_pixel_away_each_pixel_is_the_mean_of_four():
    image = classification.open_pictures(NORMAL).val.image(3)
    seen = {name: transform(image, np.random.default_rng(0)).double()
            for name, transform in views.transforms(NORMAL).items()}
    assert list(seen) == list(views.VIEWS)
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).double()
    four = sum(pixels[:, 2 + down:30 + down, 2 + right:30 + right] for down in (0, 1) for right in (0, 1)) / 4
    assert torch.equal(seen["center"], pixels[:, 2:30, 2:30])
    assert (seen["between"] - four).abs().max() <= 0.5
    assert {images.shape for images in seen.values()} == {(3, 28, 28)}


def test_the_center_and_the_whole_are_scored_as_a_training_with_that_view_tests(run):
    for row, view in ((0, "center"), (2, "whole")):
        network = trainings.trained(kept.default_folder(NORMAL))
        p, labels = scoring.predict(network._replace(config=replace(NORMAL, view=view)), scenes.Scenes("val", size=32))
        assert run.columns["top5_error"][row] == pytest.approx(100 * (1 - evaluation.score(p, labels).top5))
        assert run.columns["loss"][row] == pytest.approx(-p[range(40), labels].log().mean().item())


def test_the_other_averages_are_those_of_training_pictures_of_which_the_center_is_seen(run):
    network = trainings.trained(kept.default_folder(NORMAL))
    twelve = torch.stack([views.transforms(NORMAL)["center"](scenes.Scenes("train", size=32).image(i))
                          for i in range(0, 48, 4)])
    update_bn([normalize(twelve)], network.model)
    p, labels = scoring.predict(network, scenes.Scenes("val", size=32))
    assert run.columns["loss"][4] == pytest.approx(-p[range(40), labels].log().mean().item(), rel=1e-4)
    assert run.columns["loss"][4] != run.columns["loss"][0]
    assert run.config["network"] == ensembles.member_record(ensembles.open_member(NORMAL))


def test_the_doctor_is_asked_with_centers_and_with_wholes(run):
    assert list(run.config["doctor"]) == ["center", "whole"]
    assert all("stale-statistics" in names for names in run.config["doctor"].values())  # four steps from 0 and 1
    assert "doctor" not in views.run(views.Config(PLAIN, pictures=5)).config


def test_pictures_are_rough_where_neighbours_differ(run):
    noise = torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    assert views.roughness([noise[:1], noise[1:]]) == pytest.approx(1, abs=0.05)
    assert views.roughness([torch.arange(64.0).expand(1, 1, 64, 64)]) < 0.002
    assert views.roughness([1 + 3 * noise]) == pytest.approx(views.roughness([noise]), abs=1e-5)
    center, between, whole, training, *_ = run.columns["roughness"]
    assert max(between, whole, training) < 0.7 * center


def test_accuracies_are_found_by_name_and_view(run):
    plain = views.run(views.Config(PLAIN))
    found = views.accuracies([run, plain, run])
    assert found == {"bn-x5": [pytest.approx(100 - run.columns["top1_error"][2])] * 2,
                     "inception": [pytest.approx(100 - plain.columns["top1_error"][2])]}
    assert views.accuracies([run, plain], "center", 1) == {"bn-x5": [pytest.approx(100 - run.columns["top1_error"][4])]}


def test_every_network_of_the_long_trainings_is_planned():
    assert [config.training for config in recording.plan("views", "long")] == list(small_scale.PLAN["long"])
    assert not recording.can_replay("views")
