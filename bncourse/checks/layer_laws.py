"""The laws of a batch norm layer, as scripts that the check of a whole layer runs (see layer_check.py).

No two sizes are equal, gamma and beta are random, running statistics are away from 0 and 1, dy is random: what is
symmetric, 0 or 1 hides mistakes.
"""

import numpy as np

from bncourse.checks.layer_check import STATE, Law, Observations, Refused

MAPS, DENSE, SEQUENCES, VOLUMES = (5, 3, 4, 2), (7, 4), (4, 3, 6), (3, 4, 2, 5, 6)


def _made(layer, rng, channels, **settings):
    """A layer with random gamma, beta and running statistics."""
    made = layer(channels, **settings)
    made.set(gamma=rng.normal(size=channels), beta=rng.normal(size=channels),
             running_mean=rng.normal(size=channels), running_var=rng.uniform(0.5, 3, channels))
    return made


def _input(rng, shape, mean=2.0):
    """Channels of different scales, away from zero."""
    scale = np.arange(1, shape[1] + 1).reshape(-1, *[1] * (len(shape) - 2))
    return mean + scale * rng.normal(size=shape)


def _state(layer, when: str) -> Observations:
    for name in STATE[2:]:
        yield f"{name} after {when}", np.array(getattr(layer, name))


def _training(layer, rng) -> Observations:
    for eps in (0.3, 1e-5):
        yield f"y of feature maps {MAPS} in training, eps {eps},", _made(layer, rng, 3, eps=eps).forward(
            _input(rng, MAPS))


def _any_shape(layer, rng) -> Observations:
    for shape in (DENSE, SEQUENCES, VOLUMES):
        yield f"y of x {shape} in training", _made(layer, rng, shape[1], eps=0.1).forward(_input(rng, shape))


def _digits(layer, rng) -> Observations:
    yield "y of feature maps with mean 1e5", _made(layer, rng, 3).forward(_input(rng, MAPS, mean=1e5))
    yield "y of feature maps of size 1e-3", _made(layer, rng, 3).forward(1e-3 * rng.normal(size=MAPS))
    x = _input(rng, MAPS)
    x[:, 1] = 3.3
    yield "y with a constant feature map", _made(layer, rng, 3).forward(x)


def _gradients(layer, rng) -> Observations:
    for shape in (MAPS, DENSE, VOLUMES):
        made = _made(layer, rng, shape[1], eps=0.3)
        made.set(gamma=np.where(np.arange(shape[1]) == 1, 0.0, made.gamma))
        made.forward(_input(rng, shape))
        for name, value in zip(("dx", "dgamma", "dbeta"), made.backward(rng.normal(1, 1, shape)), strict=True):
            yield f"{name} of x {shape}, gamma[1] = 0,", value


def _memory(layer, rng) -> Observations:
    for momentum in (0.1, 0.3):
        made = _made(layer, rng, 3, momentum=momentum)
        for m in (5, 2, 6):
            made.forward(_input(rng, (m, *MAPS[1:])))
            yield from _state(made, f"a mini-batch of {m} in training, momentum {momentum},")


def _inference(layer, rng) -> Observations:
    made, x = _made(layer, rng, 3, eps=0.2), _input(rng, MAPS)
    made.set(training=False)
    yield "y at inference", made.forward(x)
    yield from _state(made, "inference")
    yield "y of a single example at inference", made.forward(x[:1])


def _inference_gradients(layer, rng) -> Observations:
    made = _made(layer, rng, 3, eps=0.2)
    made.set(training=False)
    made.forward(_input(rng, MAPS))
    for name, value in zip(("dx", "dgamma", "dbeta"), made.backward(rng.normal(1, 1, MAPS)), strict=True):
        yield f"{name} at inference", value


def _modes(layer, rng) -> Observations:
    made = _made(layer, rng, 4, momentum=0.2)
    for step, training in enumerate((True, False, True, True, False), 1):
        made.set(training=training)
        yield f"y of call {step}, training = {training},", made.forward(_input(rng, DENSE))
        yield from _state(made, f"call {step}")
        made.set(training=not training)
        yield f"dx of call {step}, the mode changed before backward,", made.backward(rng.normal(size=DENSE))[0]


def _alone(layer, rng) -> Observations:
    used, other = layer(3), layer(3)
    before = [np.array(getattr(other, name)) for name in STATE]
    used.forward(_input(rng, MAPS))
    for name, value in zip(STATE, before, strict=True):
        yield f"that {name} stays when another layer trains", np.array(np.array_equal(getattr(other, name), value))


def _new(layer, rng) -> Observations:
    fresh = layer(3)
    for name in STATE:
        yield f"{name} of a new layer", np.array(getattr(fresh, name))
    yield "training of a new layer", np.array(bool(fresh.training))
    yield "y of a new layer", fresh.forward(_input(rng, MAPS))
    yield from _state(fresh, "its first mini-batch")


def _refuses(layer, x) -> np.ndarray:
    try:
        layer.forward(x)
    except Refused:
        return np.array(True)
    return np.array(False)


def _single_value(layer, rng) -> Observations:
    made, x = _made(layer, rng, 4), rng.normal(size=(1, 4))
    yield "a ValueError for a single value per channel in training", _refuses(made, x)
    made.set(training=False)
    yield "y of a single example (1, 4) at inference", made.forward(x)
    image = _made(layer, rng, 4)
    yield "a ValueError for a single image (1, 4, 3, 2) in training", _refuses(image, _input(rng, (1, 4, 3, 2)))


LAWS = (
    Law("in training y = gamma (x - mean) / sqrt(var + eps) + beta, with the mean and the variance of each feature map "
        "over the mini-batch and all locations, m' = m p q values.", _training),
    Law("the same lines serve (N, C), (N, C, L) and (N, C, D, H, W).", _any_shape),
    Law("digits are kept where the mean is large against the spread, and a constant feature map gives beta.", _digits),
    Law("dx = gamma / sqrt(var + eps) (dy - mean(dy) - x_hat mean(dy x_hat)), dgamma = sum(dy x_hat), dbeta = sum(dy), "
        "means and sums over the m' values, at any gamma.", _gradients),
    Law("running = (1 - momentum) running + momentum new, after each mini-batch in training, the new variance times "
        "m' / (m' - 1).", _memory),
    Law("at inference y = gamma (x - running_mean) / sqrt(running_var + eps) + beta, and nothing is learned from x.",
        _inference),
    Law("at inference the statistics are constants: dx = gamma dy / sqrt(running_var + eps).", _inference_gradients),
    Law("the mode may change between calls, and each backward belongs to the last forward.", _modes),
    Law("a layer's state is its own.", _alone),
    Law("a new layer trains, with gamma 1, beta 0, mean 0, variance 1, eps 1e-5 and momentum 0.1.", _new),
    Law("in training a single value per channel is refused with a ValueError: less its mean it is 0. A single image "
        "with several locations is not.", _single_value),
)
