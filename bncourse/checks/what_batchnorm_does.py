"""The checks of lesson 14: noise after batch norm, a look along the step, a layer's gradient when another has moved."""

import numpy as np

from bncourse.checks.frame import Check, Mistake
from bncourse.checks.statements import Statement, Statements
from bncourse.kernels.normalize import batchnorm_backward, batchnorm_forward


def _noisy(x, gamma, beta, scale, shift, dy, eps):
    y, cache = batchnorm_forward(x, gamma, beta, eps)
    return scale * y + shift, *batchnorm_backward(scale * dy, cache)


def _noise_before_gamma(x, gamma, beta, scale, shift, dy, eps):
    """The noise acts on x_hat, before gamma and beta."""
    x_hat, cache = batchnorm_forward(x, np.ones_like(gamma), np.zeros_like(beta), eps)
    noisy = scale * x_hat + shift
    return (gamma * noisy + beta, batchnorm_backward(gamma * scale * dy, cache)[0], (dy * noisy).sum(0), dy.sum(0))


def _noise_before_the_statistics(x, gamma, beta, scale, shift, dy, eps):
    y, cache = batchnorm_forward(scale * x + shift, gamma, beta, eps)
    dx, dgamma, dbeta = batchnorm_backward(dy, cache)
    return y, scale * dx, dgamma, dbeta


def _changed(output, change):
    """The solution with one of its outputs replaced by what `change` makes of the arguments."""

    def wrong(*arguments):
        outputs = list(_noisy(*arguments))
        outputs[output] = change(*arguments)
        return tuple(outputs)

    return wrong


def _constant_statistics(x, gamma, beta, scale, shift, dy, eps):
    return scale * dy * gamma / np.sqrt(x.var(0) + eps)


def _with_noise(rng):
    """Mini-batches whose noise differs from example to example and from unit to unit."""
    return [(rng.normal(2, 3, (n, c)), rng.normal(size=c), rng.normal(size=c), rng.uniform(0.5, 2, (n, c)),
             rng.normal(size=(n, c)), rng.normal(size=(n, c)), eps) for n, c, eps in [(7, 4, 1e-5), (5, 3, 0.1)]]


