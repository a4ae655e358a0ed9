"""The paper's claims that a few lines can hold, one law each; data/paper/claims.toml points here."""

import copy

import numpy as np

from bncourse.experiments import activations, inference
from bncourse.experiments.digits import binary_images
from bncourse.kernels import layers, mlp
from bncourse.kernels.normalize import batchnorm_backward, batchnorm_forward, batchnorm_inference, standardize
from bncourse.paper import figure3

SIZES = (20, 9, 8, 10)


def examples(rng, m):
    return rng.normal(size=(m, SIZES[0])), rng.integers(10, size=m)


def steps(model):
    return next(row.steps for row in figure3() if row.model == model)


def test_c2_c13_the_printed_steps_are_14_times_fewer_and_7_per_cent():
    ratio = steps("Inception") / steps("BN-x5")
    assert int(ratio) == 14
    assert round(100 / ratio) == 7


def test_c5_the_gradient_of_the_mean_loss_is_the_mean_of_the_examples_gradients(rng):
    network = mlp.init(SIZES, batchnorm=False, std=0.5, rng=rng)
    x, t = examples(rng, 12)
    _, whole, _ = mlp.loss_and_gradients(network, x, t)
    each = [mlp.loss_and_gradients(network, x[i : i + 1], t[i : i + 1])[1] for i in range(12)]
    for layer, gradient in enumerate(whole):
        assert np.allclose(np.mean([g[layer].w for g in each], axis=0), gradient.w, atol=1e-15)


def test_c6_the_squared_error_of_the_minibatch_gradient_falls_as_one_over_m(rng):
    network = mlp.init(SIZES, batchnorm=False, std=0.5, rng=rng)
    x, t = examples(rng, 300)
    true = mlp.loss_and_gradients(network, x, t)[1][0].w

    def error(m):
        rows = rng.integers(300, size=(400, m))
        return np.mean([np.sum((mlp.loss_and_gradients(network, x[r], t[r])[1][0].w - true) ** 2) for r in rows])

    assert np.isclose(error(2) / error(16), 8, rtol=0.2)


def test_c7_the_layer_of_a_batch_is_the_layer_of_each_example(rng):
    network = mlp.init(SIZES, batchnorm=False, std=0.5, rng=rng)
    x, _ = examples(rng, 12)
    singly = np.concatenate([mlp.forward(network, x[i : i + 1])[0] for i in range(12)])
    assert np.allclose(mlp.forward(network, x)[0], singly, atol=1e-14)


def test_c8_large_weights_amplify_a_small_change_and_small_ones_do_not(rng):
    def growth(std, depth=8):
        """The change of the last sigmoids' inputs over the change of the first ones', each over its spread."""
        network = mlp.init((30, *[40] * depth, 10), batchnorm=False, std=std, rng=rng)
        x = rng.normal(size=(50, 30))
        before = [trace.y for trace in mlp.forward(network, x)[1].hidden]
        network[0].w += 1e-3 * std * rng.normal(size=network[0].w.shape)
        after = [trace.y for trace in mlp.forward(network, x)[1].hidden]
        changed = [np.linalg.norm(b - a) / np.linalg.norm(a - a.mean(0)) for a, b in zip(before, after, strict=True)]
        return changed[-1] / changed[0]

    assert growth(4.0) > 10
    assert 0.5 < growth(0.1) < 1.5


def test_c9_the_upper_part_steps_like_a_network_of_its_own(rng):
    network = mlp.init(SIZES, batchnorm=False, std=0.5, rng=rng)
    upper = copy.deepcopy(network[1:])
    for _ in range(20):
        x, t = examples(rng, 12)
        _, gradients, tape = mlp.loss_and_gradients(network, x, t)
        fed, _ = layers.sigmoid_forward(tape.hidden[0].y)
        mlp.sgd_step(upper, mlp.loss_and_gradients(upper, fed, t)[1], lr=1.0)
        mlp.sgd_step(network, gradients, lr=1.0)
    for mine, its in zip(upper, network[1:], strict=True):
        assert np.allclose(mine.w, its.w, atol=1e-15) and np.allclose(mine.b, its.b, atol=1e-15)


