"""The checks of lesson 15: two probes of the doctor, what a layer reveals, and a checkpoint of other conventions."""

import numpy as np

from bncourse.checks.frame import Check, Mistake
from bncourse.checks.statements import Statement, Statements


def _company(layer, x, others=None, look=0, of=np.max, change=np.abs):
    """The change of one example's output in other company; the last arguments hold what the known mistakes change."""
    among = np.concatenate([x[:1], x[:1].repeat(len(x) - 1, 0) if others is None else others(x)])
    before, after = layer(x), layer(among)
    return of(change(after[look] - before[look]))


def _by_the_batch(x):
    """A layer that uses the statistics of the batch at inference."""
    return 1.5 * (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-5) - 0.5


def _as_pytorch_trains(x):
    """A layer that PyTorch left in training mode: it refuses a mini-batch of one example."""
    if len(x) == 1:
        raise ValueError("Expected more than 1 value per channel when training")
    return _by_the_batch(x)


def _by_what_is_stored(x):
    """A layer that uses stored statistics, as it should."""
    return 1.5 * (x - 0.3) / np.sqrt(2.0 + 1e-5) - 0.5


def _half_and_half(x):
    """A layer whose first features use stored statistics, and whose other ones use those of the batch."""
    half = x.shape[1] // 2
    return np.concatenate([_by_what_is_stored(x[:, :half]), -2.0 * _by_the_batch(x[:, half:])], axis=1)


def _layers(rng):
    return [(layer, rng.normal(1, 2, (n, c)) * [*range(1, c + 1)])
            for layer, n, c in [(_by_the_batch, 7, 4), (_half_and_half, 6, 5), (_by_what_is_stored, 5, 3),
                                (_as_pytorch_trains, 8, 2)]]


company = Check(
    exercise="15.1",
    law="At inference the output for an example depends on that example alone: among copies of itself it is what it "
        "was among the others. The copies have another mean and another variance than the batch.",
    solution=lambda layer, x: _company(layer, x),
    cases=_layers,
    outputs=("change",),
    mistakes=(
        Mistake("companions with the same statistics", "Mean and variance do not see the order of the others, nor "
                "whether an example is alone or among copies. So nothing changes, and every layer seems healthy: "
                "compare the batch as it was with the one of copies.", "hint 1",
                lambda layer, x: _company(layer, x, lambda x: x[:0:-1])),
        Mistake("another example looked at", "The first example is the one that stayed. The others were exchanged, so "
                "their outputs may change.", "hint 2", lambda layer, x: _company(layer, x, look=1)),
        Mistake("all examples compared", "The others were exchanged, so their outputs may change. Look at the first.",
                "hint 2", lambda layer, x: _company(layer, x, look=slice(None))),
        Mistake("the mean of the changes", "One feature that looks at its company is enough: the largest change.",
                "the exercise", lambda layer, x: _company(layer, x, of=np.mean)),
        Mistake("the sum of the changes", "The largest change was asked for.", "the exercise",
                lambda layer, x: _company(layer, x, of=np.sum)),
        Mistake("changes with their signs", "A change downwards is a change: take the absolute value first.",
                "the exercise", lambda layer, x: _company(layer, x, change=np.asarray)),
        Mistake("every change", "One number was asked for, the largest.", "the exercise",
                lambda layer, x: _company(layer, x, of=np.asarray)),
        Mistake("others of zeros", "The exercise asks for copies of the first example: zeros need not be an input that "
                "a network could meet.", "the exercise", lambda layer, x: _company(layer, x, lambda x: 0 * x[1:])),
        Mistake("others twice as large", "The exercise asks for copies of the first example.", "the exercise",
                lambda layer, x: _company(layer, x, lambda x: 2 * x[1:])),
        Mistake("the example alone", "Alone it is no batch: a layer of PyTorch in training mode refuses it. The batch "
                "keeps its size; only the companions change.", "the exercise",
                lambda layer, x: _company(layer, x, lambda x: x[:0])),
        Mistake("a copy short", "The batch keeps its size; only the companions change.", "the exercise",
                lambda layer, x: _company(layer, x, lambda x: x[1:-1])),
        Mistake("only one companion replaced", "All the others are replaced by copies.", "the exercise",
                lambda layer, x: _company(layer, x, lambda x: np.concatenate([x[:1], x[2:]]))),
        Mistake("the change squared", "The largest absolute change was asked for.", "the exercise",
                lambda layer, x: _company(layer, x, change=np.square)),
    ),
)


