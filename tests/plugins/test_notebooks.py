"""Each way in which a notebook can rot is planted once, and strict nbval with our plugin has to find it: in a kernel of
nbval's own, and in JupyterLab.
"""

import base64
import io
import os
import subprocess
import sys
from xml.etree import ElementTree

import nbformat
import pytest
from PIL import Image

from bncourse.notebooks import canonical
from bncourse.paths import ROOT
from tests.browser import chromium
from tests.small import EXPLORER, cell


def upside_down(png):
    """The same picture, turned over."""
    file = io.BytesIO()
    Image.open(io.BytesIO(base64.b64decode(png))).transpose(Image.Transpose.FLIP_TOP_BOTTOM).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


@pytest.fixture(scope="module", params=["kernel", "JupyterLab"])
def strict(request, refreshed, tmp_path_factory):
    """What strict nbval says of a fresh notebook and of spoilt ones: (notebook, item) -> failure, or None."""
    if request.param == "JupyterLab" and not chromium.find():
        pytest.skip(chromium.NONE)
    folder = tmp_path_factory.mktemp("strict")
    node = nbformat.read(refreshed, as_version=4)
    fresh = canonical(node)
    fresh_number = cell(fresh, "number").outputs[1]
    fresh_number.text = fresh_number.text.replace("NumPy 1.2.3", "NumPy 3.2.1rc1")
    cell(fresh, "measured").outputs[0].text = "0.66 and 61 %\n"
    nbformat.write(fresh, folder / "fresh.ipynb")
    changed = canonical(node)
    cell(changed, "number").outputs[1].text = "The answer, with NumPy 1.2.3:\n43\n"
    cell(changed, "measured").outputs[0].text = "0.65 and 60 %\n"
    data = cell(changed, "picture").outputs[0].data
    data["image/png"] = upside_down(data["image/png"])
    cell(changed, "explorer").source = EXPLORER.replace("[0, a]", "[0, 1]")
    nbformat.write(canonical(changed), folder / "changed.ipynb")
    broken = canonical(node)
    cell(broken, "explorer").source = EXPLORER.replace("[0, a]", "[0, a / (100 - a)]")
    broken = canonical(broken)
    cell(broken, "number").source = "1 / 0"
    broken.cells.append(broken.cells.pop(2))  # the explorer is there before the error
    nbformat.write(broken, folder / "broken.ipynb")
    more = ["--bare-kernel"] if request.param == "kernel" else []
    return strict_nbval(folder, *more, "fresh.ipynb", "changed.ipynb", "broken.ipynb")


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
    assert failures == [None] * 7


def test_a_changed_number_fails_strict_nbval(strict):
    assert "mismatch 'stdout'" in failure(strict, "changed", "number")
    assert "0.65 and 60 %" in failure(strict, "changed", "measured")


def test_the_summary_lists_the_cells_with_another_room(strict):
    assert strict[1].count("fresh.ipynb, measured    measured") == 1


def test_a_changed_picture_fails_strict_nbval(strict):
    assert "picture 1 differs from the stored one by" in failure(strict, "changed", "picture")


def test_a_dead_slider_fails_strict_nbval(strict):
    assert failure(strict, "changed", "explorers") in (
        "changed.ipynb: the control a of Explorer(a=1.0, style='-') does not change the picture",
        "changed.ipynb: press_keys on the control 'a 1.00': the picture stays as it is")


def test_a_cell_that_fails_fails_strict_nbval_with_its_error(strict):
    assert "ZeroDivisionError" in failure(strict, "broken", "number")
    assert strict[0]["broken.ipynb", "Cell 0 (imports)"] is None


def test_an_explorer_that_fails_at_the_end_of_a_slider_fails_strict_nbval(strict):
    assert "ZeroDivisionError" in failure(strict, "broken", "explorers")


def test_a_stale_cell_fails_strict_nbval_with_the_reason(strict):
    assert "edited after its outputs were made" in failure(strict, "broken", "stored form")


def test_the_summary_ends_with_the_seconds_of_each_notebook(strict):
    table = strict[1].rpartition("seconds per notebook")[2]
    names = [line.split()[0] for line in table.splitlines()[1:5]]
    assert names == ["broken.ipynb", "changed.ipynb", "fresh.ipynb", "total"]
