"""Encoded bytes -> an RGB picture, upright, whatever the file was: grey, CMYK, 16-bit, palette, transparent.

JPEG and PNG, told apart by their content (some of ImageNet's `.JPEG` are PNG). A JPEG can be decoded at 1/2, 1/4
or 1/8 of its size at a fraction of the cost. What is transparent is laid over white. A picture of more than
64 million pixels is refused before it is decoded.
"""

import io
import struct

import numpy as np
from PIL import Image

from bncourse.datasets.files import WrongData

MOST_PIXELS = 64_000_000
ORIENTATION = 0x0112  # the EXIF tag
UPRIGHT = {2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
           5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
           8: Image.Transpose.ROTATE_90}


class CorruptPicture(WrongData):
    """Raised for a file that is no picture, or that cannot be decoded; the message names it."""


def decode(data: bytes, title: str, shortest_side: int | None = None) -> Image.Image:
    """The picture that a file holds, RGB and upright.

    `data` is the content of a JPEG or PNG file, and `title` is what messages call it. Where `shortest_side` is given,
    a JPEG is decoded at the smallest of its reduced sizes whose shorter side has that many pixels or more; None stands
    for the whole size. Raises CorruptPicture, which names the title, for what cannot be decoded.
    """
    try:
        image = Image.open(io.BytesIO(data), formats=("JPEG", "PNG"))
        if image.width * image.height > MOST_PIXELS:
            raise CorruptPicture(f"{title} is {image.width:,} x {image.height:,} pixels large; expected "
                                 f"{MOST_PIXELS:,} pixels at most")
        if shortest_side is not None:
            image.draft(None, (shortest_side, shortest_side))
        exif = image.info.get("exif", b"")
        upright = UPRIGHT.get(orientation(exif))
        image = to_rgb(image)
        return image if upright is None else image.transpose(upright)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise CorruptPicture(f"{title} has more than {MOST_PIXELS:,} pixels") from None
    except Image.UnidentifiedImageError:
        raise CorruptPicture(f"{title} is neither a JPEG nor a PNG picture") from None
    except (OSError, ValueError, SyntaxError, struct.error, EOFError, IndexError, TypeError, AssertionError,
            AttributeError) as error:
        raise CorruptPicture(f"{title} cannot be decoded: {error}") from None


def to_rgb(image: Image.Image) -> Image.Image:
    """A picture in three channels of 8 bits. Of 16-bit grey the upper byte is kept; transparency is laid over white."""
    if image.mode.startswith("I"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")
    image.load()
    return image if image.mode == "RGB" else image.convert("RGB")


def orientation(exif: bytes) -> int:
    """How a camera was held, by EXIF's numbers 1 to 8; 1, upright, where the block does not say or cannot be read."""
    tiff = exif.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None or len(tiff) < 10:
        return 1
    (start,) = struct.unpack_from(order + "I", tiff, 4)
    if start + 2 > len(tiff):
        return 1
    (entries,) = struct.unpack_from(order + "H", tiff, start)
    for place in range(start + 2, min(start + 2 + 12 * entries, len(tiff) - 11), 12):
        tag, _, _, value = struct.unpack_from(order + "HHIH", tiff, place)
        if tag == ORIENTATION:
            return value
    return 1
