"""Procedural 28x28 digits: the data of section 4.1's experiment where nothing can be downloaded.

Each picture is a digit written by a pen: one of several drawings of that digit, its points moved
a little, then sized, slanted, rotated, bent and shifted, inked with a pen of some width and
strength, and covered with a little noise. The pictures are synthetic, and captions say so.

A picture depends only on the seed, the split and its index, so the first hundred of ten thousand
are the hundred that `n=100` gives. It is the same on every machine, bit for bit (see exact.py).
"""

import functools
from itertools import pairwise

import numpy as np
from jaxtyping import Float, Int, UInt8

from bncourse.datasets import exact
from bncourse.datasets.exact import between, random_bytes, rotated

Images = UInt8[np.ndarray, "n 28 28"]
Labels = Int[np.ndarray, "n"]
Points = Float[np.ndarray, "n 2 points"]

SIZE = 28
LENGTH = {"train": 10_000, "test": 2_000}

# How digits are written: strokes separated by commas, each a smooth curve through points "xy" of a
# 10 x 10 grid, x to the right and y down. Strokes that share a point meet there in a corner.
DRAWINGS = {
    0: ("50 21 15 28 59 78 95 71 50", "61 31 05 29 69 87 84 60 20", "40 22 25 38 59 67 75 62 40"),
    1: ("50 59", "33 50, 50 59", "33 50, 50 59, 29 89", "61 55 49"),
    2: ("12 30 70 83 56 19, 19 99", "12 41 73 56 19 17 38 69 98", "11 50 82 65 18, 18 59 98"),
    3: ("11 40 71 73 44, 44 85 87 59 18", "10 80, 80 44, 44 86 79 39 08", "02 30 72 44 34, 44 76 68 39 07"),
    4: ("70 06, 06 96, 70 79", "20 05, 05 85, 72 69", "10 15 45 74, 80 75 69"),
    5: ("80 20, 20 14, 14 53 85 78 49 08", "90 20, 20 24, 24 64 86 69 29", "81 30 13 44 76 68 39 08"),
    6: ("70 33 16 29 69 87 65 26", "60 24 07 39 78 76 55 17", "81 40 14 17 49 87 75 45 17"),
    7: ("00 90, 90 55 49", "00 90, 90 49, 35 85", "02 00, 00 90, 90 39", "01 40 90 65 59"),
    8: ("82 50 22 44 86 59 17 44 82", "50 22 44 72 50, 44 17 59 87 44", "71 30 23 65 78 49 18 45 71"),
    9: ("82 50 22 35 65 82, 82 79", "81 40 13 45 83 81, 83 77 49 18", "72 40 14 45 73, 72 75 49"),
}

POINTS = 16  # no drawing has more different points
SHAPE_NUMBERS = 14 + 2 * POINTS  # random numbers that make one picture's lines
NOISE_NUMBERS = SIZE * SIZE // 8  # one byte a pixel, eight bytes a number


def load(split: str = "train", n: int | None = None, seed: int = 0) -> tuple[Images, Labels]:
    """Pictures of digits, made from a seed.

    `split` is "train" or "test", which have different pictures. `n` is their number, 10,000 in "train" and 2,000 in
    "test" unless given. `seed` is 0 or more. Returns images (n, 28, 28) uint8, where 0 is paper and 255 is ink, and
    labels (n,) int64, the digits. Raises ValueError for another split and for a negative n.
    """
    if split not in LENGTH:
        raise ValueError(f"split is {split!r}; expected 'train' or 'test'")
    n = LENGTH[split] if n is None else n
    if n < 0:
        raise ValueError(f"n is {n}; expected the number of pictures, 0 or more")
    images, labels = _drawn(split, n, seed)
    return images.copy(), labels.copy()


@functools.lru_cache(maxsize=4)
def _drawn(split: str, n: int, seed: int) -> tuple[Images, Labels]:
    """What `load` returns, and gives away as copies: a lesson and its experiments ask for the same pictures."""
    stream = np.random.PCG64([seed, list(LENGTH).index(split)])
    raw = stream.random_raw(n * (SHAPE_NUMBERS + NOISE_NUMBERS)).reshape(n, SHAPE_NUMBERS + NOISE_NUMBERS)
    uniform = exact.uniform(raw[:, :SHAPE_NUMBERS])
    noise = random_bytes(raw[:, SHAPE_NUMBERS:]).reshape(n, SIZE, SIZE)
    labels = (uniform[:, 0] * 10).astype(np.int64)
    images = np.empty((n, SIZE, SIZE), np.uint8)
    for digit, drawings in DRAWINGS.items():
        choice = (uniform[:, 1] * len(drawings)).astype(np.int64)
        for which, drawing in enumerate(drawings):
            members = (labels == digit) & (choice == which)
            images[members] = write(drawing, uniform[members, 2:], noise[members])
    return images, labels


