"""The cost of whitening at small size: what is recorded, how it is read back, and what is refused. Nothing is timed."""

import numpy as np
import pytest

from bncourse import runs
from bncourse.experiments import recording, whitening
from bncourse.experiments.whitening import METHODS, Config, exponent, run, totals

SMALL = Config(batch=20, features=(3, 8), rounds=2)


@pytest.fixture
def short_turns(monkeypatch):
    monkeypatch.setattr(whitening, "TURN", 0.0)


def test_every_method_gets_both_passes_in_every_round(short_turns):
    columns = run(SMALL).columns
    assert columns["round"] == [0, 0, 1, 1]
    assert columns["features"] == [3, 8, 3, 8]
    passes = {f"{method}_{direction}" for method in METHODS for direction in ("forward", "backward")}
    assert set(columns) == passes | {"round", "features"}
    assert all(seconds >= 0 for name in passes for seconds in columns[name])


def test_the_passes_timed_are_those_of_the_named_method(short_turns, monkeypatch):
    called = []

    def spy(function):
        def record(*arguments):
            called.append((function.__name__, arguments[1] if isinstance(arguments[1], str) else arguments[1][0]))
            return function(*arguments)
        return record

    for name in ("whiten_forward", "whiten_backward"):
        monkeypatch.setattr(whitening.whiten, name, spy(getattr(whitening.whiten, name)))
    run(Config(batch=9, features=(4,), rounds=1))
    for method in METHODS[1:]:
        assert ("whiten_forward", method) in called
        assert ("whiten_backward", method) in called


def test_the_run_is_saved_and_says_that_it_took_one_thread(short_turns, tmp_path):
    recorded = run(SMALL)
    assert runs.Run.load(recorded.save(tmp_path)) == recorded
    assert recorded.provenance["threads"] == 1
    assert "rounds=2" in recorded.provenance["command"]


def test_a_seed_decides_the_numbers_that_are_whitened(short_turns):
    first, again, other = (run(Config(batch=9, features=(4,), rounds=1, seed=seed)) for seed in (0, 0, 1))
    assert first.provenance["sha256"] == again.provenance["sha256"] != other.provenance["sha256"]


def test_progress_is_told_after_each_row(short_turns):
    told = []
    run(SMALL, lambda done, total: told.append((done, total)))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_what_is_recorded_is_refused_before_anything_is_measured(monkeypatch):
    monkeypatch.setattr(whitening, "seconds", lambda *_: pytest.fail("it was measured"))
    with pytest.raises(runs.RunExists, match="normal-batch2048-seed0"):
        recording.record("whitening", *whitening.PLAN["cost"])


def test_totals_add_the_passes_and_keep_the_rounds_apart():
    columns = {"round": [0, 0, 1, 1], "features": [3, 8, 3, 8]}
    for k, method in enumerate(METHODS):
        columns |= {f"{method}_forward": [1.0, 2.0, 3.0, 4.0], f"{method}_backward": [k, k, k, 10 * k]}
    features, seconds = totals(runs.Run("whitening", "made-up", {}, provenance(), columns))
    assert features.tolist() == [3, 8]
    assert seconds["pca"].tolist() == [[3.0, 4.0], [5.0, 24.0]]
    _, forward = totals(runs.Run("whitening", "made-up", {}, provenance(), columns), ["forward"])
    assert forward["pca"].tolist() == [[1.0, 2.0], [3.0, 4.0]]


def test_the_exponent_of_a_power_law_is_found_from_the_median_of_the_rounds():
    features = np.array([2, 4, 8, 16])
    law = 1e-3 * features**1.7
    rounds = np.stack([law, law, law * [1, 1, 1, 50]])  # a slow moment
    assert exponent(features, rounds) == pytest.approx(1.7)
    rounds[:, 0] = 1.0
    assert exponent(features, rounds, least=4) == pytest.approx(1.7)


@pytest.mark.parametrize(("change", "message"), [
    (dict(batch=8), "batch is 8; expected more than the 8 features"),
    (dict(features=(8, 3)), r"features is \(8, 3\); expected positive numbers, each larger than the last"),
    (dict(features=()), "features is"),
    (dict(rounds=0), "rounds is 0; expected 1 or more"),
])
def test_what_cannot_be_measured_is_refused_by_name(change, message):
    with pytest.raises(ValueError, match=message):
        Config(**{"batch": 20, "features": (3, 8), "rounds": 2, **change})


def test_c19_in_the_recorded_run_whitening_grows_faster_than_batch_norm_and_costs_many_times_more():
    recorded, = runs.find("whitening")
    features, seconds = totals(recorded)
    slopes = {method: exponent(features, rounds, least=64) for method, rounds in seconds.items()}
    for method in METHODS[1:]:
        assert slopes[method] > slopes["batchnorm"] + 0.5
        assert np.median(seconds[method], 0)[-1] > 20 * np.median(seconds["batchnorm"], 0)[-1]


def provenance():
    return runs.provenance(command="made up", seed=0, data="normal", sha256="0" * 64, seconds=0)
