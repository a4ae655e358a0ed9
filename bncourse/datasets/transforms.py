"""From a picture to the (3, H, W) bytes that a network sees: random in training, the center in evaluation.

    Training(224)(image, rng), Center(224)(image, rng)

Bytes until the batch; `normalize` then makes the numbers: (x / 255 - MEAN) / STD per channel, with ImageNet's usual
constants. The paper says "reduce the photometric distortions" (section 4.2.1) and gives no values. The published
sources: crops of 8 % to 100 % of the area and of an aspect from 3/4 to 4/3 (Szegedy et al. 2014); brightness,
contrast and colour changed by factors from 0.5 to 1.5 in random order (Howard 2013); lighting along the principal
components of ImageNet's colours with standard deviation 0.1 (Krizhevsky et al. 2012). The rest is ours: the aspect is
uniform in its logarithm, ten draws before the whole picture's centre is taken, bilinear interpolation, the turn of
the hue, and the whole of "less".

All of the distortion is linear in a pixel's colour, so its steps are multiplied into one 3 x 4 matrix, which is
applied once, after the crop; values are rounded and cut to 0 to 255 once, at the end.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image

MEAN = (0.485, 0.456, 0.406)  # of ImageNet's training set, red, green, blue, in units of 255
STD = (0.229, 0.224, 0.225)
FILL = tuple(round(255 * mean) for mean in MEAN)  # around a padded picture: near 0 once normalized

GREY = np.array([0.299, 0.587, 0.114])  # luma of ITU-R BT.601
PRINCIPAL = np.array([[-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.8140], [-0.5836, -0.6948, 0.4203]])
EIGENVALUES = np.array([0.2175, 0.0188, 0.0045])  # of the colours' covariance, in units of 255^2


@dataclass(frozen=True)
class Distortion:
    """How much photometric distortion may change a picture.

    Brightness, contrast and saturation are each multiplied by a number from 1 - `factor` to 1 + `factor`. The hue turns
    by up to `hue` of a full turn to either side. `lighting` is the standard deviation of the weight that each principal
    component of ImageNet's colours is given.
    """

    factor: float | int
    hue: float | int
    lighting: float | int


DISTORTIONS = {"full": Distortion(0.5, 0.05, 0.1), "less": Distortion(0.2, 0, 0.1), "none": None}


class Training:
    """A transform for training: a random crop, often mirrored, with photometric distortions (section 4.2.1).

    `size` is the side of the crop in pixels, and `distortion` is "full", "less" or "none". Half of the crops become
    mirror images. `crop` is "inception" or "padded". An "inception" crop has a random place, aspect and area, a share
    of the picture between the two numbers of `area`. A "padded" crop is for pictures that are small already. The
    picture's shorter side is brought to `size`, the picture is given a border of `padding` pixels of mean colour, an
    eighth of the size unless said, and the crop is a square of `size` anywhere in picture and border.

    Called with a picture and a random generator, it returns bytes `(3, size, size)`. The attribute `shortest_side` is
    the shorter side that a picture needs, in pixels. Raises ValueError, which names the argument.
    """

    def __init__(self, size: int, distortion: str = "full", *, crop: str = "inception", padding: int | None = None,
                 area: tuple[float | int, float | int] = (0.08, 1.0)):
        if size < 1:
            raise ValueError(f"size is {size}; expected 1 or more pixels")
        if distortion not in DISTORTIONS:
            raise ValueError(f"distortion is {distortion!r}; expected one of {', '.join(map(repr, DISTORTIONS))}")
        if crop not in ("inception", "padded"):
            raise ValueError(f"crop is {crop!r}; expected 'inception' or 'padded'")
        if not 0 < area[0] <= area[1] <= 1:
            raise ValueError(f"area is {area}; expected the smallest and the largest share of the picture, "
                             "above 0 and up to 1")
        self.size, self.crop, self.area = size, crop, area
        self.padding = size // 8 if padding is None else padding
        self.distortion = DISTORTIONS[distortion]
        self.shortest_side = 2 * size  # a crop is enlarged only where it has less than a quarter of the area

    def __call__(self, image: Image.Image, rng: np.random.Generator) -> UInt8[torch.Tensor, "3 size size"]:
        if self.crop == "inception":
            image = image.resize((self.size, self.size), Image.Resampling.BILINEAR, reducing_gap=2.0,
                                 box=inception_box(image.size, self.area, rng))
        else:
            image = padded_crop(image, self.size, self.padding, rng)
        if rng.random() < 0.5:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        if self.distortion is not None:
            image = image.convert("RGB", tuple(color_matrix(self.distortion, mean_color(image), rng).ravel()))
        return to_tensor(image)


class Center:
    """A transform for evaluation: the square in the middle of a picture, as bytes `(3, size, size)`.

    The picture's shorter side is first brought to `resize` pixels, which is 8/7 of `size` unless given: 256 for 224. A
    random generator may be handed over as to `Training`, and is not used. Raises ValueError for sizes that cannot be.
    """

    def __init__(self, size: int, resize: int | None = None):
        self.size, self.resize = size, round(size * 8 / 7) if resize is None else resize
        if not 0 < self.size <= self.resize:
            raise ValueError(f"size is {size} and resize is {self.resize}; expected 0 < size <= resize")
        self.shortest_side = self.resize

    def __call__(self, image: Image.Image, rng: np.random.Generator | None = None) -> UInt8[torch.Tensor,
                                                                                             "3 size size"]:
        width, height = image.size
        side = min(width, height) * self.size / self.resize
        left, top = (width - side) / 2, (height - side) / 2
        if (side, side) != (self.size, self.size) or left % 1 or top % 1:
            box = (left, top, left + side, top + side)
            return to_tensor(image.resize((self.size, self.size), Image.Resampling.BILINEAR, box=box, reducing_gap=2.0))
        return to_tensor(image.crop((int(left), int(top), int(left + side), int(top + side))))


def inception_box(size: tuple[int, int], area: tuple[float | int, float | int],
                  rng: np.random.Generator) -> tuple[float, float, float, float]:
    """A random crop's left, top, right and bottom, in pixels of a picture whose width and height are `size`.

    `area` is the smallest and the largest share of the picture that a crop has; its aspect is from 3/4 to 4/3. After
    ten draws that do not fit into the picture it is the square in the middle.
    """
    width, height = size
    for share, aspect, x, y in rng.random((10, 4)):
        pixels = width * height * (area[0] + (area[1] - area[0]) * share)
        ratio = (3 / 4) ** (1 - 2 * aspect)
        w, h = (pixels * ratio) ** 0.5, (pixels / ratio) ** 0.5
        if w <= width and h <= height:
            left, top = x * (width - w), y * (height - h)
            return left, top, min(left + w, width), min(top + h, height)
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    return left, top, left + side, top + side


def padded_crop(image: Image.Image, size: int, padding: int, rng: np.random.Generator) -> Image.Image:
    """A random square of `size` pixels from a picture whose shorter side is brought to `size`, padded all around."""
    shorter = min(image.size)
    if shorter != size:
        image = image.resize(tuple(max(size, round(side * size / shorter)) for side in image.size),
                             Image.Resampling.BILINEAR, reducing_gap=2.0)
    left, top = (int(rng.integers(-padding, side - size + padding + 1)) for side in image.size)
    if not padding:
        return image.crop((left, top, left + size, top + size))
    square = Image.new("RGB", (size, size), FILL)
    square.paste(image, (-left, -top))
    return square


def color_matrix(distortion: Distortion, mean: Float[np.ndarray, "3"],
                  rng: np.random.Generator) -> Float[np.ndarray, "3 4"]:
    """A random distortion, as the matrix by which each pixel's vector (r, g, b, 1) is multiplied.

    `mean` is the picture's mean colour, 0 to 255. Brightness scales, contrast scales around the grey of the mean,
    saturation scales around each pixel's grey, and the hue turns around the grey axis, in random order; then lighting
    adds a colour.
    """
    brightness, contrast, saturation = 1 + distortion.factor * rng.uniform(-1, 1, 3)
    steps = {"brightness": brightness * np.eye(3), "contrast": contrast * np.eye(3),
             "saturation": (1 - saturation) * GREY + saturation * np.eye(3)}
    if distortion.hue:
        steps["hue"] = turned(2 * np.pi * distortion.hue * rng.uniform(-1, 1))
    matrix, shift = np.eye(3), np.zeros(3)
    for k in rng.permutation(len(steps)):
        name, step = list(steps.items())[k]
        grey = (1 - contrast) * GREY @ (matrix @ mean + shift) if name == "contrast" else 0.0
        matrix, shift = step @ matrix, step @ shift + grey
    shift = shift + 255 * PRINCIPAL @ (distortion.lighting * rng.normal(size=3) * np.sqrt(EIGENVALUES))
    return np.column_stack([matrix, shift])


def turned(angle: float) -> Float[np.ndarray, "3 3"]:
    """The rotation of colours around the grey axis (1, 1, 1) by an angle in radians (Rodrigues)."""
    cross = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / np.sqrt(3)
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def mean_color(image: Image.Image) -> Float[np.ndarray, "3"]:
    """The mean red, green and blue of a picture, 0 to 255."""
    return np.array(image.reduce(image.size).getpixel((0, 0)), float)


def to_tensor(image: Image.Image) -> UInt8[torch.Tensor, "3 height width"]:
    """The bytes of a picture, channels first."""
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)


def normalize(images: torch.Tensor) -> Float[torch.Tensor, "*N 3 height width"]:
    """The numbers that a network takes, made of bytes: (x / 255 - MEAN) / STD for each channel, in float32.

    `images` are bytes `(*N, 3, H, W)`, and the result has their shape and is on their device. This is the one place
    where bytes become numbers; `Batches` calls it. Raises TypeError for images that are not bytes.
    """
    if images.dtype != torch.uint8:
        raise TypeError(f"images have dtype {images.dtype}; expected torch.uint8, bytes from 0 to 255")
    mean, std = (255 * torch.tensor(values, device=images.device)[:, None, None] for values in (MEAN, STD))
    return images.to(torch.float32).sub_(mean).div_(std)
