"""Evaluation: every example counts once, crops lie where Szegedy et al. put them, an ensemble is a mean."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from bncourse import evaluation
from bncourse.evaluation import Crops, Score, ensemble, evaluate, predict, score
from bncourse.nn import fold_batchnorm


@pytest.fixture
def randn(rng):
    return lambda *shape: torch.from_numpy(rng.normal(size=shape)).float()


def labels_of(rng, n, classes):
    return torch.from_numpy(rng.integers(0, classes, n))


def place_by_sorting(row, label):
    """How many classes a stable sort puts before the label."""
    return np.argsort(-row, kind="stable").tolist().index(label)


@pytest.mark.parametrize("classes", [3, 5, 6, 20])
def test_top_1_and_top_5_are_those_of_a_stable_sort(classes, rng):
    p = rng.integers(0, 4, (200, classes)).astype(np.float32)  # many are equal
    labels = rng.integers(0, classes, 200)
    places = np.array([place_by_sorting(row, label) for row, label in zip(p, labels, strict=True)])
    found = score(torch.from_numpy(p), torch.from_numpy(labels))
    assert found == Score((places < 1).mean(), (places < 5).mean(), 200)


def test_a_network_that_says_the_same_of_all_classes_is_right_as_often_as_chance():
    assert score(torch.full((100, 10), 0.1), torch.arange(100) % 10) == Score(0.1, 0.5, 100)


def test_what_is_not_a_number_is_wrong():
    assert score(torch.full((4, 3), torch.nan), torch.tensor([0, 1, 2, 0])) == Score(0, 0, 4)


@pytest.mark.parametrize("labels, told", [([0, 3], "labels are 2 from 0 to 3; expected 2 from 0 to 2"),
                                          ([-1, 0], "from -1 to 0"),
                                          ([0, 1, 2], r"labels have shape \(3,\); expected \(2,\)")])
def test_labels_that_are_no_classes_are_refused(labels, told):
    with pytest.raises(ValueError, match=told):
        evaluation.hits(torch.zeros(2, 3), torch.tensor(labels))


def test_nothing_to_evaluate_is_refused():
    with pytest.raises(ValueError, match="there are no examples"):
        score(torch.zeros(0, 3), torch.zeros(0, dtype=torch.long))
    for function in (evaluate, predict):
        with pytest.raises(ValueError, match="batches holds no example"):
            function(nn.Identity(), [])


class Counting(nn.Module):
    """A network that sees three channels' means, and keeps what it was shown."""

    def __init__(self):
        super().__init__()
        self.norm, self.seen = nn.BatchNorm2d(3), []

    def forward(self, images):
        self.seen.append(len(images))
        return self.norm(images).mean((2, 3))


def test_every_example_counts_once_whatever_the_batches(rng, randn):
    images, labels = randn(23, 3, 4, 4), labels_of(rng, 23, 3)
    whole = score(images.mean((2, 3)), labels)
    for size in (1, 7, 23):
        model = Counting()
        assert evaluate(model, zip(images.split(size), labels.split(size), strict=True)) == pytest.approx(whole)
        assert sum(model.seen) == 23


def test_an_empty_mini_batch_among_others_changes_nothing(rng, randn):
    model, full = Counting(), (randn(5, 3, 4, 4), labels_of(rng, 5, 3))
    empty = (torch.zeros(0, 3, 4, 4), torch.zeros(0, dtype=torch.long))
    assert evaluate(model, [empty, full, empty]) == evaluate(model, [full])


def test_between_predictions_the_model_is_the_callers(rng, randn):
    model = Counting().train()
    for _ in evaluation.predictions(model, [(randn(5, 3, 4, 4), labels_of(rng, 5, 3))], precision="bf16"):
        assert model.training and not torch.is_inference_mode_enabled() and not torch.is_autocast_enabled("cpu")


def test_predictions_come_in_the_order_of_the_examples(rng, randn):
    images, labels = randn(10, 3, 4, 4), labels_of(rng, 10, 3)
    p, given = predict(Counting().eval(), zip(images.split(4), labels.split(4), strict=True))
    assert torch.equal(given, labels)
    torch.testing.assert_close(p, (images.mean((2, 3)) / (1 + 1e-5) ** 0.5).softmax(1))


def test_a_model_is_evaluated_by_population_statistics_and_left_as_it_was(randn):
    model = Counting().train()
    model.frozen = nn.Dropout().eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    batch = [(randn(8, 3, 4, 4) + 3, torch.zeros(8, dtype=torch.long))]
    first, second = (predict(model, batch)[0] for _ in range(2))
    assert torch.equal(first, second)
    assert model.training and model.norm.training and not model.frozen.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_modes_come_back_though_the_model_fails():
    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout()).train()
    with pytest.raises(RuntimeError, match=r"mat1|shapes"):
        predict(model, [(torch.zeros(1, 3, 5, 5), torch.zeros(1, dtype=torch.long))])
    assert model.training and model[1].training


