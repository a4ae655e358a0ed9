"""The checks of lesson 10: steps to an accuracy, a typical unit, how deep the networks train by initial weights."""

import numpy as np

from bncourse.checks.frame import Check, Mistake


def _steps_to(steps, accuracy, target):
    reached = np.flatnonzero(accuracy >= target)
    return steps[reached[0]] if reached.size else np.inf


def _last_below(steps, accuracy, target):
    below = np.flatnonzero(accuracy < target)
    return np.append(steps, np.inf)[below[-1] + 1 if below.size else 0]


def _last_rise(steps, accuracy, target):
    risen = np.flatnonzero((accuracy[1:] >= target) & (accuracy[:-1] < target))
    return steps[risen[-1] + 1] if risen.size else _steps_to(steps, accuracy, target)


def _searched(steps, accuracy, target):
    place = np.searchsorted(accuracy, target)
    return steps[place] if place < len(steps) else np.inf


def _interpolated(steps, accuracy, target):
    reached = np.flatnonzero(accuracy >= target)
    if not reached.size or reached[0] == 0:
        return steps[0] if reached.size else np.inf
    around = slice(reached[0] - 1, reached[0] + 1)
    return np.interp(target, accuracy[around], steps[around])


def _or_never(which):
    """An answer that looks up the step of the record `which(accuracy, target)` where the target is ever reached."""
    return lambda s, a, t: s[which(a, t)] if (a >= t).any() else np.inf


def _histories(rng):
    """Accuracies that rise with noise and fall below the target again, early, late and in the last record.

    Two meet the target exactly, one of them at its highest; one never reaches it, one misses it by less than a
    hundredth of a point, and one starts above it.
    """
    cases = []
    for n, target in ((13, 0.7), (17, 0.5), (11, 0.8)):
        steps = np.cumsum(rng.integers(3, 40, n))
        accuracy = np.linspace(0.1, 0.95, n) + rng.uniform(-0.04, 0.04, n)
        accuracy[n - 2] = target - 0.05
        cases.append((steps, accuracy, target))
    steps = np.cumsum(rng.integers(3, 40, 9))
    met = np.array([0.1, 0.2, 0.3, 0.6, 0.7, 0.65, 0.8, 0.9, 0.85])
    early = np.array([0.1, 0.62, 0.3, 0.4, 0.5, 0.7, 0.8])
    fallen = np.array([0.1, 0.2, 0.5, 0.81, 0.7, 0.82, 0.75, 0.7, 0.6])
    near = np.array([0.1, 0.3, 0.6962, 0.69993, 0.68, 0.66, 0.7002, 0.71, 0.6998])
    return [*cases, *((steps, met, target) for target in (0.6, 0.9, 0.95)), (steps[2:], early, 0.6),
            (steps, fallen, 0.8), (steps, near, 0.7), (steps, near[::-1] - 0.0005, 0.7), (steps[4:], fallen[3:8], 0.8)]


