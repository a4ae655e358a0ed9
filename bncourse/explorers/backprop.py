"""The explorer of lesson 04: the graph of three numbers, one step at a time, forward and back."""

import ipywidgets as widgets
import numpy as np

from bncourse.explorers.base import Explorer
from bncourse.figures.backprop import GRAPH_SIZE, STEPS, light, outline
from bncourse.kernels.normalize import batchnorm_backward_steps

FIRST_STEP = 10  # the gradient has come to x_hat, and has not yet parted


def three_numbers(x: np.ndarray, dy: np.ndarray, gamma: float, beta: float, eps: float) -> tuple[dict, dict]:
    """Values and gradients at every node of the graph, for one feature with the examples x `(m,)`."""
    mu, var = x.mean(), x.var()
    s = np.sqrt(var + eps)
    x_hat = (x - mu) / s
    back = batchnorm_backward_steps(dy[:, None], x[:, None], np.array([gamma]), eps)
    dvar, dx_hat = back.dvar[0], back.dx_hat[:, 0]
    values = {"x": x, "gamma": gamma, "beta": beta, "mu": mu, "centred": x - mu, "var": var, "s": s, "x_hat": x_hat,
              "y": gamma * x_hat + beta}
    gradients = {"x": back.dx[:, 0], "gamma": back.dgamma[0], "beta": back.dbeta[0], "mu": back.dmean[0],
                 "centred": dx_hat / s + dvar * 2 * (x - mu) / len(x), "var": dvar, "s": 2 * s * dvar,
                 "x_hat": dx_hat, "y": dy}
    return values, gradients


def graph_explorer(x: np.ndarray, dy: np.ndarray, gamma: float, beta: float, eps: float) -> Explorer:
    """Step through the graph of batch norm: six values forward, then nine gradients back.

    x and dy, both `(m,)`, are the examples of one feature and the gradient of the loss in y; gamma, beta and eps are
    those of the batch norm. A second control replaces dy by 1 for every example, or by x_hat.
    """
    x_hat = three_numbers(x, dy, gamma, beta, eps)[0]["x_hat"]
    choices = {"as in the lesson": dy, "1 for every example": np.ones_like(x), "equal to x_hat": x_hat}
    worked = {name: three_numbers(x, sent, gamma, beta, eps) for name, sent in choices.items()}

    def draw(fig, step, dy):
        ax = outline(fig.add_subplot())
        return lambda step, dy: light(*worked[dy], step, ax)

    return Explorer(
        draw,
        alt="The computational graph of batch norm on three numbers, with the value above each node, the gradient "
            "below it, and on each arrow that the gradient has travelled the derivative along it.",
        figsize=GRAPH_SIZE,
        step=widgets.IntSlider(FIRST_STEP, 0, STEPS, description="step"),
        dy=widgets.Dropdown(options=list(choices), description="dy"),
    )
