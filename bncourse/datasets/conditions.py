"""The same pictures under other conditions: another pen, another place on the page, a noisy camera.

What a label says of a picture stays true under each of them. Light needs no function here: darker is `0.3 * x`,
fog `0.5 * x + 0.5`.
"""

import numpy as np
from jaxtyping import Float

Pictures = Float[np.ndarray, "N H W"]


def thicker(x: Pictures) -> Pictures:
    """Pictures as of a pen two pixels wider: each pixel becomes the brightest of itself and its four neighbours."""
    return with_neighbors(x).max(axis=0)


def thinner(x: Pictures) -> Pictures:
    """Pictures as of a pen two pixels finer: each pixel becomes the darkest of itself and its four neighbours."""
    return with_neighbors(x).min(axis=0)


def moved(x: Pictures, right: int) -> Pictures:
    """The pictures moved to the right by `right` pixels, or to the left where that is negative.

    Pixels that leave on one side come in on the other.
    """
    return np.roll(x, right, axis=2)


def noisy(x: Pictures, std: float | int, rng: np.random.Generator) -> Pictures:
    """The pictures with Gaussian noise of standard deviation `std` added to every pixel, and cut off at 0 and 1."""
    return np.clip(x + std * rng.normal(size=x.shape), 0, 1)


def with_neighbors(x: Pictures) -> Float[np.ndarray, "5 N H W"]:
    """The pictures, and the pictures moved by one pixel up, down, left and right over a border of their own."""
    p = np.pad(x, ((0, 0), (1, 1), (1, 1)), mode="edge")
    return np.stack([x, p[:, :-2, 1:-1], p[:, 2:, 1:-1], p[:, 1:-1, :-2], p[:, 1:-1, 2:]])
