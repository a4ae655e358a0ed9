"""The batch-normalizing transform and its gradient, from the paper's equations, in operations on tensors.

    y, mean, rest, var = normalize(x, gamma, beta, eps)     Algorithm 1; section 3.2 where x has spatial axes
    y = normalize_with(x, mean, var, gamma, beta, eps)      Algorithm 2, line 11

`normalize` takes one of two ways. In an ordinary step it is `Normalize`: the gradient by hand, and large arrays worked
through in slabs that fit a processor's cache. Where PyTorch transforms what is computed (torch.compile, torch.func,
forward-mode derivatives, gradients of gradients) it is `formula`, in operations that PyTorch can transform by itself.

Letters in shapes: N examples, C channels (section 3's features, section 3.2's feature maps), and spatial axes such
as H and W. A channel has m values: N of them, times H W where there are spatial axes.
"""

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd import forward_ad

SLAB = 2**18  # numbers: 1 MB of float32, about what one core's second cache holds


def values_per_channel(x: Tensor) -> int:
    """How many values of each channel a mini-batch x `(N, C, *spatial)` holds: N times its number of locations.

    That is m in Algorithm 1, and m' = m p q in section 3.2, for feature maps of p x q locations.
    """
    return x.shape[0] * x.shape[2:].numel()


def per_channel(v: Tensor, x: Tensor) -> Tensor:
    """A vector v `(C,)`, shaped so that it broadcasts along the second axis of x `(N, C, *spatial)`."""
    return v if x.dim() == 2 else v.reshape(-1, *[1] * (x.dim() - 2))


def channel_sums(x: Float[Tensor, "N C *spatial"]) -> Float[Tensor, " C"]:
    """The sum of each channel over examples and locations, in at least float32.

    Locations are summed first and examples afterwards, since short sums round less than one long sum.
    """
    dtype = torch.promote_types(x.dtype, torch.float32)
    sums = x.sum(tuple(range(2, x.dim())), dtype=dtype) if x.dim() > 2 else x  # (N, C)
    return sums.sum(0, dtype=dtype)


def channel_means(x: Float[Tensor, "N C *spatial"]) -> Float[Tensor, " C"]:
    """The mean of each channel over examples and locations (section 3.2), in at least float32; of no values it is 0."""
    return channel_sums(x) / max(values_per_channel(x), 1)


def center(x: Float[Tensor, "N C *spatial"]) -> tuple[Tensor, Tensor, Tensor]:
    """x with mean 0 in each channel, and that mean in two parts.

    The mean of float32 values near 10,000 is rounded to about 0.001, which would spoil a small variance. So the
    rounded mean is subtracted first, and then `rest`, the mean of the differences, which is small. Returns
    x - mean - rest, shaped like x, in at least float32; then mean and rest, each `(C,)`.
    """
    mean = channel_means(x)
    x_c = x - per_channel(mean, x)
    rest = channel_means(x_c)
    return x_c.sub_(per_channel(rest, x)), mean, rest


def batch_statistics(x: Float[Tensor, "N C *spatial"]) -> tuple[Tensor, Tensor]:
    """Mean and variance of each channel of one mini-batch: the first two lines of Algorithm 1.

    The variance divides by m, as the paper's does, and is therefore biased. Both are `(C,)`, in at least float32.
    """
    x_c, mean, rest = center(x)
    return mean + rest, channel_means(x_c.square())


def formula(x: Float[Tensor, "N C *spatial"], gamma, beta, eps) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """y, the mean in two parts (see `center`) and the variance, in operations that PyTorch can differentiate."""
    x_c, mean, rest = center(x)
    var = channel_means(x_c.square())
    scale = (var + eps).rsqrt() if gamma is None else gamma * (var + eps).rsqrt()
    y = x_c * per_channel(scale, x)
    y = y if beta is None else y + per_channel(beta, x)
    return y.to(x.dtype), mean, rest, var