def test_c9_frozen_random_layers_let_the_digits_through_once_their_outputs_are_standardized(rng):
    (images, t), (others, answers), _ = binary_images("glyphs", 127)
    network = mlp.init(batchnorm=False, std=0.1, rng=rng)
    x, x_test = (mlp.forward(network, u)[1].hidden[2].u for u in (images[:4000], others[:500]))

    def accuracy(mean, std):
        """Of the upper half on the frozen outputs of the lower half, less the mean and over std, after 300 steps."""
        upper = copy.deepcopy(network[2:])
        for _ in range(300):
            rows = rng.integers(len(x), size=60)
            mlp.sgd_step(upper, mlp.loss_and_gradients(upper, (x[rows] - mean) / std, t[rows])[1], lr=2.0)
        return np.mean(mlp.predict(upper, (x_test - mean) / std) == answers[:500])

    assert accuracy(0, 1) < 0.3 < 0.6 < accuracy(x.mean(0), x.std(0))


def test_c10_the_gradient_through_a_sigmoid_vanishes_like_the_exponential_of_its_input():
    far = np.array([-20.0, -10.0, 10.0, 20.0])
    _, y = layers.sigmoid_forward(far)
    assert np.allclose(layers.sigmoid_backward(np.ones(4), y), np.exp(-np.abs(far)), rtol=1e-4)
    _, middle = layers.sigmoid_forward(np.zeros(1))
    assert layers.sigmoid_backward(np.ones(1), middle) == 0.25


def test_c11_the_gradient_vanishes_with_depth_and_the_usual_cures_are_cures(rng):
    def arriving(kind, std, depth=6):
        """The gradient's size below a stack of layers of 60, over its size above."""
        forward, backward = kind
        z, caches = rng.normal(size=(30, 60)), []
        for _ in range(depth):
            y, affine = layers.affine_forward(z, std * rng.normal(size=(60, 60)), None)
            z, cache = forward(y)
            caches.append((affine, cache))
        above = dz = rng.normal(size=z.shape)
        for affine, cache in reversed(caches):
            dz, _, _ = layers.affine_backward(backward(dz, cache), affine)
        return np.linalg.norm(dz) / np.linalg.norm(above)

    sigmoid, relu = (layers.sigmoid_forward, layers.sigmoid_backward), (layers.relu_forward, layers.relu_backward)
    small = 1 / np.sqrt(60)
    assert arriving(sigmoid, small) < 0.27**6
    assert arriving(sigmoid, 4 * small) > 50 * arriving(sigmoid, small)
    assert 0.3 < arriving(relu, np.sqrt(2) * small) < 3


def test_c14_c43_percentiles_of_the_sigmoids_inputs_move_and_with_batch_norm_they_move_less():
    def percentiles(batchnorm):
        config = activations.Config(batchnorm=batchnorm, steps=80, records=8, lr=2.0, test_images=200,
                                    population_batches=3)
        columns = activations.run(config).columns
        return np.array([columns[name] for name in ("p15", "p50", "p85")])

    plain, normal = (np.abs(np.diff(percentiles(batchnorm))).mean() for batchnorm in (False, True))
    assert plain > 2 * normal > 0.01


def test_c20_norms_of_one_example_discard_its_scale_and_batch_norm_does_not(rng):
    x = rng.normal(size=(4, 6, 3, 2))
    x[1] = 3 * x[0]
    apart = {axes: np.abs(np.diff(standardize(x, axes, 1e-12)[0][:2], axis=0)).max()
             for axes in ((1, 2, 3), (2, 3), (0, 2, 3))}
    assert max(apart[1, 2, 3], apart[2, 3]) < 1e-9
    assert apart[0, 2, 3] > 0.5


