"""Each crop of a picture alone: as a single crop is scored, in the order that the columns say."""

from dataclasses import replace

import pytest
import torch

from bncourse import evaluation
from bncourse.datasets import scenes
from bncourse.datasets.subsets import EvenSubset
from bncourse.datasets.transforms import normalize
from bncourse.evaluation import Crops
from bncourse.experiments import classification, crops, ensembles, kept, recording, trainings
from bncourse.experiments.ensembles import SINGLE, SIX, SIX_LONGER
from bncourse.experiments.variants import MEMBERS, TINY, at_scale

CENTER = SINGLE["center"]
MEMBER = at_scale(MEMBERS["member-1"], replace(TINY, steps=4, every=4, width=0.0625, lr=1e-4))


@pytest.fixture(scope="module", autouse=True)
def kept_training(tmp_path_factory):
    """A short training, kept where `kept.default_folder` finds it, of few scenes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scenes, "LENGTH", {"train": 48, "val": 7})
        patch.setattr(kept, "DATA", tmp_path_factory.mktemp("data"))
        trainings.train(MEMBER)
        yield


def test_there_is_a_row_for_each_scale_place_and_mirror_image():
    run = crops.run(crops.Config(MEMBER))
    assert list(zip(*(run.columns[name] for name in ("scale", "place", "mirrored")), strict=True)) == [
        (scale, place, mirrored) for scale in range(4) for place in range(6) for mirrored in range(2)]
    assert run.variant == MEMBER.variant() and run.config["pictures"] == 7


@pytest.mark.parametrize("view", ["center", "whole"])
def test_the_ensembles_run_has_the_single_crop_of_the_view(view):
    member = replace(MEMBER, view=view)
    if view == "whole":
        trainings.train(member)
    alone, together = crops.run(crops.Config(member)), ensembles.run(ensembles.Config((member,)))
    for measure in ("top1_error", "top5_error", "loss"):
        assert alone.columns[measure][SINGLE[view]] == pytest.approx(together.columns[measure][0])
    assert alone.config["network"] == together.config["networks"][0]


def test_each_row_is_of_the_crop_in_its_place():
    run = crops.run(crops.Config(MEMBER, pictures=3))
    assert run.variant == f"{MEMBER.variant()}-3pictures" and run.config["pictures"] == 3
    assert len(set(run.columns["loss"])) == 48
    val, network = EvenSubset(classification.open_pictures(MEMBER).val, 3), ensembles.open_member(MEMBER)
    for row in (0, CENTER, 23, 47):
        images = torch.stack([Crops(28, squares=1)(val.image(i))[row] for i in range(3)])
        p, labels = evaluation.predict(network.model, [(normalize(images), torch.tensor(val.labels))])
        assert run.columns["loss"][row] == pytest.approx(-p[range(3), labels].log().mean().item(), abs=1e-6)


def test_the_six_networks_of_the_ensemble_are_planned():
    assert [config.member for config in recording.plan("crops")] == [*SIX, *SIX_LONGER]
    assert not recording.can_replay("crops")