def write(drawing: str, uniform: Float[np.ndarray, "n numbers"], noise: Images) -> Images:
    """One drawing of `DRAWINGS` in n hands.

    `uniform` holds the random numbers in [0, 1) of each hand, and `noise` random bytes (n, 28, 28).
    """
    strokes = [stroke.split() for stroke in drawing.split(",")]
    names = list(dict.fromkeys(point for stroke in strokes for point in stroke))
    hand, moves = uniform[:, :12], uniform[:, 12:].reshape(len(uniform), 2, POINTS)
    grid = np.array([[int(x), int(y)] for x, y in names], np.float32).T  # (2, points)
    moved = grid + between(-0.6, 0.6, moves[:, :, :len(names)])
    place = dict(zip(names, np.moveaxis(placed(moved, hand), 2, 0), strict=True))
    distance = distance_to([line for stroke in strokes for line in lines([place[name] for name in stroke])])
    radius, strength, dirtiness = hand[:, 9:12].T[:, :, None, None]
    ink = between(170, 255, strength) * np.clip(between(0.7, 1.7, radius) + 0.5 - distance, 0, 1)
    dirt = between(0, 0.25, dirtiness) * (noise.astype(np.float32) - 128)
    return np.clip(ink + dirt + 0.5, 0, 255).astype(np.uint8)


def placed(points: Points, hand: Float[np.ndarray, "n 12"]) -> Points:
    """The points of a drawing, moved from its 10 x 10 grid to pixels: sized, bent, slanted, rotated and shifted.

    `hand` holds the random numbers in [0, 1) that decide how, one row for each picture.
    """
    height, width, slant, bend, skew, turn, right, down, _ = hand[:, :9].T[:, :, None]
    x, y = (points[:, 0] - 4.5) / 9, (points[:, 1] - 4.5) / 9
    x, y = x + between(-0.4, 0.4, bend) * (y * y - 0.1), y + between(-0.2, 0.2, skew) * x * y
    height = between(13, 20, height)
    x, y = x * height * between(0.5, 0.95, width), y * height
    x = x - between(-0.25, 0.45, slant) * y
    x, y = rotated(x, y, between(-0.13, 0.13, turn))  # by 15 degrees at most
    return np.stack([x + between(11, 16, right), y + between(11.5, 15.5, down)], axis=1)


def lines(points: list) -> list:
    """The smooth curve through the points (Catmull-Rom), as short straight lines (start, end)."""
    closed = points[0] is points[-1]
    padded = [points[-2 if closed else 0], *points, points[1 if closed else -1]]
    curve = [points[0]]
    for a, b, c, d in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        for t in (0.25, 0.5, 0.75):
            curve.append(t * ((-0.5 + t - 0.5 * t * t) * a + (-2.5 * t + 1.5 * t * t) * b
                              + (0.5 + 2 * t - 1.5 * t * t) * c + (-0.5 * t + 0.5 * t * t) * d) + b)
        curve.append(c)
    return list(pairwise(curve))


def distance_to(lines: list) -> Float[np.ndarray, "n 28 28"]:
    """The distance of each pixel's center from the nearest of the lines, in pixels."""
    pixel = np.arange(SIZE, dtype=np.float32)
    nearest = np.float32(np.inf)
    for start, end in lines:
        (right, down), (x, y) = (end - start).T, ((start + end) / 2).T
        length = np.maximum(np.sqrt(right * right + down * down), np.float32(1e-6))
        cos, sin = (right / length)[:, None, None], (down / length)[:, None, None]
        dx, dy = (pixel - x[:, None])[:, None, :], (pixel - y[:, None])[:, :, None]
        along = np.abs(cos * dx + sin * dy) - (length / 2)[:, None, None]
        across = cos * dy - sin * dx
        beyond = np.maximum(along, 0)
        nearest = np.minimum(nearest, beyond * beyond + across * across)
    return np.sqrt(nearest)
