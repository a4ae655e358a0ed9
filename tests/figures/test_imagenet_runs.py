"""What the pictures of lesson 12 draw."""

import math

import numpy as np
import pytest
from matplotlib.colors import to_hex

from bncourse.figures import PAPER, WITH, WITHOUT, imagenet_runs
from bncourse.runs import Run, provenance


@pytest.fixture
def trained():
    def make(accuracy, *, lr=0.1, loss=(3.0, 2.0, 1.0)):
        told = provenance(command="python -m x", seed=0, data="scenes", sha256="0" * 64, seconds=1)
        columns = {"step": [1, 500, 1000], "top1": [math.nan, *accuracy], "loss": list(loss), "lr": [lr] * 3}
        return Run("classification", "x", {}, told, columns)

    return make


def in_colour(ax, style):
    return [line for line in ax.lines if to_hex(line.get_color()).upper() == style["color"]]


def test_the_line_is_the_mean_of_the_seeds_and_the_band_holds_them_all(trained):
    seeds = {"inception": [trained([0.1, 0.3]), trained([0.2, 0.5])], "bn-x5": [trained([0.4, 0.6])]}
    ax = imagenet_runs.curves(seeds)
    plain, = in_colour(ax, WITHOUT)
    normalized, = in_colour(ax, WITH)
    assert np.allclose(plain.get_xydata(), [[500, 15], [1000, 40]])
    assert np.allclose(normalized.get_ydata(), [40, 60])
    band = ax.collections[0].get_paths()[0].vertices
    assert (band[:, 1].min(), band[:, 1].max()) == (10, 50)
    assert not imagenet_runs.curves(seeds, band=False).collections
    assert [text.xyann for text in ax.texts if text.get_text()] == [(36, 0)] * 2  # behind a sample of the dashes


def test_passes_over_the_photographs_stand_under_the_steps_where_it_is_told_how_many_there_are(trained):
    seeds = {"bn-x5": [trained([0.4, 0.6])]}  # 1,000 steps of 32
    told, plain = (imagenet_runs.curves(seeds, images=images) for images in (3200, 0))
    ticks, steps = ([label.get_text() for label in ax.get_xticklabels()] for ax in (told, plain))
    assert ticks == ["0\n0.0", "250\n2.5", "500\n5.0", "750\n7.5", "1,000\n10.0"]
    assert steps == ["0", "250", "500", "750", "1,000"]
    assert told.get_xlabel() == f"{plain.get_xlabel()}, and passes over the photographs"


def test_a_seed_that_never_gets_there_has_no_point_and_is_counted():
    ax = imagenet_runs.factors_beside_paper({"bn-x5": 14.8}, {"bn-x5": [2.0, 0, 4.0], "bn-x30": [3.0, 3.0, 3.0]})
    printed, = (line for line in ax.lines if line.get_color() == PAPER["color"])
    assert printed.get_xdata()[0] == 14.8
    assert [list(line.get_xdata()) for line in in_colour(ax, WITH)] == [[3.0, 3.0, 3.0], [2.0, 4.0]]
    assert [text.get_text() for text in ax.texts] == ["never, in the paper", "1 of 3 seeds never"]


def test_a_change_has_a_marker_for_each_seed_and_a_stroke_for_their_mean_on_a_band_as_wide_as_the_placebo():
    ax = imagenet_runs.changes({"dropout": [1, -3], "l2": [0.5, 2]}, placebo="l2")
    lines = [(line.get_marker(), *line.get_xdata()) for line in in_colour(ax, WITH)]
    assert lines == [("o", 0.5), ("s", 2), ("|", 1.25), ("o", 1), ("s", -3), ("|", -1)]
    assert (ax.patches[0].get_x(), ax.patches[0].get_width()) == (-2, 4)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["L2 / 5 (placebo)", "no Dropout"]


def test_a_name_that_is_moved_up_is_tied_to_the_end_of_its_line(trained):
    ax = imagenet_runs.curves({"inception": [trained([0.1, 0.3])], "bn-x5": [trained([0.2, 0.3])]})
    strokes = [text for text in ax.texts if not text.get_text()]
    assert [stroke.xy for stroke in strokes] == [(1000, 30)] * 2
    assert len({stroke.xyann for stroke in strokes}) == 2


def test_each_network_has_its_panel_and_a_loss_that_is_no_number_a_cross(trained):
    names = imagenet_runs.PANELS
    runs = {name: trained([0.1, 0.1]) for name in names} | {
        "inception-x5": trained([0, 0], lr=0.4, loss=(3, 5, math.nan))}
    axes = imagenet_runs.losses(runs, chance=2.7, live=["inception-x5"]).figure.axes
    assert [ax.get_title(loc="left") for ax in axes] == [imagenet_runs.NAMES[name] for name in names]
    assert [ax.texts[0].get_text() for ax in axes][:2] == ["rate 0.1", "live, rate 0.4"]
    crosses = [[line.get_xydata()[0].tolist() for line in ax.lines if line.get_marker() == "x"] for ax in axes]
    assert crosses == [[], [[500, 5]], [], [], [], [], [], []]
    assert all(set(ax.lines[0].get_ydata()) == {2.7} for ax in axes)


def test_a_pair_stands_on_one_row_with_and_without_in_their_colours_and_a_network_that_was_not_trained_has_no_mark():
    ax = imagenet_runs.pairs({"as Inception": ([10, 14], [15, 13]), "rate x30": ([], [6])})
    assert [label.get_text() for label in ax.get_yticklabels()] == ["rate x30", "as Inception"]
    for style, expected in ((WITHOUT, [("o", 1, 10), ("s", 1, 14), ("|", 1, 12)]),
                            (WITH, [("o", 0, 6), ("|", 0, 6), ("o", 1, 15), ("s", 1, 13), ("|", 1, 14)])):
        assert [(line.get_marker(), round(line.get_ydata()[0]), line.get_xdata()[0])
                for line in in_colour(ax, style)] == expected
        assert style["color"] in {to_hex(text.get_color()).upper() for text in ax.texts}


def test_a_network_has_a_hollow_mark_for_sharp_pictures_a_full_one_for_smooth_and_a_diamond_where_it_has_averages():
    ax = imagenet_runs.views({"inception": [[20, 22], [25, 27]], "bn-x5": [[30, 32], [40, 38], [41, 39]]})
    marks = [(line.get_marker(), line.get_markerfacecolor() == "white", *line.get_xdata()) for line in ax.lines]
    assert marks == [("None", False, 31, 39), ("o", True, 30, 32), ("o", False, 40, 38), ("d", True, 41, 39),
                     ("None", False, 21, 26), ("o", True, 20, 22), ("o", False, 25, 27)]
    colors = [to_hex(line.get_color()).upper() for line in ax.lines]
    assert colors == [WITH["color"]] * 4 + [WITHOUT["color"]] * 3
    assert [label.get_text() for label in ax.get_yticklabels()] == ["BN-x5", "Inception"]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == list(imagenet_runs.VIEWS)
