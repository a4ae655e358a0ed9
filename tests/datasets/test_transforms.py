"""Transforms: what is drawn stays within its bounds, the colours do as the steps say one by one, bytes come out."""

import numpy as np
import pytest
import torch
from PIL import Image

from bncourse.datasets import transforms
from bncourse.datasets.transforms import (
    DISTORTIONS,
    GREY,
    MEAN,
    STD,
    Center,
    Distortion,
    Training,
    color_matrix,
    inception_box,
    normalize,
    turned,
)


def picture(rng, width, height):
    return Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))


EVERY = [Training(24), Training(24, "less"), Training(24, "none"), Training(24, crop="padded"), Center(24),
         Training(24, "none", crop="padded", padding=0), Center(24, 24)]


@pytest.mark.parametrize("transform", EVERY)
def test_pictures_of_any_size_become_bytes_of_one_size_and_stay_as_they_are(transform, rng):
    for width, height in [(24, 24), (1, 1), (300, 2), (25, 23), *rng.integers(1, 200, (20, 2)).tolist()]:
        image = picture(rng, width, height)
        before = image.tobytes()
        found = transform(image, rng)
        assert found.shape == (3, 24, 24) and found.dtype == torch.uint8
        assert image.tobytes() == before


@pytest.mark.parametrize("transform", EVERY)
def test_the_same_random_numbers_make_the_same_picture(transform, rng):
    image = picture(rng, 60, 40)
    first, again, other = (transform(image, np.random.Generator(np.random.PCG64(seed))) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert torch.equal(first, other) == isinstance(transform, Center)


def test_crops_keep_to_the_picture_to_their_share_of_its_area_and_to_their_aspect(rng):
    shares, aspects = [], []
    for width, height in rng.integers(20, 500, (400, 2)).tolist():
        left, top, right, bottom = inception_box((width, height), (0.08, 1.0), rng)
        assert 0 <= left < right <= width and 0 <= top < bottom <= height
        shares.append((right - left) * (bottom - top) / (width * height))
        aspects.append((right - left) / (bottom - top))
    assert 3 / 4 - 1e-9 <= min(aspects) < 0.77 and 1.3 < max(aspects) <= 4 / 3 + 1e-9
    assert min(shares) < 0.12 and max(shares) > 0.85
    assert inception_box((1000, 10), (0.9, 1.0), rng) == (495, 0, 505, 10)  # nothing fits: the middle square


def test_padded_crops_move_the_picture_by_up_to_the_padding(rng):
    image, transform = Image.new("RGB", (16, 16), (255, 255, 255)), Training(16, "none", crop="padded", padding=3)
    offsets = set()
    for _ in range(300):
        white = (transform(image, rng) == 255).all(0).numpy()
        rows, columns = np.flatnonzero(white.any(1)), np.flatnonzero(white.any(0))
        assert white.sum() == len(rows) * len(columns)
        offsets.add((16 - len(rows), 16 - len(columns)))
    assert offsets == {(down, right) for down in range(4) for right in range(4)}
    around = {tuple(colour) for colour in transform(image, rng).permute(1, 2, 0).reshape(-1, 3).tolist()}
    assert around <= {(255, 255, 255), transforms.FILL}


def test_half_of_the_pictures_are_mirrored(rng):
    image = picture(rng, 16, 16)
    transform = Training(16, "none", crop="padded", padding=0)
    plain = torch.from_numpy(np.array(image)).permute(2, 0, 1)
    mirrored = [torch.equal(transform(image, rng), plain.flip(2)) for _ in range(400)]
    assert 160 < sum(mirrored) < 240
    assert sum(torch.equal(transform(image, rng), plain) for _ in range(400)) > 160


def steps(rng, distortion, x):
    """The same distortion, one step after the other on every pixel (N, 3), from the same random numbers."""
    brightness, contrast, saturation = 1 + distortion.factor * rng.uniform(-1, 1, 3)
    hue = turned(2 * np.pi * distortion.hue * rng.uniform(-1, 1)) if distortion.hue else np.eye(3)
    order = rng.permutation(4 if distortion.hue else 3)
    weights = rng.normal(size=3)
    changes = [lambda x: brightness * x,
               lambda x: contrast * x + (1 - contrast) * (x @ GREY).mean(),
               lambda x: saturation * x + (1 - saturation) * (x @ GREY)[:, None],
               lambda x: x @ hue.T]
    for k in order:
        x = changes[k](x)
    return x + 255 * (transforms.PRINCIPAL * distortion.lighting * weights * np.sqrt(transforms.EIGENVALUES)).sum(1)


@pytest.mark.parametrize("distortion", [DISTORTIONS["full"], DISTORTIONS["less"], Distortion(0.9, 0.5, 1.0)])
def test_one_matrix_does_what_the_steps_do_one_by_one(distortion, rng):
    for seed in range(30):
        x = rng.uniform(0, 255, (50, 3))
        one, other = (np.random.Generator(np.random.PCG64(seed)) for _ in range(2))
        matrix = color_matrix(distortion, x.mean(0), one)
        np.testing.assert_allclose(x @ matrix[:, :3].T + matrix[:, 3], steps(other, distortion, x), atol=1e-9)


def test_no_change_is_the_identity_and_a_turn_of_the_hue_leaves_grey_alone(rng):
    nothing = color_matrix(Distortion(0, 0, 0), np.array([1.0, 2.0, 3.0]), rng)
    np.testing.assert_allclose(nothing, np.eye(3, 4), atol=1e-12)
    for angle in rng.uniform(-4, 4, 10):
        np.testing.assert_allclose(turned(angle) @ np.ones(3), np.ones(3), atol=1e-12)
        np.testing.assert_allclose(turned(angle) @ turned(angle).T, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(turned(2 * np.pi / 3) @ [1, 0, 0], [0, 1, 0], atol=1e-12)  # red becomes green


def test_less_distortion_is_less(rng):
    image = picture(rng, 32, 32)
    changes = {}
    for name in DISTORTIONS:
        seeds = (np.random.Generator(np.random.PCG64(seed)) for seed in range(60))
        plain = Training(32, "none", crop="padded", padding=0)
        pairs = [(Training(32, name, crop="padded", padding=0)(image, rng).float(), plain(image, rng).float())
                 for rng in seeds]
        changes[name] = np.mean([min((a - b).abs().mean(), (a - b.flip(2)).abs().mean()) for a, b in pairs])
    assert changes["none"] == 0 and 1.5 * changes["less"] < changes["full"]


def test_the_principal_components_are_orthonormal():
    np.testing.assert_allclose(transforms.PRINCIPAL.T @ transforms.PRINCIPAL, np.eye(3), atol=1e-3)


def test_the_centre_is_the_centre(rng):
    image = picture(rng, 30, 20)
    expected = np.asarray(image)[2:18, 7:23].transpose(2, 0, 1)
    np.testing.assert_array_equal(Center(16, 20)(image), expected)
    ramp = Image.fromarray(np.broadcast_to(np.arange(240, dtype=np.uint8)[:, None], (160, 240, 3)).copy())
    middles = 56 + 8 * np.arange(16) + 3.5  # of eight columns each, in the middle 128 of 240
    np.testing.assert_allclose(Center(16, 20)(ramp), np.broadcast_to(middles, (3, 16, 16)), atol=1)
    assert Center(224).shortest_side == 256


def test_normalized_colours_have_mean_0_and_std_1_where_the_bytes_have_the_constants(rng):
    images = torch.from_numpy(rng.integers(0, 256, (4, 3, 5, 6), dtype=np.uint8))
    expected = (images.double() / 255 - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]
    found = normalize(images)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), expected, atol=1e-6, rtol=0)
    torch.testing.assert_close(normalize(images[0]), found[0])


@pytest.mark.parametrize("call, told", [
    (lambda: Training(0), "size is 0"), (lambda: Training(8, "more"), "distortion is 'more'; expected one of 'full'"),
    (lambda: Training(8, crop="any"), "crop is 'any'"), (lambda: Training(8, area=(0.5, 0.1)), "area is"),
    (lambda: Center(8, 7), "size is 8 and resize is 7; expected 0 < size <= resize"),
])
def test_what_cannot_be_is_refused(call, told):
    with pytest.raises(ValueError, match=told):
        call()


def test_normalize_takes_bytes_alone():
    with pytest.raises(TypeError, match=r"images have dtype torch\.float32; expected torch\.uint8"):
        transforms.normalize(torch.rand(2, 3, 4, 4))
