"""Frames are true: drawn by the lesson's own code, held to the stored picture, and drawn anew when anything changes."""

import base64
import io
import json
from dataclasses import replace

import nbformat
import numpy as np
import pytest
from PIL import Image

from bncourse.comparison import GREY_LEVELS, distance
from bncourse.explorers.frames import settings
from bncourse.lectures import frames, markup
from bncourse.lectures.frames import Stale, digest, explorers, imported, is_explorer
from bncourse.paths import ROOT


@pytest.fixture(scope="module")
def lesson(course):
    """Lesson 06, whose explorer is made of nothing that has to be computed first."""
    return next(lesson for lesson in course if lesson.number == "06")


@pytest.fixture(scope="module")
def drawn(lesson, tmp_path_factory):
    """The folder of its frames."""
    folder = tmp_path_factory.mktemp("frames") / "drawn"
    frames.draw(lesson, folder)
    return folder


def changed(lesson, change):
    """A copy of the lesson after `change(cell)` for the cell of its explorer."""
    notebook = nbformat.from_dict(lesson.notebook)
    change(next(cell for cell in notebook.cells if cell.cell_type == "code" and is_explorer(cell.source)))
    return replace(lesson, notebook=notebook)


def test_frames_taken_at_random_are_what_the_explorer_shows(lesson, drawn, rng):
    (id, told), = json.loads((drawn / "frames.json").read_text()).items()
    explorer = explorers(lesson)[id]
    (width, height), plot, values = told["size"], explorer.plot(frames.DPI), list(settings(explorer))
    for number in rng.choice(len(values), 4, replace=False).tolist():
        sheet = Image.open(drawn / id / f"{number // told['rows']}.webp").convert("RGB")
        top = number % told["rows"] * height
        shown = np.asarray(sheet.crop((0, top, width, top + height)), float)
        assert distance(np.asarray(plot.image(values[number]), float), shown) < GREY_LEVELS
        assert told["says"][number] == plot.figure.axes[0].get_title(loc="left")


def test_every_cell_that_shows_an_explorer_is_known_as_one(course):
    for lesson in course:
        for cell in (cell for cell in lesson.cells if cell.cell_type == "code"):
            shown = any(markup.shown_text(output).startswith("Explorer(") for output in cell.outputs)
            assert is_explorer(cell.source) == shown, (lesson.name, cell.id)


def test_an_explorer_that_does_not_show_the_stored_picture_is_refused(lesson):
    def spoil(cell):
        file = io.BytesIO()
        Image.new("RGB", (640, 360)).save(file, "PNG")
        cell.outputs[0].data["image/png"] = base64.b64encode(file.getvalue()).decode()

    with pytest.raises(Stale, match=r"06_convolution.ipynb: the explorer's picture 1 differs.*refresh this notebook"):
        explorers(changed(lesson, spoil))


def test_an_explorer_that_cannot_be_made_any_more_is_refused_in_a_sentence(lesson):
    with pytest.raises(Stale, match=r"06_convolution.ipynb: .* fails with NameError: .*refresh this notebook"):
        explorers(changed(lesson, lambda cell: cell.update(source="gone_explorer()")))


def test_a_digest_changes_with_a_cell_and_not_with_the_text(lesson):
    edited = changed(lesson, lambda cell: cell.update(source=cell.source + "  # anew"))
    retold = nbformat.from_dict(lesson.notebook)
    retold.cells[0].source += " More."
    assert digest(edited) != digest(lesson) == digest(replace(lesson, notebook=retold))


@pytest.mark.parametrize("part, less", [("imported", lambda source: set()), ("DATA", ROOT / "nowhere"),
                                        ("version", lambda name: "0")])
def test_a_digest_changes_with_the_package_the_data_and_what_draws(lesson, monkeypatch, part, less):
    before = digest(lesson)
    monkeypatch.setattr(frames, part, less)
    assert digest(lesson) != before


def test_a_digest_rests_on_the_files_that_are_imported_and_those_that_they_import():
    names = {path.relative_to(ROOT / "bncourse").as_posix() for path in imported("from bncourse.figures import style")}
    assert {"figures/style.py", "figures/__init__.py", "paper.py", "paths.py"} <= names
    assert not any(name.startswith(("lectures", "nn", "checks")) for name in names)


def test_what_is_drawn_already_is_not_drawn_again(lesson, drawn, tmp_path, monkeypatch):
    (tmp_path / f"{lesson.name}-{digest(lesson)}").mkdir()
    monkeypatch.setattr(frames, "draw", None)
    said = []
    assert frames.make([lesson], tmp_path, said.append) == {lesson.name: tmp_path / f"{lesson.name}-{digest(lesson)}"}
    assert said == []


def test_a_lesson_in_its_place_tells_the_page_where_its_frames_lie(lesson, drawn, tmp_path):
    placed = frames.place(lesson, drawn, tmp_path, "../frames/")
    html = "".join(markup.output(output) for cell in placed.cells for output in cell.get("outputs", []))
    assert html.count("data-frames=") == 1 and "../frames/06_" in html
    assert len(list(tmp_path.rglob("*.webp"))) == 2
    assert "frames" not in str([cell.outputs for cell in lesson.cells if cell.cell_type == "code"])
