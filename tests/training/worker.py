"""A training in a process of its own, which prints every step that it takes and can be killed.

    python -m tests.training.worker FOLDER SEED "{'steps': 60, ...}"
"""

import ast
import sys

import torch

from bncourse.training import Recipe, train
from tests.training.small import Examples, evaluate_on, network


def main(folder, seed, recipe):
    torch.set_num_threads(1)
    examples = Examples(int(seed))
    train(network(int(seed)), examples, Recipe(**ast.literal_eval(recipe)), evaluate=evaluate_on(examples),
          folder=folder, progress=lambda done, total: print(done, flush=True))


if __name__ == "__main__":
    main(*sys.argv[1:])
