"""`bncourse.nn.BatchNorm1d` and `2d` against those of `torch.nn`, in float32 on one thread.

    python benchmarks/modules.py

prints, for four shapes, with channels first and last in memory, how long a call takes in units of `torch.nn`'s: a
training step (forward and backward), the forward pass in training without gradients, and inference. Both are timed in
the same rounds by the processor's time, so that waiting for a busy core does not count; the median over the rounds
stands between the quartiles. The floor is what memory alone would allow a step: to copy the array 2.5 times.
"""

import argparse
import os
import time
from collections.abc import Callable

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["THP_MEM_ALLOC_ENABLE"] = "1"  # huge pages for large tensors; read when torch loads

import torch
from interleave import counted, interleave, machine, table
from torch import Tensor, nn

import bncourse.nn

SHAPES = [(60, 100), (256, 1024), (32, 64, 28, 28), (32, 192, 56, 56)]
USES = ("training step", "forward in training", "inference")
COPIES = 2.5


def contenders(lib, x: Tensor, dy: Tensor) -> tuple[Callable[[], object], ...]:
    """What is timed of one library, on arrays that are there already: one function for each of `USES`."""
    make = {2: lib.BatchNorm1d, 4: lib.BatchNorm2d}[x.dim()]
    training, trained = make(x.shape[1]), make(x.shape[1]).eval()
    leaf = x.clone(memory_format=torch.preserve_format).requires_grad_()

    def step():
        leaf.grad = training.weight.grad = training.bias.grad = None
        training(leaf).backward(dy)

    return step, torch.no_grad()(lambda: training(x)), torch.no_grad()(lambda: trained(x))


def row(shape: tuple[int, ...], layout: torch.memory_format, rounds: int) -> list[str]:
    """One line of the table."""
    torch.manual_seed(0)
    x, dy, target = (torch.randn(shape).contiguous(memory_format=layout) for _ in range(3))
    calls = {
        (name, use): call
        for name, lib in {"ours": bncourse.nn, "torch": nn}.items()
        for use, call in zip(USES, contenders(lib, x, dy), strict=True)
    }
    calls["copy"] = lambda: target.copy_(x)
    timings = interleave(calls, rounds=rounds, clock=time.process_time)
    ratios = [str(timings.ratio(("ours", use), ("torch", use))) for use in USES]
    floor = COPIES * timings.ratio("copy", ("torch", USES[0])).median
    name = f"{shape}, channels last" if layout == torch.channels_last else str(shape)
    return [name, *ratios, f"{floor:.2f}", f"{1e6 * timings.median(('torch', USES[0])):,.0f} µs"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=31, help="rounds in which each contender has one turn")
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    cases = [(shape, torch.contiguous_format) for shape in SHAPES]
    cases += [(shape, torch.channels_last) for shape in SHAPES if len(shape) == 4]
    rows = [row(*case, rounds) for case in counted(cases, "shapes")]
    print(f"{machine()}\nPyTorch {torch.__version__}; float32, one thread, {rounds} rounds\n")
    print(table(["shape", *USES, "floor of a step", "1.00 of a step is"], rows))


if __name__ == "__main__":
    main()