def test_c22_a_line_explains_most_of_a_sigmoid_fed_with_a_standard_normal(rng):
    x = rng.normal(size=200_000)
    assert 0.98 < np.corrcoef(x, 1 / (1 + np.exp(-x)))[0, 1] ** 2 < 0.99


def test_c23_the_standard_deviation_and_the_mean_give_the_identity_and_the_variance_does_not(rng):
    x, eps = rng.normal(3, 5, size=(7, 4)), 0.3
    back, _ = batchnorm_forward(x, np.sqrt(x.var(0) + eps), x.mean(0), eps)
    assert np.abs(back - x).max() < 1e-12
    assert np.abs(batchnorm_forward(x, x.var(0), x.mean(0), eps)[0] - x).max() > 1


def test_c24_the_covariance_of_fewer_examples_than_features_is_singular(rng):
    assert np.linalg.matrix_rank(np.cov(rng.normal(size=(32, 100)).T)) == 31


def test_c26_normalized_values_sum_to_zero_and_their_mean_square_is_the_variance_over_itself_plus_eps(rng):
    x, eps = rng.normal(2, 3, size=(60, 5)), 0.1
    x_hat, _ = batchnorm_forward(x, np.ones(5), np.zeros(5), eps)
    assert np.abs(x_hat.sum(0)).max() < 1e-12
    assert np.allclose((x_hat**2).mean(0), x.var(0) / (x.var(0) + eps), rtol=1e-12)


def test_c27_in_training_an_example_depends_on_its_company_and_at_inference_it_does_not(rng):
    gamma, beta, one = rng.normal(size=4), rng.normal(size=4), rng.normal(size=(1, 4))
    mean, var = rng.normal(size=4), rng.uniform(1, 2, size=4)
    companies = [np.concatenate([one, rng.normal(size=(5, 4))]) for _ in range(2)]
    train = [batchnorm_forward(x, gamma, beta)[0][0] for x in companies]
    infer = [batchnorm_inference(x, gamma, beta, mean, var)[0] for x in companies]
    assert np.abs(train[0] - train[1]).max() > 0.01
    assert np.array_equal(infer[0], infer[1])


def test_c28_shape_and_correlation_are_left_as_they_are(rng):
    x = rng.exponential(size=(500, 2)) @ np.array([[1.0, 2.0], [0.0, 1.0]])
    x_hat, _ = batchnorm_forward(x, np.ones(2), np.zeros(2), 1e-12)
    third = [((v - v.mean(0)) ** 3).mean(0) / v.std(0) ** 3 for v in (x, x_hat)]
    assert np.allclose(*third, rtol=1e-9)
    assert np.allclose(np.corrcoef(x.T), np.corrcoef(x_hat.T), rtol=1e-9)


def test_c30_of_a_single_example_nothing_is_left_and_nothing_comes_back(rng):
    gamma, beta = rng.normal(size=4), rng.normal(size=4)
    y, cache = batchnorm_forward(rng.normal(size=(1, 4)), gamma, beta)
    assert np.array_equal(y[0], beta)
    assert not batchnorm_backward(rng.normal(size=(1, 4)), cache)[0].any()


def test_c31_a_trained_network_fails_in_training_mode_on_one_class_at_a_time(rng):
    (x, t), (digits, answers), _ = activations.binary_images("glyphs", threshold=127)
    network = mlp.init(rng=rng)
    for _ in range(120):
        rows = rng.integers(len(x), size=60)
        mlp.sgd_step(network, mlp.loss_and_gradients(network, x[rows], t[rows])[1], 0.5)
    population = mlp.population(network, [x[i : i + 60] for i in range(0, 1200, 60)])
    by_class = [np.flatnonzero(answers == k)[:60] for k in range(10)]
    right = [[np.mean(mlp.predict(network, digits[k], p) == answers[k]) for k in by_class] for p in (population, None)]
    assert np.mean(right[0]) > np.mean(right[1]) + 0.3