noise = Check(
    exercise="14.1",
    law="y = scale BN(x) + shift. The noise is a constant for the gradient: scale dy arrives at BN(x), and from there "
        "on everything is lesson 04.",
    solution=_noisy,
    cases=_with_noise,
    outputs=("y", "dx", "dgamma", "dbeta"),
    mistakes=(
        Mistake("the noise before gamma and beta", "It comes after the whole of batch norm, so that nothing that is "
                "learned can scale it.", "the exercise", _noise_before_gamma),
        Mistake("the noise before the statistics", "Batch norm would take most of it out again.", "the exercise",
                _noise_before_the_statistics),
        Mistake("the scale given to batch norm as its gamma", "gamma is one number for each unit; scale differs from "
                "example to example, and acts on what batch norm gives.", "hint 1",
                lambda x, g, b, scale, shift, dy, eps: (batchnorm_forward(x, g * scale, b, eps),)),
        Mistake("the scale twice in the gradient", "scale dy is handed to batchnorm_backward once, and nothing is "
                "multiplied afterwards.", "hint 2", lambda x, g, b, scale, shift, dy, eps: (
                    _noisy(x, g, b, scale, shift, dy, eps)[0], *_noisy(x, g, b, scale, shift, scale * dy, eps)[1:])),
        Mistake("dgamma and dbeta exchanged", "dgamma comes before dbeta.", "the stub",
                lambda *case: tuple(_noisy(*case)[k] for k in (0, 1, 3, 2))),
        Mistake("dgamma from the output of batch norm", "gamma multiplies x_hat, the values before gamma and beta.",
                "lesson 04, section 6", _changed(2, lambda x, g, b, scale, shift, dy, eps: (
                    scale * dy * batchnorm_forward(x, g, b, eps)[0]).sum(0))),
        Mistake("the noise only added", "That is section 2. Here the factor scale is part of y, and of every gradient.",
                "the exercise", lambda x, g, b, scale, shift, dy, eps: _noisy(x, g, b, 1, shift, dy, eps)),
        Mistake("eps ignored", "eps is an argument, and not always small.", "the stub",
                lambda x, g, b, scale, shift, dy, eps: _noisy(x, g, b, scale, shift, dy, 1e-5)),
        Mistake("the shift left out", "y is scale BN(x) + shift.", "the exercise",
                _changed(0, lambda x, g, b, scale, shift, dy, eps: scale * batchnorm_forward(x, g, b, eps)[0])),
        Mistake("the shift scaled", "The shift is added after the factor.", "the exercise",
                _changed(0, lambda x, g, b, scale, shift, dy, e: scale * (shift + batchnorm_forward(x, g, b, e)[0]))),
        Mistake("the scale left out of the gradient", "y changes by scale when BN(x) changes by 1.", "hint 2",
                lambda x, g, b, scale, shift, dy, eps: (_noisy(x, g, b, scale, shift, dy, eps)[0],
                                                        *_noisy(x, g, b, 1, 0, dy, eps)[1:])),
        Mistake("the scale after the gradient of batch norm", "The factors differ from example to example, and the "
                "gradient of batch norm subtracts means over the examples: the factor comes first.", "hint 2",
                _changed(1, lambda x, g, b, scale, shift, dy, eps: scale * _noisy(x, g, b, 1, 0, dy, eps)[1])),
        Mistake("the statistics held constant", "Mean and variance depend on x, with noise behind them as without.",
                "lesson 04, section 6", _changed(1, _constant_statistics)),
        Mistake("dgamma from the noisy output", "gamma multiplies x_hat, which has no noise in it.", "hint 2",
                _changed(2, lambda x, g, b, scale, shift, dy, eps: (
                    dy * (scale * batchnorm_forward(x, np.ones_like(g), np.zeros_like(b), eps)[0] + shift)).sum(0))),
        Mistake("the scale left out of dgamma", "gamma reaches y through the factor scale.", "hint 2",
                _changed(2, lambda x, g, b, scale, shift, dy, eps: _noisy(x, g, b, 1, 0, dy, eps)[2])),
        Mistake("the scale left out of dbeta", "beta reaches y through the factor scale.", "hint 2",
                _changed(3, lambda x, g, b, scale, shift, dy, eps: dy.sum(0))),
        Mistake("the shift counted into dbeta", "The shift is drawn and not learned.", "hint 1",
                _changed(3, lambda x, g, b, scale, shift, dy, eps: (scale * dy + shift).sum(0))),
    ),
)


def _loss(u, t, w):
    return np.logaddexp(0, -t * (u @ w)).mean()


def _gradient(u, t, w):
    return -(t / (1 + np.exp(t * (u @ w)))) @ u / len(t)


def _look(u, t, w, lr, multiples, sign=-1.0, unit=False, also=(), of=np.max, change=None, distance=None):
    """Losses and gradients along one gradient; the last arguments hold what the known mistakes change."""
    here = _gradient(u, t, w)
    way = sign * lr * (here / np.linalg.norm(here) if unit else here)
    points = [w + a * way for a in (*also, *multiples)]
    losses = [_loss(u, t, point) for point in points]
    change = change or (lambda there: np.linalg.norm(there - here))
    distance = distance or (lambda point: np.linalg.norm(point - w))
    ratios = [change(_gradient(u, t, point)) / distance(point) for point in points[len(also):]]
    return np.min(losses), np.max(losses), of(ratios)


def _walk(u, t, w, lr, multiples):
    """A new gradient at every point: a training, whose points lie on no line."""
    losses, ratios, here, start = [], [], _gradient(u, t, w), w
    for a in multiples:
        w = w - a * lr * _gradient(u, t, w)
        losses.append(_loss(u, t, w))
        ratios.append(np.linalg.norm(_gradient(u, t, w) - here) / np.linalg.norm(w - start))
    return np.min(losses), np.max(losses), np.max(ratios)


