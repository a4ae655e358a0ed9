"""BN-Inception on paper, with shapes and without values; and narrow, with values."""

from functools import cache

import torch

from bncourse.nn import BNInception, anatomy

PIXELS = (3, 224, 224)


@cache
def on_paper(network=BNInception, **arguments):
    """The network of the arguments with shapes and without values, built once for all tests."""
    return anatomy.on_paper(network, **arguments)


@cache
def layers_of(model):
    """What an image of 224x224 passes in it."""
    return anatomy.layers(model, PIXELS)


def count(model, of="parameters"):
    return sum(getattr(layer, of) for layer in layers_of(model))


def tiny(seed=0, dtype=torch.float64, **arguments):
    """A narrow network for five classes and images of 64x64, with the same values for every call."""
    torch.manual_seed(seed)
    return BNInception(**{"num_classes": 5, "stem": "small", "width": 0.125} | arguments).to(dtype)
