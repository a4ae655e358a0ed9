"""The checks of lesson 12: a variant as a change of another, two decaying rates, a speed-up, the cost of a run."""

from dataclasses import dataclass, fields, replace

import numpy as np

from bncourse.checks.frame import Check, Mistake
from bncourse.checks.values import Rejection
from bncourse.experiments.variants import CHOICES, IMAGENET, INCEPTION, SMALL, X5, Config, Scale, at_scale

NUMBERS = tuple(field.name for field in fields(Config) if type(field.default) in (bool, int, float))
OF_SCALE = tuple(field.name for field in fields(Scale) if field.name not in ("name", "stem", "lr", "halving"))


def settings(config: Config) -> tuple:
    """A configuration as numbers, so that two configurations can be compared.

    First come the learning rate and the steps in which it halves, then the fields in NUMBERS, then for each field in
    CHOICES the place of its value among the possible ones; then 1 where the pictures are not the usual scenes, 1
    where the stem is the paper's dense one, the scale's own rate, and the fields of the scale in OF_SCALE.
    """
    chosen = [known.index(getattr(config, name)) for name, known in CHOICES.items()]
    return (config.learning_rate(), config.halving(), *(getattr(config, name) for name in NUMBERS), *chosen,
            int(config.data != INCEPTION.data), int(config.scale.stem == "dense"), config.scale.lr,
            *(getattr(config.scale, name) for name in OF_SCALE))


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
    return settings(replace(at_scale(INCEPTION, config.scale), seed=config.seed, data=config.data, rate=30,
                            batchnorm=True))


def _in_place(config):
    config.rate = 30
    return config


def _other_scale(config):
    return settings(replace(config, scale=replace(config.scale, lr=6 * config.scale.lr)))


x30 = VariantCheck(
    exercise="12.1",
    law="BN-x30 is BN-x5 with one difference: its learning rate is 30 times that of Inception.",
    solution=_times(30),
    cases=lambda rng: [(X5,), (replace(at_scale(X5, SMALL), data="tiny-imagenet-100"),), (replace(X5, seed=3),)],
    outputs=("learning rate", "steps in which it halves", *NUMBERS, *CHOICES, "data other than scenes",
             "dense stem", "the scale's own rate", *(f"{name} of the scale" for name in OF_SCALE)),
    mistakes=(
        Mistake("the scale's own rate changed", "The scale's rate is Inception's, and all variants share it. The field "
                "that tells BN-x30 from BN-x5 is `rate`.", "section 2", _other_scale),
        Mistake("the data changed", "BN-x30 sees the pictures of BN-x5: copy the argument with one field changed.",
                "the words of exercise 12.1", lambda c: settings(replace(c, rate=30, data="imagenet"))),
        Mistake("the argument's data lost", "Copy the argument with one field changed.", "the words of exercise 12.1",
                lambda c: settings(replace(c, rate=30, data="scenes"))),
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
        Mistake("the argument's scale and seed lost", "Copy the argument with one field changed.",
                "the words of exercise 12.1", lambda c: settings(replace(X5, rate=30))),
        Mistake("the argument's scale lost", "Copy the argument with one field changed.", "the words of exercise 12.1",
                lambda c: settings(replace(c, rate=30, scale=IMAGENET))),
        Mistake("the argument's seed lost", "Copy the argument with one field changed.", "the words of exercise 12.1",
                lambda c: settings(replace(c, rate=30, seed=0))),
        Mistake("the decay of BN-Baseline", "BN-x30 keeps the other changes: its rate decays 6 times faster.",
                "section 2", lambda c: settings(replace(c, rate=30, decay=1))),
        Mistake("changed in place", "A configuration cannot be changed; `replace` makes a copy with other fields.",
                "the words of exercise 12.1", _in_place),
        Mistake("no change", "BN-x30 differs from BN-x5 in its learning rate.", "section 2", settings),
    ),
)


def _equal(times, speed, halving):
    return halving * np.log2(times) / (speed - 1)


