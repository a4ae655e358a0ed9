"""The explorer of lesson 01: the light on the test pictures, and a classifier that fails and is repaired."""

from collections.abc import Callable, Sequence

import ipywidgets as widgets
import numpy as np
from matplotlib.figure import Figure

from bncourse.explorers.base import Explorer
from bncourse.figures.covariate_shift import guess_axes, guesses
from bncourse.figures.style import WITH, WITHOUT
from bncourse.kernels import mlp
from bncourse.kernels.normalize import batch_statistics, batchnorm_inference

SHOWN = 6


def shift_explorer(network: mlp.Network, statistics: tuple, pictures: np.ndarray, labels: np.ndarray,
                   eps: float = 1e-3) -> Explorer:
    """Move contrast, light and shadow of test pictures `(N, H, W)`; see what a network reads in them.

    network is one of `kernels.mlp`, labels `(N,)` are the digits, and statistics are the mean and the variance of the
    network's training pictures. The network reads the pictures twice: standardized with these statistics, and
    standardized with the statistics of the first n test pictures themselves; eps is added to the variance.
    """
    lamp = np.linspace(0, 1, pictures.shape[2])

    def read(x: np.ndarray, mean: np.ndarray, var: np.ndarray) -> np.ndarray:
        return mlp.predict(network, batchnorm_inference(x, np.ones_like(mean), np.zeros_like(mean), mean, var, eps))

    def draw(fig: Figure, **_) -> Callable:
        ax = guess_axes(SHOWN, {"as trained": WITHOUT, "repaired": WITH}, fig.add_subplot())

        def update(contrast: float, light: float, shadow: float, n: int) -> None:
            changed = (contrast * pictures + light) * (1 - shadow * lamp)
            x = changed.reshape(len(changed), -1)
            as_trained, repaired = read(x, *statistics), read(x, *batch_statistics(x[:n]))
            before, after = np.mean(as_trained == labels), np.mean(repaired == labels)
            guesses(changed[:SHOWN], labels[:SHOWN],
                    {"as trained": (as_trained[:SHOWN], WITHOUT), "repaired": (repaired[:SHOWN], WITH)}, ax)
            ax.set_title(f"right: {before:.0%} with the training statistics, {after:.0%} with those of {n} pictures",
                         fontsize=12, loc="left")

        return update

    return Explorer(
        draw, figsize=(6.4, 2.4),
        alt="Six test digits under changed light, and below each what the network reads with the training pictures' "
            "statistics and with the test pictures' own; wrong readings are struck through.",
        contrast=widgets.FloatSlider(0.5, min=-1, max=1.5, step=0.1, description="contrast"),
        light=widgets.FloatSlider(0.5, min=-0.5, max=1, step=0.1, description="light"),
        shadow=widgets.FloatSlider(0.0, min=0, max=0.9, step=0.1, description="shadow"),
        n=_sizes(len(pictures)),
        grids=[{"contrast": (-1, -0.5, -0.2, 0, 0.2, 0.5, 1, 1.5), "light": (-0.5, -0.2, 0, 0.2, 0.5, 0.8, 1)},
               {"shadow": (0, 0.2, 0.4, 0.6, 0.8, 0.9)}, {"n": (2, 5, 20, 100)}],
    )


def _sizes(most: int) -> widgets.SelectionSlider:
    """A slider over the number of pictures that the statistics come from: 2, 5, 20, 100 and all (`most`)."""
    options: Sequence[int] = [*(n for n in (2, 5, 20, 100) if n < most), most]
    return widgets.SelectionSlider(options=options, value=most, description="n")
