"""What the pictures of lesson 11 draw."""

import numpy as np
import pytest
from matplotlib.colors import to_hex

from bncourse.figures import inception as draw
from bncourse.paper import figure5

ROWS = figure5()


def texts(ax):
    return [text.get_text() for text in ax.texts]


def consistent():
    return [row._replace(proj=96) if "4c" in row.type or "4d" in row.type else row for row in ROWS]


def test_the_width_diagram_names_the_modules_that_are_wider_than_printed():
    ax = draw.width_diagram(ROWS)
    assert ax.get_title(loc="left") == "4c, 4d and 4e are wider than printed"
    assert texts(ax).count("≠576") == 2 and "≠1024" in texts(ax)
    assert draw.width_diagram(consistent()).get_title(loc="left") == "Every module is as wide as printed"


def test_each_module_is_as_high_as_its_branches_add_up_to():
    boxes = [path.vertices for path in draw.width_diagram(ROWS).collections[0].get_paths()]
    tops = [max(box[:, 1].max() for box in boxes if abs(box[:, 0].mean() - place) < 0.5) for place in range(10)]
    assert tops == draw.modules(ROWS)[1] == [256, 320, 576, 576, 576, 608, 608, 1056, 1024, 1024]


def test_each_convolution_is_a_box_as_high_as_it_is_wide():
    heights = [np.ptp(path.vertices[:, 1]) for path in draw.boxes(ROWS).get_paths()]
    assert heights[:7] == [64, 64, 64, 64, 96, 96, 32]  # 3a
    assert len(heights) == 8 * 7 + 2 * 6  # 3c and 4e have no 1x1; there the pooling itself is a box


def test_printed_widths_are_the_papers_hollow_points():
    points = draw.width_diagram(ROWS).lines[0]
    assert points.get_markerfacecolor() == "none" and points.get_linestyle() == "None"
    assert list(points.get_ydata()) == [row.output_size[2] for row in ROWS if row.type.startswith("inception")]


def test_all_modules_but_the_lit_one_are_pale():
    def darkest(colors):
        return min(sum(color[:3]) for color in colors)

    lit, plain = draw.boxes(ROWS, lit=9).get_facecolors(), draw.boxes(ROWS).get_facecolors()
    assert np.allclose(lit[-7:], plain[-7:])
    assert darkest(lit[:-7]) > darkest(plain[:-7]) + 0.5


def test_the_ledger_draws_totals_the_printed_number_and_what_is_missing():
    ax = draw.ledger({"as printed": 11_285_224, "fewer": 10_000_000, "more": 14_000_000}, 13.6e6)
    assert ax.get_title(loc="left") == "2.3 of 13.6 million parameters are unexplained"
    widths = sorted(bar.get_width() for bar in ax.patches)
    assert widths == pytest.approx([2.314776, 10.0, 11.285224, 14.0])
    assert [line.get_xdata()[0] for line in ax.lines] == [13.6] * 3
    assert "11.29" in texts(ax) and "14.00" in texts(ax)


def test_shares_are_per_cent_of_the_sums_and_the_title_counts_to_half_of_the_work():
    ax = draw.shares_of_work(["first", "second", "third"], [10, 30, 60], [400, 400, 200])
    assert [bar.get_height() for bar in ax.patches] == pytest.approx([10, 30, 60, -40, -40, -20])
    assert ax.get_title(loc="left") == "Up to second: 80 % of the work, 40 % of the parameters"


def test_what_is_counted_is_filled_and_what_is_printed_is_hollow_in_its_row():
    ax = draw.more_than_googlenet({"work": 30.02, "size": 61.3, "part": 4.1}, {"work": 30, "size": 25})
    hollow = [line.get_xdata()[0] for line in ax.lines if line.get_markerfacecolor() == "none"]
    filled = [line.get_xdata()[0] for line in ax.lines if line.get_marker() == "o"
              and line.get_markerfacecolor() != "none"]
    assert sorted(hollow) == [25, 30] and sorted(filled) == [4.1, 30.02, 61.3]
    assert {line.get_ydata()[0] for line in ax.lines if line.get_xdata()[0] in (25, 61.3)} == {1}


def test_a_module_is_drawn_as_its_convolutions_and_poolings_with_an_arrow_into_each():
    row = next(row for row in ROWS if "3a" in row.type)
    ax = draw.module_drawing(row, inputs=192)
    words = [text for text in texts(ax) if text]
    assert words == ["192\nmaps in", "1x1\n64 maps", "1x1\n64 maps", "3x3\n64 maps", "1x1\n64 maps", "3x3\n96 maps",
                     "3x3\n96 maps", "avg pool\n192 maps", "1x1\n32 maps", "256\nmaps out"]
    assert texts(ax).count("") == len(words) - 2 + 4  # an arrow into each box of a branch, and one out of each branch
    passed = draw.module_drawing(next(row for row in ROWS if "3c" in row.type), inputs=320)
    assert "max pool\n320 maps" in texts(passed) and "576\nmaps out" in texts(passed)


def test_the_branches_have_four_colours():
    assert len({to_hex(color) for color in draw.BRANCHES.values()}) == 4
