"""Population statistics after training: Algorithm 2, lines 7 to 11, for any model.

Moving averages lag behind weights that still move, so after training they describe networks that are gone.
Here the weights stand still while mini-batches go through, and each batch norm is given the average of
what it sees. On data from elsewhere the same recipe adapts a trained network to it (section 5).

    population_statistics(model, batches)        model is ready for inference; batches are those of the training set
"""

import copy
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from bncourse.nn.batchnorm import BATCHNORMS
from bncourse.nn.dataflow import call, tensors
from bncourse.nn.normalize import batch_statistics, values_per_channel

log = logging.getLogger(__name__)


class NotFinite(ValueError):
    """A mini-batch has a mean or a variance that is no finite number."""


class Population:
    """Mean and variance of each channel over many mini-batches, taken in one at a time, in float64.

    Where all mini-batches have the same number m of values of a channel, the results are those of Algorithm 2, line 10:
    `E_B[mu_B]` and `m/(m-1) E_B[sigma_B²]`. Where m differs, each mini-batch counts by m for the mean and by m - 1, its
    degrees of freedom, for the variance, so that both stay unbiased. The variance is that within mini-batches, which
    should be drawn at random, as in training.

    `mean` is `(C,)`, `batches` is the number of mini-batches, and `values` the sum of their m.
    """

    def __init__(self):
        self.batches = self.values = 0
        self.mean = self.squares = 0.0

    def update(self, x: Float[Tensor, "N C *spatial"]) -> None:
        """Takes in one mini-batch of the batch norm's inputs; an empty one changes nothing.

        Raises NotFinite where its mean or variance is not finite.
        """
        m = values_per_channel(x)
        if m == 0:
            return
        mean, var = (in_double(measured) for measured in batch_statistics(x))
        if not (mean + var).isfinite().all():
            found = "is not finite" if not x.isfinite().all() else f"is too large to be squared in {x.dtype}"
            raise NotFinite(f"x, of shape {tuple(x.shape)}, {found}")
        self.batches += 1
        self.values += m
        self.mean = self.mean + (mean - self.mean) * (m / self.values)
        self.squares = self.squares + m * var

    @property
    def var(self) -> Float[Tensor, " C"]:
        """The variance `Var[x]`: the squared deviations of all values from their own mini-batch's mean, added up, and
        divided by the sum of m - 1 over the mini-batches."""
        return self.squares / (self.values - self.batches)


def in_double(x: Tensor) -> Tensor:
    """A tensor in float64: on its own device, or on the CPU where its device has no such numbers (Apple's MPS)."""
    return (x.cpu() if x.device.type == "mps" else x).double()


@torch.no_grad()
def population_statistics(model: nn.Module, batches: Iterable, inputs: Callable | None = None,
                          include_frozen: bool = False) -> nn.Module:
    """Gives every batch norm of a model the statistics of some mini-batches (Algorithm 2, lines 7 to 11).

    `model` may hold batch norms of this package and of `torch.nn`; their running statistics are replaced, and the
    model is returned. `batches` is a series of mini-batches, gone through once; sizes may differ. A mini-batch is the
    model's input x, or a pair (x, t) whose labels t are not used. x is a tensor; a dict of named arguments; or, in a
    pair, a list of images, which is one argument, or a tuple of several arguments. `inputs` is a function that makes
    such an x of a mini-batch of another form.

    In one pass, each batch norm normalizes by the mini-batch, as in training, and all other modules are in eval mode,
    with dropout off. So layer k + 1 is measured behind a layer k in training mode. The paper leaves open whether layer
    k should by then use its population statistics, which would take one pass for each layer.

    Random depth is off as dropout is: all blocks take part, and layers behind them are measured on sums that training
    saw only part of the time. Where a model skips layers at random in eval mode too, each layer is measured on the
    mini-batches that reach it, and its numbers vary from run to run: by about 1 / sqrt(n) of the spread between
    mini-batches, for the n that `num_batches_tracked` then says. Seed the run, and give more mini-batches.

    Frozen batch norms are left as they are, normalize by what they have, and are logged: those in eval mode in a model
    that is in training mode, those in eval mode whose gamma and beta are fixed while others of the model's parameters
    learn, and those that `train()` does not put into training mode. With `include_frozen` they are measured too.

    A layer that a forward pass uses several times is measured over all its uses. A layer that no value reaches
    keeps its statistics, and a warning is logged. `num_batches_tracked` becomes the number of mini-batches measured.
    Modes and hooks are left as they were; after an error, so are the statistics. Under torch.distributed,
    each process measures the mini-batches that it is given.

    Raises ValueError where the model has no batch norm with running statistics, where all are frozen, where no value
    reaches one, where a mini-batch has a single value per channel or makes a layer's input not finite, and where there
    is no mini-batch; TypeError where a mini-batch holds no tensor, and for a compiled model.
    """
    layers = tracking_layers(model)
    if not include_frozen:
        layers = learning_layers(model, layers)
    with measuring(model, layers) as populations:
        for number, x in enumerate(model_inputs(batches, inputs), start=1):
            try:
                call(model, x)
            except NotFinite as error:
                raise NotFinite(f"mini-batch {number} cannot be measured: {error}") from None
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
    """The batch norms of a model that have running statistics, by their names in the model.

    A model that is itself a batch norm is called "model". Raises ValueError where there is none, and for a lazy one
    that has not seen its first mini-batch; TypeError for a compiled model.
    """
    if isinstance(model, torch.jit.ScriptModule):
        raise TypeError(f"model is a {type(model).__name__}, whose layers are compiled; measure it before scripting")
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


