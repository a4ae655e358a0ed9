"""The table of explanations: it is well formed, and each of its numbers is recomputed, here or where its claims are.

A number of the table either stands in what the ledger says was measured for one of the row's claims, which a test of
its own holds, or it is computed here.
"""

import re

import numpy as np
import pytest

from bncourse import explanations, lesson, paper
from bncourse.experiments import activations, landscape, sensitivity
from bncourse.experiments.recording import recorded
from bncourse.kernels import mlp
from bncourse.kernels.normalize import batchnorm_backward, batchnorm_forward
from bncourse.paths import ROOT
from tests.test_claims_rate_and_scale import accuracy, rates_that_learn
from tests.test_paper import is_there

TABLE = explanations.explanations()
FROM_THE_LEDGER = ("scale", "noise", "dropout", "jacobians", "sigmoids", "placement", "single")
GOOD = """[one]
says = "It helps."
claims = ["C1"]
status = "survived"
measured = "by 3 %"
lesson = "14"
test = "tests/test_x.py::test_y"
"""


def measured(name):
    return TABLE[name].measured


def per_cent(values):
    """The median of shares, in per cent with one digit."""
    return f"{100 * np.median(values):.1f}"


# The file.


def test_the_table_has_the_twelve_and_is_shown_by_the_lesson():
    assert len(TABLE) == 12
    assert lesson.explanations_table().data == explanations.table()
    assert explanations.table().count("\n") == 13


@pytest.mark.parametrize("name", TABLE)
def test_the_test_that_a_row_names_is_there_and_so_is_the_lesson(name):
    assert is_there(TABLE[name].test)
    assert len(list((ROOT / "notebooks").glob(f"{TABLE[name].lesson}_*.ipynb"))) == 1


@pytest.mark.parametrize(("old", "new", "words"), [
    ('status = "survived"', 'status = "fine"', "one: status is 'fine'"),
    ('"C1"', '"C99"', r"one: claims is \['C99'\]; expected some of C1 to C61"),
    ('["C1"]', "[]", "one: claims is"),
    ("by 3 %", "by 3 | 4 %", "one: measured is"),
    ('lesson = "14"', "lesson = 14", "one: lesson is 14"),
    ("tests/test_x.py::test_y", "test_y", "one: test is 'test_y'"),
    ('says = "It helps."\n', "", "one: it has .*; expected the fields says, claims"),
    ("[one]", 'other = "x"\n[one]', "other: it has 'x'")])
def test_a_malformed_row_is_refused_by_name_and_field(tmp_path, old, new, words):
    path = tmp_path / "explanations.toml"
    path.write_text(GOOD, encoding="utf-8")
    assert explanations.explanations(path)["one"].claims == ("C1",)
    path.write_text(GOOD.replace(old, new), encoding="utf-8")
    with pytest.raises(paper.PaperError, match=words):
        explanations.explanations(path)


# The numbers.


@pytest.mark.parametrize("name", FROM_THE_LEDGER)
def test_each_number_of_these_rows_stands_in_the_ledger(name):
    ledger = " ".join(paper.claims()[id].measured for id in TABLE[name].claims + ("C1",) * (name == "scale"))
    numbers = set(re.findall(r"\d[\d,.]*\d|\d", measured(name))) - ({"0"} if name == "scale" else set())
    assert numbers and numbers <= set(re.findall(r"\d[\d,.]*\d|\d", ledger))


def rows_of(activation, norm, amount=1.0):
    """The rows of the recorded tests, tables of seeds and looks, at the rate that is best without batch norm."""
    found = {tuple(run.config[key] for key in ("activation", "norm", "amount")): run
             for run in recorded("landscape", "tests")}
    return landscape.at_rate(found[activation, norm, amount], landscape.best_rate(found[activation, "none", 1.0]))


