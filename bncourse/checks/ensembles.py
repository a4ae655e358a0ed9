"""The checks of lesson 13: where crops lie, the mean of probabilities, top-5 error, Jensen's gap, the paper's six."""

import numpy as np

from bncourse.checks.frame import Check, Mistake
from bncourse.checks.statements import Statement, Statements
from bncourse.datasets.crops import rectangles

PICTURES = [(74, 64, 56), (64, 93, 56), (102, 75, 64), (64, 64, 56)]  # width, height, size: rests even, odd, odd, 0


def _with(change):
    """The rectangles with one of them changed: `change(width, height, size, k, rectangle)` for k of 0 to 17."""
    def wrong(width, height, size):
        return np.array([change(width, height, size, k, *sides)
                         for k, sides in enumerate(rectangles(width, height, size))])
    return wrong


def _rounded_up(w, h, s, k, left, top, right, bottom):
    odd = (min(w, h) - s) % 2 if k % 6 == 4 else 0
    return left + odd, top + odd, right + odd, bottom + odd


def _squares_rounded_up(w, h, s, k, left, top, right, bottom):
    odd = (max(w, h) - min(w, h)) % 2 if k // 6 == 1 else 0
    return (left + odd, top, right + odd, bottom) if w > h else (left, top + odd, right, bottom + odd)


