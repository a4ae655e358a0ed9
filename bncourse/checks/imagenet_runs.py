"""The checks of lesson 12: a variant as a change of another, the rate of a step, a speed-up, the cost of a run."""

from dataclasses import dataclass, fields, replace

import numpy as np

from bncourse.checks.frame import Check, Mistake
from bncourse.checks.values import Rejection
from bncourse.experiments.variants import CHOICES, INCEPTION, SMALL, X5, Config, at_scale

NUMBERS = tuple(field.name for field in fields(Config) if type(field.default) in (bool, int, float))


def settings(config: Config) -> tuple:
    """A configuration as numbers, so that two configurations can be compared.

    First come the learning rate and the steps in which it halves, then the fields in NUMBERS, then for each field in
    CHOICES the place of its value among the possible ones.
    """
    chosen = [known.index(getattr(config, name)) for name, known in CHOICES.items()]
    return (config.learning_rate(), config.halving(), *(getattr(config, name) for name in NUMBERS), *chosen)


@dataclass(frozen=True, repr=False)
class VariantCheck(Check):
    """Judges functions from a configuration to a configuration, by the `settings` that the network is trained with."""

    def unpack(self, returned) -> list[np.ndarray]:
        if not isinstance(returned, Config | tuple):
            raise Rejection(f"It returns {type(returned).__name__}; expected a Config, as replace makes one.")
        return super().unpack(settings(returned) if isinstance(returned, Config) else returned)

    def describe(self, case: tuple) -> str:
        return f"{case[0].name} at the scale {case[0].scale.name}"


def _times(times):
    return lambda config: settings(replace(config, rate=times))


def _as_inception(config):
    return settings(replace(at_scale(INCEPTION, config.scale), rate=30, batchnorm=True))


x30 = VariantCheck(
    exercise="12.1",
    law="BN-x30 is BN-x5 with one difference: its learning rate is 30 times that of Inception.",
    solution=_times(30),
    cases=lambda rng: [(X5,), (at_scale(X5, SMALL),), (replace(X5, seed=3),)],
    outputs=("learning rate", "steps in which it halves", *NUMBERS, *CHOICES),
    mistakes=(
        Mistake("30 times the rate of BN-x5", "The multiples are of Inception's rate: 30 x 0.0015 = 0.045.",
                "section 2", lambda c: settings(replace(c, rate=30 * c.rate))),
        Mistake("the rate itself", "`rate` is a multiple of the scale's rate, and 0.045 is the product.", "section 2",
                lambda c: settings(replace(c, rate=0.045))),
        Mistake("6 times the rate of Inception", "30 / 5 is what BN-x5 is to be multiplied with; `rate` counts from "
                "Inception.", "section 2", _times(6)),
        Mistake("a decay 30 times faster", "The rate starts higher; its decay is as fast as that of BN-x5.",
                "section 2", lambda c: settings(replace(c, rate=30, decay=30))),
        Mistake("Inception with batch norm and the higher rate", "BN-x30 has the other six changes too.", "section 2",
                _as_inception),
        Mistake("the argument's scale and seed lost", "Copy the argument with one field changed.", "the law",
                lambda c: settings(replace(X5, rate=30))),
        Mistake("no change", "BN-x30 differs from BN-x5 in its learning rate.", "section 2", settings),
    ),
)


def _rate(step, lr, halving, speed):
    return lr * 2 ** (-speed * step / halving)


