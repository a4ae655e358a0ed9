"""Section 4.2 at a size that a laptop can check: the plan of the runs that the course has recorded, in their order.

ImageNet's 1.28 million photographs, 224x224 pixels and 31 million steps become Tiny ImageNet's 50,000 of 100 classes,
56x56 pixels and the few thousand steps of `variants.SMALL`; the network is BN-Inception at a quarter of its width.
Inception's own learning rate is chosen first, by the sweep: the rates of all variants are multiples of it.

The same on procedural scenes, smaller still, takes a few seconds a run, and needs no data. Its rate, 0.08, is near
the largest that Inception bears there. `controls` are on scenes: batch norm at the higher rates with nothing else
changed, the changes without batch norm, and larger initial weights for the sigmoids. `fivefold` has five more seeds
of the four networks at five times the rate. `photographs` are the controls on Tiny ImageNet, `rates` the seven changes
at other rates than the paper's, `annealing` BN-x30 and BN-x5 with each other's last rate, and `long` the networks of
Figure 2, and the seven changes without batch norm, for 25.6 epochs.

`noise` are ten seeds of one network, and `held out` is Inception's rate by its decay, on pictures of the training set.
The trainings above are tested on the centers of pictures, which are sharper than what they were trained on (views.py);
those of `seen whole`, `changes seen whole` and `ensemble, longer` on whole ones. `ensemble, longer` trains the members
of the ensemble for 12.8 epochs.

    python3 -m bncourse runs record classification
"""

from dataclasses import replace
from itertools import product

from bncourse.experiments.variants import (
    ABLATIONS,
    ANNEALED,
    CONTROLS,
    INCEPTION,
    MEMBERS,
    OTHER_RATES,
    SMALL,
    TINY,
    VARIANTS,
    Config,
    at_scale,
)

RATES = (0.003, 0.01, 0.03, 0.1)
RATES_AND_DECAYS = (*product((0.005,), (0.3, 1)), *product((0.01, 0.02, 0.03), (0.3, 1, 3.0, 6.0)))
HELD_OUT = 50  # of the 500 pictures of each class
FIVEFOLD = (VARIANTS["inception-x5"], ABLATIONS["bn-baseline-learning-rate"], CONTROLS["inception-seven-x5"],
            VARIANTS["bn-x5"])
FIGURE_2 = tuple(VARIANTS[name] for name in ("inception", "bn-baseline", "bn-x5", "bn-x30", "bn-x5-sigmoid"))
LONG = (*FIGURE_2, CONTROLS["inception-seven-x5"])
PHOTOGRAPHS = (ABLATIONS["bn-baseline-learning-rate"], CONTROLS["bn-baseline-x30"], CONTROLS["inception-seven-x5"])


def at_small_scale(config: Config, seed: int = 0, **scale) -> Config:
    """The same variant on Tiny ImageNet, at the small scale, of which some fields may be others."""
    return replace(at_scale(config, replace(SMALL, **scale)), data="tiny-imagenet-100", seed=seed)


def long(config: Config, seed: int = 0) -> Config:
    """The same variant on Tiny ImageNet for 25.6 epochs."""
    return at_small_scale(config, seed, steps=40_000, every=1000)


def held_out(lr: float, decay: float | int, seed: int = 0) -> Config:
    """Inception on Tiny ImageNet at this rate and decay, tested on pictures of the training set that it lacks."""
    return replace(at_small_scale(INCEPTION, seed, lr=lr), decay=decay, held_out=HELD_OUT)


def seen_whole(config: Config, seed: int = 0) -> Config:
    """The same variant on Tiny ImageNet, tested on whole pictures that are made smaller, as in training."""
    return replace(at_small_scale(config, seed), view="whole")


def longer(config: Config) -> Config:
    """The same variant on Tiny ImageNet for 12.8 epochs, tested on whole pictures."""
    return replace(at_small_scale(config, steps=20_000, every=2000), view="whole")


PLAN = {
    "sweep": tuple(at_small_scale(INCEPTION, lr=lr) for lr in RATES),
    "variants": tuple(at_small_scale(config, seed) for seed, config in product(range(3), VARIANTS.values())),
    "ensemble": tuple(at_small_scale(config) for config in MEMBERS.values()),
    "scenes": tuple(replace(at_scale(config, TINY), seed=seed)
                    for seed, config in product(range(5), VARIANTS.values())),
    "controls": tuple(replace(at_scale(config, TINY), seed=seed) for seed, config in
                      product(range(5), (ABLATIONS["bn-baseline-learning-rate"], *CONTROLS.values()))),
    "fivefold": tuple(replace(at_scale(config, TINY), seed=seed) for seed, config in product(range(5, 10), FIVEFOLD)),
    "ablation": tuple(at_small_scale(config, seed) for seed, config in product(range(2), ABLATIONS.values())),
    "photographs": tuple(at_small_scale(config, seed) for seed, config in product(range(3), PHOTOGRAPHS)),
    "annealing": tuple(at_small_scale(config, seed) for seed, config in product(range(3), ANNEALED.values())),
    "rates": tuple(at_small_scale(config) for config in OTHER_RATES.values()),
    "long": tuple(long(config, seed) for seed, config in product(range(3), LONG)),
    "noise": tuple(at_small_scale(VARIANTS["bn-baseline"], seed) for seed in range(10)),
    "held out": tuple(held_out(*setting) for setting in RATES_AND_DECAYS),
    "seen whole": tuple(seen_whole(config, seed) for seed, config in
                        product(range(3), (*VARIANTS.values(), ABLATIONS["bn-baseline-learning-rate"]))),
    "changes seen whole": tuple(seen_whole(config, seed) for config, seed in product(ABLATIONS.values(), range(2))),
    "ensemble, longer": tuple(longer(config) for config in MEMBERS.values()),
}