def _sums(x, dx, axis=0, size=True, absolute=np.abs, of=np.sum, hat=True):
    """The two relative sums of a gradient; the last arguments hold what the known mistakes change."""
    x_hat = (x - x.mean(0)) / x.std(0) if hat else x

    def relative(v):
        total = absolute(of(v, axis))
        return total / np.abs(v).sum(axis) if size else total

    return relative(dx), relative(dx * x_hat)


def _gradients(rng):
    """Gradients of a layer for random dy: right; with the mean held constant, the variance, and both."""
    cases = []
    for n, c, with_mean, with_var in [(9, 4, 1, 1), (7, 3, 0, 1), (8, 5, 1, 0), (6, 4, 0, 0)]:
        x, dy = rng.normal(3, 2, (n, c)), rng.normal(0.3, 1, (n, c))
        x_hat = (x - x.mean(0)) / x.std(0)
        dx = dy - with_mean * dy.mean(0) - with_var * x_hat * (dy * x_hat).mean(0)
        cases.append((x, dx / x.std(0)))
    return cases


gradient = Check(
    exercise="15.2",
    law="The gradient of a batch norm is 0 in two directions: a shift of a feature and a stretch of it leave the "
        "output as it was. So dx sums to 0 over the mini-batch, and so does dx x_hat (lesson 04, section 5).",
    solution=lambda x, dx: _sums(x, dx),
    cases=_gradients,
    outputs=("shift", "stretch"),
    mistakes=(
        Mistake("sums over the features", "The statistics are those of a feature over the mini-batch: the sums run "
                "over the examples, axis 0.", "the stub", lambda x, dx: _sums(x, dx, axis=1)),
        Mistake("not divided by the size", "A gradient of 1e-8 has small sums, whether it is right or wrong: divide "
                "by the sum of the absolute values.", "hint 2", lambda x, dx: _sums(x, dx, size=False)),
        Mistake("x not centred", "The stretch leaves the mean where it is: x minus its mean, over its standard "
                "deviation.", "hint 1", lambda x, dx: _sums(x, dx, hat=False)),
        Mistake("absolute values before the sum", "Then nothing cancels: the sum first, and its absolute value.",
                "hint 2", lambda x, dx: _sums(np.asarray(x), dx, of=lambda v, axis: np.abs(v).sum(axis))),
        Mistake("the sums with their signs", "How far from 0 was asked for: the absolute value of each sum.",
                "the exercise", lambda x, dx: _sums(x, dx, absolute=np.asarray)),
        Mistake("means divided by sums", "Sum over sum, or mean over mean.", "hint 2",
                lambda x, dx: _sums(x, dx, of=np.mean)),
        Mistake("the stretch before the shift", "The shift comes first.", "the stub",
                lambda x, dx: _sums(x, dx)[::-1]),
        Mistake("one number for all features", "One number for each feature: (C,).", "the stub",
                lambda x, dx: tuple(v.max() for v in _sums(x, dx))),
        Mistake("the stretch divided by the size of dx", "What is divided by is the size of what is summed: "
                "|dx x_hat|.", "hint 2", lambda x, dx: (_sums(x, dx)[0], np.abs(
                    (dx * (x - x.mean(0)) / x.std(0)).sum(0)) / np.abs(dx).sum(0))),
        Mistake("dx centred", "The stretch weighs dx itself: whether its own mean is 0 is what the shift says.",
                "the exercise", lambda x, dx: (_sums(x, dx)[0], _sums(x, dx - dx.mean(0))[1])),
        Mistake("squares in place of absolute values", "The size is the sum of the absolute values.", "hint 2",
                lambda x, dx: tuple(np.abs(v.sum(0)) / np.sqrt((v**2).sum(0))
                                    for v in (dx, dx * (x - x.mean(0)) / x.std(0)))),
    ),
)


def _reveal(old_mean, new_mean, old_var, new_var, x, axis=0, unbiased=0, flip=False, towards=None):
    """The weight of the new value and the factor of the variance; the last arguments are for the known mistakes."""
    target = x.mean(axis) if towards is None else towards(x)
    alpha = np.mean((new_mean - old_mean) / (target - old_mean))
    factor = np.mean((old_var + (new_var - old_var) / alpha) / x.var(axis, ddof=unbiased))
    return (1 - alpha if flip else alpha), factor


