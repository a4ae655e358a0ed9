"""Section 4.1's network against PyTorch's, finite differences, and brute-force population statistics."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from bncourse.kernels import mlp

SIZES = (11, 8, 7, 6, 5)
with_and_without = pytest.mark.parametrize("batchnorm", [True, False], ids=["batchnorm", "plain"])


@pytest.fixture
def examples(rng):
    """60 binary examples and their labels."""
    return (rng.random((60, SIZES[0])) > 0.6).astype(np.float64), rng.integers(0, SIZES[-1], 60)


def network_of(rng, batchnorm, sizes=SIZES):
    """A network whose every parameter is random, so that none hides behind a zero or a one."""
    network = mlp.init(sizes, batchnorm, std=1.0, rng=rng)
    for layer in network:
        for p in layer.parameters()[1:]:
            p += 0.3 * rng.normal(size=p.shape)
    return network


def copy(network):
    return [mlp.Layer(*(None if p is None else p.copy() for p in (layer.w, layer.b, layer.gamma, layer.beta)))
            for layer in network]


# Against PyTorch


def torch_network(network):
    """The same network from public PyTorch layers, with the same parameters."""
    modules = []
    for layer in network:
        d, m = layer.w.shape
        linear = torch.nn.Linear(d, m, bias=layer.b is not None, dtype=torch.float64)
        linear.weight.data = torch.tensor(layer.w.T.copy())
        modules.append(linear)
        if layer.gamma is not None:
            norm = torch.nn.BatchNorm1d(m, dtype=torch.float64)
            norm.weight.data, norm.bias.data = torch.tensor(layer.gamma), torch.tensor(layer.beta)
            modules.append(norm)
        else:
            linear.bias.data = torch.tensor(layer.b)
        modules.append(torch.nn.Sigmoid())
    return torch.nn.Sequential(*modules[:-1])


def torch_parameters(model):
    """In the order and orientation of `Layer.parameters`."""
    return [p.detach().numpy().T if p.ndim == 2 else p.detach().numpy() for p in model.parameters()]


@with_and_without
@pytest.mark.parametrize("sizes", [SIZES, (784, 100, 100, 100, 10)], ids=["small", "the paper's"])
def test_fifty_steps_of_training_are_pytorchs(rng, batchnorm, sizes):
    x, t = (rng.random((60, sizes[0])) > 0.6).astype(np.float64), rng.integers(0, sizes[-1], 60)
    network = network_of(rng, batchnorm, sizes)
    model = torch_network(network)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    for step in range(50):
        i = np.arange(step * 7, step * 7 + 17) % len(x)
        loss, gradients, _ = mlp.loss_and_gradients(network, x[i], t[i])
        mlp.sgd_step(network, gradients, lr=0.5)
        expected = torch.nn.functional.cross_entropy(model(torch.from_numpy(x[i])), torch.from_numpy(t[i]))
        optimizer.zero_grad()
        expected.backward()
        optimizer.step()
        assert loss == pytest.approx(expected.item(), abs=1e-9)
    ours = [p for layer in network for p in layer.parameters()]
    for p, expected in zip(ours, torch_parameters(model), strict=True):
        assert p == pytest.approx(expected, abs=1e-6)


# Gradients


def slope(f, p, v, h=1e-4):
    """Derivative of f at p along v, moving p in place: central differences of fourth order."""
    start = p.copy()

    def at(k):
        p[...] = start + k * h * v
        value = f()
        p[...] = start
        return value

    return (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * h)


@with_and_without
@pytest.mark.parametrize("sizes", [SIZES, (11, 5), (11, 6, 5), (11, 3, 9, 3, 9, 5)], ids=str)
def test_every_gradient_is_the_slope_of_the_loss(rng, examples, batchnorm, sizes):
    x, t = examples
    network = network_of(rng, batchnorm, sizes)
    _, gradients, _ = mlp.loss_and_gradients(network, x, t)
    for layer, gradient in zip(network, gradients, strict=True):
        for p, dp in zip(layer.parameters(), gradient.parameters(), strict=True):
            v = rng.normal(size=p.shape)
            numeric = slope(lambda: mlp.loss_and_gradients(network, x, t)[0], p, v)
            assert np.sum(dp * v) == pytest.approx(numeric, abs=1e-9)


def test_a_bias_before_batch_norm_changes_nothing_and_gets_no_gradient(rng, examples):
    """Section 3.2: the mean takes b away again, which is why no layer with batch norm has one."""
    x, t = examples
    network = network_of(rng, batchnorm=True)
    assert all(layer.b is None for layer in network[:-1])
    biased = copy(network)
    for layer in biased[:-1]:
        layer.b = rng.normal(size=layer.w.shape[1])
    loss, _, _ = mlp.loss_and_gradients(network, x, t)
    same, gradients, _ = mlp.loss_and_gradients(biased, x, t)
    assert same == pytest.approx(loss, abs=1e-13)
    assert all(np.abs(gradient.b).max() < 1e-14 for gradient in gradients[:-1])


# One step


@with_and_without
def test_a_step_moves_every_parameter_against_its_gradient_in_place(rng, examples, batchnorm):
    network = network_of(rng, batchnorm)
    before = copy(network)
    arrays = [p for layer in network for p in layer.parameters()]
    _, gradients, _ = mlp.loss_and_gradients(network, *examples)
    mlp.sgd_step(network, gradients, lr=0.25)
    for layer, old, gradient in zip(network, before, gradients, strict=True):
        for p, p_old, dp in zip(layer.parameters(), old.parameters(), gradient.parameters(), strict=True):
            assert np.array_equal(p, p_old - 0.25 * dp)
    assert all(p is q for p, q in zip(arrays, [p for layer in network for p in layer.parameters()], strict=True))


@with_and_without
def test_a_small_step_lowers_the_loss_by_the_squared_gradient(rng, examples, batchnorm):
    network, lr = network_of(rng, batchnorm), 1e-6
    loss, gradients, _ = mlp.loss_and_gradients(network, *examples)
    mlp.sgd_step(network, gradients, lr)
    lower, _, _ = mlp.loss_and_gradients(network, *examples)
    square = sum(np.sum(dp**2) for gradient in gradients for dp in gradient.parameters())
    assert (loss - lower) / lr == pytest.approx(square, rel=1e-3)


@with_and_without
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_dtype_chosen_at_the_start_is_kept(rng, examples, batchnorm, dtype):
    x, t = examples
    network = mlp.init(SIZES, batchnorm, rng=rng, dtype=dtype)
    for images in (x.astype(np.uint8), x > 0, x, x.astype(np.float32)):
        loss, gradients, tape = mlp.loss_and_gradients(network, images, t)
        mlp.sgd_step(network, gradients, np.float64(0.1))
        logits, _ = mlp.forward(network, images, mlp.population(network, [images]))
        arrays = [p for layer in network + gradients for p in layer.parameters()]
        arrays += [logits, *(y for trace in tape.hidden for y in (trace.x, trace.y))]
        assert {a.dtype for a in arrays} == {np.dtype(dtype)}
        assert loss.dtype == dtype


def test_the_examples_are_never_written_to(rng, examples):
    x, t = examples
    x.flags.writeable = t.flags.writeable = False
    network = network_of(rng, batchnorm=True)
    _, gradients, _ = mlp.loss_and_gradients(network, x, t)
    mlp.sgd_step(network, gradients, 0.1)
    assert len(mlp.predict(network, x)) == len(x)


# The start


@with_and_without
def test_the_start_has_gaussian_weights_zero_biases_and_the_identity_as_scale(rng, batchnorm):
    network = mlp.init(batchnorm=batchnorm, std=0.1, rng=rng)
    assert [layer.w.shape for layer in network] == list(pairwise((784, 100, 100, 100, 10)))
    assert network[0].w.std() == pytest.approx(0.1, rel=0.02)
    assert abs(network[0].w.mean()) < 0.002
    *hidden, output = network
    assert np.array_equal(output.b, np.zeros(10))
    assert output.gamma is output.beta is None
    for layer in hidden:
        if batchnorm:
            assert layer.b is None
            assert np.array_equal(layer.gamma, np.ones(100))
            assert np.array_equal(layer.beta, np.zeros(100))
        else:
            assert layer.gamma is layer.beta is None
            assert np.array_equal(layer.b, np.zeros(100))


def test_the_same_generator_gives_all_networks_the_same_weights(rng):
    state = rng.bit_generator.state
    networks = []
    for batchnorm, dtype in ((False, np.float64), (True, np.float64), (True, np.float32)):
        rng.bit_generator.state = state
        networks.append(mlp.init(SIZES, batchnorm, rng=rng, dtype=dtype))
    plain, normalized, single = networks
    for a, b, c in zip(plain, normalized, single, strict=True):
        assert np.array_equal(a.w, b.w)
        assert np.array_equal(a.w.astype(np.float32), c.w)


# Inference


def brute_force(network, batches, eps=1e-5):
    """Algorithm 2 as written, one layer after the other, the layers below in training mode."""
    statistics, inputs = [], batches
    for layer in network[:-1]:
        xs = [u @ layer.w for u in inputs]
        m = len(xs[0])
        mean, var = np.mean([x.mean(0) for x in xs], axis=0), np.mean([x.var(0) for x in xs], axis=0) * m / (m - 1)
        statistics.append((mean, var))
        x_hats = [(x - x.mean(0)) / np.sqrt(x.var(0) + eps) for x in xs]
        inputs = [1 / (1 + np.exp(-(layer.gamma * x_hat + layer.beta))) for x_hat in x_hats]
    return statistics


def test_population_inference_is_brute_force(rng, examples):
    x, _ = examples
    network = network_of(rng, batchnorm=True)
    batches = np.split(x, 4)
    population = mlp.population(network, batches)
    expected = brute_force(network, batches)
    for (mean, var), (expected_mean, expected_var) in zip(population, expected, strict=True):
        assert mean == pytest.approx(expected_mean, abs=1e-13)
        assert var == pytest.approx(expected_var, rel=1e-12)
    u = x
    for layer, (mean, var) in zip(network[:-1], expected, strict=True):
        s = layer.gamma / np.sqrt(var + 1e-5)
        u = 1 / (1 + np.exp(-(s * (u @ layer.w) + (layer.beta - s * mean))))
    logits, _ = mlp.forward(network, x, population)
    assert logits == pytest.approx(u @ network[-1].w + network[-1].b, abs=1e-12)
    assert np.array_equal(mlp.predict(network, x, population), logits.argmax(1))


def test_examples_depend_on_their_partners_in_training_and_not_at_inference(rng, examples):
    x, _ = examples
    network = network_of(rng, batchnorm=True)
    population = mlp.population(network, np.split(x, 4))
    alone, _ = mlp.forward(network, x[:1], population)
    together, _ = mlp.forward(network, x, population)
    assert alone[0] == pytest.approx(together[0], abs=1e-13)
    in_training = [mlp.forward(network, x[i])[0][0] for i in ([0, 1, 2, 3], [0, 4, 5, 6])]
    assert np.abs(in_training[0] - in_training[1]).max() > 1e-3


def test_a_plain_network_is_the_same_in_training_and_at_inference(rng, examples):
    x, _ = examples
    network = network_of(rng, batchnorm=False)
    population = mlp.population(network, np.split(x, 4))
    assert np.array_equal(mlp.forward(network, x, population)[0], mlp.forward(network, x)[0])


def test_the_tape_has_what_batch_norm_and_the_sigmoid_see(rng, examples):
    x, _ = examples
    network = network_of(rng, batchnorm=True)
    _, tape = mlp.forward(network, x, eps=0.0)
    assert tape.hidden[0].x == pytest.approx(x @ network[0].w, abs=1e-13)
    for layer, trace in zip(network[:-1], tape.hidden, strict=True):
        assert trace.y.mean(0) == pytest.approx(layer.beta, abs=1e-12)
        assert trace.y.std(0) == pytest.approx(np.abs(layer.gamma), abs=1e-12)


# What is refused


def test_arguments_that_do_not_fit_are_refused_by_name(rng, examples):
    x, _ = examples
    network = network_of(rng, batchnorm=True)
    population = mlp.population(network, [x])
    with pytest.raises(ValueError, match=r"x has shape \(60, 10\), but the network takes \(N, 11\)"):
        mlp.forward(network, x[:, :10])
    with pytest.raises(ValueError, match=r"statistics has 2 pairs .* 3 hidden layers"):
        mlp.predict(network, x, population[:2])
    with pytest.raises(ValueError, match=r"sizes is \(784,\)"):
        mlp.init((784,), rng=rng)
    with pytest.raises(ValueError, match=r"sizes is \(784, 0, 10\)"):
        mlp.init((784, 0, 10), rng=rng)
    with pytest.raises(ValueError, match="no mini-batch was seen"):
        mlp.population(network, [])
    logits, tape = mlp.forward(network, x, population)
    with pytest.raises(ValueError, match="made with population statistics; gradients need batch statistics"):
        mlp.backward(network, logits, tape)
