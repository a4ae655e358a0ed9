"""The laws of a batch norm layer, as scripts that the check of a whole layer runs (see layer_check.py).

No two sizes are equal, gamma and beta are random, running statistics are away from 0 and 1, dy is random: what is
symmetric, 0 or 1 hides mistakes. Some shapes have equal sizes for the opposite reason: they catch a layer that finds an
axis by its size. What is asked of feature maps is asked of every other shape too, what is asked of one layer of a
network is asked of two, and what is asked of one call is asked of the next: a layer that is right by itself and at
first can be wrong in use.
"""

import numpy as np

from bncourse.checks.layer_check import STATE, Law, Observations, Refused

MAPS, DENSE, SEQUENCES, VOLUMES = SHAPES = (5, 3, 4, 2), (7, 4), (4, 3, 6), (3, 4, 2, 5, 6)
MANY = (130, 3)  # more examples than anyone would call a small mini-batch
EQUAL = (3, 3), (2, 3, 3), (3, 3, 2, 3), (2, 3, 3, 3, 3)  # an axis as long as that of the channels
NARROW = (6, 1), (5, 1, 4)  # a single channel


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
    for shape in (DENSE, SEQUENCES, VOLUMES, MANY, *EQUAL, *NARROW):
        yield f"y of x {shape} in training", _made(layer, rng, shape[1], eps=0.1).forward(_input(rng, shape))
    columns_first = np.asfortranarray(_input(rng, MAPS))
    yield f"y of x {MAPS}, in Fortran's order in memory, in training", _made(layer, rng, 3).forward(columns_first)


def _with_a_constant_map(rng) -> np.ndarray:
    """Feature maps, the second of which is constant."""
    x = _input(rng, MAPS)
    x[:, 1] = 3.25  # its mean over the 40 values is exact in binary, so the variance is 0 and not 1e-31
    return x


def _digits(layer, rng) -> Observations:
    yield "y of feature maps with mean 1e5", _made(layer, rng, 3).forward(_input(rng, MAPS, mean=1e5))
    yield "y of feature maps of size 1e-3", _made(layer, rng, 3).forward(1e-3 * rng.normal(size=MAPS))
    yield "y with a constant feature map", _made(layer, rng, 3).forward(_with_a_constant_map(rng))


def _gradients(layer, rng) -> Observations:
    for shape in (*SHAPES, MANY, *EQUAL, *NARROW):
        made = _made(layer, rng, shape[1], eps=0.3)
        made.set(gamma=np.where(np.arange(shape[1]) == 1, 0.0, made.gamma))
        made.forward(_input(rng, shape))
        yield from _three(made.backward(rng.normal(1, 1, shape)), f"of x {shape}, gamma[1] = 0,")
    made = _made(layer, rng, 3)
    made.forward(_with_a_constant_map(rng))
    yield from _three(made.backward(rng.normal(size=MAPS)), "of feature maps, one of them constant,")


def _three(gradients, where: str) -> Observations:
    for name, value in zip(("dx", "dgamma", "dbeta"), gradients, strict=True):
        yield f"{name} {where}", value


def _memory(layer, rng) -> Observations:
    for momentum in (0.1, 0.3):
        made = _made(layer, rng, 3, momentum=momentum)
        for m in (5, 2, 6):
            made.forward(_input(rng, (m, *MAPS[1:])))
            yield from _state(made, f"a mini-batch of {m} in training, momentum {momentum},")
    for momentum in (0.0, 1.0):
        made = _made(layer, rng, 3, momentum=momentum)
        made.forward(_input(rng, MAPS))
        yield from _state(made, f"a mini-batch in training, momentum {momentum},")
    for shape in (DENSE, SEQUENCES, VOLUMES, MANY, *NARROW):
        made = _made(layer, rng, shape[1], momentum=0.2)
        made.forward(_input(rng, shape))
        yield from _state(made, f"a mini-batch {shape} in training, momentum 0.2,")
    made = _made(layer, rng, 3)
    made.forward(_with_a_constant_map(rng))
    yield from _state(made, "a mini-batch with a constant feature map in training")
    far = _made(layer, rng, 3)
    far.forward(_input(rng, MAPS, mean=1e5))
    yield from _state(far, "a mini-batch with mean 1e5 in training")


def _at_inference(layer, rng, shape):
    """A layer with random state, set to inference, and an input of this shape for it."""
    made = _made(layer, rng, shape[1], eps=0.2)
    made.set(training=False)
    return made, _input(rng, shape)


def _inference(layer, rng) -> Observations:
    for shape in (*SHAPES, MANY):
        made, x = _at_inference(layer, rng, shape)
        yield f"y of x {shape} at inference", made.forward(x)
        yield from _state(made, "inference")
        if len(shape) > 2:
            yield f"y of a single example {x[:1].shape} at inference", made.forward(x[:1])
    made, x = _at_inference(layer, rng, MAPS)
    made.forward(x)
    for name in STATE:
        _overwrite(made, name, rng.uniform(0.5, 2, 3))
        yield f"y at inference, when {name} has changed since the last call,", made.forward(x)


def _inference_gradients(layer, rng) -> Observations:
    for shape in SHAPES:
        made, x = _at_inference(layer, rng, shape)
        made.forward(x)
        yield from _three(made.backward(rng.normal(1, 1, shape)), f"of x {shape} at inference")


def _modes(layer, rng) -> Observations:
    made = _made(layer, rng, 4, momentum=0.2)
    shapes = DENSE, (6, 4), VOLUMES, (3, 4, 5), (2, 4, 3, 5)
    for step, (training, shape) in enumerate(zip((True, False, True, True, False), shapes, strict=True), 1):
        made.set(training=training)
        yield f"y of call {step}, training = {training},", made.forward(_input(rng, shape))
        yield from _state(made, f"call {step}")
        made.set(training=not training)
        yield from _three(made.backward(rng.normal(size=shape)), f"of call {step}, the mode changed before backward,")