def _memories(rng):
    """What a layer stored before and after one mini-batch, by three conventions."""
    cases = []
    for n, c, alpha, unbiased in [(8, 3, 0.1, 1), (5, 4, 0.01, 0), (6, 5, 0.9, 1)]:
        x = rng.normal(4, 2, (n, c))
        mean, var = rng.normal(size=c), rng.uniform(0.5, 2, c)
        cases.append((mean, mean + alpha * (x.mean(0) - mean), var, var + alpha * (x.var(0, ddof=unbiased) - var), x))
    return cases


reveal = Check(
    exercise="15.3",
    law="Each stored number moves by alpha of the way to that of the mini-batch. The mean gives alpha away, and with "
        "it the variance its target: m / (m - 1) times the variance of the mini-batch, or 1 times.",
    solution=lambda old_mean, new_mean, old_var, new_var, x: _reveal(old_mean, new_mean, old_var, new_var, x),
    cases=_memories,
    outputs=("alpha", "factor"),
    mistakes=(
        Mistake("the weight of the old value", "alpha is what the new value counts: PyTorch's momentum, and 1 minus "
                "that of Keras and Flax.", "hint 1", lambda *case: _reveal(*case, flip=True)),
        Mistake("the ratio of new and old", "The step is alpha of the *distance*: (new - old) / (mu - old).", "hint 1",
                lambda a, b, c, d, x: (np.mean(b / a), _reveal(a, b, c, d, x)[1])),
        Mistake("the step over the new mean", "The step is alpha of the distance from the old value to mu.", "hint 1",
                lambda a, b, c, d, x: (np.mean((b - a) / x.mean(0)), _reveal(a, b, c, d, x)[1])),
        Mistake("compared with the unbiased variance", "Compare with the variance of the mini-batch as Algorithm 1 has "
                "it, divided by m: x.var(0).", "hint 2", lambda *case: _reveal(*case, unbiased=1)),
        Mistake("the new variance over that of the mini-batch", "What is stored is still mostly the old value: solve "
                "for what the step is towards.", "hint 2",
                lambda a, b, c, d, x: (_reveal(a, b, c, d, x)[0], np.mean(d / x.var(0)))),
        Mistake("the factor upside down", "factor times the variance of the mini-batch is what was stored.", "the stub",
                lambda *case: (_reveal(*case)[0], 1 / _reveal(*case)[1])),
        Mistake("the factor before alpha", "alpha comes first.", "the stub", lambda *case: _reveal(*case)[::-1]),
        Mistake("a number for each feature", "Two numbers were asked for. All features agree: take one, or the mean.",
                "the stub", lambda a, b, c, d, x: ((b - a) / (x.mean(0) - a), (c + (d - c) * (x.mean(0) - a) / (b - a))
                                                   / x.var(0))),
        Mistake("the step of the variance over its own size", "The factor is the target over the variance of the "
                "mini-batch, and the target is old + step / alpha.", "hint 2",
                lambda a, b, c, d, x: (_reveal(a, b, c, d, x)[0], np.mean(
                    (d - c) / (_reveal(a, b, c, d, x)[0] * x.var(0))))),
        Mistake("m / (m - 1) assumed", "Whether it is there is the question: solve for it.", "the exercise",
                lambda a, b, c, d, x: (_reveal(a, b, c, d, x)[0], len(x) / (len(x) - 1))),
    ),
)


def _port(var, gamma, eps, momentum, to, sign=1.0, least=0.0, scale=np.sqrt):
    """What the new layer stores; the last arguments hold what the known mistakes change."""
    running_var = np.maximum(var + sign * (eps - to), least)
    return running_var, gamma * scale((running_var + to) / (var + eps)), 1 - momentum


def _ports(rng):
    """A layer from a framework with a larger eps, the same with another momentum, and one from a smaller eps."""
    return [(rng.uniform(low, high, c), rng.uniform(0.5, 2, c), eps, momentum, to)
            for c, low, high, eps, momentum, to in [(4, 0.002, 0.1, 1e-3, 0.99, 1e-5), (3, 0.002, 0.1, 1e-3, 0.9, 1e-5),
                                                    (6, 1e-4, 2e-3, 1e-5, 0.999, 1e-3)]]


