"""The small layers against finite differences, PyTorch, and their limits."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from bncourse.kernels import layers
from bncourse.kernels.gradcheck import check_coordinates

ACTIVATIONS = ["sigmoid", "tanh", "relu"]


def functions(name):
    return getattr(layers, f"{name}_forward"), getattr(layers, f"{name}_backward")


@pytest.fixture
def affine(rng):
    return rng.normal(size=(7, 4)), rng.normal(size=(4, 3)), rng.normal(size=3), rng.normal(size=(7, 3))


def test_affine_is_x_w_plus_b(affine):
    x, w, b, _ = affine
    y, _ = layers.affine_forward(x, w, b)
    assert np.allclose(y, F.linear(*map(torch.tensor, (x, w.T.copy(), b))).numpy(), rtol=0, atol=1e-13)


def test_affine_gradients(affine):
    x, w, b, dy = affine
    dx, dw, db = layers.affine_backward(dy, layers.affine_forward(x, w, b)[1])
    check_coordinates(lambda x: layers.affine_forward(x, w, b)[0], x, dx, dy)
    check_coordinates(lambda w: layers.affine_forward(x, w, b)[0], w, dw, dy)
    check_coordinates(lambda b: layers.affine_forward(x, w, b)[0], b, db, dy)


def test_affine_without_a_bias_has_no_gradient_of_it(affine):
    x, w, _, dy = affine
    y, cache = layers.affine_forward(x, w, None)
    assert np.array_equal(y, x @ w)
    assert layers.affine_backward(dy, cache)[2] is None


@pytest.mark.parametrize(
    ("w", "b", "message"),
    [
        (np.ones((3, 2)), np.ones(2), r"x has shape \(7, 4\) and w \(3, 2\); expected \(N, D\) and \(D, M\)"),
        (np.ones((4, 2)), np.ones(1), r"b has shape \(1,\), but w has 2 columns; expected \(2,\)"),
        (np.ones((4, 2)), np.ones((7, 2)), r"b has shape \(7, 2\), but w has 2 columns"),
    ],
)
def test_affine_names_shapes_that_do_not_fit(affine, w, b, message):
    with pytest.raises(ValueError, match=message):
        layers.affine_forward(affine[0], w, b)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_agree_with_pytorch(name, rng):
    forward, backward = functions(name)
    x, dy = 3 * rng.normal(size=(2, 5, 3, 2))
    leaf = torch.tensor(x, requires_grad=True)
    theirs = getattr(torch, name)(leaf)
    theirs.backward(torch.tensor(dy))
    y, cache = forward(x)
    assert np.allclose(y, theirs.detach().numpy(), rtol=0, atol=1e-14)
    assert np.allclose(backward(dy, cache), leaf.grad.numpy(), rtol=0, atol=1e-14)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_have_their_derivatives(name, rng):
    forward, backward = functions(name)
    x, dy = rng.normal(size=(2, 5, 3))
    x += np.sign(x) * 0.01  # away from the corner of ReLU
    check_coordinates(lambda x: forward(x)[0], x, backward(dy, forward(x)[1]), dy)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_activations_keep_dtype_and_inputs(name, dtype, rng):
    forward, backward = functions(name)
    x, dy = rng.normal(size=(2, 5, 3)).astype(dtype)
    x.flags.writeable = dy.flags.writeable = False
    y, cache = forward(x)
    assert y.dtype == backward(dy, cache).dtype == dtype


def test_sigmoid_does_not_overflow():
    x = np.array([-1e4, -100.0, 0, 100, 1e4])
    y, _ = layers.sigmoid_forward(x)
    assert np.allclose(y, [0, 0, 0.5, 1, 1])


def test_relu_of_zero_has_gradient_zero():
    _, positive = layers.relu_forward(np.zeros(3))
    assert not layers.relu_backward(np.full(3, np.inf), positive).any()


@pytest.fixture
def logits(rng):
    return 3 * rng.normal(size=(6, 4)), rng.integers(0, 4, 6)


def test_cross_entropy_agrees_with_pytorch(logits):
    z, t = logits
    leaf = torch.tensor(z, requires_grad=True)
    theirs = F.cross_entropy(leaf, torch.tensor(t))
    theirs.backward()
    loss, cache = layers.softmax_cross_entropy_forward(z, t)
    assert abs(loss - theirs.item()) <= 1e-14
    assert np.allclose(layers.softmax_cross_entropy_backward(cache), leaf.grad.numpy(), rtol=0, atol=1e-14)


def test_cross_entropy_gradient(logits):
    z, t = logits
    dz = layers.softmax_cross_entropy_backward(layers.softmax_cross_entropy_forward(z, t)[1])
    check_coordinates(lambda z: layers.softmax_cross_entropy_forward(z, t)[0], z, dz)
    assert np.allclose(dz.sum(1), 0, atol=1e-15)


def test_cross_entropy_does_not_overflow(logits):
    z, t = logits
    loss, cache = layers.softmax_cross_entropy_forward(z + 1e5, t)
    assert abs(loss - layers.softmax_cross_entropy_forward(z, t)[0]) <= 1e-10
    assert layers.softmax_cross_entropy_forward(1e5 * np.eye(4), np.arange(4))[0] == 0
    assert np.isfinite(layers.softmax_cross_entropy_backward(cache)).all()


def test_cross_entropy_of_equal_logits_is_log_k():
    assert np.isclose(layers.softmax_cross_entropy_forward(np.ones((3, 10)), np.arange(3))[0], np.log(10))


def test_cross_entropy_can_go_back_twice(logits):
    _, cache = layers.softmax_cross_entropy_forward(*logits)
    first = layers.softmax_cross_entropy_backward(cache).copy()
    assert np.array_equal(first, layers.softmax_cross_entropy_backward(cache))


@pytest.mark.parametrize("integer", [np.uint8, np.int32, np.uint64])
def test_cross_entropy_minds_neither_the_order_of_memory_nor_the_kind_of_integer(integer, logits):
    z, t = logits
    loss, cache = layers.softmax_cross_entropy_forward(z, t)
    same, transposed = layers.softmax_cross_entropy_forward(np.asfortranarray(z), t.astype(integer))
    dz, same_dz = (layers.softmax_cross_entropy_backward(c) for c in (cache, transposed))
    assert same == pytest.approx(loss, abs=1e-14)
    assert same_dz == pytest.approx(dz, abs=1e-15)


@pytest.mark.parametrize("label", [-1, 4])
def test_cross_entropy_names_a_label_out_of_range(label, logits):
    z, t = logits
    t[2] = label
    with pytest.raises(
        ValueError, match=rf"t\[2\] is {label}, but z has 4 columns; expected labels from 0 to 3"
    ):
        layers.softmax_cross_entropy_forward(z, t)


def test_cross_entropy_refuses_an_empty_batch():
    with pytest.raises(ValueError, match="expected at least one example"):
        layers.softmax_cross_entropy_forward(np.ones((0, 3)), np.ones(0, int))


@pytest.mark.parametrize(("t", "kind", "told"), [
    (np.array([[1], [0]]), ValueError, r"t has shape \(2, 1\), but z has 2 rows"),
    (np.array([1]), ValueError, r"expected \(2,\)"),
    (np.array([1.0, 0.0]), TypeError, "t has dtype float64; expected integers")])
def test_labels_in_another_form_are_refused(t, kind, told):
    with pytest.raises(kind, match=told):
        layers._check_labels(np.zeros((2, 3)), t)


def test_the_sigmoid_of_integers_is_refused():
    with pytest.raises(TypeError, match="x has dtype int64; expected floating point"):
        layers.sigmoid_forward(np.array([-5, 0, 5], np.int64))
