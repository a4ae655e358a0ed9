"""What the pictures of lesson 10 draw."""

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from bncourse.figures import WITH, WITHOUT, figure_one
from bncourse.runs import Run, provenance


@pytest.fixture
def trained():
    def make(seed, accuracy, spread=1.0):
        steps = [0, 1, 10, 100]
        told = provenance(command="python -m x", seed=seed, data="glyphs", sha256="0" * 64, seconds=1)
        lines = {"p15": [-spread] * 4, "p50": [0.0] * 4, "p85": [spread] * 4}
        return Run("activations", f"seed{seed}", {"steps": 100}, told, {"step": steps, "accuracy": accuracy} | lines)

    return make


def in_colour(ax, style):
    return [line for line in ax.lines if to_hex(line.get_color()).upper() == style["color"]]


@pytest.mark.parametrize("draw, rows", [(figure_one.race, slice(1, None)), (figure_one.close_up, slice(None))])
def test_the_line_is_the_median_of_the_seeds(trained, draw, rows):
    plain = [trained(seed, [0.1, 0.1, 0.2, last]) for seed, last in enumerate((0.91, 0.95, 0.96))]
    ax = draw(plain, [trained(9, [0.1, 0.5, 0.9, 0.97])])
    drawn, = in_colour(ax, WITHOUT)
    assert list(drawn.get_ydata()) == [0.1, 0.1, 0.2, 0.95][rows]
    assert list(drawn.get_xdata()) == [0, 1, 10, 100][rows]
    assert list(in_colour(ax, WITH)[0].get_ydata()) == [0.1, 0.5, 0.9, 0.97][rows]


@pytest.mark.parametrize("top", [0.1, 0.5, 0.95])
def test_each_line_is_named_at_a_step_of_its_own_however_far_it_rises(trained, top):
    ax = figure_one.race([trained(0, [0.1, 0.1, 0.4 * top, top])], [trained(1, [0.1, 0.2, 0.7, 0.97])])
    places = {text.get_text(): tuple(text.xy) for text in ax.texts}
    lines = {name: line.get_xydata() for name, line in zip(places, ax.lines, strict=True)}
    assert list(places) == ["without", "with batch norm"]
    for name, (step, accuracy) in places.items():
        assert step > 0 and accuracy >= lines[name][-1, 1] / 2
        assert [step, accuracy] in lines[name].tolist()


def test_three_percentiles_for_each_run_on_one_scale(trained):
    left = figure_one.ribbons([trained(0, [0.1] * 4, 0.5), trained(1, [0.1] * 4, 4)], [trained(0, [0.1] * 4, 2)])
    right = left.figure.axes[1]
    assert [line.get_ydata()[0] for line in left.lines] == [-0.5, 0, 0.5, -4, 0, 4]
    assert [line.get_ydata()[0] for line in right.lines] == [-2, 0, 2] and left.get_ylim() == right.get_ylim()
    assert {text.get_text(): text.xy for text in left.texts} == {"15 %": (100, -0.5), "50 %": (100, 0),
                                                                 "85 %": (100, 0.5)}


def test_the_percentiles_stand_on_an_even_scale_where_that_is_asked_for(trained):
    scales = [figure_one.ribbons([trained(0, [0.1] * 4)], [trained(1, [0.1] * 4)], even=even).get_xscale()
              for even in (True, False)]
    assert scales == ["linear", "symlog"]


def test_a_moment_is_marked_and_the_limits_do_not_move(rng):
    steps = np.array([0, 10, 100])
    accuracy = {"plain": np.array([0.1, 0.2, 0.9]), "normalized": np.array([0.1, 0.8, 0.9])}
    inputs = {kind: rng.normal(size=(3, 50)) for kind in accuracy}
    limits = []
    for place in (0, 2):
        figure = Figure()
        show = figure_one.one_moment(steps, accuracy, figure)
        show({kind: values[place] for kind, values in inputs.items()}, place)
        left, right = figure.axes
        dots = [line.get_xydata()[0].tolist() for line in left.lines if line.get_marker() == "o"]
        assert dots == [[steps[place], accuracy[kind][place]] for kind in accuracy]
        assert right.get_title(loc="left") == f"without: {accuracy['plain'][place]:.0%}"
        limits.append((left.get_xlim(), left.get_ylim(), right.get_xlim(), right.get_ylim()))
    assert limits[0] == limits[1]


def test_the_grid_writes_each_accuracy_in_its_cell_and_leaves_a_setting_that_was_not_trained_empty(rng):
    tables = {name: rng.uniform(size=(2, 3)) for name in ("without", "with batch norm")}
    tables["without"][1, 2] = np.nan
    axes = figure_one.grid(tuple(tables), [0.1, 0.5, 2], [0.01, 0.1])
    for ax, values in zip(axes, tables.values(), strict=True):
        limits = ax.get_xlim(), ax.get_ylim()
        figure_one.heat(values, ax)
        assert (ax.get_xlim(), ax.get_ylim()) == limits
        assert {text.get_position(): text.get_text() for text in ax.texts} == {
            (column, row): f"{100 * value:.1f}" for (row, column), value in np.ndenumerate(values)
            if not np.isnan(value)}


@pytest.mark.parametrize("within, framed, told", [(1, {(0, 0), (1, 0)}, "2 of 3 settings within 1 point of its best"),
                                                  (0.5, {(1, 0)}, "1 of 3 settings within 0.5 points of its best")])
def test_a_frame_is_around_each_setting_that_comes_close_to_the_best(within, framed, told):
    ax, _ = figure_one.grid(("a", "b"), [0.1, 0.5], [0.01, 0.1])
    assert figure_one.heat(np.array([[0.94, 0.95], [np.nan, 0.2]]), ax, within) == told
    frames = {(round(patch.get_x() + 0.46), round(patch.get_y() + 0.44)) for patch in ax.patches}
    assert frames == framed


def test_the_staircase_has_a_point_for_each_seed_and_a_line_through_the_medians():
    plain = {0.1: {1: [0.9, 0.8, 0.7], 3: [0.1, 0.3, 0.1]}, 0.4: {1: [0.9], 3: [0.8, 0.7]}}
    ax = figure_one.staircase(plain, {depth: [0.95] for depth in (1, 2, 3)})
    line, first, second = in_colour(ax, WITHOUT)[:3]
    assert line.get_xydata().tolist() == [[1, 0.8], [3, 0.1]]
    assert [list(points.get_ydata()) for points in (first, second)] == list(plain[0.1].values())


def test_a_line_is_named_where_it_falls_or_where_it_ends():
    plain = {0.1: {1: [0.9], 2: [0.9], 4: [0.1]}, 0.4: {1: [0.9], 2: [0.9], 4: [0.8]}}
    ax = figure_one.staircase(plain, {depth: [0.95] for depth in (1, 2, 3, 4)})
    places = {text.get_text(): tuple(text.xy) for text in ax.texts}
    assert places["std 0.1"] == (3, 0.5) and places["std 0.4"] == (4, 0.8) and places["with batch norm"] == (4, 0.95)
