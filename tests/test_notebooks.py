"""Notebooks are written in one form, and what is not in it is found without running.

At the end every notebook with digits runs once more on real MNIST, where it is at hand: there the asserts count,
and the outputs are not compared.
"""

import os
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from bncourse import notebooks
from bncourse.notebooks import LARGEST_FILE, NotebookError, canonical, check, refresh, run
from bncourse.paths import ROOT
from tests.small import cell, notebook


@pytest.fixture
def stored(refreshed):
    """The refreshed notebook, to be spoiled by one test."""
    return nbformat.read(refreshed, as_version=4)


# what refresh writes


def test_a_refreshed_notebook_passes_its_check(refreshed):
    assert check(refreshed) == []


def test_two_refreshes_are_the_same_to_the_byte(refreshed):
    before = refreshed.read_bytes()
    refresh(refreshed)
    assert refreshed.read_bytes() == before
    assert [path.name for path in refreshed.parent.iterdir()] == ["small.ipynb"]


def test_refresh_keeps_what_slides_need_and_no_trace_of_the_execution(refreshed):
    text = refreshed.read_text(encoding="utf-8")
    node = nbformat.reads(text, as_version=4)
    assert cell(node, "number").metadata == {"slideshow": {"slide_type": "slide"}}
    assert cell(node, "picture").metadata == {"alt": "A rising line"}
    assert set(node.metadata) == {"bncourse", "kernelspec", "language_info"}
    assert not any(trace in text for trace in ("widget-view", "iopub", sys.version.split()[0]))


def test_an_explorer_is_stored_as_its_picture_with_the_text_for_it(refreshed):
    output, = cell(nbformat.read(refreshed, as_version=4), "explorer").outputs
    assert output.data["text/plain"] == "Explorer(a=1.0, style='-')"
    assert output.metadata["image/png"]["alt"] == "A line"