equal_rates = Check(
    exercise="12.2",
    law="times * 2^(-speed * t / halving) is 2^(-t / halving) after t = halving * log2(times) / (speed - 1) steps.",
    solution=_equal,
    cases=lambda rng: [(float(times), float(speed), halving) for times, speed, halving in
                       zip(rng.uniform(2, 40, 6), rng.uniform(1.5, 9, 6), [8000, 5000, 3001, 700, 8000, 12_000],
                           strict=True)],
    outputs=("steps",),
    mistakes=(
        Mistake("Inception's rate held still", "Inception's rate falls too, more slowly: this is where the other "
                "one comes down to Inception's *first* rate.", "section 2", lambda a, s, h: h * np.log2(a) / s),
        Mistake("Inception decays against the other", "Both rates fall: the difference of their speeds counts, and not "
                "the sum.", "the words of exercise 12.2", lambda a, s, h: h * np.log2(a) / (s + 1)),
        Mistake("the logarithm to the base e", "The rates are powers of 2: log2, or log / log(2).",
                "the words of exercise 12.2", lambda a, s, h: h * np.log(a) / (s - 1)),
        Mistake("the logarithm to the base 10", "The rates are powers of 2: log2, or log / log(2).",
                "the words of exercise 12.2", lambda a, s, h: h * np.log10(a) / (s - 1)),
        Mistake("no logarithm", "In each `halving` the rates' quotient is divided by 2^(speed - 1): how often that "
                "goes into `times` is a logarithm.", "the words of exercise 12.2", lambda a, s, h: h * a / (s - 1)),
        Mistake("no logarithm, and Inception's rate held still", "What must be halved how often is a logarithm; and "
                "Inception's rate falls too.", "the words of exercise 12.2", lambda a, s, h: h * a / s),
        Mistake("a slower decay", "`speed` times as fast: the rate halves in halving / speed steps.", "section 2",
                lambda a, s, h: h * np.log2(a) / (1 - 1 / s)),
        Mistake("before the training", "The rate that begins higher falls faster: they meet after the start. A sign is "
                "wrong.", "the words of exercise 12.2", lambda a, s, h: -_equal(a, s, h)),
        Mistake("halvings instead of steps", "A halving takes `halving` steps.", "the words of exercise 12.2",
                lambda a, s, h: np.log2(a) / (s - 1)),
        Mistake("the numbers of BN-x5", "`speed` and `halving` are arguments, and need not be 6 and 8000.",
                "the words of exercise 12.2", lambda a, s, h: _equal(a, 6, 8000)),
        Mistake("the two divided first", "`times` is a rate and `speed` acts in the exponent: they do not divide each "
                "other.", "section 2", lambda a, s, h: h * np.log2(a / s)),
        Mistake("multiplied by the speed", "The faster the decay, the sooner the rates are equal.",
                "the words of exercise 12.2", lambda a, s, h: _equal(a, s, h) * (s - 1) ** 2),
        Mistake("the rate at that step", "The question is after how many steps, not how high the rate is then.",
                "the words of exercise 12.2", lambda a, s, h: 2 ** (-_equal(a, s, h) / h)),
        Mistake("the whole step before", "The answer need not be whole.", "the words of exercise 12.2",
                lambda a, s, h: np.floor(_equal(a, s, h))),
        Mistake("the whole step after", "The answer need not be whole.", "the words of exercise 12.2",
                lambda a, s, h: np.ceil(_equal(a, s, h))),
    ),
)


def _first(steps, accuracy, target):
    reached = np.flatnonzero(accuracy >= target)
    return steps[reached[0]] if reached.size else np.inf


def _speedup(steps, inception, variant):
    return _first(steps, inception, inception.max()) / _first(steps, variant, inception.max())


def _last(steps, accuracy, target):
    reached = np.flatnonzero(accuracy >= target)
    return steps[reached[-1]] if reached.size else np.inf


def _for_good(steps, accuracy, target):
    below = np.flatnonzero(accuracy < target)
    stays = 0 if not below.size else below[-1] + 1
    return steps[stays] if stays < len(steps) else np.inf


def _between(steps, accuracy, target):
    reached = np.flatnonzero(accuracy >= target)
    row = reached[0] if reached.size else 0
    if row == 0:
        return _first(steps, accuracy, target)
    return np.interp(target, accuracy[row - 1:row + 1], steps[row - 1:row + 1])