steps_to = Check(
    exercise="10.1",
    law="The first recorded step at which the accuracy is the target or more; infinity where it never is.",
    solution=_steps_to,
    cases=_histories,
    outputs=("step",),
    mistakes=(
        Mistake("the row instead of the step", "Records are not one step apart: look the step up in `steps`.",
                "hint 2", lambda s, a, t: np.flatnonzero(a >= t)[0] if (a >= t).any() else np.inf),
        Mistake("argmax of what never happens", "np.argmax of a row of False is 0: a network that never gets there "
                "would win the race. Ask first whether any record reaches the target.", "the paper's Figure 3",
                lambda s, a, t: s[np.argmax(a >= t)]),
        Mistake("more than the target", "Figure 3's column is the steps to *reach* an accuracy: equal counts.",
                "the paper's Figure 3", lambda s, a, t: s[np.argmax(a > t)] if (a > t).any() else np.inf),
        Mistake("never is no accuracy above it", "Its highest accuracy may be the target itself, and that is reached.",
                "the paper's Figure 3", lambda s, a, t: s[np.argmax(a >= t)] if a.max() > t else np.inf),
        Mistake("never is the last step", "A network that never gets there has no number of steps; the last step would "
                "say that it just did.", "the paper's Figure 3",
                lambda s, a, t: s[np.argmax(a >= t)] if (a >= t).any() else s[-1]),
        Mistake("after the last record below", "An accuracy falls now and then by the noise of SGD; the first time "
                "counts.", "the paper's Figure 3", _last_below),
        Mistake("the last record decides", "A network whose last accuracy is below the target may have reached it "
                "before: ask whether any record reaches it.", "the last sentence of the exercise",
                lambda s, a, t: s[np.argmax(a >= t)] if a[-1] >= t else np.inf),
        Mistake("the last record that reaches it", "Asked for is the first one.", "hint 1",
                _or_never(lambda a, t: np.flatnonzero(a >= t)[-1])),
        Mistake("one record too early", "Asked for is the record that reaches the target, not the one before it.",
                "hint 1", _or_never(lambda a, t: max(np.argmax(a >= t) - 1, 0))),
        Mistake("one record too late", "The record that reaches the target counts itself.", "hint 1",
                _or_never(lambda a, t: min(np.argmax(a >= t) + 1, len(a) - 1))),
        Mistake("interpolated", "The step between two records at which a straight line meets the target was never "
                "looked at: asked for is a recorded step.", "the exercise's text", _interpolated),
        Mistake("the first record left out", "The first record may be the one.", "hint 1",
                lambda s, a, t: _steps_to(s[1:], a[1:], t)),
        Mistake("never is an IndexError", "Where no record reaches the target there is no first place to look up: ask "
                "first, and return infinity.", "hint 2", lambda s, a, t: s[np.flatnonzero(a >= t)[0]]),
        Mistake("never is a ValueError", "Where no record reaches the target nothing is left to take the least of: "
                "ask first, and return infinity.", "hint 2", lambda s, a, t: s[a >= t].min()),
        Mistake("the last rise to it", "An accuracy may fall and rise again; the first time counts.", "hint 1",
                _last_rise),
        Mistake("almost is enough", "An accuracy that is a tenth of a point below the target has not reached it.",
                "the paper's Figure 3", lambda s, a, t: _steps_to(s, a, t - 1e-3)),
        Mistake("the accuracies rounded", "Compare what was measured: 69.99 % is not 70 %.", "the paper's Figure 3",
                lambda s, a, t: _steps_to(s, np.round(a, 2), t)),
        Mistake("never is 0", "A network that never gets there would win the race: infinity is more than any step.",
                "the paper's Figure 3", lambda s, a, t: s[np.argmax(a >= t)] if (a >= t).any() else 0),
        Mistake("never is -1", "A network that never gets there would win the race: infinity is more than any step.",
                "the paper's Figure 3", lambda s, a, t: s[np.argmax(a >= t)] if (a >= t).any() else -1),
        Mistake("never is NaN", "NaN is neither more nor less than any step, so the networks could not be compared: "
                "infinity is more.", "the exercise's text",
                lambda s, a, t: s[np.argmax(a >= t)] if (a >= t).any() else np.nan),
        Mistake("the accuracies taken as sorted", "np.searchsorted needs a row in order, and an accuracy also falls.",
                "hint 1", _searched),
        Mistake("the step of the highest accuracy", "That is another column, the one that Figure 3 calls the maximum.",
                "the paper's Figure 3", lambda s, a, t: s[np.argmax(a)]),
        Mistake("the nearest record", "Near is not reached.", "hint 1", lambda s, a, t: s[np.argmin(np.abs(a - t))]),
    ),
)


def _moved(percentiles):
    return np.abs(percentiles - percentiles[0]).max((0, 1))


