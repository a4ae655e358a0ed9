"""The look of the course: colours told apart in grey too, pictures with a text, densities that are densities."""

import html
import importlib
import inspect
import io
import re

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from bncourse import explorers, figures
from bncourse.figures import style
from bncourse.lectures import markup
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


def shown(object, monkeypatch):
    """What a cell that ends in the object displays: (data, metadata) of each output."""
    outputs = []
    monkeypatch.setattr(style, "display", lambda data, metadata, raw: outputs.append((data, metadata)))
    object._ipython_display_()
    return outputs


def test_a_caption_is_text_under_its_picture(monkeypatch):
    drawn = style.picture(style.blank(), alt="a", caption="1 <b> of x_hat[i] at $5, |w| = 2*3")
    picture, (caption, told) = shown(drawn, monkeypatch)
    assert picture == drawn._repr_mimebundle_() and told == {"caption": True}
    text = re.sub("<[^>]*>", "", markup.markdown(caption["text/markdown"]))
    assert html.unescape(text).strip() == "1 <b> of x_hat[i] at $5, |w| = 2*3"
    assert len(shown(style.picture(style.blank(), alt="a"), monkeypatch)) == 1


PALETTE = [*(f"C{number}" for number in range(10)), *(look["color"] for look in (style.WITH, style.WITHOUT)),
           style.QUIET, "#CC79A7", "#56B4E9", "#E69F00", "#009E73", "#F0E442", "black"]


@pytest.mark.parametrize("color", PALETTE)
def test_the_ink_of_a_colour_can_be_read_on_white_and_keeps_its_hue(color):
    dark, light = np.array(to_rgb(style.ink(color))), np.array(to_rgb(color))
    assert style.contrast(dark.tolist()) >= 4.5
    assert np.allclose(dark * light.max(), light * dark.max(), atol=0.01)
    if style.contrast(color) >= 4.5:
        assert style.ink(color) == to_hex(color)
    else:
        assert style.contrast(dark.tolist()) < 4.8


def test_the_contrasts_are_those_of_the_definition():
    known = {"white": 1, "black": 21, "#767676": 4.54, "#0000FF": 8.59}
    assert {color: round(style.contrast(color), 2) for color in known} == known


def test_a_line_may_be_light_and_its_name_is_dark_enough():
    ax = style.blank(title="t")
    line, = ax.plot([0, 1], [0, 1], color="#E69F00")
    style.label_end(ax, 1, 1, "light", "#E69F00")
    white = ax.text(0, 0, "on a dark cell", color="white")
    style.picture(ax, alt="a")
    assert all(style.contrast(text.get_color()) >= 4.5 for text in ax.figure.findobj(Text) if text is not white)
    assert white.get_color() == "#ffffff" and line.get_color() == "#E69F00"


def test_a_stored_picture_has_few_colours_and_looks_as_it_was_drawn(rng):
    for colors in (4, 60, 5000):
        drawn = Image.fromarray(rng.integers(0, 256, (colors, 3), dtype=np.uint8)[rng.integers(0, colors, (90, 160))])
        file = io.BytesIO()
        drawn.save(file, "PNG")
        stored = Image.open(io.BytesIO(style.compressed_png(file.getvalue()))).convert("RGB")
        off = np.abs(np.asarray(stored, float) - np.asarray(drawn, float)).mean()
        assert off <= style.COARSEST if colors < 256 else len(stored.getcolors()) == 256
