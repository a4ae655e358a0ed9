"""Notebooks as tests: what nbval compares, and what it leaves open.

nbval executes a notebook and compares its text. Added here: the stored form is checked before anything runs
(`bncourse.notebooks.check`), pictures are compared by their pixels, and every control of every explorer has to change
its picture.
"""

import ast
import base64
import io
import os
import re

import numpy as np
import pytest
from nbval.plugin import IPyNbCell, IPyNbFile
from PIL import Image

from bncourse.notebooks import check

ROOM = 0.5  # mean absolute difference that two equal pictures may have, of 255
VERSIONS = re.compile(r"\b(Python|NumPy|PyTorch|bncourse) \d+(\.\w+)+(\+\w+)?")  # printed for the reader
EXPLORER_TIMEOUT = 60  # seconds

FIND_DEAD_CONTROLS = """
import gc
from bncourse.explorers import Explorer
_dead = [f"{name} of {explorer!r}" for explorer in gc.get_objects() if issubclass(type(explorer), Explorer)
         for name in explorer.dead_controls()]
"""


def pytest_configure():
    os.environ["BNCOURSE_PROGRESS"] = "off"
    os.environ.pop("MPLBACKEND", None)  # kernels draw inline, whatever this process draws with


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(file_path, parent):
    collectors = yield
    return [Notebook.from_parent(parent, path=file_path) if isinstance(collector, IPyNbFile) else collector
            for collector in collectors]


class Notebook(IPyNbFile):
    """One notebook: its stored form, its cells in one kernel, its explorers in the same kernel."""

    def collect(self):
        yield StoredForm.from_parent(self, name="stored form")
        for cell in super().collect():
            yield Cell.from_parent(self, name=f"{cell.name} ({cell.cell.id})", cell_num=cell.cell_num, cell=cell.cell,
                                   options=cell.options)
        yield Explorers.from_parent(self, name="explorers")


class NotebookItem(pytest.Item):
    """A question about a whole notebook; a failure is its sentences, without a traceback."""

    def runtest(self):
        complaints = self.complaints()
        if complaints:
            raise Complaints("\n".join(f"{self.path.name}: {complaint}" for complaint in complaints))

    def repr_failure(self, excinfo):
        return str(excinfo.value) if isinstance(excinfo.value, Complaints) else super().repr_failure(excinfo)

    def reportinfo(self):
        return self.path, 0, f"{self.path.name}: {self.name}"


class Complaints(Exception):
    """What is wrong with a notebook, one sentence a line."""


class StoredForm(NotebookItem):
    def complaints(self):
        return check(self.path)


class Explorers(NotebookItem):
    def complaints(self):
        client = self.parent.kernel.kc
        reply = client.execute_interactive(FIND_DEAD_CONTROLS, silent=True, timeout=EXPLORER_TIMEOUT,
                                           user_expressions={"dead": "_dead"})["content"]
        if reply["status"] != "ok":
            return [f"an explorer fails when its controls are moved: {reply['ename']}: {reply['evalue']}"]
        dead = ast.literal_eval(reply["user_expressions"]["dead"]["data"]["text/plain"])
        return [f"the control {name} does not change the picture" for name in dead]


class Cell(IPyNbCell):
    """A cell whose pictures are compared too, but not the versions that it prints.

    Stored outputs come from the synthetic data: with `BNCOURSE_DATASET` set to other data only errors count.
    """

    def sanitize(self, s):
        s = super().sanitize(s)
        return VERSIONS.sub(r"\1 (version)", s) if isinstance(s, str) else s

    def compare_outputs(self, test, ref, skip_compare=None):
        if os.environ.get("BNCOURSE_DATASET", "glyphs") != "glyphs":
            return True
        if not super().compare_outputs(test, ref, skip_compare):
            return False
        self.comparison_traceback.extend(different_pictures(pictures(test), pictures(ref)))
        return not self.comparison_traceback


def pictures(outputs):
    """The PNGs among a cell's outputs, as arrays (height, width, 4); of a live one nothing but its size."""
    found = []
    for output in outputs:
        if png := output.get("data", {}).get("image/png"):
            pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(png))).convert("RGBA"), float)
            live = output.get("metadata", {}).get("image/png", {}).get("live", False)
            found.append(np.zeros_like(pixels) if live else pixels)
    return found


def different_pictures(now, stored):
    """One sentence for each picture that is not what is stored, or one about their number."""
    if len(now) != len(stored):
        yield f"{len(now)} pictures were drawn, but {len(stored)} are stored"
        return
    for number, (new, old) in enumerate(zip(now, stored, strict=True), 1):
        if new.shape != old.shape:
            yield (f"picture {number} has {new.shape[1]} x {new.shape[0]} pixels, "
                   f"but the stored one has {old.shape[1]} x {old.shape[0]}")
        elif (difference := np.abs(new - old).mean()) > ROOM:
            yield (f"picture {number} differs from the stored one by {difference:.2f} of 255 on the mean; "
                   f"expected at most {ROOM}")