def _alone(layer, rng) -> Observations:
    yield from _two_layers(layer, rng)
    yield from _frozen_and_training(layer, rng)
    yield from _returned(layer, rng)


def _frozen_and_training(layer, rng) -> Observations:
    frozen, training = _made(layer, rng, 3), _made(layer, rng, 3)
    frozen.set(training=False)
    training.set(training=True)
    for made, mode in ((training, "in training, beside one at inference,"),
                       (frozen, "at inference, beside one in training,")):
        yield f"y of a layer {mode}", made.forward(_input(rng, MAPS))
        yield from _state(made, f"forward of a layer {mode}")


def _returned(layer, rng) -> Observations:
    made = _made(layer, rng, 3)
    y = made.forward(_input(rng, MAPS))
    dx = made.backward(rng.normal(size=MAPS))[0]
    made.forward(_input(rng, MAPS))
    made.backward(rng.normal(size=MAPS))
    yield "y of a call, looked at after the next call,", y
    yield "dx of a call, looked at after the next call,", dx
    fresh = layer(3)
    y = fresh.forward(_input(rng, MAPS))
    if y.flags.writeable:
        np.maximum(y, 0, out=y)
    yield from _three(fresh.backward(rng.normal(size=MAPS)), "when the next layer has changed y in place,")


def _two_layers(layer, rng) -> Observations:
    one, other = layer(3, eps=0.3, momentum=0.4), layer(3)
    for made in (one, other):
        for name in STATE:
            _overwrite(made, name, rng.uniform(0.5, 2, 3))
    for made in (one, other):
        yield "y of each of two layers", made.forward(_input(rng, MAPS))
    for made in (other, one):
        yield from _three(made.backward(rng.normal(size=MAPS)),
                          "of each of two layers, forward through both and then back through both")
    for name in STATE:
        yield f"{name} of the first of two layers after both were used", np.array(getattr(one, name))
    for name in STATE:
        _overwrite(one, name, np.full(3, 7.0))
        yield f"{name} of a layer, when that of another layer becomes 7", np.array(getattr(other, name))


def _overwrite(layer, name: str, values: np.ndarray) -> None:
    """Give an array of a layer other values, in place where that is possible, as an optimizer does."""
    array = getattr(layer, name)
    if array.flags.writeable and array.shape == values.shape:
        array[...] = values
    if not np.array_equal(getattr(layer, name), values):
        layer.set(**{name: values})


def _new(layer, rng) -> Observations:
    fresh = layer(3)
    for name in STATE:
        yield f"{name} of a new layer", np.array(getattr(fresh, name))
    yield "training of a new layer", np.array(bool(fresh.training))
    yield "y of a new layer", fresh.forward(_input(rng, MAPS))
    for name in STATE:
        yield f"{name} after its first mini-batch", np.array(getattr(fresh, name))


def _refuses(layer, x) -> np.ndarray:
    try:
        layer.forward(x)
    except Refused:
        return np.array(True)
    return np.array(False)


def _unless_refused(layer, x) -> np.ndarray:
    try:
        return layer.forward(x)
    except Refused:
        return np.full(x.shape, np.nan)


def _single_value(layer, rng) -> Observations:
    for shape in ((1, 4), (1, 4, 1), (1, 4, 1, 1), (1, 4, 1, 1, 1)):
        made, x = _made(layer, rng, 4), rng.normal(size=shape)
        yield f"that a ValueError is raised for x {shape} in training", _refuses(made, x)
        made.set(training=False)
        yield f"y of a single example {shape} at inference", made.forward(x)
    for shape in ((1, 4, 3), (1, 4, 3, 2), (1, 4, 1, 2, 1)):
        image, x = _made(layer, rng, 4), _input(rng, shape)
        yield f"that a ValueError is raised for a single image {shape} in training", _refuses(image, x)
        yield f"y of a single image {shape} in training", _unless_refused(image, x)
        yield from _state(image, f"two passes of a single image {shape} in training")


LAWS = (
    Law("in training y = gamma (x - mean) / sqrt(var + eps) + beta, with the mean and the variance of each feature map "
        "over the mini-batch and all locations, m' = m p q values.", _training),
    Law("the same lines serve (N, C), (N, C, L) and (N, C, D, H, W).", _any_shape),
    Law("y keeps its precision where the mean is large against the spread, and a constant feature map gives beta.",
        _digits),
    Law("dx = gamma / sqrt(var + eps) (dy - mean(dy) - x_hat mean(dy x_hat)), dgamma = sum(dy x_hat), dbeta = sum(dy), "
        "means and sums over the m' values, at any gamma.", _gradients),
    Law("running = (1 - momentum) running + momentum new, after each mini-batch in training, the new variance times "
        "m' / (m' - 1).", _memory),
    Law("at inference y = gamma (x - running_mean) / sqrt(running_var + eps) + beta, and nothing is learned from x.",
        _inference),
    Law("at inference the statistics are constants: dx = gamma dy / sqrt(running_var + eps).", _inference_gradients),
    Law("the mode may change between calls, and each backward belongs to the last forward.", _modes),
    Law("a layer's arrays and settings are its own: two layers of a network do not touch each other, and only the "
        "running statistics move in forward. What it has returned stays as it is.", _alone),
    Law("a new layer trains, with gamma 1, beta 0, mean 0, variance 1, eps 1e-5 and momentum 0.1.", _new),
    Law("in training a single value per channel is refused with a ValueError: less its mean it is 0. A single image "
        "with several locations is not.", _single_value),
)
