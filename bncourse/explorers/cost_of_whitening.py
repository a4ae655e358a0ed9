"""The explorer of lesson 02: one least-squares loss in the weights of three forms of its inputs, and the descents."""

from bisect import bisect_left
from collections.abc import Callable

import ipywidgets as widgets
import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from bncourse.explorers.base import Explorer, moving
from bncourse.figures.cost_of_whitening import descent_panels, show_descent

Array = np.ndarray
FORMS = ("raw", "standardized", "whitened")
LEVELS = (1.0, 0.5)  # of the distance to the best weights, in the root of the loss
ROUND = np.stack([np.cos(np.linspace(0, 2 * np.pi, 121)), np.sin(np.linspace(0, 2 * np.pi, 121))])
START = np.array([np.cos(2.15), np.sin(2.15)])  # the first weights' error, in the whitened form
MOST = 1_000_000


def hessians(ratio: float, correlation: float) -> dict[str, Float[Array, "2 2"]]:
    """The loss's Hessian in each form, for two centred features of standard deviations ratio and 1."""
    shared = np.array([[1.0, correlation], [correlation, 1.0]])
    scale = np.diag([ratio, 1.0])
    return {"raw": scale @ shared @ scale, "standardized": shared, "whitened": np.eye(2)}


def root(hessian: Float[Array, "2 2"], power: float) -> Float[Array, "2 2"]:
    """The Hessian to a power, by its eigenvalues."""
    lam, u = np.linalg.eigh(hessian)
    return u * lam**power @ u.T


def path(hessian: Float[Array, "2 2"], share: float, steps: int) -> Float[Array, "k 2"]:
    """Errors of the weights under gradient descent at `share` of the largest stable rate, 2 / lam_max."""
    lam, u = np.linalg.eigh(hessian)
    factors = 1 - 2 * share * lam / lam[-1]
    start = u.T @ root(hessian, -0.5) @ START
    return (start * factors ** np.arange(steps + 1)[:, None]) @ u.T


def steps_needed(hessian: Float[Array, "2 2"], share: float) -> str:
    """How many gradient steps bring the loss to a millionth of its first distance from its best, or "never"."""
    lam, u = np.linalg.eigh(hessian)
    energies, factors = (u.T @ START) ** 2, np.abs(1 - 2 * share * lam / lam[-1])
    if factors.max() >= 1:
        return "never"
    steps = bisect_left(range(MOST), True, key=lambda k: energies @ factors ** (2 * k) <= 1e-6)
    return f"{steps:,}"


def draw_descents(fig: Figure, **_) -> Callable:
    """Level lines and descents in three panels, each as large as its longest axis."""
    panels = descent_panels(FORMS, len(LEVELS), fig)
    moving(*(artist for panel in panels.values() for artist in panel.artists()))

    def update(ratio: float, correlation: float, share: float, steps: int) -> None:
        ratio, correlation, share = (round(value, 6) for value in (ratio, correlation, share))  # 0.75, not 0.7500...01
        for form, hessian in hessians(ratio, correlation).items():
            lam = np.linalg.eigvalsh(hessian)
            size = np.sqrt(lam[0])  # the longest axis of the first level line is drawn with length 1
            show_descent(panels[form], [level * size * root(hessian, -0.5) @ ROUND for level in LEVELS],
                         size * path(hessian, share, steps), lam[-1] / lam[0], steps_needed(hessian, share))

    return update


def descent_explorer() -> Explorer:
    """Choose the inputs, the rate and how far to walk; watch three descents on the same loss."""
    return Explorer(
        draw_descents,
        alt="Level lines of one least-squares loss and the path of gradient descent in three panels: for raw inputs a "
            "narrow valley and a zigzag, for standardized ones a wider one, for whitened ones circles and a straight "
            "path.",
        figsize=(6.4, 2.8),
        ratio=widgets.FloatSlider(4.0, min=1, max=20, step=0.5, description="ratio of the features' scales"),
        correlation=widgets.FloatSlider(0.6, min=-0.95, max=0.95, step=0.05, description="their correlation"),
        share=widgets.FloatSlider(0.75, min=0.05, max=1.1, step=0.05, description="share of the largest rate"),
        steps=widgets.IntSlider(20, 0, 100, description="steps walked"),
        grids=[{"ratio": (1, 2, 4, 8, 20), "correlation": (-0.95, -0.6, 0, 0.3, 0.6, 0.8, 0.95)},
               {"share": (0.05, 0.25, 0.5, 0.75, 0.9, 1, 1.05), "steps": (*range(6), 10, 20, 50, 100)}],
    )
