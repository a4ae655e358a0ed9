"""`python3 -m bncourse runs`: what it says where something is lacking."""

from argparse import Namespace

from bncourse.commands import runs
from bncourse.datasets.files import DataError
from bncourse.experiments import recording


def test_runs_whose_data_are_not_there_are_named_and_the_others_replayed(monkeypatch, capsys):
    def replay(run, steps):
        if run.provenance["seed"] == 1:
            raise DataError("mnist is not there")
        return []

    monkeypatch.setattr(recording, "replay", replay)
    assert runs.replay_recorded(Namespace(names=["shift"], steps=1)) == 1
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("as recorded") for line in lines) == 4
    assert "no data      shift/glyphs-to-mnist-seed1: mnist is not there" in lines


def test_an_experiment_without_runs_is_told_which_there_are(capsys):
    assert runs.show(Namespace(experiment="nothing")) == 1
    assert "there are runs of activations, " in capsys.readouterr().out
