"""Inference with batch norms and with batch norms folded away, in float32 on one thread.

    python benchmarks/folding.py

prints, for four networks, how long the folded network takes in units of the same network with `torch.nn`'s batch
norms, timed in the same rounds, with the quartiles over the rounds; beside it the same network with this package's
batch norms; how many batch norms went; and the largest difference that folding made to an output, in units of the
largest output.
"""

import argparse
import os

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["THP_MEM_ALLOC_ENABLE"] = "1"  # huge pages for large tensors; read when torch loads

import torch
from interleave import interleave, machine, table
from torch import Tensor, nn

import bncourse.nn
from bncourse.nn import fold_batchnorm

REFERENCE, FOLDED, OURS = "torch.nn", "folded", "bncourse.nn"


class Residual(nn.Module):
    """x plus what the layers make of it."""

    def __init__(self, *layers: nn.Module):
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.layers(x))


def conv(lib, c_in: int, c_out: int, size: int, **settings) -> list[nn.Module]:
    """A convolution without bias, and its batch norm."""
    layer = nn.Conv2d(c_in, c_out, size, padding=size // 2, bias=False, **settings)
    return [layer, lib.BatchNorm2d(c_out)]


def residual(lib) -> nn.Module:
    """Six residual blocks of two 3x3 convolutions, 32 channels."""
    blocks = [Residual(*conv(lib, 32, 32, 3), nn.ReLU(), *conv(lib, 32, 32, 3)) for _ in range(6)]
    return nn.Sequential(*conv(lib, 3, 32, 3), nn.ReLU(), *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten())


def depthwise(lib) -> nn.Module:
    """Six inverted residuals, 16 channels widened to 64, the 3x3 convolutions depthwise."""

    def block():
        middle = conv(lib, 64, 64, 3, groups=64)
        return Residual(*conv(lib, 16, 64, 1), nn.ReLU6(), *middle, nn.ReLU6(), *conv(lib, 64, 16, 1))

    blocks = [block() for _ in range(6)]
    return nn.Sequential(*conv(lib, 3, 16, 3), nn.ReLU6(), *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten())


def decoder(lib) -> nn.Module:
    """From 64 numbers to a picture by three transposed convolutions."""

    def up(c_in, c_out):
        return nn.ConvTranspose2d(c_in, c_out, 4, stride=2, padding=1), lib.BatchNorm2d(c_out), nn.ReLU()

    project = nn.Linear(64, 64 * 16), lib.BatchNorm1d(64 * 16), nn.ReLU(), nn.Unflatten(1, (64, 4, 4))
    return nn.Sequential(
        *project, *up(64, 32), *up(32, 16), nn.ConvTranspose2d(16, 3, 4, stride=2, padding=1)
    )


def dense(lib) -> nn.Module:
    """Section 4.1's network: three hidden layers of 100, sigmoid."""

    def hidden(d):
        return nn.Linear(d, 100), lib.BatchNorm1d(100), nn.Sigmoid()

    return nn.Sequential(*hidden(784), *hidden(100), *hidden(100), nn.Linear(100, 10))


NETWORKS = {residual: (32, 3, 32, 32), depthwise: (32, 3, 32, 32), decoder: (32, 64), dense: (60, 784)}


def contenders(build) -> dict[str, nn.Module]:
    """The network with batch norms of each kind, in the same state, after a look at some data; and folded."""
    torch.manual_seed(0)
    theirs, ours = build(nn), build(bncourse.nn)
    with torch.no_grad():
        theirs.train()(2 * torch.randn(NETWORKS[build]) + 1)
    ours.load_state_dict(theirs.state_dict())
    return {REFERENCE: theirs.eval(), FOLDED: fold_batchnorm(theirs), OURS: ours.eval()}


def row(build, rounds: int) -> list[str]:
    """Time the contenders on one input, and compare what they make of it."""
    networks, x = contenders(build), torch.randn(NETWORKS[build])
    with torch.inference_mode():
        ys = {name: network(x) for name, network in networks.items()}
        timings = interleave(
            {name: lambda n=network: n(x) for name, network in networks.items()}, rounds=rounds
        )
    off = (ys[FOLDED] - ys[REFERENCE]).abs().max() / ys[REFERENCE].abs().max()
    ratios = [str(timings.ratio(name, REFERENCE)) for name in (FOLDED, OURS)]
    report = networks[FOLDED].fold_report
    gone = f"{len(report.folded)} of {len(report.folded) + len(report.left)}"
    microseconds = 1e6 * timings.median(REFERENCE)
    return [f"{build.__name__} {NETWORKS[build]}", *ratios, gone, f"{off:.0e}", f"{microseconds:,.0f} µs"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=31, help="rounds in which each contender has one turn")
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    rows = [row(build, rounds) for build in NETWORKS]
    print(f"{machine()}\nPyTorch {torch.__version__}; float32, inference, one thread, {rounds} rounds\n")
    print(table(["network", "folded", "bncourse.nn", "batch norms folded", "difference", "1.00 is"], rows))


if __name__ == "__main__":
    main()