def test_crops_of_several_pictures_share_passes_and_are_averaged_by_picture(rng, randn, monkeypatch):
    monkeypatch.setattr(evaluation, "PIXELS", 8 * 4 * 4)
    model, crops, labels = Counting(), randn(5, 6, 3, 4, 4), labels_of(rng, 5, 3)
    p, _ = predict(model, [(crops, labels)])
    assert model.seen == [8, 8, 8, 6]
    alone = [predict(model, [(picture, labels[:1].expand(6))])[0].mean(0) for picture in crops]
    torch.testing.assert_close(p, torch.stack(alone))


def test_the_folded_network_predicts_the_same(randn):
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(16, 3))
    model(randn(16, 3, 4, 4) + 1)
    batch = [(randn(8, 3, 4, 4), torch.zeros(8, dtype=torch.long))]
    torch.testing.assert_close(predict(fold_batchnorm(model), batch)[0], predict(model, batch)[0])


def test_an_ensemble_is_the_arithmetic_mean_of_probabilities(randn):
    members = [randn(7, 4).softmax(1) for _ in range(3)]
    torch.testing.assert_close(ensemble(members), sum(members) / 3)


def test_an_ensemble_can_hold_another_opinion_than_the_mean_of_logits():
    sure, unsure = torch.tensor([[9.0, 0.0, 0.0]]), torch.tensor([[-12.0, 1.0, 0.0]])
    assert ensemble([sure.softmax(1), unsure.softmax(1)]).argmax() == 0 != ((sure + unsure) / 2).argmax()


@pytest.mark.parametrize("members", [[], [torch.zeros(2, 3), torch.zeros(2, 4)]])
def test_networks_that_disagree_on_the_examples_are_no_ensemble(members):
    with pytest.raises(ValueError, match="expected one shape"):
        ensemble(members)


def picture(rng, width, height):
    """A picture whose colours say where a pixel lies: red across, green down; blue is noise."""
    across, down = np.meshgrid(np.arange(width) * 255 / width, np.arange(height) * 255 / height)
    return Image.fromarray(np.stack([across, down, rng.uniform(0, 255, (height, width))], 2).astype(np.uint8))


def resized(image, side):
    factor = side / min(image.size)
    return image.resize(tuple(max(side, round(length * factor)) for length in image.size), Image.Resampling.BILINEAR)


def by_hand(image, size, sides):
    """All crops, one by one, as the paper's authors describe them."""
    found = []
    for side in sides:
        whole = resized(image, side)
        width, height = whole.size
        for k in range(3):  # left, centre, right; or top, centre, bottom
            left, top = [0, (width - side) // 2, width - side][k], [0, (height - side) // 2, height - side][k]
            square = np.asarray(whole)[top:top + side, left:left + side]
            middle, end = (side - size) // 2, side - size
            for y, x in [(0, 0), (0, end), (end, 0), (end, end), (middle, middle)]:
                found += mirrored(square[y:y + size, x:x + size])
            found += mirrored(np.asarray(Image.fromarray(square).resize((size, size), Image.Resampling.BILINEAR)))
    return np.stack(found)


def mirrored(crop):
    return [crop, crop[:, ::-1]]


@pytest.mark.parametrize("width, height", [(90, 60), (60, 90), (64, 64), (61, 60), (200, 30)])
def test_the_144_crops_are_those_made_one_by_one(width, height, rng):
    image = picture(rng, width, height)
    crops = Crops(56)(image)
    assert crops.shape == (len(Crops(56)), 3, 56, 56) == (144, 3, 56, 56) and crops.dtype == torch.uint8
    np.testing.assert_array_equal(crops.permute(0, 2, 3, 1), by_hand(image, 56, [64, 72, 80, 88]))


def test_the_shorter_sides_are_the_papers_at_224():
    assert Crops(224).sides() == [256, 288, 320, 352] and Crops(224).shortest_side == 352


def test_of_square_pictures_the_centre_alone_gives_the_same_mean(rng):
    image = picture(rng, 64, 64)
    all_, alone = Crops(56)(image), Crops(56, squares=1)(image)
    assert len(alone) == len(Crops(56, squares=1)) == 48
    torch.testing.assert_close(all_.double().mean(0), alone.double().mean(0))
    assert {crop.numpy().tobytes() for crop in all_} == {crop.numpy().tobytes() for crop in alone}


def test_two_squares_are_refused():
    with pytest.raises(ValueError, match="squares is 2; expected 3, or 1"):
        Crops(56, squares=2)