def test_noise_brings_the_shift_back_and_the_help_stays():
    plain, normal, noisy = (rows_of("sigmoid", norm) for norm in ("none", "batch", "noisy"))
    drifts = [f"{np.median(rows['drift'][:, -1]):.2g}" for rows in (plain, normal, noisy)]
    right = [per_cent(rows["test"][:, -1]) for rows in (plain, normal, noisy)]
    assert (f"one step moves the mean of an activation's input by {drifts[0]} of its spread without batch norm, by "
            f"{drifts[1]} with it, and by {drifts[2]} with noise behind it; the sigmoid networks are right on "
            f"{right[0]}, {right[1]} and {right[2]} %") in measured("shift")
    assert (noisy["drift"][:, -1] > 1.3 * plain["drift"][:, -1]).all()
    relu = [per_cent(rows_of("relu", norm)["test"][:, -1]) for norm in ("none", "batch", "noisy")]
    assert f"With ReLUs {relu[0]}, {relu[1]} and {relu[2]} %" in measured("shift")


def test_batch_norm_learns_at_higher_rates_and_diverges_at_the_highest():
    best = {(a, bn): f"{rates_that_learn(a, bn)[-1]:.2g}" for a in sensitivity.ACTIVATIONS for bn in (False, True)}
    assert (f"with sigmoids {best['sigmoid', False]} without batch norm and {best['sigmoid', True]} with it, with "
            f"ReLUs {best['relu', False]} and {best['relu', True]}") in measured("rates")
    assert all(accuracy("all", a, bn)[:, -1].max() < 0.5 for a, bn in best)


def test_decay_before_batch_norm_is_a_learning_rate(rng):
    u, dy, gamma, beta = rng.normal(size=(20, 6)), rng.normal(size=(20, 4)), np.ones(4), np.zeros(4)
    eta, decay, w = 0.5, 0.04, rng.normal(size=(6, 4))
    without, angles = w.copy(), []

    def gradient(weights):
        return u.T @ batchnorm_backward(dy, batchnorm_forward(u @ weights, gamma, beta, 0.0)[1])[0]

    for step in range(60):
        w = w - eta * (gradient(w) + decay * w)
        without -= eta * (1 - eta * decay) ** (-2 * step - 1) * gradient(without)
    assert np.allclose(w / np.linalg.norm(w, axis=0), without / np.linalg.norm(without, axis=0), atol=1e-9)
    w = np.array([1.0, 0.0])
    for _ in range(600):
        after = (1 - eta * decay) * w - eta * np.array([-w[1], w[0]]) / (w @ w)
        angles.append(np.degrees(np.arccos(w @ after / np.linalg.norm(w) / np.linalg.norm(after))))
        w = after
    assert f"{np.degrees(np.sqrt(2 * eta * decay)):.1f} degrees for a product of {eta * decay:g}" in measured("decay")
    assert abs(angles[-1] - 11.5) < 0.2


def test_one_class_at_a_time_needs_the_population():
    (x, t), (digits, answers), _ = activations.binary_images("glyphs", threshold=127)
    found = []
    for rng in map(np.random.default_rng, range(5)):
        network = mlp.init(rng=rng)
        for _ in range(120):
            rows = rng.integers(len(x), size=60)
            mlp.sgd_step(network, mlp.loss_and_gradients(network, x[rows], t[rows])[1], 0.5)
        population = mlp.population(network, [x[i : i + 60] for i in range(0, 1200, 60)])
        classes = [np.flatnonzero(answers == k)[:60] for k in range(10)]
        found.append([np.mean([np.mean(mlp.predict(network, digits[k], statistics) == answers[k]) for k in classes])
                      for statistics in (None, population)])
    said = [int(number) for number in re.findall(r"(\d+) %", measured("population"))]
    assert np.median(found, axis=0) * 100 == pytest.approx(said, abs=1.5)


def test_new_statistics_take_out_light_and_not_a_negative(rng):
    network, x = mlp.init((20, 12, 10, 4), std=0.5, rng=rng), rng.normal(size=(40, 20))
    clear, fog, negative = (mlp.forward(network, seen, mlp.population(network, [seen], 1e-12), 1e-12)[0]
                            for seen in (x, 0.5 * x + 0.5, 1 - x))
    assert np.allclose(clear, fog, atol=1e-9) and np.abs(clear - negative).max() > 0.1
