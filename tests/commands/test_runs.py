"""`python3 -m bncourse runs`: what it says where something is lacking."""

import importlib
import pkgutil
from argparse import ArgumentParser, Namespace

import pytest

from bncourse import experiments
from bncourse.commands import runs
from bncourse.datasets.files import DataError
from bncourse.experiments import recording


def test_runs_whose_data_are_not_there_are_named_and_the_others_replayed(monkeypatch, capsys):
    def replay(run, steps, exact):
        if run.provenance["seed"] == 1:
            raise DataError("mnist is not there")
        return []

    monkeypatch.setattr(recording, "replay", replay)
    assert runs.replay_recorded(Namespace(names=["shift"], steps=1, exact=False)) == 1
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("as recorded") for line in lines) == 4
    assert "no data      shift/glyphs-to-mnist-seed1: mnist is not there" in lines


def test_an_experiment_without_runs_is_told_which_there_are(capsys):
    assert runs.show(Namespace(experiment="nothing")) == 1
    assert "there are runs of activations, " in capsys.readouterr().out


def test_help_names_every_experiment_that_plans_runs(capsys):
    modules = [importlib.import_module(f"bncourse.experiments.{found.name}")
               for found in pkgutil.iter_modules(experiments.__path__)]
    names = sorted(m.__name__.rpartition(".")[2] for m in modules if hasattr(m, "PLAN") and hasattr(m, "run"))
    parser = ArgumentParser()
    runs.add(parser.add_subparsers())
    with pytest.raises(SystemExit):
        parser.parse_args(["runs", "record", "--help"])
    assert f"one of {', '.join(names)} " in f"{' '.join(capsys.readouterr().out.split())} "
    assert {"activations", "whitening"} < set(names)
