"""A checkpoint, or what a model has stored: what is wrong in the numbers alone, before anything is computed.

print(examine_checkpoint("checkpoint.pt"))       a file of `torch.save`, or of safetensors: no code of its runs
print(examine_checkpoint(model.state_dict()))    a state_dict, or a dictionary that holds some
"""

import os
from collections.abc import Iterator, Mapping
from itertools import chain

from torch import Tensor, nn
from torch.optim import Optimizer

from bncourse.doctor.files import Refused, read
from bncourse.doctor.probes.averaged import averaged
from bncourse.doctor.probes.copies import copies
from bncourse.doctor.probes.decay import decay
from bncourse.doctor.probes.eps import eps
from bncourse.doctor.probes.finite import finite
from bncourse.doctor.probes.fresh import fresh, is_new
from bncourse.doctor.probes.half import half
from bncourse.doctor.probes.lag import lag
from bncourse.doctor.probes.missing import is_affine, missing
from bncourse.doctor.probes.momentum import momentum
from bncourse.doctor.probes.silent import silent
from bncourse.doctor.probes.synchronized import synchronized
from bncourse.doctor.report import Finding, Report, joined, listed
from bncourse.doctor.revealed import Memory
from bncourse.doctor.stored import Stored, by_layer, has_numbers, kept_by, kept_for, stored_in, stored_of, tensors_of
from bncourse.doctor.watch import Functional


def examine_stored(layers: list[Stored]) -> Iterator[Finding]:
    """What is wrong with what each of the layers has stored, whether they come from a model or from a checkpoint."""
    for probe in (finite, fresh, lag, momentum, eps, half, silent):
        yield from probe(layers)


def examine_held(model: nn.Module, optimizer: Optimizer | None = None, by_hand: Mapping[str, Memory] | None = None,
                 functional: Mapping[str, Functional] | None = None, share: int | None = None) -> Iterator[Finding]:
    """What is wrong with what a model holds, and an optimizer of its parameters; the model is only read.

    `by_hand` are batch norms that somebody wrote, by their paths in the model, with where they keep their statistics,
    and `functional` the calls of `F.batch_norm` by the modules that make them; `share` is the number of examples in a
    mini-batch.
    """
    by_hand, functional = by_hand or {}, functional or {}
    yield from synchronized(model, share)
    layers = stored_of(model)
    known = {layer.name for layer in layers}
    layers += [kept_by(path, model.get_submodule(path), held) for path, held in by_hand.items() if path not in known]
    known |= set(by_hand)
    layers += [kept_for(path, called) for path, called in functional.items() if path not in known]
    held = chain(model.named_parameters(remove_duplicate=False), model.named_buffers(remove_duplicate=False))
    tensors = {name: tensor.detach() for name, tensor in held if has_numbers(tensor)}
    yield from examine_stored(layers)
    yield from averaged(layers, tensors, model)
    yield from copies(layers, tensors)
    if optimizer is not None:
        yield from decay(model, optimizer, set(by_hand))


def examine_checkpoint(path_or_state_dict) -> Report:
    """A `Report` of the batch norms of a checkpoint: of a file, or of a state_dict, which may be nested.

    A file is one of `torch.save` without code, of this course's trainer, or of safetensors. Raises Refused, a
    ValueError, for any other: nothing in a file is run. momentum and eps are not in a checkpoint; what depends on them
    is a risk.
    """
    if not isinstance(path_or_state_dict, str | os.PathLike | Mapping):
        kind = type(path_or_state_dict).__name__
        raise Refused(f"this is a {kind}; expected a path or a state_dict (bncourse.doctor.examine takes a model)")
    given = isinstance(path_or_state_dict, Mapping)
    tensors = tensors_of(path_or_state_dict if given else read(path_or_state_dict))
    if not tensors:
        raise Refused(f"{'the dictionary' if given else path_or_state_dict} holds no tensors; expected a state_dict")
    layers = stored_in(tensors)
    found = [*examine_stored(layers), *missing(tensors), *averaged(layers, tensors), *copies(layers, tensors)]
    return Report(tuple(joined(found)), remarks(layers, tensors), len(layers))


def remarks(layers: list[Stored], tensors: Mapping[str, Tensor]) -> tuple[str, ...]:
    """What numbers alone cannot tell: whether a network is meant to be new, or its layers to have no statistics."""
    if layers and all(map(is_new, layers)):
        new = "Every batch norm has mean 0 and variance 1, as it was made"
        return (f"{new}: a new network, lost statistics, or training in eval().",)
    bare = tuple(name for name, held in by_layer(tensors).items() if is_affine(held))
    if layers or not bare:
        return ()
    return (
        f"The checkpoint holds no running statistics by a name that is known. {listed(bare)} "
        f"{'have' if len(bare) > 1 else 'has'} a weight and a bias of one axis: right for layer or group norm; a batch "
        "norm saved like this starts from mean 0 and variance 1.",
    )