def _from_the_square(w, h, s, k, left, top, right, bottom):
    x, y, _, _ = rectangles(w, h, s)[6 * (k // 6) + 5]
    return left - x, top - y, right - x, bottom - y


def _along_the_width(w, h, s, k, left, top, right, bottom):
    return (left, top, right, bottom) if w > h else (top, left, bottom, right)


crops = Check(
    exercise="13.1",
    law="Three squares, as high or as wide as the picture, lie at its beginning, middle and end; of each come four "
        "corners, the centre and the whole: 18 rectangles of left, top, right, bottom.",
    solution=rectangles,
    cases=lambda rng: PICTURES,
    outputs=("rectangles",),
    mistakes=(
        Mistake("width and height swapped", "A wide picture has its squares side by side, a high one above each other.",
                "section 3, squares", lambda w, h, s: rectangles(h, w, s)),
        Mistake("the squares always side by side", "In a high picture they lie at the top, middle and bottom.",
                "section 3, squares", _with(_along_the_width)),
        Mistake("the whole left out", "The sixth crop is the whole square, resized.", "section 3, six crops",
                lambda w, h, s: rectangles(w, h, s)[np.arange(18) % 6 != 5]),
        Mistake("the whole picture instead of the whole square", "The sixth crop is of the square, as the others are.",
                "section 3, six crops",
                _with(lambda w, h, s, k, *sides: (0, 0, w, h) if k % 6 == 5 else sides)),
        Mistake("mirrors counted", "A mirror image is made of the crop; its rectangle is the same.",
                "section 3, two mirrors", lambda w, h, s: rectangles(w, h, s).repeat(2, axis=0)),
        Mistake("the centre off by one", "Half a pixel is rounded down here: rest // 2.", "section 3, six crops",
                _with(_rounded_up)),
        Mistake("the middle square off by one", "Half a pixel is rounded down here: rest // 2.", "section 3, squares",
                _with(_squares_rounded_up)),
        Mistake("width and height instead of right and bottom", "A rectangle ends at left + size and top + size.",
                "the words of exercise 13.1",
                _with(lambda w, h, s, k, left, top, right, bottom: (left, top, right - left, bottom - top))),
        Mistake("the last pixel as the end", "The sides lie between pixels: right is left + size.",
                "the words of exercise 13.1",
                _with(lambda w, h, s, k, left, top, right, bottom: (left, top, right - 1, bottom - 1))),
        Mistake("top before left", "The order is left, top, right, bottom.", "the words of exercise 13.1",
                _with(lambda w, h, s, k, left, top, right, bottom: (top, left, bottom, right))),
        Mistake("counted from the square", "A crop begins where its square does: add the square's left and top.",
                "section 3, six crops", _with(_from_the_square)),
        Mistake("half pixels", "Pixels are whole: rest // 2 rounds down.", "the words of exercise 13.1",
                _with(lambda w, h, s, k, *sides: np.array(sides) + ((min(w, h) - s) % 2 / 2 if k % 6 == 4 else 0))),
        Mistake("the whole as small as a crop", "Its rectangle is the whole square, which is resized afterwards.",
                "section 3, six crops",
                _with(lambda w, h, s, k, left, top, right, bottom: (left, top, left + s, top + s))),
        Mistake("the crops of three squares one after the other", "All six crops of the first square come before those "
                "of the second.", "the words of exercise 13.1",
                lambda w, h, s: rectangles(w, h, s).reshape(3, 6, 4).swapaxes(0, 1).reshape(18, 4)),
        Mistake("the centre or the whole first", "The four corners come first, then the centre, then the whole.",
                "the words of exercise 13.1",
                lambda w, h, s: rectangles(w, h, s).reshape(3, 6, 4)[:, [5, 0, 1, 2, 3, 4]].reshape(18, 4)),
        Mistake("the corners down the left side first", "The two above come before the two below.",
                "the words of exercise 13.1",
                lambda w, h, s: rectangles(w, h, s).reshape(3, 6, 4)[:, [0, 2, 1, 3, 4, 5]].reshape(18, 4)),
    ),
)


def softmax(z, axis=-1):
    e = np.exp(z - z.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def _mean_of_probabilities(logits):
    return softmax(logits).mean(axis=(0, 1))


def _vote(logits):
    return np.eye(logits.shape[-1])[logits.argmax(axis=-1)].mean(axis=(0, 1))


def _normalised(e):
    """The mean over networks and crops of e, divided by its sum over the classes."""
    with np.errstate(all="ignore"):
        return (e / e.sum(axis=-1, keepdims=True)).mean(axis=(0, 1))


def _overflowing(logits):
    with np.errstate(all="ignore"):
        return _normalised(np.exp(logits))


def _three_ensembles(rng):
    """Logits `(M, V, N, K)` of M networks for V crops of N pictures, M, V, N and K all different; in the last, those of
    one network are larger by 900."""
    shapes = ((3, 2, 5, 7), 2), ((4, 3, 2, 6), 1), ((2, 4, 6, 5), 3)
    cases = [rng.normal(size=shape) * scale for shape, scale in shapes]
    cases[2][0] += 900
    return [(logits,) for logits in cases]


ensemble = Check(
    exercise="13.2",
    law="Each softmax runs over the classes, for one network and one crop; the ensemble's probabilities are the "
        "arithmetic mean over all networks and crops.",
    solution=_mean_of_probabilities,
    cases=_three_ensembles,
    outputs=("p",),
    mistakes=(
        Mistake("the mean of the logits", "That is the geometric mean of the probabilities; the paper takes the "
                "arithmetic one.", "section 4.2.3", lambda z: softmax(z.mean(axis=(0, 1)))),
        Mistake("the crops' logits averaged first", "The softmax comes first for the crops, too: a crop gives "
                "probabilities.", "section 3", lambda z: softmax(z.mean(axis=1)).mean(axis=0)),
        Mistake("the networks' logits averaged first", "The softmax comes first, for each network.", "section 4.2.3",
                lambda z: softmax(z.mean(axis=0)).mean(axis=0)),
        Mistake("the sum of the logits", "That multiplies the probabilities, as if the networks were independent "
                "witnesses.", "section 4.2.3", lambda z: softmax(z.sum(axis=(0, 1)))),
        Mistake("the crops not averaged", "Section 4 has no crops. A picture has one prediction: the mean runs over "
                "its crops, too.", "the words of exercise 13.2", lambda z: softmax(z).mean(axis=0)),
        Mistake("the networks not averaged", "That is each network's prediction over its crops; the mean runs over the "
                "networks, too.", "section 4.2.3", lambda z: softmax(z).mean(axis=1)),
        Mistake("one crop alone", "All crops count equally.", "section 3", lambda z: softmax(z[:, 0]).mean(axis=0)),
        Mistake("the softmax over the networks", "A network's probabilities add up to one over the classes.",
                "section 4", lambda z: softmax(z, axis=0).mean(axis=(0, 1))),
        Mistake("the softmax over the crops", "A network's probabilities add up to one over the classes.",
                "section 4", lambda z: softmax(z, axis=1).mean(axis=(0, 1))),
        Mistake("the softmax over the pictures", "A network's probabilities add up to one over the classes.",
                "section 4", lambda z: softmax(z, axis=2).mean(axis=(0, 1))),
        Mistake("a vote", "A vote forgets how sure each network is.", "section 4", _vote),
        Mistake("the mean over the classes", "That is 1 / K for everything.", "section 4",
                lambda z: softmax(z).mean(axis=(0, 3))),
        Mistake("the mean over the pictures", "Each picture has its own prediction.", "section 4",
                lambda z: softmax(z).mean(axis=(0, 2))),
        Mistake("the sum of the probabilities", "Divide by the number of networks and crops: the result must add up to "
                "one.", "section 4.2.3", lambda z: softmax(z).sum(axis=(0, 1))),
        Mistake("the sum over the crops", "Divide by the number of crops, too: the result must add up to one.",
                "section 3", lambda z: softmax(z).mean(axis=0).sum(axis=0)),
        Mistake("the surest alone", "Every network and every crop counts equally.", "section 4.2.3",
                lambda z: softmax(z).max(axis=(0, 1))),
        Mistake("the geometric mean as it is", "It does not add up to one, and the paper takes the arithmetic mean.",
                "section 4.2.3", lambda z: np.exp(np.log(softmax(z)).mean(axis=(0, 1)))),
        Mistake("the largest logit of another network or crop", "Subtract from each network's logits for a crop the "
                "largest over the *classes*; another number for each class changes the softmax.", "section 4",
                lambda z: _normalised(np.exp(z - z.max(axis=(0, 1), keepdims=True)))),
        Mistake("large logits cut off", "A logit that is made smaller says something else. Subtract the largest of the "
                "classes instead.", "section 4", lambda z: _normalised(np.exp(np.clip(z, -700, 700)))),
        Mistake("the exponential of a large number", "exp(900) is infinite and exp(-900) is 0: subtract from each "
                "network's logits for a crop the largest of these first.", "section 4", _overflowing),
    ),
)


def _ranks(p, labels):
    """How many classes are more probable than the label."""
    return (p > p[np.arange(len(p)), labels][:, None]).sum(axis=1)


def _probabilities(rng):
    return [(rng.dirichlet(np.ones(classes), size=n), rng.integers(classes, size=n))
            for n, classes in ((13, 9), (40, 16), (7, 24))]


top5 = Check(
    exercise="13.3",
    law="An example is wrong where five or more classes are more probable than its label; the error is their share, "
        "in per cent.",
    solution=lambda p, labels: 100 * np.mean(_ranks(p, labels) >= 5),
    cases=_probabilities,
    outputs=("error",),
    mistakes=(
        Mistake("the accuracy", "The error counts what is wrong.", "Figure 4",
                lambda p, labels: 100 * np.mean(_ranks(p, labels) < 5)),
        Mistake("a fraction", "Figure 4 gives per cent.", "Figure 4",
                lambda p, labels: np.mean(_ranks(p, labels) >= 5)),
        Mistake("the top-1 error", "The label may be any of the five most probable classes.", "Figure 4",
                lambda p, labels: 100 * np.mean(_ranks(p, labels) >= 1)),
        Mistake("four classes", "A slice [-5:-1] holds four: the most probable class is not in it.",
                "the words of section 1",
                lambda p, labels: 100 * np.mean((_ranks(p, labels) >= 5) | (_ranks(p, labels) == 0))),
        Mistake("the four most probable", "A slice [-4:] holds four, and five may be named.", "the words of section 1",
                lambda p, labels: 100 * np.mean(_ranks(p, labels) >= 4)),
        Mistake("six classes", "Five classes may be named, so ranks 0 to 4 are right.", "the words of section 1",
                lambda p, labels: 100 * np.mean(_ranks(p, labels) > 5)),
        Mistake("the five least probable", "argsort sorts upwards: the most probable come last.",
                "the words of section 1",
                lambda p, labels: 100 * np.mean(p.shape[1] - 1 - _ranks(p, labels) >= 5)),
        Mistake("the number of errors", "The error is their share of all pictures, in per cent.", "Figure 4",
                lambda p, labels: np.sum(_ranks(p, labels) >= 5)),
        Mistake("the places taken for the classes", "argsort gives for each place the class that stands there: compare "
                "the label with these, and not with their ranks.", "the words of section 1",
                lambda p, labels: 100 * np.mean(labels < p.shape[1] - 5)),
        Mistake("the first five classes", "The classes stand in their own order, not in that of their probabilities: "
                "sort first.", "the words of section 1", lambda p, labels: 100 * np.mean(labels >= 5)),
        Mistake("the share of the five that are the label", "At most one of the five can be the label: ask for each "
                "example whether any of them is.", "the words of section 1",
                lambda p, labels: 100 * (1 - np.mean(_ranks(p, labels) < 5) / 5)),
        Mistake("rounded to whole per cent", "Give the number as it is.", "the exercise",
                lambda p, labels: round(100 * np.mean(_ranks(p, labels) >= 5))),
        Mistake("the probability of the five", "What counts is whether the label is among them.", "Figure 4",
                lambda p, labels: 100 * (1 - np.mean(np.sort(p)[:, -5:].sum(axis=1)))),
    ),
)


def _of_label(p, labels):
    """Each network's probability of each example's label, `(M, N)`."""
    return p[:, np.arange(len(labels)), labels]


def _gap(p, labels):
    own = _of_label(p, labels)
    return np.log(own.mean(axis=0)) - np.log(own).mean(axis=0)


def _members(rng):
    return [(rng.dirichlet(np.ones(classes), size=(m, n)), rng.integers(classes, size=n))
            for m, n, classes in ((3, 5, 7), (6, 4, 9))]


gap = Check(
    exercise="13.4",
    law="For each example, the mean of the networks' losses less the loss of their mean probability; by Jensen's "
        "inequality it is never negative.",
    solution=_gap,
    cases=_members,
    outputs=("gap",),
    mistakes=(
        Mistake("the sign turned", "The members lose more on average, so their mean comes first.", "section 5",
                lambda p, labels: -_gap(p, labels)),
        Mistake("one number for all examples", "The inequality holds for each example, so give one gap for each.",
                "section 5", lambda p, labels: _gap(p, labels).mean()),
        Mistake("logarithms to base 2", "The loss is a natural logarithm.", "section 5",
                lambda p, labels: _gap(p, labels) / np.log(2)),
        Mistake("logarithms to base 10", "The loss is a natural logarithm.", "section 5",
                lambda p, labels: _gap(p, labels) / np.log(10)),
        Mistake("the sum of the losses", "Divide by the number of networks.", "section 5",
                lambda p, labels: np.log(_of_label(p, labels).mean(axis=0)) - np.log(_of_label(p, labels)).sum(axis=0)),
        Mistake("against the best network", "The law compares with the mean of the losses; the best may beat the "
                "ensemble.", "section 5",
                lambda p, labels: np.log(_of_label(p, labels).mean(axis=0)) - np.log(_of_label(p, labels).max(axis=0))),
        Mistake("against the worst network", "The law compares with the mean of the losses.", "section 5",
                lambda p, labels: np.log(_of_label(p, labels).mean(axis=0)) - np.log(_of_label(p, labels).min(axis=0))),
        Mistake("the loss of the mean alone", "The gap is a difference: from the mean of the losses take the loss of "
                "the mean.", "section 5", lambda p, labels: -np.log(_of_label(p, labels).mean(axis=0))),
        Mistake("the mean of the losses alone", "The gap is a difference: take the loss of the mean away.", "section 5",
                lambda p, labels: -np.log(_of_label(p, labels)).mean(axis=0)),
        Mistake("the labels of all examples for each", "p[:, :, labels] picks every label for every example; with "
                "np.arange in the middle each example gets its own.", "the second hint",
                lambda p, labels: np.log(p[:, :, labels].mean(axis=0)) - np.log(p[:, :, labels]).mean(axis=0)),
        Mistake("the mean over the examples", "The ensemble is a mean over the networks, the first axis.", "section 5",
                lambda p, labels: (np.log(_of_label(p, labels).mean(axis=1))
                                   - np.log(_of_label(p, labels)).mean(axis=1))),
        Mistake("all classes instead of the label", "The loss looks at the label's probability alone.", "section 5",
                lambda p, labels: (np.log(p.mean(axis=0)) - np.log(p).mean(axis=0)).mean(axis=1)),
        Mistake("the most probable class instead of the label", "The loss looks at the label, right or wrong.",
                "section 5", lambda p, labels: _gap(p, p.mean(axis=0).argmax(axis=1))),
    ),
)

paper = Statements(
    exercise="13.5",
    sentences={
        "a": Statement("The six networks differ in their random numbers alone.", False,
                       "Each is BN-x30 modified by some of three changes."),
        "b": Statement("Some of them use Dropout of 5 or 10 %.", True,
                       "The original Inception used 40 %, and BN-x30 none."),
        "c": Statement("The ensemble names the class for which most networks vote.", False,
                       "Its prediction is the arithmetic mean of the class probabilities."),
        "d": Statement("4.82 % is the top-5 error on the validation images.", False,
                       "It is that on the 100,000 test images; on the validation images it is 4.9 %."),
        "e": Statement("Without any ensemble, 144 crops lower the printed top-5 error from 7.82 to 5.82 %.", True,
                       "The second row of BN-Inception in Figure 4 is one network."),
        "f": Statement("People err on 5.1 % of the images, as the mean of many raters.", False,
                       "The number is of one annotator, who had trained for it."),
        "g": Statement("An ensemble never makes more errors than its members on average.", False,
                       "That holds for the loss; section 5 has three numbers against it for the errors."),
    },
)
