"""The checks of lesson 10: steps to an accuracy, the typical unit, the depth at which the plain network dies."""

import numpy as np

from bncourse.checks.frame import Check, Mistake


def _steps_to(steps, accuracy, target):
    reached = np.flatnonzero(accuracy >= target)
    return steps[reached[0]] if reached.size else np.inf


def _last_below(steps, accuracy, target):
    below = np.flatnonzero(accuracy < target)
    return steps[min(below[-1] + 1, len(steps) - 1)] if below.size else steps[0]


def _searched(steps, accuracy, target):
    place = np.searchsorted(accuracy, target)
    return steps[place] if place < len(steps) else np.inf


def _histories(rng):
    """Accuracies that rise with noise, meet the target exactly, fall below it again, early too, or never reach it."""
    cases = []
    for n, target in ((13, 0.7), (17, 0.5), (11, 0.8)):
        steps = np.cumsum(rng.integers(3, 40, n))
        accuracy = np.linspace(0.1, 0.95, n) + rng.uniform(-0.04, 0.04, n)
        accuracy[n - 2] = target - 0.05
        cases.append((steps, accuracy, target))
    steps = np.cumsum(rng.integers(3, 40, 9))
    met = np.array([0.1, 0.2, 0.3, 0.6, 0.7, 0.65, 0.8, 0.9, 0.85])
    early = np.array([0.1, 0.62, 0.3, 0.4, 0.5, 0.7, 0.8])
    return [*cases, (steps, met, 0.6), (steps, met, 0.95), (steps[2:], early, 0.6)]


steps_to = Check(
    exercise="10.1",
    law="The first recorded step at which the accuracy is the target or more; infinity where it never is.",
    solution=_steps_to,
    cases=_histories,
    outputs=("step",),
    mistakes=(
        Mistake("the row instead of the step", "Records are not one step apart: look the step up in `steps`.",
                "section 3 of this lesson", lambda s, a, t: np.flatnonzero(a >= t)[0] if (a >= t).any() else np.inf),
        Mistake("argmax of what never happens", "np.argmax of a row of False is 0: a network that never gets there "
                "would win the race. Ask first whether any record reaches the target.", "the paper's Figure 3",
                lambda s, a, t: s[np.argmax(a >= t)]),
        Mistake("more than the target", "Figure 3's column is the steps to *reach* an accuracy: equal counts.",
                "the paper's Figure 3", lambda s, a, t: s[np.argmax(a > t)] if (a > t).any() else np.inf),
        Mistake("never is the last step", "A network that never gets there has no number of steps; the last step would "
                "say that it just did.", "the paper's Figure 3",
                lambda s, a, t: s[np.argmax(a >= t)] if (a >= t).any() else s[-1]),
        Mistake("after the last record below", "An accuracy falls now and then by the noise of SGD; the paper counts "
                "the first time.", "the paper's Figure 3", _last_below),
        Mistake("never is 0", "A network that never gets there would win the race: infinity is more than any step.",
                "the paper's Figure 3", lambda s, a, t: s[np.argmax(a >= t)] if (a >= t).any() else 0),
        Mistake("never is -1", "A network that never gets there would win the race: infinity is more than any step.",
                "the paper's Figure 3", lambda s, a, t: s[np.argmax(a >= t)] if (a >= t).any() else -1),
        Mistake("the accuracies taken as sorted", "np.searchsorted needs a row in order, and an accuracy also falls.",
                "section 3 of this lesson", _searched),
        Mistake("the step of the highest accuracy", "That is another column, the one that Figure 3 forgets.",
                "the paper's Figure 3", lambda s, a, t: s[np.argmax(a)]),
        Mistake("the nearest record", "Near is not reached.", "the law", lambda s, a, t: s[np.argmin(np.abs(a - t))]),
    ),
)


def _moved(percentiles):
    return np.abs(percentiles - percentiles[0]).mean((0, 1))


