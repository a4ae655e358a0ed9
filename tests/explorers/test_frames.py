"""Frames show what the explorer would show, at every stop that its grids name, and say which frame is which."""

import itertools

import ipywidgets
import numpy as np
import pytest
from PIL import Image

from bncourse.explorers import Explorer
from bncourse.explorers.frames import MOST, described, frames, grids, positions, settings


def bars(fig, height, side, bold):
    """Another picture and another title for each setting."""
    ax = fig.add_subplot()
    ax.bar(["left", "right"], [height, 0] if side == "left" else [0, height], color="k" if bold else "r")
    ax.set_ylim(0, 3)
    ax.set_title(f"{height} on the {side}", loc="left")


def explorer(**more):
    return Explorer(bars, alt="A bar", figsize=(1.6, 1.2), height=ipywidgets.IntSlider(2, 0, 3, description="h"),
                    side=ipywidgets.Dropdown(options=["left", "right"]), bold=ipywidgets.Checkbox(False), **more)


def place(told, moved):
    """The frame of a page's controls when `moved` maps names to places of stops, all of one grid."""
    grid = next(control["grid"] for control in told["controls"] if control["name"] in moved)
    within = 0
    for control in told["controls"]:
        if control["grid"] == grid:
            within = within * len(control["stops"]) + moved.get(control["name"], control["first"])
    return told["grids"][grid] + within


def test_without_grids_every_combination_of_positions_has_its_frame():
    assert [tuple(values.values()) for values in settings(explorer())] == [
        *itertools.product(range(4), ["left", "right"], [False, True])]


def test_the_frame_that_a_page_takes_for_its_stops_is_the_picture_of_these_values():
    moving = explorer(grids=[{"height": (0, 3), "side": ["left", "right"]}, {"bold": [True]}])
    told, shown = described(moving), [np.asarray(image, int) for image, _ in frames(moving, 100)]
    assert len(shown) == 3 * 2 + 2
    for height, side in itertools.product(range(3), range(2)):
        moving.reset()
        moving.controls["height"].value, moving.controls["side"].index = (0, 2, 3)[height], side
        expected = np.asarray(moving.plot(100).image(moving.values()), int)
        assert np.array_equal(shown[place(told, {"h": height, "side": side})], expected)
    assert np.array_equal(shown[place(told, {"bold": 0})], shown[place(told, {"h": 1})])


def test_a_page_is_told_names_kinds_stops_and_the_first_of_each():
    told = described(explorer(grids=[{"height": [0], "side": ["right"]}, {"bold": [True]}]))
    assert told["controls"] == [
        {"name": "h", "kind": "range", "grid": 0, "stops": ["0", "2"], "first": 1},
        {"name": "side", "kind": "choice", "grid": 0, "stops": ["left", "right"], "first": 0},
        {"name": "bold", "kind": "check", "grid": 1, "stops": ["False", "True"], "first": 0}]
    assert told["grids"] == [0, 4]


def test_a_frame_comes_with_the_titles_that_stand_in_it_and_in_the_resolution_asked_for():
    image, title = next(frames(explorer(grids=[{"height": [1], "side": [], "bold": []}]), 150))
    assert isinstance(image, Image.Image) and image.size == (240, 180) and title == "1 on the left"


@pytest.mark.parametrize("wrong, message", [
    ([{"height": [1]}], "the grids name height; expected each of height, side, bold once"),
    ([{"height": [1], "side": [], "bold": []}, {"height": [2]}], "the grids name bold, height, height, side"),
    ([{"height": [9], "side": [], "bold": []}], "height has the stop 9, which its control does not reach"),
])
def test_grids_that_do_not_fit_the_controls_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        grids(explorer(grids=wrong))


def test_too_many_frames_are_refused_before_any_is_drawn():
    many = explorer(grids=[{"height": range(4), "side": [], "bold": []}])
    many.controls["height"].max = MOST
    many.grids = [{"height": range(MOST), "side": ["left", "right"], "bold": []}]
    with pytest.raises(ValueError, match=f"would have {2 * MOST} frames; expected at most {MOST}: give it grids"):
        described(many)


def test_where_all_combinations_are_too_many_each_control_moves_alone_over_its_whole_range():
    told = described(Explorer(lambda fig, **_: None, alt="", x=ipywidgets.IntSlider(7, 0, MOST),
                              y=ipywidgets.FloatSlider(0, min=-1, max=1, step=0.5)))
    x, y = told["controls"]
    assert (x["grid"], y["grid"]) == (0, 1) and x["stops"][x["first"]] == "7"
    assert len(x["stops"]) < 20 and (x["stops"][0], x["stops"][-1]) == ("0", str(MOST))
    assert y["stops"] == ["-1", "-0.5", "0", "0.5", "1"]


@pytest.mark.parametrize("control, expected", [
    (ipywidgets.IntSlider(3, 1, 4), [1, 2, 3, 4]),
    (ipywidgets.FloatSlider(0, min=-1, max=1, step=0.5), [-1, -0.5, 0, 0.5, 1]),
    (ipywidgets.SelectionSlider(options=[("a", 1), ("b", 2)]), [1, 2]), (ipywidgets.Checkbox(True), [False, True]),
    (ipywidgets.SelectMultiple(options=[1, 2], value=[1]), [(1,), (2,)]),
], ids=lambda given: type(given).__name__)
def test_the_positions_of_a_control_are_the_values_that_it_can_have(control, expected):
    assert positions(control) == expected
