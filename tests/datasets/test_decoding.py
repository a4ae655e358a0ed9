"""Decoding: every kind of JPEG and PNG becomes an upright RGB picture, or an error that names it."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageOps

from bncourse.datasets.decoding import CorruptPicture, decode, orientation
from tests.datasets.packed import encoded


@pytest.fixture
def smooth():
    """A picture 48 x 32 whose colours change slowly, so that JPEG keeps them."""
    y, x = np.mgrid[0:32, 0:48]
    return np.stack([5 * x, 7 * y, 255 - 3 * x - 3 * y], axis=2).astype(np.uint8)


def pixels(data, shortest_side=None):
    image = decode(data, "picture", shortest_side)
    assert image.mode == "RGB"
    return np.asarray(image).astype(int)


@pytest.mark.parametrize("kind, mode", [("PNG", "RGB"), ("PNG", "L"), ("PNG", "1"), ("JPEG", "L"), ("JPEG", "RGB")])
def test_what_pillow_reads_is_read_as_rgb(smooth, kind, mode):
    image = Image.fromarray(smooth).convert(mode)
    data = encoded(image, kind)
    np.testing.assert_array_equal(pixels(data), np.asarray(Image.open(io.BytesIO(data)).convert("RGB")))
    if mode in "L1":
        assert (np.ptp(pixels(data), axis=2) == 0).all()


def test_cmyk_keeps_its_colours(smooth):
    image = Image.fromarray(smooth).convert("CMYK")
    np.testing.assert_allclose(pixels(encoded(image, quality=95)), smooth, atol=12)


def test_sixteen_bits_of_grey_keep_their_upper_byte(rng):
    grey = rng.integers(0, 2**16, (6, 7), dtype=np.uint16)
    expected = np.repeat((grey >> 8)[:, :, None], 3, axis=2)
    np.testing.assert_array_equal(pixels(encoded(Image.fromarray(grey), "PNG")), expected)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "RGB"])
def test_what_is_transparent_lies_over_white(smooth, mode):
    if mode == "P":
        image = Image.fromarray(smooth).convert("P", palette=Image.Palette.ADAPTIVE, colors=8)
        data = encoded(image, "PNG", transparency=3)
        covered = np.asarray(image) != 3
    elif mode == "RGB":
        smooth[:, :20] = (1, 2, 3)
        image, covered = Image.fromarray(smooth), np.arange(48) >= np.full((32, 1), 20)
        data = encoded(image, "PNG", transparency=(1, 2, 3))
    else:
        alpha = np.broadcast_to(np.arange(48) * 5, (32, 48)).astype(np.uint8)
        image = Image.fromarray(smooth).convert(mode)
        image.putalpha(Image.fromarray(alpha))
        data, covered = encoded(image, "PNG"), alpha / 255
    solid = np.asarray(image.convert("RGB")).astype(float)
    share = np.asarray(covered, float)[:, :, None]
    np.testing.assert_allclose(pixels(data), share * solid + (1 - share) * 255, atol=1.5)


@pytest.mark.parametrize("turn", range(1, 9))
def test_a_picture_stands_upright_as_pillow_turns_it(smooth, turn):
    exif = Image.Exif()
    exif[0x0112] = turn
    for kind in ("JPEG", "PNG"):
        data = encoded(Image.fromarray(smooth), kind, exif=exif)
        expected = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
        np.testing.assert_array_equal(pixels(data), np.asarray(expected))


def test_an_exif_block_that_cannot_be_read_turns_nothing(rng):
    for order in (b"II", b"MM"):
        entry = struct.pack({b"II": "<", b"MM": ">"}[order] + "HIHHIHH", 42, 8, 1, 0x0112, 1, 6, 0)
        block = b"Exif\0\0" + order + entry
    for cut in range(len(block)):
        assert orientation(block[:cut]) in (1, 6)
    for _ in range(200):
        assert isinstance(orientation(b"Exif\0\0" + bytes(rng.choice([b"II", b"MM"])) + rng.bytes(40)), int)


@pytest.mark.parametrize("width, height", [(640, 480), (481, 333), (100, 900), (64, 64)])
def test_a_reduced_picture_keeps_its_shape_and_its_shorter_side(rng, width, height):
    data = encoded(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))
    for least in (1, 30, 60, 100, 224, 2000):
        found = decode(data, "", least).size
        factor = round(width / found[0])
        assert factor in (1, 2, 4, 8) and found == (-(-width // factor), -(-height // factor))
        assert min(found) >= min(least, width, height)
        assert factor == 8 or min(width, height) // (2 * factor) < least  # no further reduction was possible


def test_a_reduced_picture_looks_like_the_whole_one(smooth):
    large = np.asarray(Image.fromarray(smooth).resize((480, 320)))
    small = pixels(encoded(large, quality=95), shortest_side=80)
    np.testing.assert_allclose(small, np.asarray(Image.fromarray(large).reduce(4)), atol=6)


@pytest.mark.parametrize("spoil, told", [
    (lambda data: data[:len(data) // 2], "cannot be decoded: .*[Tt]runcated"), (lambda data: b"", "is neither a JPEG"),
    (lambda data: data[:10], "is neither a JPEG nor a PNG|cannot be decoded"),
    (lambda data: b"GIF89a" + data, "is neither a JPEG nor a PNG picture"),
], ids=["half", "nothing", "ten bytes", "another format"])
def test_a_spoiled_picture_is_named(smooth, spoil, told):
    for kind in ("JPEG", "PNG"):
        with pytest.raises(CorruptPicture, match=rf"train\.tar: n1/x\.JPEG ({told})"):
            decode(spoil(encoded(smooth, kind)), "train.tar: n1/x.JPEG")


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow looks for a resolution in EXIF, and says what is broken
def test_bytes_changed_anywhere_give_a_picture_or_an_error_that_names_it(smooth, rng):
    for kind in ("JPEG", "PNG"):
        whole = encoded(smooth, kind, exif=Image.Exif())
        for _ in range(150):
            changed = bytearray(whole)
            for place in rng.integers(0, len(whole), int(rng.integers(1, 4))):
                changed[place] = rng.integers(256)
            try:
                assert decode(bytes(changed), "x.JPEG", 8).mode == "RGB"
            except CorruptPicture as error:
                assert str(error).startswith("x.JPEG ")


@pytest.mark.parametrize("width, height", [(20_000, 10_000), (9_000, 9_000), (2**31 - 1, 2**31 - 1)])
def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded(width, height, monkeypatch):
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", b"")]
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks)
    monkeypatch.setattr(Image.Image, "load", lambda image: pytest.fail("decoded"))
    with pytest.raises(CorruptPicture, match=r"x\.JPEG .*64,000,000 pixels"):
        decode(data, "x.JPEG")


def test_a_palette_picture_without_a_palette_is_corrupt():
    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    png = (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 2, 8, 3, 0, 0, 0))
           + chunk(b"IDAT", zlib.compress(b"\0\0\1\0\1\0")) + chunk(b"IEND", b""))
    with pytest.raises(CorruptPicture, match=r"x\.png cannot be decoded"):
        decode(png, "x.png")
