"""Population statistics against brute force, moving averages against the frameworks, and the usual mistakes."""

from itertools import combinations

import numpy as np
import onnx
import pytest
import torch
from onnx.reference import ReferenceEvaluator

from bncourse.kernels.normalize import batch_statistics
from bncourse.kernels.statistics import CONVENTIONS, MovingAverage, Population

RAGGED = (7, 2, 1, 5, 11)


def seen(batches):
    """A population that has seen these mini-batches."""
    population = Population()
    for x in batches:
        population.update(x)
    return population


def unbiased(x):
    """Mean and m/(m-1) times the variance of one mini-batch."""
    mean, var = batch_statistics(x)
    m = x.size // x.shape[1]
    return mean, var * (m / (m - 1))


def follow(batches, momentum, statistics=unbiased):
    """PyTorch's buffers after these mini-batches."""
    average = MovingAverage.from_torch_momentum(momentum)
    for x in batches:
        average.update(*statistics(x))
    return average.mean, average.var


# Algorithm 2


def test_equal_mini_batches_give_algorithm_2_to_the_letter(rng):
    batches = [rng.normal(3, [1, 2, 5], (6, 3)) for _ in range(4)]
    population = seen(batches)
    population.mean[:] = 0  # a copy
    assert population.mean == pytest.approx(np.mean([x.mean(0) for x in batches], axis=0), rel=1e-14)
    assert population.var == pytest.approx(6 / 5 * np.mean([x.var(0) for x in batches], axis=0), rel=1e-14)


def test_ragged_mini_batches_count_by_their_values_and_their_degrees_of_freedom(rng):
    batches = [rng.normal(3, 2, (m, 4)) for m in RAGGED]
    population = seen(batches)
    squares = sum(((x - x.mean(0)) ** 2).sum(0) for x in batches)
    assert population.mean == pytest.approx(np.concatenate(batches).mean(0), rel=1e-14)
    assert population.var == pytest.approx(squares / (sum(RAGGED) - len(RAGGED)), rel=1e-14)


def test_the_total_variance_does_not_depend_on_the_cut_into_mini_batches(rng):
    x = rng.normal(3, 2, (sum(RAGGED), 4)) * np.linspace(1, 2, sum(RAGGED))[:, None]
    population = seen(np.split(x, np.cumsum(RAGGED)[:-1]))
    assert population.total_var == pytest.approx(x.var(0, ddof=1), rel=1e-13)


def test_locations_count_as_examples(rng):
    images = rng.normal(2, 3, (5, 3, 4, 2))
    rows = images.transpose(0, 2, 3, 1).reshape(-1, 3)
    assert seen([images]).var == pytest.approx(seen([rows]).var, rel=1e-14)
    assert seen([images]).mean == pytest.approx(rows.mean(0), rel=1e-14)


@pytest.mark.parametrize("m", [2, 3, 5])
def test_over_all_mini_batches_the_variance_is_the_populations(rng, m):
    """Algorithm 2's estimate has no bias: over every mini-batch that there is, it is exact."""
    x = rng.normal(3, 2, (6, 2))
    assert seen(x[list(i)] for i in combinations(range(6), m)).var == pytest.approx(x.var(0, ddof=1), rel=1e-13)


def test_sorted_mini_batches_hide_the_variance_between_them(rng):
    batches = [rng.normal(mean, 1, (50, 2)) for mean in (-5, 0, 5)]
    population = seen(batches)
    assert np.all(population.var < 2)
    assert np.all(population.total_var > 15)


def test_merging_equals_one_pass(rng):
    batches = [rng.normal(mean, 2, (m, 3)) for mean, m in enumerate(RAGGED)]
    whole = seen(batches)
    for cut in range(len(batches) + 1):
        merged = seen(batches[:cut]).merge(seen(batches[cut:]))
        for name in ("mean", "var", "total_var"):
            assert getattr(merged, name) == pytest.approx(getattr(whole, name), rel=1e-13), name


def test_the_law_of_total_variance_joins_two_halves_with_different_means(rng):
    left, right = rng.normal(-10, 1, (20, 2)), rng.normal(10, 2, (30, 2))
    both = np.concatenate([left, right])
    assert seen([left]).merge(seen([right])).total_var == pytest.approx(both.var(0, ddof=1), rel=1e-13)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_mean_of_1e4_costs_no_digits(rng, dtype):
    batches = [rng.normal(1e4, 1, (m, 3)).astype(dtype) for m in RAGGED]
    x = np.concatenate(batches).astype(np.float64)
    population, centred = seen(batches), x - x.mean(0)
    assert population.mean == pytest.approx(x.mean(0), rel=1e-14)
    assert population.total_var == pytest.approx((centred**2).sum(0) / (len(x) - 1), rel=1e-11)
    near = seen([(x - 1e4) for x in map(np.float64, batches)])
    assert population.var == pytest.approx(near.var, rel=1e-11)