port = Check(
    exercise="15.4",
    law="At inference only gamma / sqrt(var + eps) counts, so what one eps loses the stored variance must gain: var + "
        "eps - to. Where that is negative, 0 is stored, and gamma makes up for the rest. The two momenta are weights "
        "of the old and of the new value, which add up to 1.",
    solution=lambda var, gamma, eps, momentum, to: _port(var, gamma, eps, momentum, to),
    cases=_ports,
    outputs=("running_var", "gamma", "momentum"),
    mistakes=(
        Mistake("the variance as it is", "Then var + eps changes, by half where the variance is as small as eps.",
                "hint 1", lambda var, gamma, eps, m, to: (var, gamma, 1 - m)),
        Mistake("gamma rescaled everywhere", "The layer computes the same, but gamma is what was learned: change it "
                "only where no variance will do.", "the exercise",
                lambda var, gamma, eps, m, to: (var, gamma * np.sqrt((var + to) / (var + eps)), 1 - m)),
        Mistake("a negative variance", "The outputs are right, and with a smaller eps they would be NaN: a variance is "
                "not negative.", "hint 2", lambda *case: _port(*case, least=-1.0)),
        Mistake("gamma as it is", "Where 0 is stored, the root is still too large: gamma has to grow with it.",
                "hint 2", lambda *case: _port(*case, scale=np.ones_like)),
        Mistake("gamma rescaled by the ratio of the variances", "var + eps stands under a root.", "hint 2",
                lambda *case: _port(*case, scale=np.asarray)),
        Mistake("gamma rescaled the wrong way round", "The new root is the larger one there: gamma grows.", "hint 2",
                lambda *case: _port(*case, scale=lambda ratio: 1 / np.sqrt(ratio))),
        Mistake("the difference the wrong way round", "var + eps before is running_var + to after.", "hint 1",
                lambda var, gamma, eps, m, to: (_port(var, gamma, eps, m, to, sign=-1.0)[0], gamma, 1 - m)),
        Mistake("the momentum as it is", "One weighs the old value, the other the new one.", "hint 3",
                lambda *case: (*_port(*case)[:2], case[3])),
        Mistake("the old eps added and the new one forgotten", "The new layer adds an eps too.", "hint 1",
                lambda var, gamma, eps, m, to: (var + eps, gamma, 1 - m)),
        Mistake("standard deviations in place of variances", "eps stands under the root, beside the variance.",
                "hint 1", lambda var, gamma, eps, m, to: (
                    (np.sqrt(var) + np.sqrt(eps) - np.sqrt(to)) ** 2, gamma, 1 - m)),
        Mistake("the variance scaled by the ratio of the two eps", "eps is added and not multiplied.", "hint 1",
                lambda var, gamma, eps, m, to: (var * eps / to, gamma, 1 - m)),
        Mistake("the momentum before the variance", "running_var comes first.", "the stub",
                lambda *case: _port(*case)[::-1]),
        Mistake("the momentum inverted", "The two weights add up to 1.", "hint 3",
                lambda *case: (*_port(*case)[:2], 1 / case[3])),
        Mistake("var + eps returned", "The new layer adds its own eps to what it stores.", "hint 1",
                lambda var, gamma, eps, m, to: (var + to, gamma, 1 - m)),
    ),
)


diagnosis = Statements("15.5", {
    "a": Statement("A network that is good in train() and bad in eval() must have a batch norm left in training mode.",
                   False, "Then eval() would be as good as train(). Stored statistics that do not suit the data are "
                   "the likelier cause."),
    "b": Statement("Switching requires_grad off in a backbone stops its running statistics.", False,
                   "It stops gamma and beta. The statistics are no parameters: only eval() stops them."),
    "c": Statement("A convolutional network that is right in eval() with a batch of 64, and wrong with the same "
                   "examples one by one, most likely uses the statistics of the batch.", True,
                   "That is the company probe: an example's output depends on what else is in the batch. (Padding to "
                   "the longest of a batch would do it too, in a network of sequences.)"),
    "d": Statement("With momentum=0.99 in torch.nn.BatchNorm2d the running statistics move slowly.", False,
                   "PyTorch's momentum weighs the new value: they are nearly those of the last mini-batch."),
    "e": Statement("Training losses that agree to the last digit show that two implementations train the same model.",
                   False, "Checkpointed batch norms take in each mini-batch twice. The losses agree; the running "
                   "statistics, and eval(), do not."),
    "f": Statement("A hand-written batch norm whose statistics carry no gradient can be told from the outputs of one "
                   "forward pass.", False, "Its outputs are right. Only the gradient tells: dx does not sum to 0."),
})
