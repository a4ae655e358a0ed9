"""Batch norm, forward and backward, in float32: the kernels against PyTorch and against copying the array.

    python benchmarks/batchnorm.py

prints, for four shapes, how long each takes in units of `torch.nn` (NCHW) on one thread, timed in the same rounds,
with the quartiles over the rounds. The readable version is `kernels/algorithms.py`: section 3 as the paper prints it,
in float64. The floor is what memory alone would allow: read x, write y; read x and dy, write dx; 2.5 copies.
"""

import argparse
import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):  # NumPy's BLAS; PyTorch's are set below
    os.environ[variable] = "1"
os.environ["THP_MEM_ALLOC_ENABLE"] = "1"  # huge pages for PyTorch, as NumPy has them; read when torch loads

import numpy as np
import torch
from interleave import Timings, interleave, machine, table

from bncourse.kernels import algorithms
from bncourse.kernels.normalize import batchnorm_backward, batchnorm_forward

SHAPES = [(60, 100), (256, 1024), (32, 64, 28, 28), (32, 192, 56, 56)]
COPIES = 2.5
REFERENCE = "torch, 1 thread"


def kernels(x, gamma, beta, dy):
    """The kernels of this package."""
    y, cache = batchnorm_forward(x, gamma, beta)
    return y, *batchnorm_backward(dy, cache)


def readable(x, gamma, beta, dy):
    """Algorithm 1 and the gradient as the paper prints them."""
    y, cache = algorithms.batchnorm_forward(x, gamma, beta)
    return y, *algorithms.batchnorm_backward(dy, cache)


def pytorch(x, gamma, beta, dy):
    """A call of the module and one of its backward pass, on arrays that are tensors already."""
    layer = {2: torch.nn.BatchNorm1d, 4: torch.nn.BatchNorm2d}[x.ndim](x.shape[1])
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(gamma))
        layer.bias.copy_(torch.from_numpy(beta))
    leaf, upstream = torch.from_numpy(x).requires_grad_(), torch.from_numpy(dy)

    def run():
        leaf.grad = layer.weight.grad = layer.bias.grad = None
        y = layer(leaf)
        y.backward(upstream)
        return tuple(a.detach().numpy() for a in (y, leaf.grad, layer.weight.grad, layer.bias.grad))

    return run


def compare(shape: tuple[int, ...], rounds: int) -> tuple[Timings, Timings]:
    """Time all contenders on one shape, once they have agreed on the result; and PyTorch on one thread and two.

    The second contest is one of its own: threads that wait for more work would slow down whoever is next.
    """
    rng = np.random.default_rng(0)
    x, dy = rng.normal(size=(2, *shape)).astype(np.float32)
    gamma, beta = rng.normal(size=(2, shape[1])).astype(np.float32)
    target, torch_run = np.empty_like(x), pytorch(x, gamma, beta, dy)
    calls = {
        "kernels": lambda: kernels(x, gamma, beta, dy),
        "readable": lambda: readable(x, gamma, beta, dy),
        REFERENCE: torch_run,
        "copy": lambda: np.copyto(target, x),
    }
    torch.set_num_threads(1)
    for name in ("kernels", "readable"):
        for ours, theirs in zip(calls[name](), torch_run(), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5 * max(1, np.abs(theirs).max()))
    threads = {
        REFERENCE: lambda: torch.set_num_threads(1),
        "torch, 2 threads": lambda: torch.set_num_threads(2),
    }
    return interleave(calls, rounds=rounds), interleave(dict.fromkeys(threads, torch_run), threads, rounds)


def row(shape: tuple[int, ...], one: Timings, two: Timings) -> list[str]:
    """One line of the table: ratios to PyTorch on one thread."""
    ratios = [
        one.ratio("kernels", REFERENCE),
        one.ratio("readable", REFERENCE),
        two.ratio("torch, 2 threads", REFERENCE),
    ]
    floor = COPIES * one.ratio("copy", REFERENCE).median
    return [str(shape), *map(str, ratios), f"{floor:.2f}", f"{1e6 * one.median(REFERENCE):,.0f} µs"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=31, help="rounds in which each contender has one turn")
    rounds = parser.parse_args().rounds
    rows = [row(shape, *compare(shape, rounds)) for shape in SHAPES]
    print(f"{machine()}\nPyTorch {torch.__version__}; float32, forward and backward, {rounds} rounds\n")
    print(table(["shape", "kernels", "readable NumPy", "torch, 2 threads", "floor", "1.00 is"], rows))


if __name__ == "__main__":
    main()