def test_half_precision_is_averaged_in_float64(rng):
    x = rng.normal(0, 300, (4000, 2)).astype(np.float16)
    assert seen([x]).var == pytest.approx(x.astype(np.float64).var(0, ddof=1), rel=1e-12)
    assert seen([x]).var.dtype == np.float64


def test_statistics_leave_the_mini_batch_as_it_was(rng):
    x = rng.normal(size=(3, 2))
    x.flags.writeable = False
    assert np.isfinite(seen([x, x]).var).all()


def test_too_little_is_said_by_name(rng):
    with pytest.raises(ValueError, match="no mini-batch was seen"):
        _ = Population().mean
    with pytest.raises(ValueError, match="no mini-batch had two values"):
        _ = seen([np.ones((1, 2)), np.ones((1, 2))]).var
    with pytest.raises(ValueError, match="fewer than two values"):
        _ = seen([np.ones((1, 2))]).total_var
    with pytest.raises(ValueError, match=r"x has shape \(0, 2\)"):
        Population().update(np.ones((0, 2)))
    with pytest.raises(ValueError, match=r"x has shape \(3,\)"):
        Population().update(np.ones(3))
    with pytest.raises(ValueError, match="got 3 channels after 2"):
        seen([np.ones((4, 2)), np.ones((4, 3))])
    with pytest.raises(ValueError, match="got 3 channels after 2"):
        seen([np.ones((4, 2))]).merge(seen([np.ones((4, 3))]))


# Moving averages


@pytest.mark.parametrize("momentum", [0.1, 0.9, 0.0, 1.0, None])
@pytest.mark.parametrize("shape", [(6, 3), (2, 3, 4, 5)])
def test_the_averages_are_pytorchs_buffers_after_real_steps(rng, momentum, shape):
    kind = {2: torch.nn.BatchNorm1d, 4: torch.nn.BatchNorm2d}[len(shape)]
    norm, batches = kind(3, momentum=momentum).double(), [rng.normal(3, 2, shape) for _ in range(5)]
    for x in batches:
        norm(torch.from_numpy(x))
    mean, var = follow(batches, momentum)
    assert mean == pytest.approx(norm.running_mean.numpy(), rel=1e-12, abs=1e-15)
    assert var == pytest.approx(norm.running_var.numpy(), rel=1e-12)


def onnx_batchnorm():
    """A graph of one BatchNormalization in training mode, with the momentum that ONNX takes unless told."""
    tensors = {name: onnx.helper.make_tensor_value_info(name, onnx.TensorProto.DOUBLE, None)
               for name in ("x", "gamma", "beta", "mean", "var", "y", "new_mean", "new_var")}
    inputs, outputs = list(tensors)[:5], list(tensors)[5:]
    node = onnx.helper.make_node("BatchNormalization", inputs, outputs, training_mode=1)
    graph = onnx.helper.make_graph([node], "g", [tensors[i] for i in inputs], [tensors[o] for o in outputs])
    return ReferenceEvaluator(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 15)]))


def test_the_averages_are_onnxs_whose_momentum_weighs_the_old_value_and_whose_variance_is_biased(rng):
    batches = [rng.normal(3, 2, (6, 3)) for _ in range(5)]
    average, graph = MovingAverage(alpha=0.9), onnx_batchnorm()
    mean, var = np.zeros(3), np.ones(3)
    for x in batches:
        average.update(*batch_statistics(x))
        feed = {"x": x, "gamma": np.ones(3), "beta": np.zeros(3), "mean": mean, "var": var}
        _, mean, var = graph.run(None, feed)
    assert average.mean == pytest.approx(mean, rel=1e-6)
    assert average.var == pytest.approx(var, rel=1e-6)


@pytest.mark.parametrize("alpha", [0.0, 0.1, 0.9, 0.99, 1.0, None])
def test_one_convention_converts_into_the_other_and_back(alpha):
    momentum = MovingAverage(alpha).to_torch_momentum()
    assert MovingAverage.from_torch_momentum(momentum).alpha == pytest.approx(alpha)


def test_the_start_fades_by_alpha_a_step(rng):
    mean, var = rng.normal(size=3), rng.uniform(1, 2, 3)
    average = MovingAverage(0.75)
    for k in range(1, 9):
        average.update(mean, var)
        assert average.mean == pytest.approx((1 - 0.75**k) * mean, rel=1e-12)
        assert average.var == pytest.approx(0.75**k + (1 - 0.75**k) * var, rel=1e-12)