def _from_point_to_point(u, t, w, lr, multiples):
    points = [w, *(w - a * lr * _gradient(u, t, w) for a in multiples)]
    gradients = [_gradient(u, t, point) for point in points]
    ratios = [np.linalg.norm(gradients[k + 1] - gradients[k]) / np.linalg.norm(points[k + 1] - points[k])
              for k in range(len(multiples))]
    return *_look(u, t, w, lr, multiples)[:2], np.max(ratios)


def _regressions(rng):
    """Two classes that overlap, weights away from the best ones; steps that overshoot, and short ones."""
    cases = []
    steps = [0.5, 1.0, 2.0, 4.0, 8.0]
    for n, d, lr, multiples in [(9, 3, 2.0, steps), (12, 4, 5.0, steps), (8, 2, 0.1, [4.0, 0.5, 8.0, 1.0, 2.0])]:
        t = np.where(rng.uniform(size=n) < 0.5, -1.0, 1.0)
        cases.append((rng.normal(t[:, None] * 0.5, 1.5, (n, d)), t, rng.normal(size=d), lr,
                      np.array(multiples)))
    return cases


along = Check(
    exercise="14.2",
    law="One gradient g, taken once, gives a line: the points w - a lr g. The range is that of the losses on it, and "
        "the effective smoothness the largest |g(point) - g| / |point - w|.",
    solution=lambda u, t, w, lr, multiples: _look(u, t, w, lr, multiples),
    cases=_regressions,
    outputs=("least", "most", "smoothness"),
    mistakes=(
        Mistake("a new gradient at every point", "That is a training. The question is what lies along the one gradient "
                "that training follows from here.", "section 4 of the lesson", _walk),
        Mistake("the steps added up", "Every point is a lr |g| away from w, and not from the point before it.",
                "the exercise", lambda u, t, w, lr, m: _look(u, t, w, lr, np.cumsum(m))),
        Mistake("the first and the last loss", "The loss may fall and rise again on the way.", "the exercise",
                lambda u, t, w, lr, m: (*_look(u, t, w, lr, m[:1])[:1], *_look(u, t, w, lr, m[-1:])[:1],
                                        _look(u, t, w, lr, m)[2])),
        Mistake("steps up the gradient", "Training steps against the gradient.", "section 4 of the lesson",
                lambda u, t, w, lr, m: _look(u, t, w, lr, m, sign=1.0)),
        Mistake("the gradient made to length 1", "A step of SGD is the rate times the gradient, as long as it is.",
                "section 4 of the lesson", lambda u, t, w, lr, m: _look(u, t, w, lr, m, unit=True)),
        Mistake("the loss before the step counted", "The range is over the points after a step; the start is not one.",
                "the exercise", lambda u, t, w, lr, m: _look(u, t, w, lr, m, also=(0,))),
        Mistake("the mean of the ratios", "Smoothness is a worst case: the largest ratio.", "the exercise",
                lambda u, t, w, lr, m: _look(u, t, w, lr, m, of=np.mean)),
        Mistake("the smallest ratio", "Smoothness is a worst case: the largest ratio.", "the exercise",
                lambda u, t, w, lr, m: _look(u, t, w, lr, m, of=np.min)),
        Mistake("every ratio", "One number was asked for, the largest.", "the exercise",
                lambda u, t, w, lr, m: _look(u, t, w, lr, m, of=np.asarray)),
        Mistake("the difference of the lengths", "A gradient that turns and keeps its length has changed: subtract the "
                "vectors first.", "hint 2", lambda u, t, w, lr, m: _look(
                    u, t, w, lr, m, change=lambda g: abs(np.linalg.norm(g) - np.linalg.norm(_gradient(u, t, w))))),
        Mistake("the change not divided by the distance", "A longer way may change the gradient more; the smoothness "
                "is per distance.", "the exercise",
                lambda u, t, w, lr, m: _look(u, t, w, lr, m, distance=lambda point: 1.0)),
        Mistake("the distance counted in rates", "The distance from w to the point is a lr |g|.", "hint 2",
                lambda u, t, w, lr, m: _look(u, t, w, lr, m, distance=lambda p: np.linalg.norm(p - w) / np.linalg.norm(
                    _gradient(u, t, w)))),
        Mistake("squared lengths", "A length is the root of the sum of the squares.", "hint 2",
                lambda u, t, w, lr, m: (*_look(u, t, w, lr, m)[:2], _look(u, t, w, lr, m)[2] ** 2)),
        Mistake("the change from each point to the next", "Every point is compared with w, where training stands.",
                "the exercise", _from_point_to_point),
        Mistake("most before least", "The least loss comes first.", "the stub",
                lambda *case: tuple(_look(*case)[k] for k in (1, 0, 2))),
        Mistake("the rate left out of the step", "The points are w - a lr g.", "the exercise",
                lambda u, t, w, lr, m: _look(u, t, w, 1.0, m)),
        Mistake("the ratio at the last point alone", "Smoothness is a worst case: the largest ratio.", "the exercise",
                lambda u, t, w, lr, m: (*_look(u, t, w, lr, m)[:2], _look(u, t, w, lr, m[-1:])[2])),
    ),
)


