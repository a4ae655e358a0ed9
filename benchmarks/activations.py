"""Training steps of section 4.1's network, in float32 on one thread: the kernels, eager PyTorch, the products alone.

    python benchmarks/activations.py

prints, for the network with batch norm and for the one without, the steps a second of the kernels; how many times as
many as PyTorch's; and their share of what the matrix products alone would allow. All three take turns in the same
rounds; the quartiles are over the rounds. A step begins with the indices of a mini-batch and ends with new
parameters. The products are the eleven that a step cannot do without: each layer forward, its weights' gradient, and
its input's gradient but for the first.
"""

import argparse
import os
import time
from itertools import cycle

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np
import torch
from interleave import Timings, interleave, machine, table
from torch import nn

from bncourse.kernels import mlp

SIZES, BATCH, EXAMPLES, LR = (784, 100, 100, 100, 10), 60, 60_000, 0.5
OURS, PYTORCH, PRODUCTS = "kernels", "PyTorch", "products"


def examples(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """As many binary images as MNIST has, black where one in five pixels is; labels; an epoch of mini-batches."""
    x, t = rng.random((EXAMPLES, SIZES[0]), dtype=np.float32) > 0.8, rng.integers(0, SIZES[-1], EXAMPLES)
    return x, t, list(rng.permutation(EXAMPLES).reshape(-1, BATCH))


def kernels(network: mlp.Network, x: np.ndarray, t: np.ndarray, batches: list[np.ndarray]):
    """A step of the network of this package."""
    batches = cycle(batches)

    def step():
        i = next(batches)
        _, gradients, _ = mlp.loss_and_gradients(network, x.take(i, axis=0), t[i])
        mlp.sgd_step(network, gradients, LR)

    return step


def modules(network: mlp.Network) -> nn.Sequential:
    """The network from public PyTorch modules, with the same parameters."""
    layers = []
    for layer in network:
        linear = nn.Linear(*layer.w.shape, bias=layer.b is not None)
        linear.weight.data = torch.from_numpy(layer.w.T.copy())
        if layer.b is not None:
            nn.init.zeros_(linear.bias)
        layers += [linear, *([] if layer.gamma is None else [nn.BatchNorm1d(len(layer.gamma))]), nn.Sigmoid()]
    return nn.Sequential(*layers[:-1])


def pytorch(model: nn.Sequential, x: np.ndarray, t: np.ndarray, batches: list[np.ndarray]):
    """The same step in eager PyTorch, which finds its images in float32."""
    optimizer = torch.optim.SGD(model.parameters(), lr=LR)
    images, labels = torch.from_numpy(x.astype(np.float32)), torch.from_numpy(t)
    batches = cycle([torch.from_numpy(i) for i in batches])

    def step():
        i = next(batches)
        loss = nn.functional.cross_entropy(model(images.index_select(0, i)), labels[i])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def products(weights: list[np.ndarray], rng: np.random.Generator):
    """The matrix products of a step."""
    us = [rng.random((BATCH, size), dtype=np.float32) for size in SIZES[:-1]]
    dys = [rng.random((BATCH, size), dtype=np.float32) for size in SIZES[1:]]

    def step():
        for u, w in zip(us, weights, strict=True):
            u @ w
        for k in reversed(range(len(weights))):
            us[k].T @ dys[k]
            if k:
                dys[k] @ weights[k].T

    return step


def compare(batchnorm: bool, rounds: int) -> Timings:
    """Time all three, from the same start, once fifty steps of the two networks have ended at the same weights.

    In seconds of the processor: all are on one thread, and waiting for a busy core does not count.
    """
    rng = np.random.default_rng(0)
    data, network = examples(rng), mlp.init(SIZES, batchnorm, rng=rng, dtype=np.float32)
    model = modules(network)
    calls = {
        OURS: kernels(network, *data),
        PYTORCH: pytorch(model, *data),
        PRODUCTS: products([layer.w.copy() for layer in network], rng),
    }
    for _ in range(50):
        calls[OURS]()
        calls[PYTORCH]()
    np.testing.assert_allclose(network[0].w, model[0].weight.detach().numpy().T, rtol=0, atol=1e-4)
    return interleave(calls, rounds=rounds, turn=0.05, clock=time.process_time)


def row(batchnorm: bool, rounds: int) -> list[str]:
    """One line of the table."""
    timings = compare(batchnorm, rounds)
    name = "batch norm" if batchnorm else "plain"
    ratios = timings.ratio(PYTORCH, OURS), timings.ratio(PRODUCTS, OURS)
    return [name, f"{1 / timings.median(OURS):,.0f}", *map(str, ratios)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=31, help="rounds in which each contender has one turn")
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    rows = [row(batchnorm, rounds) for batchnorm in (False, True)]
    print(f"{machine()}\nPyTorch {torch.__version__}; float32, one thread, {rounds} rounds\n")
    print(table(["network", "steps a second", "times PyTorch's", "of the products' bound"], rows))


if __name__ == "__main__":
    main()
