"""What a layer computes at inference: told by its class or, where that has a forward of its own, by trying it.

A batch norm in eval mode is `y = s x + t`, with one s and one t for each channel (Algorithm 2, line 11). Libraries have
batch norms of other classes: with the activation inside, or with frozen statistics. Whether such a layer is a batch
norm and then an activation is not asked of its name: it is given random statistics and random numbers in float64, and
what comes out is compared with what a batch norm and an activation would give.
"""

import copy
from collections.abc import Iterator
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bncourse.nn.batchnorm import BATCHNORMS

TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
LINEAR = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, *TRANSPOSED)
STATE = ("weight", "bias", "running_mean", "running_var")
EPS = (1e-5, 1e-3, 1e-6, 0.0)  # to be tried where a layer does not say its own
ACTIVATIONS = (
    nn.ReLU(), nn.ReLU6(), nn.SiLU(), nn.GELU(), nn.GELU("tanh"), nn.Hardswish(), nn.Hardsigmoid(),
    nn.Sigmoid(), nn.Tanh(), nn.ELU(), nn.SELU(), nn.Mish(), nn.Softplus(),
)  # fmt: skip
AGREE = 1e-9  # how closely float64 results agree that differ by rounding alone


class Inference(NamedTuple):
    """What a batch norm computes in eval mode: `scale * x + shift`, and then the modules in `after`.

    scale and shift are `(C,)`, in float64 on the CPU. `after` maps names to modules, in their order; it is empty for a
    batch norm alone.
    """

    scale: Float[Tensor, " C"]
    shift: Float[Tensor, " C"]
    after: dict[str, nn.Module]


def is_linear(module: nn.Module) -> bool:
    """Whether a module is a linear layer or convolution of `torch.nn`, or of a subclass that computes the same."""
    return computes_as(module, LINEAR, ("forward", "_conv_forward"))


def is_batchnorm(module: nn.Module) -> bool:
    """Whether a module is a batch norm of this package or of `torch.nn`, or of a subclass with the same forward."""
    return computes_as(module, (*BATCHNORMS, nn.SyncBatchNorm), ("forward",))


def keeps_statistics(module: nn.Module) -> bool:
    """Whether a module is a batch norm or may be one, of whatever class: it holds a running mean and variance."""
    mean, var = (getattr(module, name, None) for name in ("running_mean", "running_var"))
    vectors = all(isinstance(v, Tensor) and v.dim() == 1 for v in (mean, var))
    return isinstance(module, BATCHNORMS) or (vectors and len(mean) == len(var))


def computes_as(module: nn.Module, classes: tuple[type, ...], methods: tuple[str, ...]) -> bool:
    """Whether a module has the methods of one of the classes, neither overridden in a subclass nor patched.

    `classes` are the classes to compare with, and `methods` the names of the methods that decide what is computed.
    """
    return not any(name in vars(module) for name in methods) and any(
        isinstance(module, cls)
        and all(getattr(type(module), m, None) is getattr(cls, m, None) for m in methods)
        for cls in classes
    )


def inference(layer: nn.Module, dims: int) -> Inference | None:
    """What a layer with running statistics computes in eval mode, or None where that is not a batch norm's.

    `dims` is the number of axes of its input. A layer with a forward of its own is tried, see `what_follows`.
    """
    if is_batchnorm(layer):
        return Inference(*affine(layer, layer.eps), {})
    for eps in [layer.eps] if hasattr(layer, "eps") else EPS:
        try:
            after = what_follows(layer, eps, dims)
        except Exception:  # a layer may refuse such numbers in many ways
            continue
        if after is not None:
            return Inference(*affine(layer, eps), after)
    return None


def affine(layer: nn.Module, eps: float | int) -> tuple[Float[Tensor, " C"], Float[Tensor, " C"]]:
    """s and t `(C,)` of a batch norm in eval mode: `s = gamma / sqrt(Var[x] + eps)` and `t = beta - s E[x]`."""

    def exact(v):  # in float64, which not every device has
        return v.detach().to("cpu", torch.float64)

    gamma, beta, mean, var = (getattr(layer, name, None) for name in STATE)
    scale = (exact(var) + eps).rsqrt()
    scale = scale if gamma is None else scale * exact(gamma)
    shift = -scale * exact(mean)
    return scale, shift if beta is None else shift + exact(beta)


@torch.no_grad()
def what_follows(layer: nn.Module, eps: float | int, dims: int) -> dict[str, nn.Module] | None:
    """The modules that come after the batch norm inside a layer: {} for none, None where it is no batch norm.

    A copy of the layer with random statistics is given numbers with which its batch norm yields h, normal numbers ten
    wide. What comes out must be h, or what the layer's own modules make of h in the order of their calls, or what one
    of `ACTIVATIONS` does.
    """
    probe, draw = copy.deepcopy(layer).to("cpu", torch.float64), torch.Generator().manual_seed(0)

    def normal(*shape):
        return torch.randn(*shape, generator=draw, dtype=torch.float64)

    for name in STATE:
        if getattr(probe, name, None) is not None:
            v = normal(len(probe.running_mean))
            getattr(probe, name).copy_(0.01 + v.square() if name == "running_var" else v)
    scale, shift = (v.reshape(-1, *[1] * (dims - 2)) for v in affine(probe, eps))  # one for each channel of h
    h = 10 * normal(4, len(scale), *[3] * (dims - 2))
    x = (h - shift) / scale
    y, called = run_and_list(probe, x)
    for after in candidates(probe, called, h, y):
        expected = h.clone()
        for module in after.values():
            expected = module(expected)
        if y.shape == h.shape and torch.allclose(y, expected, AGREE, AGREE):
            return {name: getattr(layer, name, module) for name, module in after.items()}
    return None


def run_and_list(probe: nn.Module, x: Tensor) -> tuple[Tensor, list[str]]:
    """What a module makes of x, and the names of the modules inside it in the order of their calls."""
    called = []
    for name, child in probe.named_children():
        child.register_forward_pre_hook(lambda *_, name=name: called.append(name))
    return probe(x.clone()), called


def candidates(probe: nn.Module, called: list[str], h: Tensor, y: Tensor) -> Iterator[dict[str, nn.Module]]:
    """What may come after the batch norm inside a layer that made y of h, by name: all of its own modules, or, where
    it has none, one of the known activations or a leaky ReLU of the slope seen."""
    children = dict(probe.named_children())
    if children:
        if sorted(called) == sorted(children):
            yield {name: children[name] for name in called}
        return
    yield {}
    slope = (y / h)[h < 0].median().item()
    for activation in (*ACTIVATIONS, nn.LeakyReLU(slope)):
        yield {"activation": copy.deepcopy(activation)}
