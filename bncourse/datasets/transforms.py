"""A picture -> the (3, H, W) bytes that a network sees: random in training, the centre in evaluation.

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
    """Largest changes: `factor` of brightness, contrast and saturation (1 - factor to 1 + factor), `hue` in turns
    to either side, `lighting` the standard deviation of the weight of each principal component."""

    factor: float | int
    hue: float | int
    lighting: float | int


DISTORTIONS = {"full": Distortion(0.5, 0.05, 0.1), "less": Distortion(0.2, 0, 0.1), "none": None}


class Training:
    """A random crop, a mirror image half the time, and photometric distortion "full", "less" or "none".

    `crop` is "inception", of random area and aspect, or "padded", for pictures that are small already: the picture,
    its shorter side brought to `size`, with `padding` pixels (an eighth of the size unless given) of mean colour
    around it, and a square of `size` anywhere in that.
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
    """The middle square of the picture whose shorter side was brought to 8/7 of `size` (256 for 224), or to `resize`.

    Takes a random generator as `Training` does, and draws nothing from it.
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
    """Left, top, right, bottom of a crop of random area and aspect anywhere in a picture of this (width, height)."""
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
    """A square of `size` anywhere in the picture (shorter side `size`) with `padding` pixels around it."""
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
    """The distortion of a picture of this mean colour, 0 to 255: what each pixel's (r, g, b, 1) is multiplied by.

    Brightness scales, contrast scales around the mean grey, saturation scales around each pixel's grey, the hue turns
    around the grey axis, and lighting adds a colour.
    """
    brightness, contrast, saturation = 1 + distortion.factor * rng.uniform(-1, 1, 3)
    steps = [brightness * np.eye(3), contrast, (1 - saturation) * GREY + saturation * np.eye(3)]
    if distortion.hue:
        steps.append(turned(2 * np.pi * distortion.hue * rng.uniform(-1, 1)))
    matrix, shift = np.eye(3), np.zeros(3)
    for k in rng.permutation(len(steps)):
        step, grey = steps[k], 0.0
        if k == 1:
            grey = (1 - contrast) * GREY @ (matrix @ mean + shift)
            step = contrast * np.eye(3)
        matrix, shift = step @ matrix, step @ shift + grey
    shift = shift + 255 * PRINCIPAL @ (distortion.lighting * rng.normal(size=3) * np.sqrt(EIGENVALUES))
    return np.column_stack([matrix, shift])


def turned(angle: float) -> Float[np.ndarray, "3 3"]:
    """The rotation of colours around the grey axis (1, 1, 1) by an angle in radians (Rodrigues)."""
    cross = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / np.sqrt(3)
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def mean_color(image: Image.Image) -> Float[np.ndarray, "3"]:
    return np.array(image.reduce(image.size).getpixel((0, 0)), float)


def to_tensor(image: Image.Image) -> UInt8[torch.Tensor, "3 height width"]:
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)


def normalize(images: torch.Tensor) -> Float[torch.Tensor, "*N 3 height width"]:
    """Bytes `(*N, 3, H, W)` to float32: (x / 255 - MEAN) / STD, per channel, on the device where they are.

    Raises TypeError for images that are not bytes.
    """
    if images.dtype != torch.uint8:
        raise TypeError(f"images have dtype {images.dtype}; expected torch.uint8, bytes from 0 to 255")
    mean, std = (255 * torch.tensor(values, device=images.device)[:, None, None] for values in (MEAN, STD))
    return images.to(torch.float32).sub_(mean).div_(std)
