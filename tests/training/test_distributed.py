"""Two processes that share each mini-batch: they see every example once, and are one process where they should be."""

import os
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from bncourse.datasets.scenes import Scenes
from bncourse.datasets.transforms import Center, normalize
from bncourse.paths import ROOT
from bncourse.training import train
from bncourse.training.distributed import ALONE, VARIABLES, DistributedError, device_of, join
from tests.training.small import evaluate_on, network
from tests.training.worker_distributed import PER_PROCESS, SYNCHRONIZED, deep, examples, far_from_zero, gradients

needs_torchrun = pytest.mark.skipif(sys.platform == "win32", reason="torchrun's rendezvous needs libuv, and SIGKILL")


def torchrun(*arguments, restarts=0):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
               "--max-restarts", str(restarts), "--monitor-interval", "0.1", "-m", "tests.training.worker_distributed"]
    environment = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    done = subprocess.run([*command, *map(str, arguments)], cwd=ROOT, capture_output=True, text=True, timeout=300,
                          env=environment | {"OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def common_seed():
    return int(np.random.default_rng(0).integers(2**31))


@pytest.fixture(scope="module")
def folder(tmp_path_factory, common_seed):
    """What two processes found, in one launch."""
    folder = tmp_path_factory.mktemp("laws")
    torchrun("laws", folder, common_seed)
    return folder


@pytest.fixture(scope="module")
def found(folder):
    return [torch.load(folder / f"laws-{rank}.pt", weights_only=True) for rank in (0, 1)]


@needs_torchrun
def test_processes_tell_one_another_small_things(found):
    for own in found:
        assert own["totals"] == [1.0, 1.0]
        assert own["gathered"] == [1, 4]
        assert own["from_first"] == "of rank 0"


@needs_torchrun
def test_two_processes_see_every_example_once_an_epoch(found):
    scenes = Scenes("train", 24, size=8)
    everything = torch.stack([normalize(Center(6)(scenes.image(i), None)) for i in range(len(scenes))])
    seen = torch.cat([images for own in found for images in own["sees"]])
    assert sorted(map(bytes, seen.numpy())) == sorted(map(bytes, everything.numpy()))


@needs_torchrun
def test_with_synchronized_batch_norm_gradients_are_those_of_the_joint_mini_batch(found, common_seed):
    model = deep(common_seed)
    joint = gradients(model, model, next(examples(common_seed, dtype=torch.float64).epoch(0)))
    for own in found:
        for name, gradient in joint.items():
            torch.testing.assert_close(own["gradients"][name], gradient, rtol=1e-6, atol=1e-12, msg=name)
        for name, value in model.state_dict().items():  # running statistics among them
            torch.testing.assert_close(own["after"][name], value, rtol=1e-6, atol=1e-12, msg=name)


@needs_torchrun
def test_synchronized_batch_norm_keeps_six_digits_far_from_zero(found, common_seed):
    x = far_from_zero(common_seed).double()
    y = (x - x.mean(0)) / (x.var(0, correction=0) + 1e-5).sqrt()
    assert torch.cat([own["far"] for own in found]).double().sub(y).abs().max() < 1e-5


@needs_torchrun
def test_what_synchronized_batch_norm_cannot_do_it_refuses(found):
    for own in found:
        assert "several in training" in own["refused"][0] and "4D" in own["refused"][1]
        assert "once_differentiable" in own["refused"][2]


@needs_torchrun
def test_epochs_of_different_lengths_are_refused_in_every_process(found):
    assert all(own["lengths"].startswith("the processes have 3, 4 mini-batches in an epoch; expected") for own in found)


@needs_torchrun
def test_with_synchronized_batch_norm_a_training_is_that_of_one_process(found, common_seed):
    model, joint = network(common_seed, dropout=0.0).double(), examples(common_seed, dtype=torch.float64)
    recipe = replace(SYNCHRONIZED, devices=1, sync_batchnorm=False)
    columns = train(model, joint, recipe, evaluate=evaluate_on(joint))
    for own in found:
        for name, value in model.state_dict().items():
            torch.testing.assert_close(own["trained"][name], value, rtol=1e-6, atol=1e-10, msg=name)
        assert own["columns"]["loss"] == pytest.approx(columns["loss"], rel=1e-6)
        assert own["columns"]["top1"] == columns["top1"]


@needs_torchrun
def test_processes_end_with_the_same_network_and_rank_0_alone_speaks(found):
    first, second = found
    for training in ("per process weights", "never evaluated"):
        for name, value in first[training].items():  # running statistics among them
            assert value.equal(second[training][name]), name
    assert first["per process"]["loss"] == second["per process"]["loss"]
    assert first["told"] > 0 == second["told"]


@needs_torchrun
def test_all_processes_stop_after_the_same_step_and_go_on_bit_for_bit(found):
    first, second = found
    assert first["stopped"] == second["stopped"]
    assert re.match("stopped after step 6 of 16", first["stopped"])  # the wish came with the row of step 5
    for own in found:
        assert own["resumed"] == own["per process"]
    assert all(value.equal(first["resumed weights"][name]) for name, value in first["per process weights"].items())


@needs_torchrun
def test_an_elastic_restart_goes_on_bit_for_bit(found, tmp_path, common_seed, rng):
    """A random one of the two is killed at a random step; torchrun starts both anew."""
    rank, step = int(rng.integers(2)), int(rng.integers(4, PER_PROCESS.steps + 1))
    torchrun("elastic", tmp_path, common_seed, rank, step, restarts=1)
    after = [torch.load(tmp_path / f"elastic-{rank}.pt", weights_only=True) for rank in (0, 1)]
    assert 0 < after[0]["taken"] < PER_PROCESS.steps
    for name, value in found[0]["per process weights"].items():
        assert after[0]["weights"][name].equal(value), name


def test_without_torchrun_there_is_one_process(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    with join() as world:
        assert world == ALONE
        assert world.totals(2.0) == [2.0] and world.gather(b"a") == [b"a"] and world.from_first(b"b") == b"b"


@pytest.mark.parametrize("changed, said", [
    ({"MASTER_ADDR": None, "WORLD_SIZE": None}, "the environment has RANK, LOCAL_RANK, MASTER_PORT, but not "
                                                "WORLD_SIZE, MASTER_ADDR; expected all that torchrun sets"),
    ({"WORLD_SIZE": "two"}, "WORLD_SIZE is 'two'; expected a whole number; start it with torchrun"),
    ({"RANK": "2"}, "RANK is 2, LOCAL_RANK 1 and WORLD_SIZE 2; expected LOCAL_RANK <= RANK < WORLD_SIZE"),
])
def test_an_environment_that_torchrun_did_not_make_is_refused(monkeypatch, changed, said):
    usual = {"RANK": "1", "LOCAL_RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": "1"}
    for name, value in (usual | changed).items():
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    with pytest.raises(DistributedError, match=said), join():
        pass


def test_more_processes_than_gpus_are_refused():
    with pytest.raises(DistributedError, match=r"LOCAL_RANK is 99, but this machine has \d+ GPUs; expected one"):
        device_of("cuda", 99)
