"""Each way in which a notebook can rot is planted once, and strict nbval with our plugin has to find it."""

import base64
import io
import os
import subprocess
import sys
from xml.etree import ElementTree

import nbformat
import numpy as np
import pytest
from PIL import Image

from bncourse.figures import picture
from bncourse.figures.style import Picture, blank
from bncourse.notebooks import canonical
from bncourse.paths import ROOT
from tests.plugins.notebooks import different_pictures, pictures
from tests.small import EXPLORER, cell


def upside_down(png):
    """The same picture, turned over."""
    file = io.BytesIO()
    Image.open(io.BytesIO(base64.b64decode(png))).transpose(Image.Transpose.FLIP_TOP_BOTTOM).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


@pytest.fixture(scope="module")
def strict(refreshed, tmp_path_factory):
    """What strict nbval says of a fresh notebook and of spoilt ones: (notebook, item) -> failure, or None."""
    folder = tmp_path_factory.mktemp("strict")
    node = nbformat.read(refreshed, as_version=4)
    fresh = canonical(node)
    fresh_number = cell(fresh, "number").outputs[1]
    fresh_number.text = fresh_number.text.replace("NumPy 1.2.3", "NumPy 3.2.1rc1")
    nbformat.write(fresh, folder / "fresh.ipynb")
    changed = canonical(node)
    cell(changed, "number").outputs[1].text = "The answer, with NumPy 1.2.3:\n43\n"
    data = cell(changed, "picture").outputs[0].data
    data["image/png"] = upside_down(data["image/png"])
    cell(changed, "explorer").source = EXPLORER.replace("[0, a]", "[0, 1]")
    nbformat.write(canonical(changed), folder / "changed.ipynb")
    stale = canonical(node)
    cell(stale, "number").source += "  # edited"
    nbformat.write(stale, folder / "stale.ipynb")
    return strict_nbval(folder, "fresh.ipynb", "changed.ipynb", "stale.ipynb::stored form")


def strict_nbval(folder, *what):
    report = folder / "report.xml"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.plugins.notebooks", "-p", "tests.plugins.tables",
         "-p", "no:cacheprovider", "--color=no",
         "-c", ROOT / "pyproject.toml", "--rootdir", folder, f"--junitxml={report}",
         "--nbval", "--nbval-current-env", *what],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=120)
    cases = ElementTree.parse(report).iter("testcase")
    found = {(case.get("classname"), case.get("name")): case.findtext("failure") for case in cases}
    return found, done.stdout


def failure(strict, notebook, item):
    return next(text for (file, name), text in strict[0].items() if notebook in file and item in name)


def test_a_fresh_notebook_passes_strict_nbval_with_other_versions_too(strict):
    failures = [text for (file, _), text in strict[0].items() if "fresh" in file]
    assert failures == [None] * 6


def test_a_changed_number_fails_strict_nbval(strict):
    assert "mismatch 'stdout'" in failure(strict, "changed", "number")


def test_a_changed_picture_fails_strict_nbval(strict):
    assert "picture 1 differs from the stored one by" in failure(strict, "changed", "picture")


def test_a_dead_slider_fails_strict_nbval(strict):
    assert failure(strict, "changed", "explorers") == (
        "changed.ipynb: the control a of Explorer(a=1.0, style='-') does not change the picture")


def test_a_stale_cell_fails_strict_nbval_with_the_reason(strict):
    assert "edited after its outputs were made" in failure(strict, "stale", "stored form")


def test_the_summary_ends_with_the_seconds_of_each_notebook(strict):
    table = strict[1].rpartition("seconds per notebook")[2]
    names = [line.split()[0] for line in table.splitlines()[1:5]]
    assert names == ["changed.ipynb", "fresh.ipynb", "stale.ipynb", "total"]


def test_equal_pictures_may_differ_by_half_a_grey_level(rng):
    old = rng.integers(0, 250, size=(20, 30, 4)).astype(float)
    assert list(different_pictures([old + 0.4], [old])) == []
    assert list(different_pictures([old + 0.6], [old])) == [
        "picture 1 differs from the stored one by 0.60 of 255 on the mean; expected at most 0.5"]


def test_pictures_of_another_number_or_size_are_different():
    small, large = np.zeros((20, 30, 4)), np.zeros((20, 40, 4))
    assert list(different_pictures([], [small])) == ["0 pictures were drawn, but 1 are stored"]
    assert list(different_pictures([large], [small])) == [
        "picture 1 has 40 x 20 pixels, but the stored one has 30 x 20"]


def test_of_a_live_picture_the_size_alone_is_compared():
    def stored(live, turned):
        png = picture(blank(title="A"), alt="A", live=live).png
        data, metadata = Picture(png, "A", 640, live)._repr_mimebundle_()
        if turned:
            data["image/png"] = upside_down(data["image/png"])
        return [{"data": data, "metadata": metadata}]

    assert list(different_pictures(pictures(stored(True, True)), pictures(stored(True, False)))) == []
    assert list(different_pictures(pictures(stored(False, True)), pictures(stored(False, False)))) != []
    assert len(list(different_pictures([], pictures(stored(True, False))))) == 1
