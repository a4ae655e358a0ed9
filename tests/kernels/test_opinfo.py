"""PyTorch's own samples for its normalizations (OpInfo), outputs and gradients, in float64 within 1e-7.

Odd shapes, empty ones too, eps of 0.5 and 0.6, weight or bias missing. A sample that the kernels cannot take is
counted, with the reason: they ask for eps > 0 and for an axis of channels.
"""

import warnings
from collections import Counter
from math import prod

import numpy as np
import pytest
import torch

from bncourse.kernels import normalize

OPERATORS = ("batch_norm", "layer_norm", "group_norm", "instance_norm")
NO_EPS, NO_CHANNELS = "eps is not positive", "no channel axis"
UNUSABLE = {
    "batch_norm": {NO_CHANNELS: 4},
    "layer_norm": {NO_EPS: 1},
    "group_norm": {NO_EPS: 4},
    "instance_norm": {},
}


def samples(name):
    """Every sample of every variant of `torch.nn.functional.<name>`."""
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", "Fail to import hypothesis", ImportWarning
        )  # which the samples do not use
        from torch.testing._internal.common_methods_invocations import op_db  # for seconds: not at collection
    return [
        (op, sample)
        for op in op_db
        if op.name == f"nn.functional.{name}"
        for sample in op.sample_inputs("cpu", torch.float64, requires_grad=False)
    ]


def arguments(name, sample):
    """The arguments by name, tensors as float64 arrays."""
    names = {
        "batch_norm": ("running_mean", "running_var", "weight", "bias"),
        "layer_norm": ("normalized_shape", "weight", "bias"),
        "group_norm": ("num_groups",),
        "instance_norm": (),
    }[name]
    given = dict(zip(names, sample.args, strict=False)) | sample.kwargs | {"x": sample.input}
    return {k: v.detach().numpy() if isinstance(v, torch.Tensor) else v for k, v in given.items()}


def reason_against(given):
    """Why the kernels cannot take the sample; None if they can."""
    if given.get("eps", 1e-5) <= 0:
        return NO_EPS
    if given["x"].ndim < 2 and "normalized_shape" not in given:
        return NO_CHANNELS
    return None


def ours(name, given):
    """The forward pass with the sample's arguments: y, and the backward function that goes with it."""
    x, eps = given["x"], given.get("eps", 1e-5)
    shape = tuple(given.get("normalized_shape", x.shape[1:2]))
    gamma, beta = (
        fill(shape) if given.get(k) is None else given[k]
        for k, fill in (("weight", np.ones), ("bias", np.zeros))
    )
    if name == "layer_norm":
        x = x.reshape(prod(x.shape[: x.ndim - len(shape)]), *shape)
        y, cache = normalize.layernorm_forward(x, gamma, beta, eps)
        return y.reshape(given["x"].shape), lambda dy: normalize.layernorm_backward(
            dy.reshape(x.shape), cache
        )
    if name == "batch_norm" and not given.get("training", False):
        return inference(x, gamma, beta, given["running_mean"], given["running_var"], eps)
    if name == "batch_norm":
        y, cache = normalize.batchnorm_forward(x, gamma, beta, eps)
        return y, lambda dy: normalize.batchnorm_backward(dy, cache)
    groups = given.get("num_groups", x.shape[1])
    y, cache = normalize.groupnorm_forward(x, gamma, beta, groups, eps)
    return y, lambda dy: normalize.groupnorm_backward(dy, cache)


def inference(x, gamma, beta, mean, var, eps):
    """Inference, and its gradient: an affine map without its shift is its own."""
    zero, one = np.zeros_like(mean), np.ones_like(mean)
    axes = normalize.batch_axes(x)

    def backward(dy):
        x_hat = normalize.batchnorm_inference(x, one, zero, mean, var, eps)
        return (
            normalize.batchnorm_inference(dy, gamma, zero, zero, var, eps),
            (dy * x_hat).sum(axes),
            dy.sum(axes),
        )

    return normalize.batchnorm_inference(x, gamma, beta, mean, var, eps), backward


def theirs(op, sample, dy):
    """y and the gradients of input, weight and bias, None for those that the sample does not have."""
    sample = sample.transform(lambda a: a.detach().clone() if isinstance(a, torch.Tensor) else a)
    given = dict(zip(("running_mean", "running_var", "weight", "bias"), sample.args, strict=False))
    if op.name.endswith("layer_norm"):
        given = dict(zip(("normalized_shape", "weight", "bias"), sample.args, strict=False))
    given |= sample.kwargs
    leaves = [sample.input, given.get("weight"), given.get("bias")]
    for leaf in leaves:
        if leaf is not None:
            leaf.requires_grad_()
    y = op(sample.input, *sample.args, **sample.kwargs)
    y.backward(torch.tensor(dy).reshape(y.shape))
    return y.detach().numpy(), [None if leaf is None else leaf.grad.numpy() for leaf in leaves]


@pytest.mark.parametrize("name", OPERATORS)
def test_every_usable_sample(name, rng):
    reasons = Counter()
    for op, sample in samples(name):
        given = arguments(name, sample)
        if reason := reason_against(given):
            reasons[reason] += 1
            continue
        dy = rng.normal(size=given["x"].shape)
        y, backward = ours(name, given)
        their_y, gradients = theirs(op, sample, dy)
        np.testing.assert_allclose(y, their_y, rtol=0, atol=1e-7)
        for a, b in zip(backward(dy), gradients, strict=True):
            if b is not None:
                np.testing.assert_allclose(a.reshape(b.shape), b, rtol=0, atol=1e-7)
    assert reasons == UNUSABLE[name]


@pytest.mark.parametrize(("name", "expected"), [("batch_norm", 24), ("layer_norm", 6), ("group_norm", 21)])
def test_there_are_as_many_samples_as_ever(name, expected):
    assert len(samples(name)) >= expected


@pytest.mark.parametrize("name", OPERATORS)
def test_what_is_called_unusable_is_refused(name):
    for _, sample in samples(name):
        given = arguments(name, sample)
        if reason_against(given):
            with pytest.raises(ValueError, match=r"eps is -0.5; expected|x has shape \(0,\); expected"):
                ours(name, given)
