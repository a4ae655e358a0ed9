"""The sizes at which section 4.2's experiment is done: the paper's, one for a laptop, and one for a few seconds.

A `Scale` holds what all variants share: the images, the widths, Inception's own learning rate, of which the others are
multiples.
"""

from dataclasses import dataclass

from bncourse.experiments.ranges import expect, expect_types, positive
from bncourse.nn.inception import STEMS
from bncourse.training.recipe import MOST_STEPS

WIDEST = 8  # times the paper's widths, which is 0.9 billion weights


@dataclass(frozen=True)
class Scale:
    """What all variants share at one size of the experiment.

    size          pixels of a side of what the network sees; at the test, of a picture whose shorter side is 8/7 of it
    area          the least share of a picture that a random crop shows in training
    stem, width   of `bncourse.nn.BNInception`
    lr            Inception's own learning rate, of which the others are multiples
    steps         mini-batches of `batch` examples
    halving       steps in which Inception's rate halves; None for all of them
    every         steps between two looks at the validation set
    """

    name: str
    size: int
    area: float | int
    stem: str
    width: float | int
    lr: float | int
    steps: int
    halving: int | None
    every: int
    batch: int = 32

    def __post_init__(self):
        expect_types(self)
        for name in ("size", "steps", "every", "batch", "halving"):
            of = getattr(self, name)
            expect(of is None or 1 <= of <= MOST_STEPS, name, self, f"an int of 1 or more, at most {MOST_STEPS:,}")
        expect(positive(self.lr), "lr", self, "a positive number")
        expect(0 < self.width <= WIDEST, "width", self, f"a positive number, at most {WIDEST}")
        expect(0 < self.area <= 1, "area", self, "a share above 0, at most 1")
        expect(self.stem in STEMS, "stem", self, f"one of {', '.join(map(repr, STEMS))}")


# Inception's rate is the paper's; the halving is ours: in 31 million steps 1/74, six times faster 1/64 in 5 million.
IMAGENET = Scale("imagenet", size=224, area=0.08, stem="dense", width=1.0, lr=0.0015, steps=31_000_000,
                 halving=5_000_000, every=100_000)
SMALL = Scale("small", size=56, area=0.5, stem="small", width=0.25, lr=0.01, steps=8000, halving=None, every=500)
TINY = Scale("tiny", size=28, area=0.25, stem="small", width=0.125, lr=0.08, steps=100, halving=None, every=25)
SCALES = {scale.name: scale for scale in (IMAGENET, SMALL, TINY)}
