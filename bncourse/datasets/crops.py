"""Where the 144 crops of a picture lie, in whole pixels: section 4.2.3, by the scheme of GoogLeNet's authors.

The paper averages a network's predictions over 144 crops of each picture "as in" Szegedy et al. 2014, who write:
the picture at 4 scales; at each scale 3 squares; of each square 6 crops, which are the four corners, the center and
the whole square resized; and the mirror image of each crop: 4 x 3 x 6 x 2 = 144.

    shorter_sides(224)           [256, 288, 320, 352]: the four scales
    resized(500, 375, 256)       (341, 256): width and height at the first scale
    rectangles(341, 256, 224)    18 rectangles: the six crops of each of three squares

A rectangle is left, top, right, bottom, counted in pixels from the picture's upper left corner. Where a square or a
crop would begin at half a pixel, it begins at the pixel before. `bncourse.evaluation.Crops` cuts pictures by these
rectangles, and adds the mirror images.
"""

from itertools import product

import numpy as np
from jaxtyping import Int

SCALES = (8, 9, 10, 11)  # the shorter side of the picture, in sevenths of the crop's side
CROPS = 6  # of each square
MIRRORS = 2  # each crop, and its mirror image

Rectangle = tuple[int, int, int, int]  # left, top, right, bottom


def shorter_sides(size: int) -> list[int]:
    """The lengths to which a picture's shorter side is brought, one for each scale, for crops of `size` pixels."""
    return [round(size * sevenths / 7) for sevenths in SCALES]


def resized(width: int, height: int, side: int) -> tuple[int, int]:
    """Width and height of a picture of `width` x `height` pixels once its shorter side has been brought to `side`."""
    factor = side / min(width, height)
    return max(side, round(width * factor)), max(side, round(height * factor))


def squares(width: int, height: int, count: int = 3) -> list[Rectangle]:
    """The squares of a picture of `width` x `height` pixels, which are as high, or as wide, as the picture.

    In a wide picture they lie at its left, middle and right, in a high one at its top, middle and bottom. `count` is
    3, or 1 for the middle square alone.
    """
    side, rest = min(width, height), abs(width - height)
    starts = (0, rest // 2, rest) if count == 3 else (rest // 2,)
    corners = [(start, 0) if width > height else (0, start) for start in starts]
    return [(left, top, left + side, top + side) for left, top in corners]


def six_places(square: Rectangle, size: int) -> list[Rectangle]:
    """The six crops of a square: two corners above, two below, the center, each of `size` pixels; and the whole."""
    left, top, right, _ = square
    rest = right - left - size
    corners = [*product((0, rest), repeat=2), (rest // 2, rest // 2)]  # down, to the right
    crops = [(left + x, top + y, left + x + size, top + y + size) for y, x in corners]
    return [*crops, square]


def rectangles(width: int, height: int, size: int) -> Int[np.ndarray, "18 4"]:
    """The crops of a picture that has been resized already: six for each of three squares, without mirror images.

    `width` and `height` are the picture's, and `size` is the side of a crop, all in pixels. Returns an array (18, 4)
    of left, top, right and bottom. Each sixth rectangle is a whole square, which is then to be resized to `size`.
    """
    return np.array([place for square in squares(width, height) for place in six_places(square, size)])
