"""The descents of lesson 02's explorer against gradient descent step by step."""

import numpy as np
import pytest

from bncourse.explorers.cost_of_whitening import FORMS, START, descent_explorer, hessians, path, root, steps_needed


@pytest.mark.parametrize("form", FORMS)
def test_the_path_is_that_of_gradient_descent(form):
    hessian = hessians(ratio=5.0, correlation=-0.4)[form]
    rate = 0.7 * 2 / np.linalg.eigvalsh(hessian)[-1]
    error, walked = root(hessian, -0.5) @ START, []
    for _ in range(6):
        walked.append(error)
        error = error - rate * hessian @ error
    assert path(hessian, 0.7, 5) == pytest.approx(np.array(walked), abs=1e-12)


@pytest.mark.parametrize("form", FORMS)
def test_all_forms_start_from_the_same_loss(form):
    hessian = hessians(ratio=5.0, correlation=-0.4)[form]
    first = path(hessian, 0.5, 0)[0]
    assert first @ hessian @ first == pytest.approx(1)


@pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
def test_the_steps_counted_are_the_first_to_come_within_a_millionth(share):
    hessian = hessians(ratio=3.0, correlation=0.5)["raw"]
    k = int(steps_needed(hessian, share).replace(",", ""))
    losses = [e @ hessian @ e for e in path(hessian, share, k)[-2:]]
    assert losses[1] <= 1e-6 < losses[0]


def test_whitened_inputs_take_one_step_at_the_right_rate_and_none_converges_beyond_the_largest():
    assert steps_needed(hessians(8.0, 0.9)["whitened"], 0.5) == "1"
    assert {steps_needed(hessian, 1.05) for hessian in hessians(8.0, 0.9).values()} == {"never"}


def test_a_descent_that_leaves_its_panel_keeps_its_direction():
    explorer = descent_explorer()
    for share in (1.1, 0.3):
        explorer.controls["share"].value = share
        whitened = explorer.figure.axes[FORMS.index("whitened")]
        way, = (line for line in whitened.lines if line.get_marker() == ".")
        x, y = way.get_data()
        assert x * START[1] == pytest.approx(y * START[0]) and len(x) > 10
        assert (max(abs(y)) > whitened.get_ylim()[1]) == (share > 1)  # it is seen to leave


def test_every_control_changes_the_picture():
    assert descent_explorer().dead_controls() == []


def test_a_value_that_a_page_rounds_otherwise_gives_the_same_picture():
    explorer = descent_explorer()
    first = explorer.image.value
    for name in ("correlation", "share"):
        explorer.controls[name].value = np.nextafter(explorer.controls[name].value, 9)
    assert explorer.image.value == first