def _histories(rng):
    """Inception peaks before its end; the variant is ahead, behind, meets the peak exactly, misses it by little, comes
    to it twice, or never does."""
    cases = []
    for n, top in ((12, 0.9), (15, 0.6), (10, 0.44)):
        steps = np.cumsum(rng.integers(3, 40, n))
        inception = np.linspace(0.05, 0.5, n) + rng.uniform(-0.02, 0.02, n)
        inception[-3], inception[-1] = 0.55, 0.45
        variant = np.linspace(0.1, top, n) + rng.uniform(-0.02, 0.02, n)
        cases.append((steps, inception, np.minimum(variant, top)))
    steps, inception, variant = (values.copy() for values in cases[0])
    variant[5] = inception.max()
    near = np.minimum(variant, 0.9999 * inception.max())
    twice = variant.copy()
    twice[4:8] = 0.6, 0.3, 0.95, 0.2
    twice[-1] = 0.4
    return [*cases, (steps, inception, variant), (steps, inception, near), (steps, inception, twice)]


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
        Mistake("the last test at which it is reached", "The first counts: an accuracy may fall and rise again.",
                "the words of exercise 12.3", lambda s, i, v: s[i.argmax()] / _last(s, v, i.max())),
        Mistake("the last test asked whether it is reached", "A network that has reached the accuracy needs that many "
                "steps, though it may end lower.", "the words of exercise 12.3",
                lambda s, i, v: _speedup(s, i, v) if v[-1] >= i.max() else 0.0),
        Mistake("reached for good", "The first test counts, though the accuracy may fall again.",
                "the words of exercise 12.3", lambda s, i, v: s[i.argmax()] / _for_good(s, v, i.max())),
        Mistake("the line between two tests", "Section 6 reads its steps on a line. Here the first *test* at which the "
                "accuracy is reached counts.", "the words of exercise 12.3",
                lambda s, i, v: s[i.argmax()] / _between(s, v, i.max())),
        Mistake("nearly as high", "A network that stays a little below Inception's best has not reached it.",
                "the words of exercise 12.3", lambda s, i, v: s[i.argmax()] / _first(s, v, 0.99 * i.max())),
        Mistake("infinity where it never does", "It needs infinitely many steps: 1 / infinity is 0.",
                "the words of exercise 12.3", lambda s, i, v: _speedup(s, i, v) or np.inf),
        Mistake("no number where it never does", "It needs infinitely many steps: 1 / infinity is 0.",
                "the words of exercise 12.3", lambda s, i, v: _speedup(s, i, v) or np.nan),
        Mistake("the lower of the two best", "Both have to reach Inception's best; a network that ends below it never "
                "does.", "section 6",
                lambda s, i, v: s[i.argmax()] / _first(s, v, min(i.max(), v.max()))),
        Mistake("a difference of steps", "How many *times* fewer is a quotient.", "the words of exercise 12.3",
                lambda s, i, v: s[i.argmax()] - _first(s, v, i.max())),
        Mistake("more than Inception's best", "Equal counts: the steps are those to *reach* it.", "section 6",
                lambda s, i, v: s[i.argmax()] / _first(s, v, np.nextafter(i.max(), 1))),
        Mistake("never is the last step", "A network that never gets there has no number of steps: 0 says so.",
                "the words of exercise 12.3", lambda s, i, v: s[i.argmax()] / min(_first(s, v, i.max()), s[-1])),
        Mistake("rows instead of steps", "The tests are not equally far apart: look the steps up.",
                "the words of exercise 12.3",
                lambda s, i, v: (i.argmax() + 1) / (_first(np.arange(len(s)), v, i.max()) + 1)),
        Mistake("rows from 0 instead of steps", "The tests are not equally far apart: look the steps up.",
                "the words of exercise 12.3", lambda s, i, v: i.argmax() / _first(np.arange(len(s)), v, i.max())),
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
        Mistake("the GPUs forgotten in the hours", "`batch` is what all GPUs take together in a step: each sees its "
                "share of it.",
                "the words of exercise 12.4", lambda s, b, r, g, p: (s * b / r / 3600, s * b / r / 3600 * g * p)),
        Mistake("one GPU paid", "Eight GPUs for an hour are eight hours to pay.", "the words of exercise 12.4",
                lambda s, b, r, g, p: (_cost(s, b, r, g, p)[0], _cost(s, b, r, g, p)[0] * p)),
        Mistake("money before hours", "The hours come first.", "the words of exercise 12.4",
                lambda s, b, r, g, p: _cost(s, b, r, g, p)[::-1]),
        Mistake("one image a step", "A step is a mini-batch: count its images.", "the words of exercise 12.4",
                lambda s, b, r, g, p: _cost(s, 1, r, g, p)),
        Mistake("multiplied by the GPUs", "More GPUs take less time.", "the words of exercise 12.4",
                lambda s, b, r, g, p: (s * b * g / r / 3600, s * b * g / r / 3600 * p)),
        Mistake("shared among the GPUs twice", "One GPU sees its share of the images: divide by the number of GPUs "
                "once.", "the words of exercise 12.4", lambda s, b, r, g, p: _cost(s, b / g, r, g, p)),
        Mistake("whole hours", "A part of an hour is paid as a part.", "the words of exercise 12.4",
                lambda s, b, r, g, p: (_cost(s, b, r, g, p)[0], np.ceil(_cost(s, b, r, g, p)[0]) * g * p)),
        Mistake("always 32 images", "`batch` is an argument, and need not be the paper's.",
                "the words of exercise 12.4", lambda s, b, r, g, p: _cost(s, 32, r, g, p)),
        Mistake("minutes", "An hour has 3600 seconds.", "the words of exercise 12.4",
                lambda s, b, r, g, p: (60 * _cost(s, b, r, g, p)[0], 60 * _cost(s, b, r, g, p)[1])),
        Mistake("days", "An hour has 3600 seconds.", "the words of exercise 12.4",
                lambda s, b, r, g, p: (_cost(s, b, r, g, p)[0] / 24, _cost(s, b, r, g, p)[1])),
        Mistake("seconds", "An hour has 3600 seconds.", "the words of exercise 12.4",
                lambda s, b, r, g, p: (3600 * _cost(s, b, r, g, p)[0], 3600 * _cost(s, b, r, g, p)[1])),
        Mistake("the price of the whole machine", "`price` is that of one GPU for an hour: multiply by them once.",
                "the words of exercise 12.4", lambda s, b, r, g, p: (_cost(s, b, r, g, p)[0],
                                                                     _cost(s, b, r, g, p)[1] * g)),
        Mistake("the speed of all GPUs taken for that of one", "`images_per_second` is what one GPU sees.",
                "the words of exercise 12.4", lambda s, b, r, g, p: (s * b / r / 3600, s * b / r / 3600 * p)),
    ),
)
