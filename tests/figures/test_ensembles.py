"""What the pictures of lesson 13 draw."""

import numpy as np
import pytest

from bncourse.figures import ensembles as draw
from bncourse.paper import figure4
from bncourse.runs import Run, ensemble_table


def texts(ax):
    return [text.get_text() for text in ax.texts]


@pytest.fixture
def run(rng):
    """A record of three networks, every set of them, with 1 and 48 crops, in both ways."""
    sets = [1, 2, 3, 12, 13, 23, 123]
    settings = [(members, crops, logits) for members in sets for crops in (1, 48) for logits in (0, 1)]
    members, crops, logits = map(list, zip(*settings, strict=True))
    values = {name: rng.uniform(10, 90, len(settings)).tolist() for name in ("top1_error", "top5_error", "loss")}
    told = {"command": "", "revision": None, "dirty": None, "versions": {}, "device": "a processor", "threads": 1,
            "seed": 0, "data": "scenes", "sha256": "0" * 64, "seconds": 1.0, "date": "2026-01-31T00:00:00+00:00"}
    return Run("ensembles", "three", {}, told, {"members": members, "crops": crops, "logits": logits} | values)


def test_the_picture_of_crops_has_three_squares_and_six_rectangles(rng):
    ax = draw.crops(rng.integers(0, 256, (64, 93, 3), dtype=np.uint8), 56)
    assert len(ax.images) == 2 and len(ax.patches) == 10
    assert [patch.get_linewidth() for patch in ax.patches].count(1.2) == 4
    assert texts(ax)[:3] == ["first", "middle", "last"]
    assert ax.get_title(loc="left") == "Three squares of 64 pixels; of each, five crops of 56 and the whole"
    assert all(patch.get_x() > 93 for patch in ax.patches[3:])


def test_the_mean_lies_on_the_curve_below_the_chord():
    ax = draw.chord(0.05, 0.6)
    (x, chord), (same, mean) = (np.concatenate(line.get_data()) for line in ax.lines[-2:])
    assert x == same == pytest.approx(0.325)
    assert chord == pytest.approx(-np.log([0.05, 0.6]).mean()) and mean == pytest.approx(-np.log(0.325))
    assert ax.get_title(loc="left") == "The mean has loss 1.12; the two have 1.75 on average"


def test_every_set_is_a_dot_and_the_means_are_lines_with_their_ends_in_the_title(run):
    ax = draw.errors_beside_figure4(run, figure4())
    dots, line, many, mean = ax.lines
    for drawn, average, crops in ((dots, line, 1), (many, mean, 48)):
        _, models, error = ensemble_table(run.columns, "top5_error", crops)
        assert list(drawn.get_ydata()) == list(error)
        assert average.get_ydata() == pytest.approx([error[models == size].mean() for size in (1, 2, 3)])
    title = ax.figure.get_suptitle()
    assert title == (f"Crops and networks: top-5 error {line.get_ydata()[0]:.1f} to {mean.get_ydata()[-1]:.1f} %, "
                     "printed 7.8 to 4.9 %")
    assert texts(ax) == ["1 crop", "48 crops"]


def test_the_same_is_drawn_alone_with_the_finding_as_its_title(run):
    ax = draw.error_of_every_subset(run.columns)
    beside = draw.errors_beside_figure4(run, figure4())
    assert [line.get_xydata().tolist() for line in ax.lines] == [line.get_xydata().tolist() for line in beside.lines]
    one, many = (line.get_ydata() for line in ax.lines[1::2])
    assert ax.get_title(loc="left") == (f"1 network to 3: {one[0]:.1f} to {one[-1]:.1f} % with 1 crop, "
                                        f"{many[0]:.1f} to {many[-1]:.1f} % with 48")


def test_printed_errors_are_the_papers_hollow_points_on_axes_of_their_own(run):
    left = draw.errors_beside_figure4(run, figure4())
    right = left.figure.axes[1]
    points = right.lines[-1]
    assert list(points.get_ydata()) == [6.67, 7.82, 5.82, 4.9] and points.get_markerfacecolor() == "none"
    assert [label.get_text() for label in right.get_xticklabels()] == ["7\n144", "1\n1", "1\n144", "6\n144"]
    assert texts(right) == ["6.67", "7.82", "5.82", "4.9", "GoogLeNet"]
    assert not left.get_shared_y_axes().joined(left, right)


def test_limits_leave_room_for_every_value(run):
    low, high = draw.limits(run, "loss")
    assert low < min(run.columns["loss"]) and max(run.columns["loss"]) < high


def test_a_set_is_named_by_its_networks_in_order():
    assert draw.number_of((6, 1, 3)) == 136 and draw.number_of(()) == 0
