"""`train`: it is SGD with momentum as written out below, it measures, and it leaves the rest as it was."""

import math
import random
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from bncourse import runs
from bncourse.datasets.batches import Batches
from bncourse.datasets.scenes import Scenes
from bncourse.datasets.transforms import Center, normalize
from bncourse.training import Recipe, random_states, to_input, train
from tests.training.small import Examples, evaluate_on, network, same

RECIPE = Recipe(steps=14, batch=8, lr=0.05, decay=0.5, decay_steps=4, weight_decay=0.02, evaluate_every=5)


def by_hand(model, examples, recipe):
    """The same training in the plainest words: v = momentum v + dw + weight_decay w, w = w - lr v."""
    model.train()
    speed = {name: torch.zeros_like(w) for name, w in model.named_parameters()}
    step, losses = 0, []
    while step < recipe.steps:
        for images, labels in examples.epoch(step // len(examples)):
            loss = F.cross_entropy(model(images), labels)
            model.zero_grad()
            loss.backward()
            with torch.no_grad():
                for name, w in model.named_parameters():
                    shrinks = recipe.decay_everything or w.dim() > 1
                    speed[name] = recipe.momentum * speed[name] + w.grad + recipe.weight_decay * shrinks * w
                    w -= recipe.lr * recipe.decay ** (step // recipe.decay_steps) * speed[name]
            losses.append(loss.item())
            step += 1
            if step == recipe.steps:
                break
    return losses


@pytest.mark.parametrize("decay_everything", [False, True])
def test_training_is_sgd_with_momentum_and_l2(seed, decay_everything):
    recipe = replace(RECIPE, decay_everything=decay_everything)
    ours, theirs = (network(seed, dropout=0.0).double() for _ in range(2))
    columns = train(ours, Examples(seed, dtype=torch.float64), recipe)
    losses = by_hand(theirs, Examples(seed, dtype=torch.float64), recipe)
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-9, atol=1e-12)
    assert columns["step"] == [5, 10, 14]
    assert columns["loss"] == pytest.approx([np.mean(losses[:5]), np.mean(losses[5:10]), np.mean(losses[10:])])
    assert columns["lr"] == [recipe.learning_rate(step - 1) for step in columns["step"]]


def test_the_columns_are_those_of_a_run(seed):
    examples = Examples(seed)
    columns = train(network(seed), examples, RECIPE, evaluate=evaluate_on(examples))
    assert list(columns) == ["step", "loss", "top1", "top5", "lr", "seconds", "images_per_second"]
    assert min(columns["seconds"]) > 0 and min(columns["images_per_second"]) > 0
    facts = runs.provenance(command="python -m bncourse train", seed=0, data="scenes", sha256="0" * 64, seconds=1)
    runs.Run("classification", "small", {}, facts, columns)


def test_a_network_learns_what_can_be_learned(seed):
    examples = Examples(seed)
    recipe = Recipe(steps=400, batch=8, lr=0.02, evaluate_every=100)
    columns = train(network(seed, width=8, dropout=0.0), examples, recipe, evaluate=evaluate_on(examples))
    assert columns["loss"][-1] < columns["loss"][0] / 4
    assert columns["top1"][-1] > 0.5


def test_evaluation_sees_running_statistics_and_draws_from_random_states_of_its_own(seed):
    def evaluate(model):
        assert not any(module.training for module in model.modules())
        assert not torch.is_grad_enabled()
        torch.rand(3), np.random.random(3), random.random()  # noqa: NPY002
        return evaluate_on(examples)(model)

    examples, watched, alone = Examples(seed), network(seed), network(seed)
    train(watched, examples, RECIPE, evaluate=evaluate)
    train(alone, examples, RECIPE)
    assert same(watched, alone)
    assert not watched.training


def test_the_recipes_seed_is_all_that_dropout_depends_on(seed):
    def trained(recipe):
        torch.rand(1), np.random.random(), random.random()  # noqa: NPY002
        model = network(seed)
        train(model, Examples(seed), recipe)
        return model

    assert same(trained(RECIPE), trained(RECIPE))
    assert not same(trained(RECIPE), trained(replace(RECIPE, seed=1)))


def test_the_callers_random_states_and_threads_stay_as_they_were(seed):
    before, threads = random_states.capture(), torch.get_num_threads()
    seen = []
    train(network(seed), Examples(seed), replace(RECIPE, steps=1, threads=threads + 1),
          progress=lambda done, total: seen.append(torch.get_num_threads()))
    after = random_states.capture()
    assert before["python"][1].equal(after["python"][1])
    assert before["numpy"][1].equal(after["numpy"][1]) and before["numpy"][2:] == after["numpy"][2:]
    assert before["torch"].equal(after["torch"])
    assert set(seen) == {threads + 1} and torch.get_num_threads() == threads


def test_progress_is_told_from_the_start_to_the_end(seed):
    told = []
    train(network(seed), Examples(seed), RECIPE, progress=lambda *steps: told.append(steps))
    assert told == [(done, RECIPE.steps) for done in range(RECIPE.steps + 1)]


def test_each_row_is_recorded_as_it_is_measured(seed):
    rows = []
    columns = train(network(seed), Examples(seed), RECIPE, record=rows.append)
    assert [row["step"] for row in rows] == [5, 10, 14]
    assert {name: [row[name] for row in rows] for name in columns} == columns


@pytest.mark.parametrize("every, last", [(4, 4), (None, 100)])
def test_a_loss_that_is_not_finite_is_the_last_measurement(seed, every, last):
    examples = Examples(seed)
    examples.images[:] = float("inf")
    recipe = Recipe(steps=1000, batch=8, lr=1.0, evaluate_every=every)
    columns = train(network(seed), examples, recipe, evaluate=evaluate_on(examples))
    assert columns["step"] == [last]
    assert not math.isfinite(columns["loss"][0])
    assert math.isnan(columns["top1"][0]) and math.isnan(columns["top5"][0])


class Waits(TorchFunctionMode):
    """Counts what makes a program wait for the device."""

    count = 0

    def __torch_function__(self, function, types, args=(), kwargs=None):
        waits = {"item", "tolist", "numpy", "cpu", "__bool__", "__float__", "__int__", "nonzero"}
        self.count += getattr(function, "__name__", "") in waits
        return function(*args, **kwargs or {})


def test_the_host_waits_for_the_device_at_rows_alone(seed):
    counts = []
    with Waits() as waits:
        train(network(seed), Examples(seed, count=240), replace(RECIPE, steps=30, evaluate_every=10),
              progress=lambda done, total: counts.append(waits.count))
    assert [step for step in range(2, 31) if counts[step] > counts[step - 1]] == [10, 20, 30]


def test_bf16_rounds_products_and_keeps_weights_in_float32(seed):
    exact, rounded = network(seed, dropout=0.0), network(seed, dropout=0.0)
    dtypes = set()
    rounded[0].register_forward_hook(lambda layer, args, y: dtypes.add(y.dtype))
    losses = [train(model, Examples(seed), replace(RECIPE, precision=precision))["loss"]
              for model, precision in ((exact, "float32"), (rounded, "bf16"))]
    assert dtypes == {torch.bfloat16}
    assert {w.dtype for w in rounded.parameters()} == {torch.float32}
    assert losses[0] == pytest.approx(losses[1], rel=0.1) and losses[0] != losses[1]


def test_channels_last_is_another_order_in_memory_of_the_same_training(seed):
    usual, innermost = network(seed, dropout=0.0), network(seed, dropout=0.0)
    layouts = []
    innermost[0].register_forward_hook(
        lambda layer, args, y: layouts.append(args[0].is_contiguous(memory_format=torch.channels_last)))
    losses = [train(model, Examples(seed), replace(RECIPE, channels_last=last))["loss"]
              for model, last in ((usual, False), (innermost, True))]
    assert all(layouts) and innermost[0].weight.is_contiguous(memory_format=torch.channels_last)
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_a_compiled_network_trains_as_the_plain_one(seed, monkeypatch):
    compiled = []
    monkeypatch.setattr(torch, "compile", lambda network: compiled.append(network) or torch.nn.Sequential(network))
    plain, other = network(seed), network(seed)
    train(plain, Examples(seed), RECIPE)
    train(other, Examples(seed), replace(RECIPE, compiled=True))
    assert compiled == [other] and same(plain, other)


def test_images_go_to_the_device_as_they_are_and_bytes_are_refused_until_they_are_normalized(rng):
    images = torch.from_numpy(rng.integers(256, size=(2, 3, 4, 4), dtype=np.uint8))
    with pytest.raises(TypeError, match=r"bytes; expected floating point: try .*transforms\.normalize"):
        to_input(images, "cpu")
    assert to_input(normalize(images), "cpu").equal(normalize(images))
    moved = to_input(images.double(), "cpu", channels_last=True)
    assert moved.equal(images.double()) and moved.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("examples, recipe, said", [
    (partial(Examples, batch=4), RECIPE, "batches.batch is 4; expected 8, the recipe's batch of 8 shared by 1"),
    (Examples, replace(RECIPE, devices=2), "there are 1 processes, but the recipe's devices is 2"),
    (partial(Examples, count=0), RECIPE, "batches has no mini-batch in an epoch; expected 8 examples or more"),
])
def test_mini_batches_that_do_not_fit_the_recipe_are_refused(seed, examples, recipe, said):
    with pytest.raises(ValueError, match=said):
        train(network(seed), examples(seed), recipe)


def test_an_epoch_that_ends_early_is_refused(seed):
    class Short(Examples):
        def epoch(self, number, start=0):
            yield from list(super().epoch(number, start))[:3]

    with pytest.raises(ValueError, match=r"epoch 0 ended after 3 mini-batches; expected len\(batches\), which is 6"):
        train(network(seed), Short(seed), RECIPE)


def test_pictures_train(seed):
    pictures = Scenes("train", 24, size=8)
    batches = Batches(pictures, Center(6), batch=8, seed=seed)
    columns = train(network(seed), batches, replace(RECIPE, steps=4))
    assert math.isfinite(columns["loss"][-1])
