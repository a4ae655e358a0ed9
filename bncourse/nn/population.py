"""Population statistics after training: Algorithm 2, lines 7 to 11, for any model.

Moving averages lag behind weights that still move, so after training they describe networks that are gone.
Here the weights stand still while mini-batches go through, and each batch norm is given the average of
what it sees. On data from elsewhere the same recipe adapts a trained network to it (section 5).
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from bncourse.nn.batchnorm import BATCHNORMS, batch_statistics, values_per_channel

log = logging.getLogger(__name__)


class Population:
    """Mean and variance of each channel over mini-batches of any sizes m, in float64.

    With equal m these are Algorithm 2's, `E_B[mu_B]` and `m/(m-1) E_B[sigma_B²]`. With ragged mini-batches
    each counts by m for the mean and by m - 1, its degrees of freedom, for the variance: both stay unbiased.
    The variance is that within mini-batches, which should be drawn at random, as in training.
    """

    def __init__(self):
        self.batches = self.values = 0
        self.mean = self.squares = 0.0

    def update(self, x: Float[Tensor, "N C *spatial"]) -> None:
        """Take in one mini-batch; an empty one changes nothing."""
        m = values_per_channel(x)
        if m == 0:
            return
        mean, var = (in_double(measured) for measured in batch_statistics(x))
        self.batches += 1
        self.values += m
        self.mean = self.mean + (mean - self.mean) * (m / self.values)
        self.squares = self.squares + m * var

    @property
    def var(self) -> Float[Tensor, " C"]:
        """`Var[x]`: squared deviations from each mini-batch's mean, over their degrees of freedom."""
        return self.squares / (self.values - self.batches)


def in_double(x: Tensor) -> Tensor:
    """x in float64; on the CPU where its device, Apple's MPS, has no such numbers."""
    return (x.cpu() if x.device.type == "mps" else x).double()


@torch.no_grad()
def population_statistics(model: nn.Module, batches: Iterable) -> nn.Module:
    """Give every batch norm of the model the statistics of these mini-batches (Algorithm 2).

    The model, which is returned, may hold batch norms of this package and of `torch.nn`. A mini-batch is a
    tensor x, or a pair (x, t) of which t is not used; sizes may differ. In one pass, each batch norm
    normalizes by the mini-batch, as in training, and all else is in eval mode, dropout off. So layer k + 1
    is measured behind a layer k in training mode. The paper leaves open whether layer k should by then use
    its population statistics, which would take one pass for each layer.

    A layer used several times in a forward pass is measured over all its uses. One that no value reaches
    keeps its statistics, and a warning is logged. `num_batches_tracked` counts the mini-batches measured.
    Modes and hooks are left as they were; after an error, so are the statistics. Under torch.distributed,
    each process measures the mini-batches that it is given.

    Raises ValueError where the model has no batch norm with running statistics, no value reaches one, a
    mini-batch has a single value per channel or there is no mini-batch; TypeError for other mini-batches.
    """
    layers = tracking_layers(model)
    with measuring(model, layers) as populations:
        for x in inputs(batches):
            model(x)
    reached = {name: population for name, population in populations.items() if population.batches}
    if not reached:
        raise ValueError(f"no value reached any of the model's batch norms: {', '.join(layers)}")
    for name, population in reached.items():
        layers[name].running_mean.copy_(population.mean)
        layers[name].running_var.copy_(population.var)
        layers[name].num_batches_tracked.fill_(population.batches)
    if len(reached) < len(layers):
        missed = ", ".join(name for name in layers if name not in reached)
        log.warning("not reached by these mini-batches, and left as before: %s", missed)
    return model


def tracking_layers(model: nn.Module) -> dict[str, nn.Module]:
    """The batch norms that have running statistics, by name. Raises ValueError where there is none."""
    norms = {name or "model": m for name, m in model.named_modules() if isinstance(m, BATCHNORMS)}
    layers = {name: layer for name, layer in norms.items() if layer.running_mean is not None}
    if not layers:
        raise ValueError(
            f"the model has {len(norms)} batch norms, none with running statistics; expected at least one "
            f"with track_running_stats=True"
        )
    for name, layer in layers.items():
        if is_lazy(layer.running_mean):
            raise ValueError(
                f"{name} is lazy, with no channels yet; pass a mini-batch through the model first"
            )
    return layers


def inputs(batches: Iterable) -> Iterator[Tensor]:
    """x of each mini-batch."""
    if isinstance(batches, Tensor):
        raise TypeError(f"batches is one tensor, of shape {tuple(batches.shape)}; expected a series: [x]")
    count = 0
    for count, batch in enumerate(batches, start=1):
        x = batch[0] if isinstance(batch, (tuple, list)) and batch else batch
        if not isinstance(x, Tensor):
            raise TypeError(
                f"mini-batch {count} is {type(batch).__name__}; expected a tensor x, or a pair (x, t)"
            )
        yield x
    if not count:
        raise ValueError("batches is empty; expected one mini-batch or more (a generator can be used once)")


@contextmanager
def measuring(model: nn.Module, layers: dict[str, nn.Module]) -> Iterator[dict[str, Population]]:
    """Within: these layers in training mode, all else in eval mode, and whatever enters a layer is measured.

    After: modes, hooks and running statistics as they were.
    """
    populations = {name: Population() for name in layers}
    modes = [(module, module.training) for module in model.modules()]
    buffers = [
        (layer, name, buffer, buffer.clone())
        for layer in layers.values()
        for name, buffer in layer.named_buffers(recurse=False)
    ]
    hooks = [
        layer.register_forward_hook(recording_hook(populations[name]), with_kwargs=True)
        for name, layer in layers.items()
    ]
    try:
        for module, _ in modes:
            module.training = False
        for layer in layers.values():
            layer.training = True
        yield populations
    finally:
        for hook in hooks:
            hook.remove()
        for module, mode in modes:
            module.training = mode
        for layer, name, buffer, before in buffers:
            setattr(layer, name, buffer.copy_(before))


def recording_hook(population: Population) -> Callable:
    """A forward hook that takes the layer's input into the population."""

    def hook(layer, args, kwargs, y):
        population.update(args[0] if args else kwargs["input"])

    return hook