def test_c32_the_mean_of_the_minibatch_variances_times_m_over_m_minus_1_is_the_variance(rng):
    variances = rng.normal(0, 2, size=(40_000, 2)).var(axis=1)
    assert np.isclose(variances.mean(), 2, rtol=0.05)
    assert np.isclose(2 / 1 * variances.mean(), 4, rtol=0.05)


def test_c33_moving_averages_follow_and_a_slow_one_lags_behind():
    columns = inference.run(inference.Config(steps=150, records=1)).columns
    assert abs(columns["alpha 0.9"][-1] - columns["Algorithm 2"][-1]) < 0.1
    assert columns["alpha 0.999"][-1] < columns["Algorithm 2"][-1] - 0.2


def test_c35_a_bias_in_front_changes_nothing_and_learns_nothing(rng):
    x, b, gamma, beta = rng.normal(size=(20, 4)), *rng.normal(size=(3, 4))
    y, _ = batchnorm_forward(x, gamma, beta)
    with_b, cache = batchnorm_forward(x + b, gamma, beta)
    assert np.abs(with_b - y).max() < 1e-14
    assert np.abs(batchnorm_backward(rng.normal(size=(20, 4)), cache)[0].sum(0)).max() < 1e-13


def test_c36_feature_maps_are_normalized_as_the_table_of_all_locations(rng):
    x, dy, gamma, beta = *rng.normal(size=(2, 4, 3, 5, 2)), *rng.normal(size=(2, 3))

    def table(maps):
        return np.moveaxis(maps, 1, -1).reshape(-1, 3)

    y, cache = batchnorm_forward(x, gamma, beta)
    rows, row_cache = batchnorm_forward(table(x), gamma, beta)
    assert np.allclose(table(y), rows, atol=1e-13)
    dx, *parameters = batchnorm_backward(dy, cache)
    drows, *row_parameters = batchnorm_backward(table(dy), row_cache)
    assert np.allclose(table(dx), drows, atol=1e-13) and np.allclose(parameters, row_parameters)
    assert all(p.shape == (3,) for p in parameters)


def test_c36_moving_one_image_moves_its_output_and_changes_no_other(rng):
    x, gamma, beta = rng.normal(size=(4, 3, 6, 5)), *rng.normal(size=(2, 3))
    moved = x.copy()
    moved[0] = np.roll(x[0], (2, 1), (1, 2))
    y, z = (batchnorm_forward(maps, gamma, beta)[0] for maps in (x, moved))
    assert np.allclose(z[0], np.roll(y[0], (2, 1), (1, 2)), atol=1e-13)
    assert np.allclose(z[1:], y[1:], atol=1e-13)


def test_c42_with_batch_norm_the_network_of_section_4_1_learns_sooner():
    config = dict(steps=120, records=1, lr=0.5, test_images=500, population_batches=5)
    accuracy = {bn: activations.run(activations.Config(batchnorm=bn, **config)).columns["accuracy"][-1]
                for bn in (True, False)}
    assert accuracy[True] > accuracy[False] + 0.3


def test_c54_two_parameters_are_added_for_each_activation(rng):
    def size(batchnorm):
        network = mlp.init(batchnorm=batchnorm, rng=rng)
        return sum(p.size for layer in network for p in layer.parameters())

    assert size(True) - size(False) == 3 * (2 * 100 - 100)  # gamma and beta come, b goes


def test_c57_new_statistics_take_out_a_positive_factor_and_a_shift_of_the_input(rng):
    network = mlp.init(SIZES, std=0.5, rng=rng)
    x, _ = examples(rng, 40)
    fog = 0.5 * x + 0.5
    clear, hazy = (mlp.forward(network, seen, mlp.population(network, [seen]))[0] for seen in (x, fog))
    old = mlp.forward(network, fog, mlp.population(network, [x]))[0]
    assert np.allclose(clear, hazy, atol=1e-4)
    assert np.abs(clear - old).max() > 0.1
