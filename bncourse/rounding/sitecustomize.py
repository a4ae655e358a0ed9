"""Moves initial weights by a rounding error, in every Python that starts with this folder on its path.

`BNCOURSE_DRAW` seeds the directions. `numpy.random.default_rng` then gives a generator whose normal numbers are one
unit in the last place off, and so do PyTorch's initializers; `BNCOURSE_ULPS` asks for more units than one.
"""

import importlib.util
import os
import sys

ULPS = float(os.environ.get("BNCOURSE_ULPS", "1"))
INITIALIZERS = ("normal_", "uniform_", "kaiming_normal_", "kaiming_uniform_")


def move_numpy(random):
    """Replaces `default_rng` by one whose normal numbers are moved."""
    import numpy as np

    signs = random.Generator(random.PCG64(int(os.environ["BNCOURSE_DRAW"])))

    def moved(x):
        return x + np.spacing(x) * signs.choice([-ULPS, ULPS], size=np.shape(x)).astype(np.asarray(x).dtype)

    class Generator(random.Generator):
        def normal(self, *args, **named):
            return moved(super().normal(*args, **named))

        def standard_normal(self, *args, **named):
            return moved(super().standard_normal(*args, **named))

    original = random.default_rng

    def default_rng(seed=None):
        return seed if isinstance(seed, Generator) else Generator(original(seed).bit_generator)

    random.default_rng = default_rng


def move_torch(init):
    """Moves what each initializer has drawn."""
    from random import Random

    import torch

    seeds = Random(int(os.environ["BNCOURSE_DRAW"]))

    def moving(initializer):
        def moved(tensor, *args, **named):
            filled = initializer(tensor, *args, **named)
            if filled.is_meta:
                return filled
            signs = torch.Generator().manual_seed(seeds.getrandbits(32))
            with torch.no_grad():
                up = torch.nextafter(filled, torch.full_like(filled, torch.inf)) - filled
                filled += up * ULPS * (2 * torch.randint(2, filled.shape, generator=signs) - 1)
            return filled
        return moved

    for name in INITIALIZERS:
        setattr(init, name, moving(getattr(init, name)))


MOVES = {"numpy.random": move_numpy, "torch.nn.init": move_torch}


class Finder:
    """Finds a module as Python would, and moves it once it has been loaded."""

    def find_spec(self, name, path=None, target=None):
        if name not in MOVES:
            return None
        sys.meta_path.remove(self)
        try:
            spec = importlib.util.find_spec(name)
        finally:
            sys.meta_path.insert(0, self)
        load = spec.loader.exec_module

        def load_and_move(module):
            load(module)
            MOVES[name](module)

        spec.loader.exec_module = load_and_move
        return spec


if "BNCOURSE_DRAW" in os.environ:
    sys.meta_path.insert(0, Finder())