def learning_layers(model: nn.Module, layers: dict[str, nn.Module]) -> dict[str, nn.Module]:
    """Those of the layers that are not frozen, as `population_statistics` has it; the others are logged.

    Raises ValueError where all are frozen.
    """
    learns = any(p.requires_grad for p in model.parameters())
    frozen = [name for name, layer in layers.items() if is_frozen(layer, model.training, learns)]
    if len(frozen) == len(layers):
        raise ValueError(
            f"all of the model's batch norms are frozen: {', '.join(frozen)}; "
            f"include_frozen=True measures them all the same"
        )
    if frozen:
        log.warning("frozen, and left as before: %s", ", ".join(frozen))
    return {name: layer for name, layer in layers.items() if name not in frozen}


def is_frozen(layer: nn.Module, trains: bool, learns: bool) -> bool:
    """Whether a batch norm is frozen in a model that is in training mode (`trains`) or has parameters that learn."""
    if type(layer).train is not nn.Module.train and not copy.deepcopy(layer).train().training:
        return True
    own = list(layer.parameters(recurse=False))
    fixed = bool(own) and not any(p.requires_grad for p in own)
    return not layer.training and (trains or (fixed and learns))


def model_inputs(batches: Iterable, inputs: Callable | None) -> Iterator:
    """The input x of each mini-batch, as `dataflow.call` takes it; see `population_statistics` for its forms.

    Raises TypeError for a mini-batch without a tensor, and for a single tensor in place of a series; ValueError for an
    empty series.
    """
    if isinstance(batches, Tensor):
        raise TypeError(f"batches is one tensor, of shape {tuple(batches.shape)}; expected a series: [x]")
    count = 0
    for count, batch in enumerate(batches, start=1):
        if inputs is not None:
            x = inputs(batch)
        else:
            x = batch[0] if isinstance(batch, (tuple, list)) and batch else batch
        if not tensors(dict(x) if isinstance(x, Mapping) else x):
            raise TypeError(
                f"mini-batch {count} is {type(batch).__name__}; expected a tensor x, or a pair (x, t), where x may "
                f"also be a dict of named arguments or a list of images; inputs=f makes x of anything else"
            )
        yield x
    if not count:
        raise ValueError("batches is empty; expected one mini-batch or more (a generator can be used once)")


@contextmanager
def measuring(model: nn.Module, layers: dict[str, nn.Module]) -> Iterator[dict[str, Population]]:
    """A context in which whatever enters one of the layers is measured; it yields a `Population` for each by name.

    Within it the layers are in training mode and all other modules of the model in eval mode. After it, and after an
    error, modes, hooks and running statistics are as they were.
    """
    populations = {name: Population() for name in layers}
    modes = [(module, module.training) for module in model.modules()]
    buffers = [
        (layer, name, buffer, buffer.clone())
        for layer in layers.values()
        for name, buffer in layer.named_buffers(recurse=False)
    ]
    hooks = [
        layer.register_forward_hook(recording_hook(name, populations[name]), with_kwargs=True)
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


def recording_hook(name: str, population: Population) -> Callable:
    """A forward hook for the batch norm of that name, which takes each input of the layer into the population."""

    def hook(layer, args, kwargs, y):
        try:
            population.update(tensors((args, kwargs))[0])
        except NotFinite as error:
            raise NotFinite(f"in {name}, {error}") from None

    return hook
