"""Section 4.2 at a size that a laptop can check: what the course has recorded of it, in the order of recording.

ImageNet's 1.28 million photographs, 224x224 pixels and 31 million steps become Tiny ImageNet's 50,000 of 100 classes,
56x56 pixels and the few thousand steps of `variants.SMALL`; the network is BN-Inception at a quarter of its width.
Inception's own learning rate is chosen first, by the sweep: the rates of all variants are multiples of it.

The same on procedural scenes, smaller still, takes a few seconds a run, and needs no data. Its rate, 0.08, is near
the largest that Inception bears there.

    python3 -m bncourse runs record classification
"""

from dataclasses import replace
from itertools import product

from bncourse.experiments.variants import ABLATIONS, INCEPTION, MEMBERS, SMALL, TINY, VARIANTS, Config, at

RATES = (0.003, 0.01, 0.03, 0.1)


def small(config: Config, seed: int = 0, lr: float = SMALL.lr) -> Config:
    """The same variant on Tiny ImageNet, at the small scale."""
    return replace(at(config, replace(SMALL, lr=lr)), data="tiny-imagenet-100", seed=seed)


PLAN = {
    "sweep": tuple(small(INCEPTION, lr=lr) for lr in RATES),
    "variants": tuple(small(config, seed) for seed, config in product(range(3), VARIANTS.values())),
    "ensemble": tuple(small(config) for config in MEMBERS.values()),
    "scenes": tuple(replace(at(config, TINY), seed=seed) for seed, config in product(range(5), VARIANTS.values())),
    "ablation": tuple(small(config, seed) for seed, config in product(range(2), ABLATIONS.values())),
}