def _middle(amounts):
    return np.argsort(amounts, kind="stable")[amounts.size // 2]


typical = Check(
    exercise="10.2",
    law="Each unit moves by the mean, over the records and the three lines, of the distance from where the line began. "
        "The typical unit stands in the middle of the units sorted by that.",
    solution=lambda percentiles: _middle(_moved(percentiles)),
    cases=lambda rng: [(np.cumsum(rng.normal(size=(t, 3, units)) * rng.uniform(0.2, 4, units), axis=0),)
                       for t, units in [(6, 9), (5, 31), (8, 10), (11, 22), (7, 40)]],
    outputs=("unit",),
    mistakes=(
        Mistake("the unit that moves most", "It makes the best figure and is the least typical.", "the law",
                lambda p: _moved(p).argmax()),
        Mistake("the unit that moves least", "It is as untypical as the one that moves most.", "the law",
                lambda p: _moved(p).argmin()),
        Mistake("the movement with its sign", "A line that goes up and comes down has moved; take distances.",
                "the law", lambda p: _middle((p - p[0]).mean((0, 1)))),
        Mistake("the last record alone", "What happens on the way counts: the figure shows the whole training.",
                "the law", lambda p: _middle(np.abs(p[-1] - p[0]).mean(0))),
        Mistake("the distance between neighbouring records", "That counts the noise from record to record, and "
                "depends on how often one looks.", "the law",
                lambda p: _middle(np.abs(np.diff(p, axis=0)).mean((0, 1)))),
        Mistake("the median line alone", "The spread may grow while the median stands still: all three lines count.",
                "the law", lambda p: _middle(_moved(p[:, 1:2]))),
        Mistake("the middle by index", "The units must be sorted by how much they move.", "the law",
                lambda p: p.shape[2] // 2),
        Mistake("one place too early", "Of an even number of units, half move less than the one in the middle: with "
                "100 it has 50 below it.", "the law",
                lambda p: np.argsort(_moved(p), kind="stable")[(p.shape[2] - 1) // 2]),
        Mistake("the place in the sorted order", "np.argsort gives the units in order; look up which one stands in "
                "the middle, not where unit 0 stands.", "the law",
                lambda p: np.argsort(np.argsort(_moved(p), kind="stable"))[p.shape[2] // 2]),
    ),
)


def _alive(accuracy, chance):
    return (accuracy > 2 * chance).all(0)


def _deepest(depths, accuracy, chance):
    dead = np.flatnonzero(~_alive(accuracy, chance))
    return depths[dead[0] - 1] if dead.size else depths[-1]


def _ladders(rng):
    """Accuracies `(seeds, depths)`: alive, then one seed dies, then one alone lives, and deeper all live once more.

    Which seed dies and at how many times the chance, the chance itself and the distances of the depths differ from
    case to case; in the last two all seeds die at once, and none.
    """
    cases = []
    for seeds, alive, dead, times, chance in ((3, 4, 0, 1.5, 0.1), (5, 2, 3, 2, 0.05), (4, 6, 1, 1.7, 0.25),
                                              (3, 3, 2, 2, 0.125)):
        accuracy = chance * rng.uniform(1.1, 1.9, (seeds, alive + 7))
        lives = [*range(alive), -4, -3, -2]
        accuracy[:, lives] = chance * rng.uniform(2.2, 3.8, (seeds, len(lives)))
        accuracy[:, alive] = chance * rng.uniform(3, 3.8, seeds)
        accuracy[dead, alive] = times * chance
        accuracy[:, alive + 1] = 1.1 * chance
        accuracy[0, alive + 1] = 2.5 * chance
        cases.append((np.cumsum(rng.integers(1, 4, alive + 7)), accuracy, chance))
    together = rng.uniform(0.5, 0.9, (3, 6))
    together[:, 3:] = 0.098
    cases.append((np.array([1, 2, 4, 5, 8, 9]), together, 0.1))
    return [*cases, (np.arange(3, 8), rng.uniform(0.5, 0.9, (3, 5)), 0.2)]


def _changed_deepest(alive):
    def answer(depths, accuracy, chance):
        dead = np.flatnonzero(~alive(accuracy, chance))
        return depths[dead[0] - 1] if dead.size else depths[-1]

    return answer


deepest = Check(
    exercise="10.3",
    law="The last depth before the first one at which some seed stays at twice the chance level or below; the last of "
        "all where none does.",
    solution=_deepest,
    cases=_ladders,
    outputs=("depth",),
    mistakes=(
        Mistake("any seed is enough", "A depth trains if every seed trains: one lucky seed is the single curve that "
                "honest figures avoid.", "the law", _changed_deepest(lambda a, c: (a > 2 * c).any(0))),
        Mistake("the mean over the seeds", "Those that train hide one that does not.", "the law",
                _changed_deepest(lambda a, c: a.mean(0) > 2 * c)),
        Mistake("the deepest that trains, whatever lies between", "Depths beyond the first failure do not count.",
                "the law", lambda d, a, c: d[np.flatnonzero(_alive(a, c))[-1]]),
        Mistake("the first that fails", "Asked for is the last that still trains: one place before.", "the law",
                lambda d, a, c: d[-1] if _alive(a, c).all() else d[np.argmin(_alive(a, c))]),
        Mistake("the place instead of the depth", "Look the depth up in `depths`.", "the law",
                lambda d, a, c: np.append(np.flatnonzero(~_alive(a, c)), len(d))[0] - 1),
        Mistake("above chance", "A dead network predicts the most frequent digit, which is a little more than chance: "
                "the law asks for twice the chance.", "section 7 of this lesson",
                _changed_deepest(lambda a, c: (a > c).all(0))),
        Mistake("twice the chance is enough", "Asked for is more than twice the chance.", "the law",
                _changed_deepest(lambda a, c: (a >= 2 * c).all(0))),
        Mistake("the first seed alone", "A depth trains if every seed trains.", "the law",
                _changed_deepest(lambda a, c: a[0] > 2 * c)),
        Mistake("as many as train", "Depths beyond the first failure do not count.", "the law",
                lambda d, a, c: d[_alive(a, c).sum() - 1]),
    ),
)
