"""A checkpoint with a right digest and any content: a training goes on from it or refuses it, and never half."""

from copy import deepcopy

import pytest
import torch

from bncourse import cli
from bncourse.training import Recipe, checkpoint, train
from bncourse.training.checkpoint import CheckpointError
from tests.damage import ODD, checkpoint_of, edited
from tests.training.small import Examples, evaluate_on, network, same, without_times

RECIPE = Recipe(steps=6, batch=8, lr=0.05, evaluate_every=2)
TENSORS = (torch.zeros(3), torch.full((1,), torch.nan), torch.zeros(2, 2, dtype=torch.int64), torch.tensor(1.0))


class Written:
    """A checkpoint after 4 of 6 steps, to be spoiled and gone on from, and what the training comes to."""

    def __init__(self, folder, seed):
        self.folder, self.seed, self.examples = folder, seed, Examples(seed)
        self.never = self.trained()
        self.trained(folder, 4)
        self.path = checkpoint.newest(folder)
        self.facts, self.state = checkpoint.load(self.path)
        for path in checkpoint.found(folder):
            path.unlink()

    def trained(self, folder=None, steps=6, model=None):
        model = network(self.seed) if model is None else model
        recipe = Recipe(**{**vars(RECIPE), "steps": steps})
        return model, train(model, self.examples, recipe, evaluate=evaluate_on(self.examples), folder=folder)

    def resumed(self, facts=None, state=None):
        """The training that goes on from a checkpoint with this content."""
        content = checkpoint_of(self.facts if facts is None else facts, self.state if state is None else state)
        for path in checkpoint.found(self.folder):
            path.unlink()
        self.path.write_bytes(content)
        return self.trained(self.folder)


@pytest.fixture
def written(tmp_path, seed):
    return Written(tmp_path, seed)


def spoil(state, path, value):
    """A copy of the state in which the value at a path is `value(old)`."""
    state = deepcopy(state)
    *above, last = path
    holder = state
    for key in above:
        holder = holder[key]
    holder[last] = value(holder[last])
    return state


def nan_first(tensor):
    tensor = tensor.clone()
    tensor.view(-1)[0] = torch.nan
    return tensor


def test_what_was_written_is_gone_on_from_bit_for_bit(written):
    model, columns = written.resumed()
    assert same(model, written.never[0]) and without_times(columns) == without_times(written.never[1])


@pytest.mark.parametrize("path, value, said", [
    (("model", "0.weight"), nan_first, r"numbers that are not finite, though the loss is: 0\.weight"),
    (("model", "1.running_var"), nan_first, r"not finite, though the loss is: 1\.running_var"),
    (("model", "0.weight"), lambda _: 5, r"of another network: 0\.weight is 5 there and \(4, 3, 3, 3\) float32 here"),
    (("optimizer", "state", 0, "momentum_buffer"), nan_first, "not finite, though the loss is: momentum 0"),
    (("optimizer", "state", 0, "momentum_buffer"), lambda old: old[None], r"another optimizer: state\.0\.momentum_b"),
    (("optimizer", "state", 0), lambda _: 5, r"of another optimizer: state\.0 is 5 there"),
    (("optimizer", "param_groups", 0, "momentum"), lambda _: 5, r"param_groups\.0\.momentum is 5 there and 0\.9 here"),
    (("optimizer", "param_groups", 0, "params"), lambda _: [1], r"of another optimizer: param_groups\.0\.params\.0"),
    (("optimizer", "param_groups"), lambda _: None, "no state or no param_groups"),
    (("columns",), lambda old: {**old, "bonus": old["loss"]}, "has other columns: 'bonus'"),
    (("columns",), lambda old: {name: old[name] for name in old if name != "lr"}, "has other columns: no 'lr'"),
    (("columns", "loss"), lambda old: [*old, 1.0], "columns of unequal lengths: loss of 3"),
    (("columns", "loss"), lambda _: 5, "not lists of numbers: loss"),
    (("columns", "step"), lambda _: [4, 2], "a place that cannot be: row_step is 4, and the last row is after step 2"),
    (("columns", "seconds"), lambda _: [-1.0, 0.0], "a place that cannot be: seconds"),
    (("processes",), lambda old: old * 2, "of other processes: there were 2 and are 1"),
    (("processes", 0, "random", "torch"), lambda old: old[:9], "the random states of process 0 are none"),
    (("processes", 0, "losses"), lambda old: old[None], r"losses of process 0 is \(1,\) float64 there"),
    (("model",), lambda _: [], r"holds other things: model is \[\]"),
])
def test_content_that_no_training_writes_is_refused_and_changes_nothing(written, path, value, said):
    model = network(written.seed)
    with pytest.raises(CheckpointError, match=rf"step-000000004\.ckpt .*{said}"):
        written.resumed(state=spoil(written.state, path, value))
    with pytest.raises(CheckpointError):
        written.trained(written.folder, model=model)
    assert same(model, network(written.seed))


@pytest.mark.parametrize("facts, said", [
    ({"step": 7}, "step is 7, and the recipe has 6"), ({"step": 0}, "step is 0"), ({"step": True}, "step is True"),
    ({"step": 4.5}, r"step is 4\.5"), ({"row_step": 3}, "row_step is 3"), ({"seconds": -1.0}, "seconds"),
    ({"seconds": "1"}, "seconds is '1'"), ({"recipe": []}, r"recipe is \[\]"), ({"epoch_length": None}, "epoch_length"),
])
def test_facts_that_cannot_be_are_refused(written, facts, said):
    with pytest.raises(CheckpointError, match=said):
        written.resumed(facts=written.facts | facts)


def test_weights_that_diverged_with_their_loss_are_gone_on_from(tmp_path, seed):
    recipe = Recipe(**{**vars(RECIPE), "lr": 1e30, "checkpoint_every": 1})
    examples = Examples(seed)
    columns = [train(network(seed), examples, recipe, evaluate=evaluate_on(examples), folder=tmp_path)
               for _ in range(2)]
    assert str(columns[0]) == str(columns[1]) and "nan" in str(columns[0]["loss"])


def test_any_edit_is_gone_on_from_or_refused(written, rng):
    taken = 0
    for _ in range(60):
        facts, state = edited(written.facts, rng, ODD), edited(written.state, rng, ODD + TENSORS)
        for spoiling in ({"facts": facts}, {"state": state}):
            try:
                written.resumed(**spoiling)
            except (CheckpointError, OSError) as error:
                assert cli.is_expected(error)
            else:
                taken += 1
    assert taken < 40