def is_eager(x: Tensor) -> bool:
    """Whether operations on x run at once and on plain numbers, so that they may work in place.

    That is not so under torch.compile, in the transformations of torch.func (vmap, grad, jvp), where a gradient is
    taken for several dy at once, and in forward-mode derivatives.
    """
    return not (
        torch.compiler.is_compiling()
        or torch._C._are_functorch_transforms_active()
        or torch._C._functorch.is_legacy_batchedtensor(x)
        or forward_ad._current_level >= 0
    )


def is_large(x: Tensor) -> bool:
    """Whether x is so large that working in slabs saves more than it costs; a GPU has other means."""
    return x.numel() > SLAB // 4 and x.device.type == "cpu"


def slabs(x: Tensor, *others: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """The matching parts of some tensors of one shape, each with all channels, of `SLAB` numbers or fewer if possible.

    Cuts run across the axis along which x has the largest stride, so that a part is as contiguous as x is. On other
    devices than the CPU there is a single part.
    """
    axes = (
        []
        if x.numel() <= SLAB or x.device.type != "cpu"
        else [axis for axis in range(x.dim()) if axis != 1 and x.shape[axis] > 1]
    )
    if not axes:
        yield x, *others
        return
    axis = max(axes, key=x.stride)
    count = min(-(-x.numel() // SLAB), x.shape[axis])
    for parts in zip(*(tensor.tensor_split(count, axis) for tensor in (x, *others)), strict=True):
        yield from slabs(*parts)


def normalize_in_slabs(x: Tensor, gamma: Tensor | None, beta: Tensor | None, eps: float):
    """What `formula` returns, in three passes over x and without arrays in between: y serves as scratch paper.

    The variance is that of x - mean about its own mean: E[(x - mean)^2] - rest^2, where rest is tiny.
    """
    m, mean, sums, squares = values_per_channel(x), channel_means(x), [], []
    y = torch.empty_like(x, dtype=mean.dtype)
    for x_, y_ in slabs(x, y):
        x_c = torch.sub(x_, per_channel(mean, x), out=y_)
        sums.append(channel_sums(x_c))
        squares.append(channel_sums(x_c.square_()))
    rest = torch.stack(sums).sum(0) / m
    var = torch.stack(squares).sum(0) / m - rest.square()
    scale = (var + eps).rsqrt() if gamma is None else gamma * (var + eps).rsqrt()
    shift = -rest * scale if beta is None else beta - rest * scale
    write_affine(x, mean, scale, shift, y)
    return y.to(x.dtype), mean, rest, var


def write_affine(x: Tensor, mean: Tensor, scale: Tensor, shift: Tensor | None, y: Tensor) -> None:
    """Writes scale (x - mean) + shift into y; all but x and y are vectors `(C,)`."""
    mean, scale = per_channel(mean, x), per_channel(scale, x)
    shift = None if shift is None else per_channel(shift, x)
    for x_, y_ in slabs(x, y):
        torch.sub(x_, mean, out=y_).mul_(scale)
        if shift is not None:
            y_.add_(shift)


class Normalize(torch.autograd.Function):
    """The batch-normalizing transform with its gradient by hand: Algorithm 1 and section 3's equations.

    `Normalize.apply(x, gamma, beta, eps)` takes x `(N, C, *spatial)`, gamma and beta `(C,)` or None, and eps, which is
    added to the variance. Of all intermediates only x is kept for the gradient, where autograd would keep each.
    """

    @staticmethod
    def forward(ctx, x, gamma, beta, eps):
        """What `formula` returns; the statistics are not outputs that can be differentiated."""
        y, mean, rest, var = (normalize_in_slabs if is_large(x) else formula)(x, gamma, beta, eps)
        ctx.eps = eps
        ctx.mark_non_differentiable(mean, rest, var)
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(x, gamma, beta, mean, rest, var)
        return y, mean, rest, var

    @staticmethod
    def backward(ctx, dy, *_):
        """Gradients by x, gamma and beta: section 3's six equations combined.

        dx = gamma / sqrt(var + eps) (dy - mean(dy) - x_hat mean(dy x_hat)), with means over the m values of a channel;
        dgamma = sum(dy x_hat) and dbeta = sum(dy). Where the gradient itself is to be differentiated or mapped, it is
        that of `formula`, in which the statistics are functions of x.
        """
        if dy is None:
            return None, None, None, None
        x, gamma, beta, mean, rest, var = ctx.saved_tensors
        if torch.is_grad_enabled() or not is_eager(dy):
            return *gradients_of_formula(dy, x, gamma, beta, ctx.eps), None
        inv_std = (var + ctx.eps).rsqrt()
        dx = torch.empty_like(x, dtype=mean.dtype)  # scratch paper until the end
        mean_, sums, products = per_channel(mean, x), [], []
        for x_, dy_, dx_ in slabs(x, dy, dx):
            sums.append(channel_sums(dy_))
            products.append(channel_sums(torch.sub(x_, mean_, out=dx_).mul_(dy_)))
        dbeta = sum(sums[1:], sums[0])
        dgamma = torch.addcmul(sum(products[1:], products[0]), rest, dbeta, value=-1).mul_(inv_std)
        slope = dgamma * inv_std
        shift = per_channel(torch.addcmul(dbeta, rest, slope, value=-1), x)
        slope, scale = per_channel(slope, x), per_channel(inv_std if gamma is None else gamma * inv_std, x)
        share = -1 / max(values_per_channel(x), 1)
        for x_, dy_, dx_ in slabs(x, dy, dx):
            torch.sub(x_, mean_, out=dx_).mul_(slope).add_(shift)
            torch.add(dy_, dx_, alpha=share, out=dx_).mul_(scale)
        dgamma = None if gamma is None else dgamma.to(gamma.dtype)
        dbeta = None if beta is None else dbeta.to(beta.dtype)
        return dx.to(x.dtype), dgamma, dbeta, None


def gradients_of_formula(dy: Tensor, x: Tensor, gamma: Tensor | None, beta: Tensor | None, eps: float):
    """The gradients of `formula` by x, gamma and beta, as functions of dy, x and gamma; None for None."""
    inputs = [v if v is None or v.requires_grad else v.detach().requires_grad_() for v in (x, gamma, beta)]
    with torch.enable_grad():
        y = formula(*inputs, eps)[0]
    wanted = [v for v in inputs if v is not None]
    found = iter(torch.autograd.grad(y, wanted, dy, create_graph=torch.is_grad_enabled()))
    return [None if v is None else next(found) for v in inputs]


def normalize(x: Float[Tensor, "N C *spatial"], gamma, beta, eps) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The batch-normalizing transform of x `(N, C, *spatial)`: Algorithm 1; section 3.2 where x has spatial axes.

    gamma and beta are `(C,)` or None. Returns y, shaped and typed like x; and, for the moving statistics, the mean of
    each channel in two parts (see `center`) and its biased variance, each `(C,)`, in at least float32.
    """
    return Normalize.apply(x, gamma, beta, eps) if is_eager(x) else formula(x, gamma, beta, eps)


def normalize_with(x: Float[Tensor, "N C *spatial"], mean, var, gamma, beta, eps) -> Tensor:
    """y at inference, by statistics that do not depend on x: `gamma (x - mean) / sqrt(var + eps) + beta`.

    That is Algorithm 2, line 11. `mean`, `var`, and `gamma` and `beta` where they are not None, are vectors `(C,)`.
    Returns y, shaped and typed like x; half precision is computed in float32.
    """
    dtype = torch.promote_types(x.dtype, torch.float32)
    inv_std = (var.to(dtype) + eps).rsqrt()
    mean, scale = mean.to(dtype), inv_std if gamma is None else gamma * inv_std
    if is_large(x) and not torch.is_grad_enabled() and is_eager(x):
        y = torch.empty_like(x, dtype=dtype)
        write_affine(x, mean, scale, beta, y)
    else:
        y = (x - per_channel(mean, x)) * per_channel(scale, x)
        y = y if beta is None else y + per_channel(beta, x)
    return y.to(x.dtype)