rate = Check(
    exercise="12.2",
    law="The rate halves every `halving / speed` steps, in equal parts at each step.",
    solution=_rate,
    cases=lambda rng: [(int(step), float(lr), halving, speed) for step, lr, halving, speed in
                       zip(rng.integers(1, 9000, 6), rng.uniform(0.001, 0.5, 6),
                           [8000, 5000, 3001, 700, 8000, 12_000], [1, 6, 2, 3, 6, 4], strict=True)],
    outputs=("rate",),
    mistakes=(
        Mistake("the rate divided by the speed", "A decay that is 6 times faster starts from the same rate.",
                "section 2", lambda t, lr, h, s: lr / s * 2 ** (-t / h)),
        Mistake("a slower decay", "6 times faster: the rate halves in a sixth of the steps, not in six times as many.",
                "the law", lambda t, lr, h, s: lr * 2 ** (-t / (s * h))),
        Mistake("the decay 1 / e", "In `halving` steps the rate is to fall to 1/2; exp(-1) is 0.37.", "the law",
                lambda t, lr, h, s: lr * np.exp(-s * t / h)),
        Mistake("halved at once", "Here the rate falls a little at each step, not in stairs.", "the law",
                lambda t, lr, h, s: lr * 2.0 ** -(s * t // h)),
        Mistake("one step late", "After 0 steps the rate is the first one.", "section 2",
                lambda t, lr, h, s: _rate(t + 1, lr, h, s)),
        Mistake("a straight line", "It is a power of 2: a line would reach zero.", "the law",
                lambda t, lr, h, s: lr * (1 - s * t / (2 * h))),
        Mistake("the speed forgotten", "The number of halvings is speed * step / halving.", "the law",
                lambda t, lr, h, s: lr * 2 ** (-t / h)),
        Mistake("growing", "The exponent is negative.", "the law", lambda t, lr, h, s: lr * 2 ** (s * t / h)),
    ),
)


def _first(steps, accuracy, target):
    reached = np.flatnonzero(accuracy >= target)
    return steps[reached[0]] if reached.size else np.inf


def _speedup(steps, inception, variant):
    return _first(steps, inception, inception.max()) / _first(steps, variant, inception.max())


def _histories(rng):
    """Inception peaks before its end; the variant is ahead, behind, meets the peak exactly, or never does."""
    cases = []
    for n, top in ((12, 0.9), (15, 0.6), (10, 0.44)):
        steps = np.cumsum(rng.integers(3, 40, n))
        inception = np.linspace(0.05, 0.5, n) + rng.uniform(-0.02, 0.02, n)
        inception[-3], inception[-1] = 0.55, 0.45
        variant = np.linspace(0.1, top, n) + rng.uniform(-0.02, 0.02, n)
        cases.append((steps, inception, np.minimum(variant, top)))
    steps, inception, variant = (values.copy() for values in cases[0])
    variant[5] = inception.max()
    return [*cases, (steps, inception, variant)]


speedup = Check(
    exercise="12.3",
    law="The step at which Inception reaches its best accuracy, divided by the first step at which the variant reaches "
        "that accuracy; 0 where it never does.",
    solution=_speedup,
    cases=_histories,
    outputs=("times",),
    mistakes=(
        Mistake("the other way round", "More than 1 is to mean faster than Inception: Inception's steps come first.",
                "section 6", lambda s, i, v: 1 / _speedup(s, i, v) if _speedup(s, i, v) else np.inf),
        Mistake("the other way round, where it is reached", "More than 1 is to mean faster than Inception: Inception's "
                "steps come first.", "section 6", lambda s, i, v: 1 / _speedup(s, i, v) if _speedup(s, i, v) else 0.0),
        Mistake("Inception's last accuracy", "Figure 3 takes the highest accuracy, which need not be the last.",
                "section 6", lambda s, i, v: _first(s, i, i[-1]) / _first(s, v, i[-1])),
        Mistake("Inception's last step", "It had reached its best before.", "section 6",
                lambda s, i, v: s[-1] / _first(s, v, i.max())),
        Mistake("each to its own best", "Both have to reach the same accuracy, Inception's best.", "section 6",
                lambda s, i, v: _first(s, i, i.max()) / _first(s, v, v.max())),
        Mistake("each to its own best, where Inception's is reached", "Both have to reach the same accuracy.",
                "section 6", lambda s, i, v: s[i.argmax()] / s[v.argmax()] if v.max() >= i.max() else 0.0),
        Mistake("argmax of what never happens", "np.argmax of a row of False is 0: a network that never gets there "
                "would be the fastest.", "section 6",
                lambda s, i, v: s[i.argmax()] / s[np.argmax(v >= i.max())]),
        Mistake("more than Inception's best", "Equal counts: the steps are those to *reach* it.", "section 6",
                lambda s, i, v: s[i.argmax()] / _first(s, v, np.nextafter(i.max(), 1))),
        Mistake("never is the last step", "A network that never gets there has no number of steps: 0 says so.",
                "the law", lambda s, i, v: s[i.argmax()] / min(_first(s, v, i.max()), s[-1])),
        Mistake("rows instead of steps", "The tests are not equally far apart: look the steps up.", "the law",
                lambda s, i, v: (i.argmax() + 1) / (_first(np.arange(len(s)), v, i.max()) + 1)),
        Mistake("rows from 0 instead of steps", "The tests are not equally far apart: look the steps up.", "the law",
                lambda s, i, v: i.argmax() / _first(np.arange(len(s)), v, i.max())),
    ),
)


def _cost(steps, batch, images_per_second, gpus, price):
    hours = steps * batch / (images_per_second * gpus) / 3600
    return hours, hours * gpus * price


cost = Check(
    exercise="12.4",
    law="All images, divided by what all GPUs see in a second, are the seconds; each hour of each GPU is paid.",
    solution=_cost,
    cases=lambda rng: [(int(steps), batch, float(speed), gpus, float(price)) for steps, batch, speed, gpus, price in
                       zip(rng.integers(100_000, 9_000_000, 5), [32, 256, 1024, 64, 96], rng.uniform(300, 3000, 5),
                           [1, 8, 32, 4, 3], rng.uniform(0.5, 4, 5), strict=True)],
    outputs=("hours", "money"),
    mistakes=(
        Mistake("the GPUs forgotten in the hours", "`batch` is what all GPUs take together: each sees its share of it.",
                "the law", lambda s, b, r, g, p: (s * b / r / 3600, s * b / r / 3600 * g * p)),
        Mistake("one GPU paid", "Eight GPUs for an hour are eight hours to pay.", "the law",
                lambda s, b, r, g, p: (_cost(s, b, r, g, p)[0], _cost(s, b, r, g, p)[0] * p)),
        Mistake("money before hours", "The hours come first.", "the words of exercise 12.4",
                lambda s, b, r, g, p: _cost(s, b, r, g, p)[::-1]),
        Mistake("one image a step", "A step is a mini-batch: count its images.", "the law",
                lambda s, b, r, g, p: _cost(s, 1, r, g, p)),
        Mistake("minutes", "An hour has 3600 seconds.", "the law",
                lambda s, b, r, g, p: (60 * _cost(s, b, r, g, p)[0], 60 * _cost(s, b, r, g, p)[1])),
        Mistake("seconds", "An hour has 3600 seconds.", "the law",
                lambda s, b, r, g, p: (3600 * _cost(s, b, r, g, p)[0], 3600 * _cost(s, b, r, g, p)[1])),
        Mistake("the speed of all GPUs taken for that of one", "`images_per_second` is what one GPU sees.", "the law",
                lambda s, b, r, g, p: (s * b / r / 3600, s * b / r / 3600 * p)),
    ),
)
