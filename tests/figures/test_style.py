"""The look of the course: colours told apart in grey too, pictures with a text, densities that are densities."""

import importlib
import inspect
import io
import re

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from bncourse import explorers, figures
from bncourse.figures import style
from bncourse.paths import ROOT


def lines_of(ax):
    return {line.get_label(): line for line in ax.lines}


@pytest.mark.parametrize("package", [figures, explorers], ids=["figures", "explorers"])
def test_the_map_names_each_file_with_its_lesson(package):
    named = dict(re.findall(r"^    (\w+)\.py +(\d\d|all) ", package.__doc__, re.M))
    lessons = {path.stem[3:]: path.stem[:2] for path in (ROOT / "notebooks").glob("[0-9]*.ipynb")}
    files = {path.stem for path in (ROOT / "bncourse" / package.__name__.split(".")[1]).glob("[!_]*.py")}
    assert named == {name: lessons.get(name, "all") for name in files}


def test_a_picture_returns_the_axes_that_it_may_be_given():
    for name in (path.stem for path in (ROOT / "bncourse" / "figures").glob("[!_]*.py")):
        for function in vars(importlib.import_module(f"bncourse.figures.{name}")).values():
            if inspect.isfunction(function):
                signature = inspect.signature(function)
                ax = signature.parameters.get("ax")
                assert ax is None or ax.default is ax.empty or signature.return_annotation is Axes, function


def test_with_and_without_differ_in_more_than_colour():
    assert style.WITH["linestyle"] != style.WITHOUT["linestyle"]
    assert style.PAPER["markerfacecolor"] == "none"


def test_drawing_needs_no_axes_and_takes_those_it_is_given():
    mine = Figure().add_subplot()
    assert style.blank(mine, title="t") is mine and mine.get_title(loc="left") == "t"
    assert tuple(style.blank().figure.get_size_inches()) == style.SIZE


def test_names_at_the_ends_of_lines_do_not_lie_on_each_other():
    placed = style.spread_labels({"a": 0.30, "b": 0.29, "c": 0.1, "d": 0.31}, gap=0.05)
    assert list(placed) == ["c", "b", "a", "d"]
    assert np.allclose(list(placed.values()), [0.1, 0.29, 0.34, 0.39])
    assert style.spread_labels({"a": 1.0, "b": 1.5}, factor=2) == {"a": 1, "b": 2}


def test_labels_of_lines_that_end_together_are_set_apart():
    heights = style.spread_labels({"a": 100.0, "b": 99.0, "c": 98.0, "d": 1.0}, factor=2.0, down=True)
    assert heights == {"a": 100, "b": 50, "c": 25, "d": 1}


def test_a_density_has_area_one_and_marks_the_three_percentiles(rng):
    values, grid, ax = rng.normal(1, 2, 400), np.linspace(-10, 12, 500), style.blank()
    style.density(ax, values, grid, style.WITH)
    curve, *marks = ax.lines
    assert np.trapezoid(curve.get_ydata(), grid) == pytest.approx(1, abs=1e-3)
    assert [m.get_xdata()[0] for m in marks] == pytest.approx(np.percentile(values, [15, 50, 85]))


def test_the_line_of_several_seeds_is_their_median_and_the_band_all_of_them():
    runs, ax = np.array([[1.0, 2.0], [3.0, 7.0], [2.0, 9.0]]), style.blank()
    style.spread(ax, np.array([0, 1]), runs, style.WITHOUT, "without")
    assert list(ax.lines[0].get_ydata()) == [2, 7]
    band = ax.collections[0].get_paths()[0].vertices
    assert (band[:, 1].min(), band[:, 1].max()) == (1, 9)
    assert ax.texts[0].get_text() == "without"


def test_a_picture_carries_its_alternative_text_and_is_a_png_of_the_courses_size():
    shown = style.picture(style.blank(title="t"), alt="what it tells", caption="glyphs, 5 seeds")
    data, meta = shown._repr_mimebundle_()
    assert data["text/plain"] == repr(shown) == meta["image/png"]["alt"] == "what it tells"
    size = Image.open(io.BytesIO(shown.png)).size
    assert size == tuple(round(inch * style.DPI) for inch in style.SIZE)
    assert meta["image/png"]["width"] == 640


@pytest.mark.parametrize("letter", "iW")
def test_a_caption_is_wrapped_where_the_figure_ends(letter):
    ax = style.blank()
    style.write_under(ax.figure, " ".join([letter * 8] * 30))
    text, = ax.figure.texts
    assert text.get_window_extent().x1 < ax.figure.bbox.x1 and "\n" in text.get_text()
