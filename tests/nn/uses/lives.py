"""Models trained, moved, copied, saved, loaded, searched and converted."""

import copy
import io
import pickle

import torch
from torch import nn
from torch.optim.swa_utils import update_bn
from torch.utils.checkpoint import checkpoint
from torch.utils.flop_counter import FlopCounterMode

from bncourse.nn import convert_batchnorm
from tests.nn.like_torch import gradients
from tests.nn.models import batchnorms
from tests.nn.uses.common import loss_of, state


def found_by_their_base_class(model, x, lib):
    return [name for name, m in model.named_modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]


def spared_by_a_recipe_for_weight_decay(model, x, lib):
    return [name for name, m in model.named_modules() if isinstance(m, nn.BatchNorm2d)]


def converted_to_synchronized(model, x, lib):
    model = nn.SyncBatchNorm.convert_sync_batchnorm(model)
    return [type(layer).__name__ for layer in model], state(model), model.eval()(x)


def statistics_estimated_by_update_bn(model, x, lib):
    update_bn([x, 2 * x + 1], model)
    return state(model)


def statistics_estimated_as_in_precise_bn(model, x, lib):
    """fvcore's way: momentum 1 shows each mini-batch's own statistics, which are averaged."""
    norms = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm) and m.training]
    seen = [[] for _ in norms]
    for norm in norms:
        norm.momentum = 1.0
    for batch in (x, 2 * x + 1):
        model(batch)
        for norm, statistics in zip(norms, seen, strict=True):
            statistics.append(torch.stack([norm.running_mean, norm.running_var]))
    return [torch.stack(statistics).mean(0) for statistics in seen]


def trained_for_three_steps(model, x, lib):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    for _ in range(3):
        optimizer.zero_grad()
        loss_of(model)(x).backward()
        optimizer.step()
    return state(model)


def autocast_to_bfloat16(model, x, lib):
    model, x = model.float(), x.float()
    with torch.autocast("cpu", torch.bfloat16):
        y = model(x)
    y.float().pow(2).sum().backward()
    return y.dtype, model[0].weight.grad.dtype


def all_in_bfloat16(model, x, lib):
    model = model.bfloat16()
    return model(x.bfloat16()).dtype, {name: value.dtype for name, value in state(model).items()}


def all_in_float16(model, x, lib):
    return model.half()(x.half()).dtype


def with_channels_last(model, x, lib):
    model, x = (v.to(memory_format=torch.channels_last) for v in (model, x))
    ys = model(x), model.eval()(x)
    return ys, [y.is_contiguous(memory_format=torch.channels_last) for y in ys]


def copied_and_pickled(model, x, lib):
    return pickle.loads(pickle.dumps(copy.deepcopy(model)))(x)


def made_on_meta_and_moved(model, x, lib):
    model = copy.deepcopy(model).to("meta").to_empty(device="cpu")
    for norm in batchnorms(model).values():
        norm.reset_parameters()
    return [state(norm) for norm in batchnorms(model).values()]


def loaded_by_weights_alone(model, x, lib):
    saved, other = io.BytesIO(), convert_batchnorm(copy.deepcopy(model), "torch" if lib is not nn else "bncourse")
    torch.save(model.state_dict(), saved)
    saved.seek(0)
    other.load_state_dict(torch.load(saved, weights_only=True))
    return other(x)


def loaded_into_meta_by_assigning(model, x, lib):
    other = copy.deepcopy(model).to("meta")
    other.load_state_dict(model.state_dict(), assign=True)
    return other(x)


def looked_at_in_inference_mode_before_training(model, x, lib):
    with torch.inference_mode():
        before = model(x)
    return before.clone(), gradients(model, x)


def printed(model, x, lib):
    return repr(model)


def multiplications_counted(model, x, lib):
    with FlopCounterMode(display=False) as counter:
        model(x)
    return counter.get_total_flops()


def given_no_examples(model, x, lib):
    return model(x[:0]).shape


def lazy_until_the_first_mini_batch(model, x, lib):
    lazy = nn.Sequential(lib.LazyBatchNorm2d(dtype=x.dtype), nn.ReLU(), lib.LazyBatchNorm2d(dtype=x.dtype))
    return lazy(x), state(lazy), type(lazy[0]) is lib.BatchNorm2d


def watched_by_a_backward_hook(model, x, lib):
    seen = []
    model[1].register_full_backward_hook(lambda layer, dx, dy: seen.append((dx, dy)))
    gradients(model, x)
    return seen


def followed_by_a_nonlinearity_in_place(model, x, lib):
    return gradients(nn.Sequential(model, nn.ReLU(inplace=True)), x)


def checkpointed(model, x, lib):
    return gradients(nn.Sequential(model[0], Checkpointed(model[1:4]), model[4]), x), state(model)


class Checkpointed(nn.Module):
    """A model whose intermediate results are computed again in the backward pass."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        return checkpoint(self.model, x, use_reentrant=False)


def without_momentum(model, x, lib):
    for norm in batchnorms(model).values():
        norm.momentum = None
    return model(x), model(2 * x), state(model)


def made_in_the_default_type(model, x, lib):
    torch.set_default_dtype(torch.float64)
    try:
        return lib.BatchNorm2d(3).weight.dtype
    finally:
        torch.set_default_dtype(torch.float32)


def tracking_switched_off_later(model, x, lib):
    for norm in batchnorms(model).values():
        norm.track_running_stats = False
    return model(x), model.eval()(x), state(model)
