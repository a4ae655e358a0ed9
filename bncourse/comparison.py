"""When what a cell shows now is what is stored: the words exactly, a number within its last digit, a picture nearly.

Processors round differently, and a training carries a rounding on. So a number with a decimal point may differ from
the stored one by one unit of its last printed digit. An integer is exact, because what is counted is; a cell that
prints measured integers (a rounded accuracy, say) has the tag `measured`, which gives those one unit too. The tag
`exact` takes all room away. Pictures may differ by half a grey level on the mean; one that is marked live, such as a
training in float32 at a rate where rounding grows, is compared by its size alone, and asserts hold its finding.
"""

import base64
import copy
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

import numpy as np
from PIL import Image

GREY_LEVELS = 0.5  # mean absolute difference that two equal pictures may have, of 255
TAGS = ("exact", "measured")
VERSIONS = re.compile(r"\b(Python|NumPy|PyTorch|bncourse) \d+(\.\w+)+(\+\w+)?")  # printed for the reader
NUMBER = re.compile(r"(?<![\w.])([+\-−]?\d+(?:,\d{3})*(?:\.\d+)?(?:e[+-]?\d+)?)(?!\w|\.\d)")


class Moved(NamedTuple):
    """A number that is printed otherwise now, by how many units of its last digit, and of how many it may be."""

    stored: str
    now: str
    units: Decimal
    room: int

    @property
    def far(self) -> bool:
        """Whether it moved by more than its room."""
        return self.units > self.room


def reconcile(now: Sequence[Mapping], stored: Sequence[Mapping], tags: Sequence[str] = ()) -> list[Mapping]:
    """A cell's new outputs, in which every text that agrees with the stored one is the stored one."""
    if len(now) != len(stored):
        return list(now)
    changed = copy.deepcopy(list(now))
    for new, old in zip(changed, stored, strict=True):
        for (place, kind), text in texts(new).items():
            differences = moved_numbers(text, texts(old).get((place, kind), ""), tags)
            if differences is not None and not any(each.far for each in differences):
                (new if place == "stream" else new["data"])[kind] = texts(old)[place, kind]
    return changed


def texts(output: Mapping) -> dict[tuple[str, str], str]:
    """What an output says in words: (("stream", "text") or ("data", a kind such as text/markdown)) -> the words."""
    if output["output_type"] == "stream":
        return {("stream", "text"): output["text"]}
    return {("data", kind): text for kind, text in output.get("data", {}).items() if kind.startswith("text/")}


def moved_numbers(now: str, stored: str, tags: Sequence[str] = ()) -> list[Moved] | None:
    """The numbers that differ between two texts, or None where the words do.

    Blanks may differ beside a number that became longer or shorter, as columns of a table do; and so may the versions
    that a lesson prints first.
    """
    new, old = (NUMBER.split(VERSIONS.sub(r"\1 (version)", text)) for text in (now, stored))
    if len(new) != len(old) or not _same_words(new, old):
        return None
    pairs = list(zip(new[1::2], old[1::2], strict=True))
    if any(_is_integer(a) != _is_integer(b) for a, b in pairs):
        return None
    return [Moved(b, a, _units(a, b), _room(b, tags)) for a, b in pairs if a != b]


def pictures(outputs: Iterable[Mapping]) -> list[np.ndarray]:
    """The PNGs among a cell's outputs, as arrays (height, width, 4); of a live one nothing but its size."""
    found = []
    for output in outputs:
        if png := output.get("data", {}).get("image/png"):
            pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(png))).convert("RGBA"), float)
            live = output.get("metadata", {}).get("image/png", {}).get("live", False)
            found.append(np.zeros_like(pixels) if live else pixels)
    return found


def different_pictures(now: Sequence[np.ndarray], stored: Sequence[np.ndarray]) -> Iterator[str]:
    """One sentence for each picture that is not what is stored, or one about their number."""
    if len(now) != len(stored):
        yield f"{len(now)} pictures were drawn, but {len(stored)} are stored"
        return
    for number, (new, old) in enumerate(zip(now, stored, strict=True), 1):
        if new.shape != old.shape:
            yield (f"picture {number} has {new.shape[1]} x {new.shape[0]} pixels, "
                   f"but the stored one has {old.shape[1]} x {old.shape[0]}")
        elif (difference := distance(new, old)) > GREY_LEVELS:
            yield (f"picture {number} differs from the stored one by {difference:.2f} of 255 on the mean; "
                   f"expected at most {GREY_LEVELS}")


def distance(now: np.ndarray, stored: np.ndarray) -> float:
    """The mean absolute difference of two pictures of one size, in grey levels of 255."""
    return float(np.abs(now - stored).mean())


def _same_words(new: Sequence[str], old: Sequence[str]) -> bool:
    """Whether the texts between the numbers agree; words and numbers alternate, and words are first and last."""
    for place in range(0, len(new), 2):
        a, b = new[place], old[place]
        if place > 0 and len(new[place - 1]) != len(old[place - 1]):
            a, b = a.lstrip(" "), b.lstrip(" ")
        if place + 1 < len(new) and len(new[place + 1]) != len(old[place + 1]):
            a, b = a.rstrip(" "), b.rstrip(" ")
        if a != b:
            return False
    return True


def _is_integer(number: str) -> bool:
    return not re.search(r"[.e]", number)


def _value(number: str) -> Decimal:
    return Decimal(number.replace("−", "-").replace(",", ""))


def _units(now: str, stored: str) -> Decimal:
    """How far apart two numbers are, in units of the last digit of whichever shows the finer one."""
    a, b = _value(now), _value(stored)
    return abs(a - b).scaleb(-min(a.as_tuple().exponent, b.as_tuple().exponent))


def _room(number: str, tags: Sequence[str]) -> int:
    return 0 if "exact" in tags else int(not _is_integer(number) or "measured" in tags)
