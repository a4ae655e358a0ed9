"""A training that was stopped, or killed, and goes on is bit for bit the one that never was."""

import signal
import subprocess
import sys
import time
from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from torch import nn

from bncourse.paths import ROOT
from bncourse.training import Recipe, checkpoint, train
from bncourse.training.checkpoint import CheckpointError, DamagedCheckpoint
from bncourse.training.stopping import Interrupted
from tests.training.small import Examples, evaluate_on, network, same, without_times

RECIPE = Recipe(steps=14, batch=8, lr=0.05, decay=0.5, decay_steps=4, weight_decay=0.02, evaluate_every=4)


def trained(seed, recipe=RECIPE, model=None, **settings):
    """A network and its columns, as `train` leaves them."""
    model = network(seed) if model is None else model
    examples = Examples(seed)
    return model, train(model, examples, recipe, evaluate=evaluate_on(examples), **settings)


def interrupting(number, at):
    """A `progress` that sends this signal to the process itself after some step."""
    return lambda done, total: signal.raise_signal(number) if done == at else None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("at", [1, 5, 6, 8, 13])  # 6 ends an epoch, 8 has a row
def test_a_training_that_was_interrupted_goes_on_bit_for_bit(tmp_path, seed, number, at):
    with pytest.raises(Interrupted, match=rf"after step {at} of 14, .*step-{at:09d}\.ckpt.* the same command goes on"):
        trained(seed, folder=tmp_path, progress=interrupting(number, at))
    resumed, columns = trained(seed, folder=tmp_path)
    never, expected = trained(seed)
    assert same(resumed, never)
    assert without_times(columns) == without_times(expected)
    assert columns["seconds"] == sorted(columns["seconds"])


def test_signals_do_afterwards_what_they_did_before(tmp_path, seed):
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with pytest.raises(Interrupted):
        trained(seed, folder=tmp_path, progress=interrupting(signal.SIGTERM, 2))
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_the_same_signal_again_is_obeyed_at_once(tmp_path, seed):
    def impatient(done, total):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        trained(seed, folder=tmp_path, progress=impatient)


def test_without_a_folder_ctrl_c_is_what_it_always_is(seed):
    with pytest.raises(KeyboardInterrupt):
        trained(seed, progress=interrupting(signal.SIGINT, 3))


def test_checkpoints_are_written_when_due_and_at_the_end(tmp_path, seed):
    written = []
    trained(seed, replace(RECIPE, checkpoint_every=3), folder=tmp_path,
            progress=lambda done, total: written.append([int(p.stem[-9:]) for p in checkpoint.found(tmp_path)]))
    assert written[3:14] == [[], [3], [3], [3], [3, 6], [3, 6], [3, 6], [6, 9], [6, 9], [6, 9], [9, 12]]
    assert [path.stem for path in checkpoint.found(tmp_path)] == ["step-000000012", "step-000000014"]


@pytest.mark.parametrize("first", [True, False])
def test_rows_with_an_evaluation_do_not_follow_rows_without(tmp_path, seed, first):
    for evaluates in (first, not first):
        examples, model = Examples(seed), network(seed)
        recipe = replace(RECIPE, steps=4 if evaluates == first else 8)
        settings = {"evaluate": evaluate_on(examples)} if evaluates else {}
        if evaluates == first:
            train(model, examples, recipe, folder=tmp_path, **settings)
            continue
        with pytest.raises(CheckpointError, match=r"is of a training with.* evaluate, and this one is with"):
            train(model, examples, recipe, folder=tmp_path, **settings)


def test_a_training_that_is_done_is_not_done_again(tmp_path, seed):
    _, columns = trained(seed, folder=tmp_path)
    steps = []
    model, again = trained(seed, folder=tmp_path, progress=lambda done, total: steps.append(done))
    assert again == columns and steps == [14]
    assert same(model, trained(seed)[0])


def test_a_training_that_diverged_does_not_go_on(tmp_path, seed):
    recipe = replace(RECIPE, lr=1e30)
    _, columns = trained(seed, recipe, folder=tmp_path)
    assert columns["step"][-1] < 14
    assert str(trained(seed, recipe, folder=tmp_path)[1]) == str(columns)  # nan is not nan


def test_more_steps_go_on_where_fewer_ended(tmp_path, seed):
    trained(seed, replace(RECIPE, steps=8), folder=tmp_path)
    model, columns = trained(seed, folder=tmp_path)
    never, expected = trained(seed)
    assert same(model, never) and without_times(columns) == without_times(expected)


