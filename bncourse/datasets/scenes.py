"""Procedural colour pictures of any size: the data of section 4.2's experiments where no photographs are at hand.

A scene is a landscape, sky above hills, with small discs of any colour in it and one large object before it. The
object is a disc, a square, a triangle or a cross; plain or striped; of a warm colour (red to yellow) or a cool one
(green to violet): 16 classes. Shape, surface and colour all have to be seen. Place, size, rotation, colours, light
and noise vary. The pictures are synthetic, and captions say so.

A scene depends only on the seed, the split and its index; `size` only draws it finer. It is the same on every
machine, bit for bit (see exact.py).
"""

import hashlib

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from bncourse.datasets import exact
from bncourse.datasets.exact import Values, between, random_bytes, rotated

LENGTH = {"train": 4_000, "val": 1_000}
SHAPES, SURFACES, COLORS = ("disc", "square", "triangle", "cross"), ("plain", "striped"), ("warm", "cool")
CLASSES = [f"{color} {surface} {shape}" for shape in SHAPES for surface in SURFACES for color in COLORS]
NUMBERS = 64  # random numbers that make one scene
DISCS = 3  # small ones, in the background
CHUNK = 2**18  # pixels drawn at a time, to stay in the processor's caches


class Scenes:
    """The scenes of one split, drawn at once and held in memory.

    `split` is "train" or "val". `n` is the number of scenes, 4,000 in "train" and 1,000 in "val" unless given. `size`
    is their height and width in pixels, and `seed` is 0 or more. The attribute `images` is (n, size, size, 3) uint8,
    `labels` (n,) int64, and `classes` the names of the 16 classes. Raises ValueError for another split, a negative n
    and a size under 8 pixels.
    """

    def __init__(self, split: str = "train", n: int | None = None, *, size: int = 64, seed: int = 0):
        if split not in LENGTH:
            raise ValueError(f"split is {split!r}; expected 'train' or 'val'")
        n = LENGTH[split] if n is None else n
        if n < 0:
            raise ValueError(f"n is {n}; expected the number of pictures, 0 or more")
        if size < 8:
            raise ValueError(f"size is {size}; expected 8 pixels or more")
        self.split, self.seed, self.classes = split, seed, list(CLASSES)
        self.labels, self.images = drawn(split, n, size, seed)

    def __len__(self) -> int:
        return len(self.labels)

    def image(self, i: int, shortest_side: int | None = None) -> Image.Image:
        """Scene i. `shortest_side` matters for pictures that are decoded, and changes nothing here."""
        return Image.fromarray(self.images[i])

    def name(self, i: int) -> str:
        """What messages call scene i."""
        return f"scenes: {self.split}/{i} (seed {self.seed})"

    def fingerprint(self) -> str:
        """A SHA-256 of the pictures' shape and bytes and of the labels, in hexadecimal digits."""
        digest = hashlib.sha256(f"{self.images.shape}\n".encode())
        digest.update(self.images)
        digest.update(self.labels.astype("<i8"))
        return digest.hexdigest()


