"""Training: a network, mini-batches and a recipe become measured columns; nothing here knows the paper's experiments.

    recipe.py         what to do: steps, learning rate and its decay, L2, precision
    trainer.py        `train`: stochastic gradient descent with momentum, measured as it goes
    progression.py    where a training is: the network, the optimizer, the columns so far
    distributed.py    several processes that share each mini-batch, under torchrun
    random_states.py  the random states, seeded and kept
"""

from bncourse.training.recipe import Recipe
from bncourse.training.trainer import to_input, train

__all__ = ["Recipe", "to_input", "train"]