def _gradients(u, t, w1, w2):
    h = np.tanh(u @ w1)
    off = (h @ w2 - t) / len(u)
    return u.T @ (off @ w2.T * (1 - h**2)), h.T @ off


def _shift(u, t, w1, w2, lr, move1=1.0, move2=0.0, of=1, relative=0, angle=np.degrees, lengths=False, power=1):
    """The change of a layer's gradient; the last arguments hold what the known mistakes change."""
    d1, d2 = _gradients(u, t, w1, w2)
    after = _gradients(u, t, w1 - move1 * lr * d1, w2 - move2 * lr * d2)[of]
    before = (d1, d2)[of]
    change = np.linalg.norm(after) - np.linalg.norm(before) if lengths else np.linalg.norm(after - before)
    cosine = (after * before).sum() / np.linalg.norm(after) / np.linalg.norm(before)
    divisor = (np.linalg.norm(before), np.linalg.norm(after), 1.0)[relative]
    return np.abs(change / divisor) ** power, angle(np.arccos(cosine))


def _networks(rng):
    return [(rng.normal(size=(n, d)), rng.normal(size=(n, k)), rng.normal(size=(d, m)), rng.normal(size=(m, k)), lr)
            for n, d, m, k, lr in [(9, 4, 5, 2, 0.3), (7, 3, 6, 4, 0.5), (11, 5, 4, 3, 0.2)]]