def _middle(amounts):
    return np.argsort(amounts, kind="stable")[amounts.size // 2]


typical = Check(
    exercise="10.2",
    law="Each unit moves by the greatest distance, over records and lines, of a line from where it began. "
        "The typical unit stands in the middle of the units sorted by that.",
    solution=lambda percentiles: _middle(_moved(percentiles)),
    cases=lambda rng: [(np.cumsum(rng.normal(size=(t, 3, units)) * rng.uniform(0.2, 4, units), axis=0),)
                       for t, units in [(6, 9), (5, 31), (8, 10), (11, 22), (7, 40), (9, 100)]],
    outputs=("unit",),
    mistakes=(
        Mistake("the mean distance", "That is the rule of section 4. Here the greatest distance counts.",
                "the exercise's text", lambda p: _middle(np.abs(p - p[0]).mean((0, 1)))),
        Mistake("the greatest distance of the mean line", "Take the greatest over the records and over the lines: a "
                "mean over the lines first hides the one that travels.", "hint 1",
                lambda p: _middle(np.abs(p - p[0]).mean(1).max(0))),
        Mistake("the mean over the records of the line that is furthest", "Take the greatest over the lines and over "
                "the records.", "hint 1", lambda p: _middle(np.abs(p - p[0]).max(1).mean(0))),
        Mistake("the unit that moves most", "It makes the best figure and is the least typical.", "hint 2",
                lambda p: _moved(p).argmax()),
        Mistake("the unit that moves least", "It is as untypical as the one that moves most.", "hint 2",
                lambda p: _moved(p).argmin()),
        Mistake("the movement with its sign", "A line that goes down has moved too; take distances.",
                "hint 1", lambda p: _middle((p - p[0]).max((0, 1)))),
        Mistake("the last record alone", "What happens on the way counts: a line may travel and come back.",
                "the exercise's text", lambda p: _middle(np.abs(p[-1] - p[0]).max(0))),
        Mistake("the distance between neighbouring records", "That counts the noise from record to record, and "
                "depends on how often one looks.", "the exercise's text",
                lambda p: _middle(np.abs(np.diff(p, axis=0)).max((0, 1)))),
        Mistake("the range of a line", "Asked for is the distance from where the line began, not from its lowest point "
                "to its highest.", "the exercise's text", lambda p: _middle(np.ptp(p, axis=0).max(0))),
        Mistake("the median line alone", "The spread may grow while the median stands still: all three lines count.",
                "the exercise's text", lambda p: _middle(_moved(p[:, 1:2]))),
        Mistake("the distance from zero", "Asked for is how far a line is from where it was in the first record.",
                "hint 1", lambda p: _middle(np.abs(p).max((0, 1)))),
        Mistake("the distance from the last record", "A line moves from where it began: `percentiles[0]`.", "hint 1",
                lambda p: _middle(np.abs(p - p[-1]).max((0, 1)))),
        Mistake("the distance between the outer lines", "All three lines may travel together, and then this distance "
                "stays: each line's own movement counts.", "the exercise's text",
                lambda p: _middle(np.abs(np.diff(p[:, [0, 2]], axis=1)[:, 0] - (p[0, 2] - p[0, 0])).max(0))),
        Mistake("how far it moves instead of which", "Asked for is the index of the unit: sort the indices with "
                "np.argsort.", "hint 2", lambda p: np.sort(_moved(p))[p.shape[2] // 2]),
        Mistake("one place too late", "Places count from 0: of 100 units, the one at place 50 has 50 below it.",
                "hint 2", lambda p: np.argsort(_moved(p), kind="stable")[p.shape[2] // 2 + 1]),
        Mistake("the middle by index", "The units must be sorted by how much they move.", "hint 2",
                lambda p: p.shape[2] // 2),
        Mistake("one place too early", "Of an even number of units, half move less than the one in the middle: with "
                "100 it has 50 below it. Sorted from the unit that moves most, it has another place.",
                "the exercise's text", lambda p: np.argsort(_moved(p), kind="stable")[(p.shape[2] - 1) // 2]),
        Mistake("the place in the sorted order", "np.argsort gives the units in order; look up which one stands in "
                "the middle, not where unit 0 stands.", "hint 2",
                lambda p: np.argsort(np.argsort(_moved(p), kind="stable"))[p.shape[2] // 2]),
        Mistake("the unit nearest to the mean amount", "The middle of the sorted units is the median; a few units that "
                "move far pull the mean.", "hint 2", lambda p: np.argmin(np.abs(_moved(p) - _moved(p).mean()))),
    ),
)


def _trains(accuracy, chance):
    return (accuracy > 2 * chance).all(1)


def _reach(trains, depths, none=0):
    """For each row of `trains` `(stds, depths)` the depth before the first False, or `none` where that is the first."""
    return np.array([depths[n - 1] if n else none for n in np.cumprod(trains, axis=1).sum(1)])


def _deepest(depths, accuracy, chance):
    return _reach(_trains(accuracy, chance), depths)


def _ladder(rng, depths, alive, dead, times, chance, seeds):
    """Accuracies `(seeds, depths)`: all train, then one seed does not, then one alone does, and later all once more."""
    accuracy = chance * rng.uniform(1.1, 1.9, (seeds, depths))
    lives = [*range(alive), depths - 4, depths - 3, depths - 2]
    accuracy[:, lives] = chance * rng.uniform(2.2, 3.8, (seeds, len(lives)))
    accuracy[:, alive] = chance * rng.uniform(3, 3.8, seeds)
    accuracy[dead, alive] = times * chance
    accuracy[:, alive + 1] = 1.1 * chance
    accuracy[0, alive + 1] = 2.5 * chance
    accuracy[-1, 0] = 2.05 * chance
    return accuracy


def _ladders(rng):
    """Tables in which each standard deviation ends at another depth; in the last ones, at none and at all of them."""
    cases = []
    for seeds, dead, times, chance in ((3, 0, 1.5, 0.1), (5, 3, 2, 0.05), (3, 1, 1.7, 0.25), (6, 2, 2, 0.125)):
        tables = [_ladder(rng, 12, alive, dead, times, chance, seeds) for alive in (3, 6, 1, 5)]
        cases.append((np.cumsum(rng.integers(1, 4, 12)), np.stack(tables), chance))
    together = rng.uniform(0.5, 0.9, (3, 4, 6))
    together[1, :, 3:] = 0.098
    together[2, 1, 0] = 0.098
    cases.append((np.array([1, 2, 4, 5, 8, 9]), together, 0.1))
    return [*cases, (np.arange(3, 8), rng.uniform(0.5, 0.9, (2, 3, 5)), 0.2)]


def _by(trains):
    """The answer of somebody for whom another rule says which depths train."""
    return lambda depths, accuracy, chance: _reach(trains(accuracy, chance), depths)


deepest = Check(
    exercise="10.3",
    law="For each standard deviation the last depth before the first one at which some seed stays at twice the chance "
        "level or below; the last of all where none does, and 0 where the shallowest does.",
    solution=_deepest,
    cases=_ladders,
    outputs=("depths",),
    mistakes=(
        Mistake("any seed is enough", "A depth trains if every seed trains: one lucky seed is the single curve that "
                "honest figures avoid.", "the exercise's text", _by(lambda a, c: (a > 2 * c).any(1))),
        Mistake("the mean or the median over the seeds", "Those that train hide one that does not.",
                "the exercise's text", _by(lambda a, c: a.mean(1) > 2 * c)),
        Mistake("the deepest that trains, whatever lies between", "Depths beyond the first failure do not count.",
                "hint 2", lambda d, a, c: np.where(_trains(a, c), d, 0).max(1)),
        Mistake("the first that fails", "Asked for is the last that still trains: one place before.",
                "the exercise's text", lambda d, a, c: np.array([d[-1] if row.all() else d[np.argmin(row)]
                                                                 for row in _trains(a, c)])),
        Mistake("the place of the first that fails", "The sum counts the depths that train, which is the place of "
                "the next one, which there is not where all train. Asked for is the last that trains.", "hint 2",
                lambda d, a, c: d[np.cumprod(_trains(a, c), axis=1).sum(1)]),
        Mistake("how many instead of which", "Look the depth up in `depths`.", "hint 2",
                lambda d, a, c: np.cumprod(_trains(a, c), axis=1).sum(1)),
        Mistake("above chance", "A network that has not started predicts the most frequent digit, which is a little "
                "more than chance: asked for is more than twice the chance.", "the exercise's text",
                _by(lambda a, c: (a > c).all(1))),
        Mistake("twice the chance is enough", "Asked for is more than twice the chance.", "the exercise's text",
                _by(lambda a, c: (a >= 2 * c).all(1))),
        Mistake("the chance is always 0.1", "Use the argument: with twenty classes the chance is another.",
                "the stub's signature", _by(lambda a, c: (a > 0.2).all(1))),
        Mistake("the first seed alone", "A depth trains if every seed trains.", "the exercise's text",
                _by(lambda a, c: a[:, 0] > 2 * c)),
        Mistake("as many as train", "Depths beyond the first failure do not count.", "hint 2",
                lambda d, a, c: np.append(0, d)[_trains(a, c).sum(1)]),
        Mistake("none is the shallowest", "Where the shallowest network does not train, no depth does: that is 0.",
                "the exercise's text", lambda d, a, c: _reach(_trains(a, c), d, none=d[0])),
        Mistake("none is the deepest", "`depths[-1]` is the deepest. Where the shallowest network does not train, the "
                "place before the first failure is -1, and Python counts it from the end.", "the exercise's text",
                lambda d, a, c: _reach(_trains(a, c), d, none=d[-1])),
        Mistake("none is -1", "Where the shallowest network does not train, the exercise asks for 0.",
                "the exercise's text", lambda d, a, c: _reach(_trains(a, c), d, none=-1)),
        Mistake("all standard deviations and not all seeds", "The seeds are the second axis: the result has an entry "
                "for each standard deviation.", "hint 1", _by(lambda a, c: (a > 2 * c).all(0))),
        Mistake("one depth for all", "Each standard deviation has a depth of its own: return an array.", "the stub",
                lambda d, a, c: _deepest(d, a, c).max()),
        Mistake("all standard deviations together", "Each of them has a depth of its own.", "the exercise's text",
                lambda d, a, c: np.repeat(_reach(_trains(a, c).all(0)[None], d), len(a))),
    ),
)
