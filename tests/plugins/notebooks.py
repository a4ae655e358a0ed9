"""Notebooks as tests: executed once, in JupyterLab where there is a browser, and compared by nbval.

nbval executes a notebook in a kernel of its own and compares its text. Added here: the stored form is checked before
anything runs (`bncourse.notebooks.check`), numbers are compared as numbers and pictures by their pixels
(`bncourse.comparison`), and every control of every explorer has to change its picture. Where a Chromium is found, the
kernel is JupyterLab's: the page runs all cells, as a learner would, nbval compares what the page then shows, and the
controls are moved on the page. `--bare-kernel` leaves the browser out.
"""

import ast
import os

import nbformat
import pytest
from nbval.plugin import IPyNbCell, IPyNbFile, coalesce_streams

from bncourse import comparison
from bncourse.notebooks import check

EXPLORER_TIMEOUT = 60  # seconds

FIND_DEAD_CONTROLS = """
import gc
from bncourse.explorers import Explorer
_dead = [f"{name} of {explorer!r}" for explorer in gc.get_objects() if issubclass(type(explorer), Explorer)
         for name in explorer.dead_controls()]
"""


def pytest_addoption(parser):
    parser.addoption("--bare-kernel", action="store_true", help="notebooks: without JupyterLab, even with a browser")


def pytest_configure(config):
    os.environ["BNCOURSE_PROGRESS"] = "off"
    os.environ.pop("MPLBACKEND", None)  # kernels draw inline, whatever this process draws with
    config.pluginmanager.register(Labs(config), "labs")


class Labs:
    """The JupyterLab of this process: started for its first notebook, and ended with the process."""

    def __init__(self, config):
        self.bare, self.running, self.failure = config.getoption("bare_kernel"), None, None

    def lab(self):
        """JupyterLab on a page of a browser, or None where there is none."""
        from tests.browser import chromium

        if self.failure:
            raise self.failure
        if self.running is None and not self.bare and (path := chromium.find()):
            from tests.browser.lab import Lab
            try:
                self.running = Lab(path)
            except Exception as error:
                self.failure = error
                raise
        return self.running

    def pytest_unconfigure(self):
        if self.running:
            self.running.stop()


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(file_path, parent):
    collectors = yield
    return [Notebook.from_parent(parent, path=file_path) if isinstance(collector, IPyNbFile) else collector
            for collector in collectors]


class Notebook(IPyNbFile):
    """One notebook: its stored form, its cells in one kernel, its explorers in the same kernel."""

    lab = None
    shown: dict  # by JupyterLab: a code cell's id -> its execution count and its outputs

    def setup(self):
        self.lab = self.config.pluginmanager.get_plugin("labs").lab()
        if self.lab:
            self.shown = self.lab.run(self.path)
        else:
            super().setup()

    def teardown(self):
        if self.lab:
            self.lab.close()
        super().teardown()

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
        if not self.parent.lab:
            return self.of_a_kernel()
        complaints, took = self.parent.lab.play()
        self.user_properties.append(("latency", (self.path.stem, took)))
        return complaints

    def of_a_kernel(self):
        client = self.parent.kernel.kc
        reply = client.execute_interactive(FIND_DEAD_CONTROLS, silent=True, timeout=EXPLORER_TIMEOUT,
                                           user_expressions={"dead": "_dead"})["content"]
        if reply["status"] != "ok":
            return [f"an explorer fails when its controls are moved: {reply['ename']}: {reply['evalue']}"]
        dead = ast.literal_eval(reply["user_expressions"]["dead"]["data"]["text/plain"])
        return [f"the control {name} does not change the picture" for name in dead]


class Cell(IPyNbCell):
    """A cell whose numbers have their room and whose pictures are compared too.

    Stored outputs come from the synthetic data: with `BNCOURSE_DATASET` set to other data only errors count.
    """

    @property
    def tags(self):
        return self.cell.metadata.get("tags", [])

    def runtest(self):
        for tag in sorted(set(self.tags) & set(comparison.TAGS)):
            self.user_properties.append(("room", (f"{self.path.name}, {self.cell.id}", tag)))
        if self.parent.lab:
            self.compare_with_the_page()
        else:
            super().runtest()

    def compare_with_the_page(self):
        count, outputs = self.parent.shown[self.cell.id]
        outputs = [nbformat.from_dict(output) for output in outputs]
        if error := next((output for output in outputs if output.output_type == "error"), None):
            self.raise_cell_error("Cell execution caused an exception", "\n" + "\n".join(error.traceback))
        if count is None:
            self.raise_cell_error("The cell was not run, because an earlier one failed")
        if not self.compare_outputs(coalesce_streams(outputs), coalesce_streams(self.cell.outputs)):
            self.raise_cell_error("Cell outputs differ", "\n".join(self.comparison_traceback))

    def compare_outputs(self, test, ref, skip_compare=None):
        if os.environ.get("BNCOURSE_DATASET", "glyphs") != "glyphs":
            return True
        if not super().compare_outputs(comparison.reconcile(test, ref, self.tags), ref, skip_compare):
            return False
        drawn = comparison.pictures(test), comparison.pictures(ref)
        self.comparison_traceback.extend(comparison.different_pictures(*drawn))
        return not self.comparison_traceback