shift = Check(
    exercise="14.3",
    law="G is the gradient of w2 where the network is, G' the same gradient, on the same mini-batch, when w1 alone has "
        "taken its step: |G' - G| / |G|, and the angle arccos(G . G' / (|G| |G'|)) in degrees.",
    solution=lambda u, t, w1, w2, lr: _shift(u, t, w1, w2, lr),
    cases=_networks,
    outputs=("shift", "angle"),
    mistakes=(
        Mistake("both layers moved", "The question is what the movement of the layer below does to this one.",
                "section 3 of the lesson", lambda *case: _shift(*case, move2=1.0)),
        Mistake("the upper layer moved", "Internal covariate shift comes from below: w1 moves.",
                "section 3 of the lesson", lambda *case: _shift(*case, move1=0.0, move2=1.0)),
        Mistake("the gradient of w1", "The change of the upper layer's gradient was asked for.", "the exercise",
                lambda *case: _shift(*case, of=0)),
        Mistake("a step up the gradient", "SGD subtracts the gradient.", "the exercise",
                lambda *case: _shift(*case, move1=-1.0)),
        Mistake("the rate left out of the step", "The step is the rate times the gradient.", "the exercise",
                lambda u, t, w1, w2, lr: _shift(u, t, w1, w2, 1.0)),
        Mistake("not divided by the length of G", "The shift was asked for as a share of the gradient before.",
                "the exercise", lambda *case: _shift(*case, relative=2)),
        Mistake("divided by the length of G'", "The shift was asked for as a share of the gradient before.",
                "the exercise", lambda *case: _shift(*case, relative=1)),
        Mistake("the difference of the lengths", "Subtract the gradients, and then take the length.", "hint 2",
                lambda *case: _shift(*case, lengths=True)),
        Mistake("the squared length", "A length is the root of the sum of the squares.", "hint 2",
                lambda *case: _shift(*case, power=2)),
        Mistake("the angle in radians", "Degrees were asked for.", "the exercise",
                lambda *case: _shift(*case, angle=np.asarray)),
        Mistake("the cosine for the angle", "arccos makes an angle of it.", "the exercise",
                lambda *case: _shift(*case, angle=np.cos)),
        Mistake("the length after over the length before", "Subtract the gradients first: the shift is |G' - G| / |G|.",
                "hint 2", lambda u, t, w1, w2, lr: (_after(u, t, w1, w2, lr, np.linalg.norm), _shift(
                    u, t, w1, w2, lr)[1])),
        Mistake("the spectral norm", "np.linalg.norm with a second argument 2 is another norm of a matrix; the length "
                "is the root of the sum of all squared entries.", "hint 2", lambda u, t, w1, w2, lr: (
                    _after(u, t, w1, w2, lr, lambda g: np.linalg.norm(g, 2), difference=True),
                    _shift(u, t, w1, w2, lr)[1])),
        Mistake("the share in per cent", "A share of 1 is the whole length.", "the exercise",
                lambda *case: (100 * _shift(*case)[0], _shift(*case)[1])),
        Mistake("the matrices multiplied as they are", "G . G' is the sum of all products, entry by entry; @ is for "
                "vectors, as after ravel.", "hint 2", lambda u, t, w1, w2, lr: (
                    _gradients(u, t, w1, w2)[1] @ _gradients(u, t, w1, w2)[1], 0.0)),
        Mistake("a matrix product for the dot product", "G . G' is the sum of all products, entry by entry.", "hint 2",
                lambda u, t, w1, w2, lr: (_shift(u, t, w1, w2, lr)[0], np.degrees(np.arccos(_matrix_cosine(
                    _gradients(u, t, w1, w2)[1], _gradients(u, t, w1 - lr * _gradients(u, t, w1, w2)[0], w2)[1]))))),
    ),
)


def _after(u, t, w1, w2, lr, norm, difference=False):
    """A norm of the gradient of w2 after the step of w1, or of its change, over that before."""
    d1, before = _gradients(u, t, w1, w2)
    after = _gradients(u, t, w1 - lr * d1, w2)[1]
    return norm(after - before * difference) / norm(before)


def _matrix_cosine(one, other):
    return (one.T @ other).sum() / np.linalg.norm(one) / np.linalg.norm(other)


band = Statements("14.4", {
    "a": Statement("Where all four curves of the project meet, the loss surface is flat.", False,
                   "They are four networks at four places. That their losses agree says nothing about the slope at any "
                   "of the four."),
    "b": Statement("A training that is merely slower than the other three makes the band wider.", True,
                   "The band is then the distance between slow and fast, at every step until the slow one arrives."),
    "c": Statement("With four rates that lie closer together, the same network gets a narrower band.", True,
                   "The width depends on which rates are drawn. Four equal rates and seeds give a band of no width."),
    "d": Statement("The loss along a step is measured with one set of weights as its start.", True,
                   "One network, one mini-batch, one gradient; the points are a line through the present weights."),
    "e": Statement("The range of the loss along a step does not depend on the learning rate.", False,
                   "The points are multiples of the rate away. So the rates of two networks have to be named, and each "
                   "should be the best for its network."),
    "f": Statement("A band narrower with batch norm than without shows that its gradients can be trusted farther.",
                   False, "It shows that its four trainings went alike. How far a gradient can be trusted is read "
                   "along that gradient."),
})