def drawn(split: str, n: int, size: int, seed: int) -> tuple[np.ndarray, UInt8[np.ndarray, "n size size 3"]]:
    """Labels (n,) and pictures of the scenes of a split, drawn some at a time."""
    stream, grain = (np.random.PCG64([seed, list(LENGTH).index(split), part]) for part in (0, 1))
    words = -(-size * size // 8)  # a byte of noise a pixel
    step = max(1, CHUNK // size**2)
    labels, images = np.empty(n, np.int64), np.empty((n, size, size, 3), np.uint8)
    for start in range(0, n, step):
        some = slice(start, min(start + step, n))
        count = some.stop - some.start
        raw = stream.random_raw(count * NUMBERS).reshape(count, NUMBERS)
        noise = random_bytes(grain.random_raw(count * words)).reshape(count, -1)[:, :size * size]
        labels[some], images[some] = draw(exact.uniform(raw), noise.reshape(count, size, size))
    return labels, images


def draw(uniform: Values, noise: UInt8[np.ndarray, "n size size"]) -> tuple[np.ndarray, np.ndarray]:
    """Labels and pictures of n scenes, made of `uniform` (n, NUMBERS), random numbers in [0, 1), and bytes of noise."""
    numbers = iter(uniform.T[:, :, None, None])
    size = noise.shape[-1]
    pixel = (np.arange(size, dtype=np.float32) + np.float32(0.5)) / np.float32(size)
    x, y = pixel[None, None, :], pixel[None, :, None]  # to the right and down, 0 to 1
    label = (uniform[:, 0] * len(CLASSES)).astype(np.int64)
    next(numbers)
    picture = landscape(numbers, x, y, size)
    for _ in range(DISCS):
        distance = length(x - next(numbers), y - next(numbers)) - between(0.02, 0.06, next(numbers))
        lay(picture, cover(distance, size), color(next(numbers), between(0.3, 1, next(numbers)), next(numbers)))
    lay(picture, *the_object(numbers, label, x, y, size))
    light = between(0.75, 1.1, next(numbers)) + between(-0.25, 0.25, next(numbers)) * (x - np.float32(0.5))
    grain = between(0, 0.15, next(numbers)) * (noise.astype(np.float32) - 128)
    shades = [np.clip(255 * light * channel + grain + np.float32(0.5), 0, 255) for channel in picture]
    return label, np.stack([shade.astype(np.uint8) for shade in shades], axis=-1)


def landscape(numbers, x: Values, y: Values, size: int) -> list[Values]:
    """A picture, as three channels, of a sky that pales towards the horizon and of hills before it.

    `numbers` gives the random numbers in turn, and `x` and `y` are the places of the pixels, 0 to 1.
    """
    hue, strength = next(numbers), between(0.05, 0.3, next(numbers))
    sky = color(hue, strength, between(0.6, 1, next(numbers)))
    pale = between(0.2, 0.7, next(numbers)) * y
    picture = [channel + (np.float32(0.95) - channel) * pale + 0 * x for channel in sky]
    for height in (0.55, 0.75):
        wave = x * between(0.5, 2, next(numbers)) + next(numbers)
        hill = np.abs(wave - np.floor(wave) - np.float32(0.5))
        hill = hill * hill * between(-0.8, 0.8, next(numbers)) + between(height - 0.1, height + 0.15, next(numbers))
        ground = color(next(numbers), between(0.05, 0.35, next(numbers)), between(0.3, 0.8, next(numbers)))
        lay(picture, cover(hill - y, size), ground)
    return picture


def the_object(numbers, label: np.ndarray, x: Values, y: Values, size: int) -> tuple[Values, list[Values]]:
    """How much of each pixel the object covers, and its colour there."""
    radius = between(0.24, 0.4, next(numbers))
    right, down = (x - between(0.36, 0.64, next(numbers))) / radius, (y - between(0.4, 0.62, next(numbers))) / radius
    right, down = rotated(right, down, between(-0.2, 0.2, next(numbers)))
    cool, striped, shape = label % 2, label // 2 % 2, label // 4
    distance = np.empty(right.shape, np.float32)
    for k, measure in enumerate((disc, square, triangle, cross)):
        distance[shape == k] = measure(right[shape == k], down[shape == k])
    # from magenta-red to yellow, or from green to violet
    place = next(numbers)
    warm = cool[:, None, None] == 0
    hue = np.where(warm, between(-0.05, 0.15, place), between(0.3, 0.75, place)).astype(np.float32)
    strength, value = between(0.6, 1, next(numbers)), between(0.6, 1, next(numbers))
    paint = color(hue - np.floor(hue), strength, value)
    across, _ = rotated(right, down, between(-1, 1, next(numbers)))
    wave = across * between(1, 2, next(numbers)) + next(numbers)
    band = (np.float32(0.25) - np.abs(wave - np.floor(wave) - np.float32(0.5))) * radius
    striped = striped[:, None, None] * cover(band, size)
    other = np.where(next(numbers) < 0.5, np.float32(0.1), np.float32(0.95))
    shade = 1 - between(0, 0.3, next(numbers)) * (down + 1)
    return cover(distance * radius, size), [(c + (other - c) * striped) * shade for c in paint]


def disc(x: Values, y: Values) -> Values:
    """How far the points (x, y) lie outside a disc around the origin, negative inside; so the three functions below."""
    return length(x, y) - np.float32(0.9)


def square(x: Values, y: Values) -> Values:
    return np.maximum(np.abs(x), np.abs(y)) - np.float32(0.8)


def triangle(x: Values, y: Values) -> Values:
    return np.maximum(y - np.float32(0.6), np.abs(x) * np.float32(0.866) - y * np.float32(0.5) - np.float32(0.55))


def cross(x: Values, y: Values) -> Values:
    x, y = np.abs(x), np.abs(y)
    return np.maximum(np.maximum(x, y) - np.float32(1), np.minimum(x, y) - np.float32(0.33))


def length(x: Values, y: Values) -> Values:
    return np.sqrt(x * x + y * y)


def cover(distance: Values, size: int) -> Values:
    """The share of each pixel that lies inside a shape.

    `distance` is that of the pixel's center from the shape's edge, negative inside, in units of the picture's side.
    """
    return np.clip(np.float32(0.5) - distance * np.float32(size), 0, 1)


def lay(picture: list[Values], share: Values, paint: list[Values]):
    """Covers a picture, in place: the given share of each pixel takes the color `paint`."""
    for channel, over in zip(picture, paint, strict=True):
        channel += share * (over - channel)


def color(hue: Values, strength: Values, value: Values) -> list[Values]:
    """Red, green, blue, 0 to 1, of a hue in turns (0 is red), a saturation and a value (HSV)."""
    edges = [np.abs(hue * 6 - 3) - 1, 2 - np.abs(hue * 6 - 2), 2 - np.abs(hue * 6 - 4)]
    return [value * (1 - strength * (1 - np.clip(edge, 0, 1))) for edge in edges]
