"""Training: a network, mini-batches and a recipe become measured columns; nothing here knows the paper's experiments.

    recipe.py         what to do: steps, learning rate and its decay, L2, precision
    trainer.py        `train`: stochastic gradient descent with momentum, measured as it goes
    state.py          where a training is: the network, the optimizer, the columns so far
    checkpoint.py     that, in a file that is written whole and checked when read
    resuming.py       going on from it, bit for bit, or refusing to
    stopping.py       Ctrl-C and SIGTERM end a training between two steps
    random_states.py  the random states, seeded and kept
    distributed.py    several processes that share each mini-batch, under torchrun
    syncnorm.py       batch norm over the mini-batches of all processes
    reports.py        images per second and time left, on a terminal; TensorBoard
"""

from bncourse.training.recipe import Recipe
from bncourse.training.trainer import to_input, train

__all__ = ["Recipe", "to_input", "train"]