def test_mini_batches_that_were_seen_are_not_made_again(tmp_path, seed):
    trained(seed, replace(RECIPE, steps=8), folder=tmp_path)
    examples = Examples(seed)
    train(network(seed), examples, RECIPE, evaluate=evaluate_on(examples), folder=tmp_path)
    assert examples.opened == [(1, 2), (2, 0)]


@pytest.mark.parametrize("field, value, said", [
    ("lr", 0.1, r"lr 0\.05 there and 0\.1 here"),
    ("momentum", 0.8, r"momentum 0\.9 there and 0\.8 here"),
    ("seed", 3, "seed 0 there and 3 here"),
    ("precision", "bf16", "precision 'float32' there and 'bf16' here"),
])
def test_a_checkpoint_of_another_recipe_is_refused(tmp_path, seed, field, value, said):
    trained(seed, replace(RECIPE, steps=4), folder=tmp_path)
    with pytest.raises(CheckpointError, match=rf"step-000000004\.ckpt is of another recipe: {said}"):
        trained(seed, replace(RECIPE, **{field: value}), folder=tmp_path)


@pytest.mark.parametrize("model, said", [
    (lambda seed: network(seed, width=5), r"0\.weight is \(4, 3, 3, 3\) float32 there and \(5, 3, 3, 3\) float32 here, "
                                          r".*, and \d+ more"),
    (lambda seed: network(seed).double(), r"0\.weight is \(4, 3, 3, 3\) float32 there and \(4, 3, 3, 3\) float64 here"),
    (lambda seed: nn.Sequential(*network(seed), nn.Linear(16, 16)), r"9\.weight is missing there and \(16, 16\)"),
    (lambda seed: network(seed)[:-2].append(nn.Linear(16, 16)), r"8\.weight is .* there and missing here"),
], ids=["wider", "float64", "longer", "shifted"])
def test_a_checkpoint_of_another_network_is_refused_and_changes_nothing(tmp_path, seed, model, said):
    trained(seed, replace(RECIPE, steps=4), folder=tmp_path)
    other = model(seed)
    before = deepcopy(other)
    with pytest.raises(CheckpointError, match=rf"step-000000004\.ckpt is of another network: .*{said}"):
        train(other, Examples(seed), RECIPE, folder=tmp_path)
    assert same(other, before)


def test_a_checkpoint_of_other_data_is_refused(tmp_path, seed):
    trained(seed, replace(RECIPE, steps=4), folder=tmp_path)
    with pytest.raises(CheckpointError, match="of other data: its epochs had 6 mini-batches, and these have 10"):
        train(network(seed), Examples(seed, count=80), RECIPE, folder=tmp_path)


def test_a_damaged_checkpoint_stops_a_training_unless_asked_to_fall_back(tmp_path, seed):
    trained(seed, replace(RECIPE, steps=10, checkpoint_every=5), folder=tmp_path)
    last = checkpoint.found(tmp_path)[-1]
    last.write_bytes(last.read_bytes()[:1000])
    with pytest.raises(DamagedCheckpoint, match="cut short"):
        trained(seed, replace(RECIPE, checkpoint_every=5), folder=tmp_path)
    model, columns = trained(seed, replace(RECIPE, checkpoint_every=5), folder=tmp_path, fall_back=True)
    never, expected = trained(seed)
    assert same(model, never) and without_times(columns) == without_times(expected)


def test_a_process_that_was_killed_goes_on_bit_for_bit(tmp_path, seed, rng):
    """Killed at a random moment: while it steps, measures or writes."""
    recipe = {"steps": 60, "batch": 8, "lr": 0.05, "evaluate_every": 7, "checkpoint_every": 2}
    command = [sys.executable, "-m", "tests.training.worker", str(tmp_path), str(seed), repr(recipe)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        target = int(rng.integers(3, 50))
        for line in process.stdout:
            if int(line) >= target:
                time.sleep(rng.uniform(0, 0.02))
                process.kill()
                break
        assert process.wait() != 0
    reached = checkpoint.load(checkpoint.newest(tmp_path))[0]["step"]
    assert 0 < reached < 60
    resumed, columns = trained(seed, Recipe(**recipe), folder=tmp_path)
    never, expected = trained(seed, Recipe(**recipe))
    assert same(resumed, never) and without_times(columns) == without_times(expected)
    facts, state = checkpoint.load(checkpoint.newest(tmp_path))
    assert facts["step"] == 60 and all(torch.equal(w, state["model"][name]) for name, w in never.state_dict().items())
