"""Six cases from issue trackers, small enough for seconds: what the owner sees, with the fault and mended.

Each case trains a small network on glyphs and returns numbers by their names. `mended=True` is the same with the fault
repaired, and a seed gives both the same weights and mini-batches.

    frozen_backbone()                     {'parameters moved': 0.0, 'statistics moved': ..., ...}
    frozen_backbone(mended=True)

The threads are cited by repository and number; what they report of their own networks is not measured here.
"""

import copy
from collections.abc import Iterator
from itertools import islice

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from bncourse.datasets import conditions
from bncourse.experiments.digits import minibatches
from bncourse.experiments.domains import Config, descent, loaded, network, right, tensor
from bncourse.nn import population_statistics

SMALL = Config(widths=(8, 16, 32))
NORMS = (1, 4, 8)  # where the batch norms of `domains.network` stand
TEST = 1000  # test digits


def digits(split: str) -> tuple[np.ndarray, np.ndarray]:
    """The glyphs of a split, uint8, and their labels."""
    return loaded(SMALL.dataset, split)


def batches(seed: int, steps: int, batch: int = 60) -> Iterator[np.ndarray]:
    """The indices of so many mini-batches of training digits."""
    return islice(minibatches(len(digits("train")[0]), batch, np.random.default_rng(seed)), steps)


def trained(seed: int, steps: int = 150, lr: float | int = 0.1) -> nn.Sequential:
    """A network of `domains.network`, after so many steps."""
    model = network(SMALL, seed)
    list(descent(model, *digits("train"), batches(seed, steps), lr))
    return model.eval()


def test_digits() -> tuple[np.ndarray, np.ndarray]:
    """The first test digits as pictures, 0 for paper and 1 for ink, and their labels."""
    images, labels = digits("test")
    return images[:TEST] / np.float32(255), labels[:TEST]


def zero_layer(inputs: int, outputs: int) -> nn.Linear:
    """A last layer whose parameters are all 0, which needs no random numbers."""
    layer = nn.Linear(inputs, outputs)
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer


def frozen_backbone(mended: bool = False, seed: int = 0) -> dict[str, float]:
    """A backbone whose parameters are frozen is not frozen: its running statistics follow the new pictures.

    A trained network gets a new last layer, which alone is trained, on pictures in fog. `requires_grad` is False
    everywhere else. Mended, the backbone is in eval mode meanwhile. `statistics moved` is the farthest way of a running
    mean, in the standard deviations that were stored; `old task before` and `after` are the shares of the old digits
    that the backbone gets right with its old last layer.

    pytorch/pytorch#86590: "I end up with a model where all batchnorm params have changed"; lightly-ai/lightly#1438.
    """
    model = trained(seed)
    old, before, old_task = copy.deepcopy(model.state_dict()), model[-1], right(model, *test_digits())
    model.requires_grad_(False)
    model[-1] = zero_layer(before.in_features, 10)
    model.train()
    if mended:
        model[:-1].eval()
    images, labels = digits("train")
    list(descent(model, images // 2 + 127, labels, batches(seed + 1, 50), 0.1))
    model[-1] = before
    moved = [((model[k].running_mean - old[f"{k}.running_mean"]) / old[f"{k}.running_var"].sqrt()).abs().max()
             for k in NORMS]
    change = max(float((value - old[name]).abs().max()) for name, value in model.named_parameters())
    return {"parameters moved": change, "statistics moved": float(max(moved)), "old task before": old_task,
            "old task after": right(model.eval(), *test_digits())}


class AlwaysTraining(nn.Module):
    """A batch norm as a call in an exported graph, `training=True` written into it: `eval()` does not reach it."""

    def __init__(self, norm: nn.Module):
        super().__init__()
        self.norm = norm

    def forward(self, x: Tensor) -> Tensor:
        """x, normalized by the mini-batch's own statistics."""
        return F.batch_norm(x, None, None, self.norm.weight, self.norm.bias, training=True, eps=self.norm.eps)


def one_layer_in_training(mended: bool = False, seed: int = 0) -> dict[str, float]:
    """The last batch norm of three is left in training mode, and `model.eval()` does not reach it. Mended, it does.

    Shares of right answers with the same test digits in mini-batches of 50, `mixed` or of `one digit` each, as a folder
    for each class gives them to whoever does not shuffle.

    pytorch/pytorch pull request 115715: after quantization-aware training a DenseNet had 1.696 % of ImageNet right, and
    72.944 % once its stand-alone batch norms were moved to eval mode as well.
    """
    model = trained(seed)
    if not mended:
        model[NORMS[2]] = AlwaysTraining(model[NORMS[2]])
    x, t = test_digits()
    orders = {"mixed": np.arange(TEST).reshape(-1, 50), "one digit": by_digit(t, 50)}
    return {name: float(np.mean([right(model.eval(), x[i], t[i]) for i in order])) for name, order in orders.items()}


def by_digit(t: np.ndarray, batch: int) -> np.ndarray:
    """Indices `(batches, batch)` of mini-batches of one digit each, as many as there are."""
    whole = [np.flatnonzero(t == digit) for digit in range(10)]
    return np.concatenate([i[: len(i) - len(i) % batch].reshape(-1, batch) for i in whole])


class Checkpointed(nn.Module):
    """A network whose activations are not kept for the way back but computed again (Chen et al. 2016, 1604.06174)."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        """The network's output."""
        return checkpoint(self.model, x, use_reentrant=False)


def checkpoint_counts_twice(mended: bool = False, seed: int = 0) -> dict[str, float]:
    """Gradient checkpointing runs each layer twice in a step, and each time the running statistics move.

    Two equal networks take the same 20 steps, one of them checkpointed. Losses and gradients agree, so nobody looks.
    Mended, the momentum m is 1 - sqrt(1 - m), so that two updates by the same mini-batch are one (pfnet/
    pytorch-pfn-extras pull request 117). `losses apart` and `variances apart` are the largest differences, the latter
    relative; `counted` is `num_batches_tracked`, which stays doubled.

    pytorch/pytorch#96136 and #62471; Tencent/YOLO-Master#262.
    """
    plain = network(SMALL, seed)
    model = copy.deepcopy(plain)
    for k in NORMS if mended else ():
        model[k].momentum = 1 - (1 - model[k].momentum) ** 0.5
    losses = [list(descent(each, *digits("train"), batches(seed, 20), 0.1)) for each in (plain, Checkpointed(model))]
    apart = [((model[k].running_var - plain[k].running_var) / plain[k].running_var).abs().max() for k in NORMS]
    return {"steps": 20.0, "counted": float(model[NORMS[0]].num_batches_tracked),
            "losses apart": float(np.abs(np.subtract(*losses)).max()), "variances apart": float(max(apart)),
            "right without": right(plain.eval(), *test_digits()), "right": right(model.eval(), *test_digits())}


def swapped_momentum(mended: bool = False, seed: int = 0) -> dict[str, float]:
    """`momentum=0.9` from a framework where it weighs the old value: here the statistics are the last mini-batch's.

    Mini-batches of 16; after each of the last 20 steps the test is made. `lowest` and `highest` are its extremes, and
    `re-estimated` is the last network with the statistics of 1000 training digits.

    eriklindernoren/PyTorch-YOLOv3#230; fastestimator/fastestimator pull request 1201.
    """
    model, shares = network(SMALL, seed), []
    for k in NORMS:
        model[k].momentum = 0.1 if mended else 0.9
    for step, _ in enumerate(descent(model, *digits("train"), batches(seed, 200, 16), 0.03)):
        if step >= 180:
            shares.append(right(model.eval(), *test_digits()))
            model.train()
    population_statistics(model, [tensor(digits("train")[0][:1000] / np.float32(255))])
    return {"lowest": min(shares), "highest": max(shares), "re-estimated": right(model.eval(), *test_digits())}


def order_in_pairs(mended: bool = False, seed: int = 0) -> dict[str, float]:
    """Pairs of a digit and the same by a finer pen; a network scores both, and is to say which is which.

    The first of a pair is always the original, so that one forward pass sees originals alone and the other finer ones
    alone: each normalizes them by statistics of their own kind, which at the test are those of both. Mended, the order
    inside the pairs is drawn. `training` is the share of right pairs over the last 20 steps and `validation` that of
    test pairs in eval mode, which with the fault is much a matter of the seed.

    warpem/miss-alignment#6: "training loss goes down, but validation loss is essentially random", and the remedy.
    """
    rng, model, (images, _) = np.random.default_rng(seed), network(SMALL, seed), digits("train")
    model[-1] = zero_layer(model[-1].in_features, 1)
    optimizer, shares = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9), []
    for i in batches(seed, 150, 32):
        swap = mended * rng.integers(0, 2, len(i))
        margin = which_first(model, images[i] / np.float32(255), swap)
        optimizer.zero_grad()
        F.softplus(-margin).mean().backward()
        optimizer.step()
        shares.append(float((margin > 0).float().mean()))
    with torch.no_grad():
        margin = which_first(model.eval(), test_digits()[0], np.arange(TEST) % 2)
    return {"training": float(np.mean(shares[-20:])), "validation": float((margin > 0).float().mean())}


def which_first(model: nn.Module, x: np.ndarray, swap: np.ndarray) -> Tensor:
    """By how much the network prefers the original to the finer one, `(N,)`; the finer is the first where swap is 1."""
    swapped, fine = swap[:, None, None] > 0, conditions.thinner(x)
    first, second = (model(tensor(np.where(swapped, *pair)))[:, 0] for pair in ((fine, x), (x, fine)))
    return (first - second) * torch.from_numpy(1 - 2 * swap).float()


class Handwritten(nn.Module):
    """Batch norm written by hand, in training mode; without gradient through the statistics unless `complete`."""

    def __init__(self, norm: nn.Module, complete: bool):
        super().__init__()
        self.norm, self.complete = norm, complete

    def forward(self, x: Tensor) -> Tensor:
        """gamma (x - mean) / sqrt(var + eps) + beta, over all axes but the second."""
        axes, shape = [0, *range(2, x.dim())], (1, -1) + (1,) * (x.dim() - 2)
        with torch.set_grad_enabled(self.complete and torch.is_grad_enabled()):
            mean, var = x.mean(axes, keepdim=True), x.var(axes, correction=0, keepdim=True)
        x_hat = (x - mean) * (var + self.norm.eps).rsqrt()
        return self.norm.weight.view(shape) * x_hat + self.norm.bias.view(shape)


def statistics_without_gradient(mended: bool = False, seed: int = 0) -> dict[str, float]:
    """A batch norm by hand takes mean and variance under `torch.no_grad()`: section 2's second Jacobian is missing.

    Mended, the gradient goes through them. `loss` is the mean over the last 20 of 150 mini-batches, `right` the share
    of the test digits in one mini-batch, `weights` the factor by which the longest of the weights before a batch norm
    has grown, and `sum of dx` the sum of the gradients for a channel of the first one's input, over that of their sizes
    (0 in Algorithm 1's gradient, as the mean takes out what all have in common).

    anthonymlortiz/lcn#2: "no back propagation occurs in the mean and variance"; abhiskk/ladder#2.
    """
    model = network(SMALL, seed)
    for k in NORMS:
        model[k] = Handwritten(model[k], complete=mended)
    before = [model[k - 1].weight.detach().norm() for k in NORMS]
    share = sum_of_dx(model, seed)
    losses = list(descent(model, *digits("train"), batches(seed, 150), 0.1))
    grown = max(float(model[k - 1].weight.detach().norm() / was) for k, was in zip(NORMS, before, strict=True))
    return {"loss": float(np.mean(losses[-20:])), "right": right(model, *test_digits()), "weights": grown,
            "sum of dx": share}


def sum_of_dx(model: nn.Sequential, seed: int) -> float:
    """The sum of the gradients for the first batch norm's input over that of their sizes, in the worst channel."""
    i = next(batches(seed, 1))
    images, labels = digits("train")
    x = model[0](tensor(images[i] / np.float32(255))).detach().requires_grad_()
    loss = F.cross_entropy(model[1:](x), torch.from_numpy(labels[i]))
    (dx,) = torch.autograd.grad(loss, x)
    return float((dx.sum((0, 2, 3)).abs() / dx.abs().sum((0, 2, 3))).max())


CASES = (frozen_backbone, one_layer_in_training, checkpoint_counts_twice, swapped_momentum, order_in_pairs,
         statistics_without_gradient)