def test_a_failing_cell_is_named_and_leaves_the_file_alone(tmp_path):
    path = tmp_path / "failing.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell("1 / 0", id="division")]), path)
    before = path.read_bytes()
    with pytest.raises(NotebookError, match=r"failing.ipynb: cell division failed with ZeroDivisionError: division"):
        refresh(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_cell_prints_is_stored_as_one_output(refreshed):
    _progress, printed = cell(nbformat.read(refreshed, as_version=4), "number").outputs
    assert printed.text == "The answer, with NumPy 1.2.3:\n42\n"


def test_refresh_runs_on_the_synthetic_data_whatever_this_process_uses(tmp_path, monkeypatch):
    path, environments = tmp_path / "small.ipynb", []
    nbformat.write(notebook(), path)
    monkeypatch.setattr(notebooks, "run", lambda path, environment: environments.append(environment) or notebook())
    refresh(path)
    assert environments == [{"BNCOURSE_DATASET": "glyphs"}]


def test_a_write_that_fails_leaves_no_draft(tmp_path, monkeypatch):
    def full(draft, path):
        raise OSError("no space left on device")

    path = tmp_path / "small.ipynb"
    nbformat.write(notebook(), path)
    before = path.read_bytes()
    monkeypatch.setattr(notebooks, "run", lambda *_: notebook())
    monkeypatch.setattr(notebooks.os, "replace", full)
    with pytest.raises(OSError, match="no space left"):
        refresh(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_notebook_runs_under_the_given_environment_and_records_no_progress(tmp_path):
    path = tmp_path / "environment.ipynb"
    code = "import os\nraise ValueError(os.environ['BNCOURSE_DATASET'], os.environ['BNCOURSE_PROGRESS'])"
    nbformat.write(new_notebook(cells=[new_code_cell(code, id="environment")]), path)
    with pytest.raises(NotebookError, match=r"\('mnist', 'off'\)"):
        run(path, {"BNCOURSE_DATASET": "mnist", "BNCOURSE_PROGRESS": "on"})


# what check finds, without running


def append(source):
    def spoil(node):
        node.cells.append(new_code_cell(source, id="added", execution_count=5))
    return spoil


def put(id, **changes):
    def spoil(node):
        cell(node, id).update(changes)
    return spoil


def output(id, kind, **content):
    def spoil(node):
        cell(node, id).outputs.append(new_output(kind, **content))
    return spoil


def tag(id, name):
    def spoil(node):
        cell(node, id).metadata["tags"] = [name]
    return spoil


def no_alternative(node):
    del cell(node, "picture").metadata["alt"]


def noted(node):
    node.metadata["language_info"]["version"] = "3.11"


SPOILT = {
    "code edited after its run": (put("number", source="print(43)"), "edited after its outputs"),
    "cell without an execution count": (put("number", execution_count=None), "cell number was not run"),
    "cells run out of order": (put("number", execution_count=7), "not run once, from top to bottom"),
    "stored error": (output("number", "error", ename="E", evalue="bad", traceback=[]), "number shows an error, E: bad"),
    "stored warning": (output("number", "stream", name="stderr", text="beware\n"), "writes to stderr: beware"),
    "memory address": (output("number", "stream", name="stdout", text="<f at 0x7f00ab12cd>"), "prints a memory"),
    "another form": (noted, "not in canonical form"),
    "picture without words": (no_alternative, "picture of cell picture has no alternative text"),
    "image without words": (put("title", source="# Small\n![](a.png)"), "picture in cell title has no alternative"),
    "tag without words": (put("title", source="# Small\n<img src='a.png'>"), "picture in cell title has no"),
    "long cell": (append("\n".join(f"a = {i}" for i in range(21))), "cell added has 21 lines; expected at most 20"),
    "second import cell": (append("import os"), "2 cells import; expected exactly one"),
    "star": (append("from os import *"), "cell added imports with a star"),
    "search path": (append("sys.path.append('..')"), "cell added uses sys.path"),
    "installation": (append("%pip install numpy"), "the line '%pip install numpy': only Python"),
    "uncompared cell": (append("# NBVAL_IGNORE_OUTPUT\n1"), "cell added is marked NBVAL_IGNORE_OUTPUT"),
    "cell that may fail": (tag("number", "raises-exception"), "cell number is marked raises-exception"),
    "evidence in the way": (tag("number", "evidence"), "cell number is tagged 'evidence' and not folded"),
    "heavy file": (output("number", "stream", name="stdout", text="x" * LARGEST_FILE), f"at most {LARGEST_FILE}"),
}


@pytest.mark.parametrize(("spoil", "words"), SPOILT.values(), ids=SPOILT)
def test_a_spoilt_notebook_is_found_without_running(spoil, words, stored, tmp_path):
    spoil(stored)
    path = tmp_path / "spoilt.ipynb"
    nbformat.write(stored, path)
    assert any(words in complaint for complaint in check(path)), check(path)


def test_a_solution_may_be_long(stored, tmp_path):
    append("\n".join(f"a = {i}" for i in range(21)))(stored)
    tag("added", "solution")(stored)
    path = tmp_path / "solution.ipynb"
    nbformat.write(canonical(stored), path)
    assert check(path) == []


# the course on real data


MNIST = Path(os.environ.get("BNCOURSE_DATA", ROOT / "data" / "cache")) / "mnist"
WITH_DIGITS = [path.stem for path in sorted((ROOT / "notebooks").glob("*.ipynb"))
               if "from bncourse import datasets" in path.read_text(encoding="utf-8")]


@pytest.mark.skipif(not any(MNIST.glob("train-images*")), reason=f"no MNIST in {MNIST}; BNCOURSE_DATA names its place")
@pytest.mark.parametrize("name", WITH_DIGITS)
def test_every_notebook_with_digits_runs_on_real_mnist(name, record_property):
    record_property("notebook", f"{name}.ipynb, on MNIST")
    run(ROOT / "notebooks" / f"{name}.ipynb", {"BNCOURSE_DATASET": "mnist"})
