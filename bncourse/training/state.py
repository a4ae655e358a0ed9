"""Where a training is: the network, the optimizer, the step, the loss since the last row, the columns so far.

A checkpoint holds all of it, and the random states, so that a training goes on as if nothing had happened.
"""

import math
import time

import torch
from torch import nn

from bncourse.nn.batchnorm import BATCHNORMS
from bncourse.training.recipe import Recipe


class Progression:
    """A training after `step` steps.

    `model` is the network in training, `recipe` says how it is trained, and `device` is where it is. The optimizer is
    made here. `columns` maps each name to the values of all rows so far, and `row_step` is the step of the last row.
    `losses` is the sum of the losses since the last row, on the device. `seconds` are those spent on steps, without
    evaluations and checkpoints; a training that was resumed counts the seconds before as well.
    """

    def __init__(self, model: nn.Module, recipe: Recipe, device: torch.device):
        self.model, self.recipe = model, recipe
        self.optimizer = torch.optim.SGD(parameter_groups(model, recipe), lr=recipe.lr, momentum=recipe.momentum)
        self.step, self.row_step, self.seconds = 0, 0, 0.0
        self.losses = torch.zeros((), dtype=torch.float64 if device.type != "mps" else torch.float32, device=device)
        self.columns = {}
        self.go_on()

    def go_on(self) -> None:
        """Lets the clock of `seconds` run from now on."""
        self.since = time.perf_counter()

    def pause(self) -> None:
        """Stops the clock of `seconds`: what follows, an evaluation or a checkpoint, does not count as training."""
        self.seconds += time.perf_counter() - self.since

    def add_row(self, loss: float, scores: dict[str, float]) -> dict:
        """Appends a row to the columns, sets the sum of the losses to 0, and returns the row.

        `loss` is the mean loss since the last row, and `scores` are the accuracies `top1` and `top5`, or nothing.
        """
        since = self.seconds - (self.columns["seconds"][-1] if self.row_step else 0.0)
        images = (self.step - self.row_step) * self.recipe.batch
        row = {"step": self.step, "loss": loss, **scores,
               "lr": self.recipe.learning_rate(self.step - 1), "seconds": round(self.seconds, 3),
               "images_per_second": round(images / since, 2) if since > 0 else 0.0}
        for name, value in row.items():
            self.columns.setdefault(name, []).append(value)
        self.row_step = self.step
        self.losses.zero_()
        return row

    @property
    def done(self) -> bool:
        """Whether there is nothing left to do: all steps are taken, or the loss of the last row is not finite."""
        diverged = self.row_step > 0 and not math.isfinite(self.columns["loss"][-1])
        return diverged or self.step >= self.recipe.steps


def parameter_groups(model: nn.Module, recipe: Recipe) -> list[dict]:
    """The parameters of a model in two groups for the optimizer: those that L2 shrinks, and those that it spares.

    gamma, beta and all biases are spared, unless the recipe says `decay_everything`.
    """
    shrinking, others = [], []
    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False):
            spared = name == "bias" or parameter.dim() < 2 or isinstance(module, BATCHNORMS)
            (others if spared and not recipe.decay_everything else shrinking).append(parameter)
    return [{"params": unique(shrinking), "weight_decay": recipe.weight_decay},
            {"params": unique(others), "weight_decay": 0.0}]


def unique(parameters: list[nn.Parameter]) -> list[nn.Parameter]:
    """The parameters in their order, each once, though several modules may hold it."""
    return list({id(parameter): parameter for parameter in parameters}.values())
