"""What whitening costs against batch norm, as the number of features grows (section 2; section 3's first choice).

    python benchmarks/whitening.py

prints, for each number of features D, how many times as long ZCA, PCA and Cholesky whitening take as batch norm on
the same array, forward and backward, timed in the same rounds, with the quartiles over the rounds; and the exponent
p in time ~ D^p, fitted for D of 128 and more. There are four times as many examples as features unless `--examples`
fixes their number: then D must stay below it. One thread; float64 unless told.
"""

import argparse
import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np
from interleave import Timings, interleave, machine, table

from bncourse.kernels.normalize import batchnorm_backward, batchnorm_forward
from bncourse.kernels.whiten import whiten_backward, whiten_forward

REFERENCE = "batch norm"
METHODS = ("zca", "pca", "cholesky")
LARGE = 128


def passes(x: np.ndarray, dy: np.ndarray) -> tuple[dict, dict]:
    """By name, a call without arguments for each forward pass, and one for each backward pass."""
    gamma, beta = np.ones(x.shape[1], x.dtype), np.zeros(x.shape[1], x.dtype)
    forward = {REFERENCE: lambda: batchnorm_forward(x, gamma, beta)}
    forward |= {method: lambda method=method: whiten_forward(x, method) for method in METHODS}
    caches = {name: call()[1] for name, call in forward.items()}
    backward = {REFERENCE: lambda: batchnorm_backward(dy, caches[REFERENCE])}
    backward |= {method: lambda method=method: whiten_backward(dy, caches[method]) for method in METHODS}
    return forward, backward


def measure(dimensions: list[int], examples: int | None, dtype: str, rounds: int) -> dict[str, dict[int, Timings]]:
    """Timings by direction and number of features."""
    rng, timings = np.random.default_rng(0), {"forward": {}, "backward": {}}
    for d in dimensions:
        x, dy = rng.standard_normal((2, examples or 4 * d, d)).astype(dtype)
        for direction, calls in zip(timings, passes(x, dy), strict=True):
            timings[direction][d] = interleave(calls, rounds=rounds)
    return timings


def exponent(timings: dict[int, Timings], name: str) -> str:
    """p in time ~ D^p by least squares of the logarithms, over the large D, of the fastest rounds.

    The fastest, because D's are not timed in the same rounds, and other load only ever adds time.
    """
    large = [d for d in timings if d >= LARGE]
    if len(large) < 2:
        return "-"
    slope, _ = np.polyfit(np.log(large), np.log([timings[d].seconds[name].min() for d in large]), 1)
    return f"{slope:.2f}"


def report(direction: str, timings: dict[int, Timings]) -> str:
    """A row for each D: microseconds of batch norm, and the ratios to it; then the exponents."""
    rows = [
        [str(d), f"{1e6 * t.median(REFERENCE):.0f}", *(str(t.ratio(method, REFERENCE)) for method in METHODS)]
        for d, t in timings.items()
    ]
    rows.append([f"p, D >= {LARGE}", *(exponent(timings, name) for name in (REFERENCE, *METHODS))])
    return table([f"{direction}, D", "batch norm, us", *(f"{method} / batch norm" for method in METHODS)], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dimensions", type=int, nargs="+", default=[8, 32, 64, 128, 256, 512])
    parser.add_argument("--examples", type=int, help="examples in a mini-batch (default: four times D)")
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float64")
    parser.add_argument("--rounds", type=int, default=9)
    args = parser.parse_args()
    if args.examples is not None and args.examples <= max(args.dimensions):
        parser.error(f"--examples is {args.examples}; expected more than the largest D, {max(args.dimensions)}")
    print(machine())
    print(f"{args.dtype}, {args.examples or '4 D'} examples, {args.rounds} rounds; median (quartiles)")
    for direction, timings in measure(args.dimensions, args.examples, args.dtype, args.rounds).items():
        print(f"\n{report(direction, timings)}")


if __name__ == "__main__":
    main()
