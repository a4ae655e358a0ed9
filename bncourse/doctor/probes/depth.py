"""Depth: at initialization each batch norm with a ReLU multiplies the squared gradient by pi / (pi - 1) = 1.47."""

from collections.abc import Iterator
from math import exp, log

import numpy as np

from bncourse.doctor.report import Finding, finding
from bncourse.doctor.step import Step

LAYERS, GROWTH, TOTAL, STEADY = 12, 1.33, 1e3, 0.8


def depth(step: Step) -> Iterator[Finding]:
    """Many batch norms in a row through which the gradient grows steadily: exploding-gradients, a risk.

    At least 12 layers, over which the squared gradient grows more than a thousandfold, by a third or more a layer, on a
    straight line in its logarithm (the correlation squared above 0.8).
    """
    order = [path for path in dict.fromkeys(entry.path for entry in step.entries) if step.squares.get(path, 0) > 0]
    if len(order) < LAYERS:
        return
    logs = np.array([log(step.squares[path]) for path in order])
    slope = -np.polyfit(np.arange(len(order)), logs, 1)[0]
    steady = np.corrcoef(np.arange(len(order)), logs)[0, 1] ** 2 if logs.std() else 0.0
    if slope > log(GROWTH) and slope * (len(order) - 1) > log(TOTAL) and steady > STEADY:
        yield finding(
            "exploding-gradients",
            order,
            "risk",
            f"the squared gradient grows by {exp(slope):.2f} a layer over {len(order)} batch norms, by "
            f"{exp(logs[0] - logs[-1]):.0e} in all; pi / (pi - 1) = 1.47",
        )
