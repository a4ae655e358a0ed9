"""Random numbers and drawing that give the same bits on every machine, for the pictures made from a seed.

The random numbers are the raw output of PCG64, whose bits NumPy guarantees. Arithmetic on them consists of single
additions, multiplications, divisions, square roots, minima and maxima in float32, each of which IEEE 754 rounds in
one way only. There is no sine and no sum whose order is left open: both may differ in the last bit from one machine to
another.
"""

import numpy as np
from jaxtyping import Float, UInt8, UInt64

Values = Float[np.ndarray, "..."]
Words = UInt64[np.ndarray, "..."]  # 64 random bits each, as PCG64 gives them


def uniform(words: Words) -> Values:
    """Float32 numbers in [0, 1), shaped like the words: of each word the upper 24 bits, which float32 holds exactly."""
    return (words >> np.uint64(40)).astype(np.float32) / np.float32(2**24)


def random_bytes(words: Words) -> UInt8[np.ndarray, "..."]:
    """The eight bytes of each word, lowest first, along the last axis: (..., k) words give (..., 8 k) bytes."""
    return words.astype("<u8").view(np.uint8)


def between(low: float | int, high: float | int, uniform: Values) -> Values:
    """Numbers from [0, 1) stretched to [low, high), in their own type."""
    return low + (high - low) * uniform


def rotated(x: Values, y: Values, t: Values) -> tuple[Values, Values]:
    """The points (x, y) rotated around the origin from the x axis towards the y axis.

    `t` is the tangent of half the angle, so that cosine and sine are fractions: (1 - t²) / (1 + t²) and
    2 t / (1 + t²).
    """
    cos, sin = (1 - t * t) / (1 + t * t), 2 * t / (1 + t * t)
    return cos * x - sin * y, sin * x + cos * y