def test_weights_and_shapes_out_of_range_are_refused():
    with pytest.raises(ValueError, match=r"alpha is 1\.5; expected the weight of the old value"):
        MovingAverage(1.5)
    with pytest.raises(ValueError, match="momentum is -1; expected the weight of the new value"):
        MovingAverage.from_torch_momentum(-1)
    with pytest.raises(ValueError, match=r"mean has shape \(2,\) and var \(3,\)"):
        MovingAverage().update(np.zeros(2), np.ones(3))
    average = MovingAverage()
    average.update(np.zeros(2), np.ones(2))
    with pytest.raises(ValueError, match=r"expected \(2,\) for both"):
        average.update(np.zeros(1), np.ones(1))


# The conventions, as far as the frameworks are here to be asked


def test_the_row_of_pytorch_is_what_pytorch_does():
    (row,) = [row for row in CONVENTIONS if row.framework == "PyTorch"]
    norm = torch.nn.BatchNorm1d(3)
    assert (row.default, row.eps, row.axis) == (norm.momentum, norm.eps, 1)
    assert row.alpha() == pytest.approx(0.9)
    with pytest.raises(ValueError, match="Expected more than 1 value per channel"):
        norm(torch.ones(1, 3))


def test_the_row_of_onnx_is_what_onnx_does():
    (row,) = [row for row in CONVENTIONS if row.framework == "ONNX"]
    attributes = onnx.defs.get_schema("BatchNormalization").attributes
    assert row.default == pytest.approx(attributes["momentum"].default_value.f)
    assert row.eps == pytest.approx(attributes["epsilon"].default_value.f)
    assert row.alpha() == row.default
    x, beta = np.ones((1, 3)), np.array([4.0, 5.0, 6.0])
    feed = {"x": x, "gamma": x[0], "beta": beta, "mean": x[0], "var": x[0]}
    assert onnx_batchnorm().run(None, feed)[0][0] == pytest.approx(beta)


def test_a_framework_without_a_default_asks_for_the_value():
    (row,) = [row for row in CONVENTIONS if row.default is None]
    assert row.alpha(0.25) == 0.75
    with pytest.raises(ValueError, match="cuDNN has no default for exponentialAverageFactor"):
        row.alpha()


# The mistakes, each caught by a law


def the_variance_is_unbiased(rng, follow):
    x = rng.normal(3, 2, (6, 2))
    batches = [x[list(i)] for i in combinations(range(6), 2)]
    assert follow(batches, None)[1] == pytest.approx(x.var(0, ddof=1), rel=1e-12)


def twice_the_data_is_four_times_the_variance(rng, follow):
    x = rng.normal(3, 2, (6, 2))
    assert follow([2 * x], 1.0)[1] == pytest.approx(4 * follow([x], 1.0)[1], rel=1e-12)


def momentum_weighs_the_new_value(rng, follow):
    x = rng.normal(3, 2, (6, 2))
    assert follow([x], 0.1)[0] == pytest.approx(0.1 * x.mean(0), rel=1e-12)


def the_averages_arrive_at_what_stays_the_same(rng, follow):
    x = rng.normal(3, 2, (6, 2))
    for average, limit in zip(follow([x] * 300, 0.1), unbiased(x), strict=True):
        assert average == pytest.approx(limit, rel=1e-10)


def the_averages_are_pytorchs(rng, follow):
    batches, norm = [rng.normal(3, 2, (4, 3)) for _ in range(5)], torch.nn.BatchNorm1d(3).double()
    for x in batches:
        norm(torch.from_numpy(x))
    for average, buffer in zip(follow(batches, 0.1), (norm.running_mean, norm.running_var), strict=True):
        assert average == pytest.approx(buffer.numpy(), rel=1e-12)


LAWS = (the_variance_is_unbiased, twice_the_data_is_four_times_the_variance, momentum_weighs_the_new_value,
        the_averages_arrive_at_what_stays_the_same, the_averages_are_pytorchs)

MISTAKES = {
    "biased running variance": (
        lambda batches, momentum: follow(batches, momentum, batch_statistics), the_variance_is_unbiased),
    "running standard deviation stored as variance": (
        lambda batches, momentum: follow(batches, momentum, lambda x: (x.mean(0), x.std(0, ddof=1))),
        twice_the_data_is_four_times_the_variance),
    "momentum taken for its complement": (
        lambda batches, momentum: follow(batches, None if momentum is None else 1 - momentum),
        momentum_weighs_the_new_value),
    "running variance never updated": (
        lambda batches, momentum: (follow(batches, momentum)[0], np.ones(batches[0].shape[1])),
        the_averages_arrive_at_what_stays_the_same),
}


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_the_moving_average_obeys(law, rng):
    law(rng, follow)


@pytest.mark.parametrize(
    ("wrong", "law"), MISTAKES.values(), ids=[f"{name}: {law.__name__}" for name, (_, law) in MISTAKES.items()])
def test_a_planted_mistake_breaks_its_law_and_parts_from_pytorch(wrong, law, rng):
    with pytest.raises(AssertionError):
        law(rng, wrong)
    with pytest.raises(AssertionError):
        the_averages_are_pytorchs(rng, wrong)
