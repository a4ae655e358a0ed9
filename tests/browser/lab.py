"""JupyterLab in a browser, as a learner has it: a notebook is opened, run from the top, and its explorers are played.

One server, one browser and one page serve all notebooks of a process. They live in a thread of their own, because
Playwright keeps an event loop running, beside which other tests could start none.
"""

import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.browser import chromium, gestures
from tests.browser.server import Server

RUN_TIMEOUT = 300_000  # milliseconds
POLLING = 100  # milliseconds; unless told, a page is asked, and so painted, 60 times a second
CELLS = "window.panel.content.widgets.filter(cell => cell.model.type === 'code')"
OPEN = """async name => {
    await window.jupyterapp.restored;
    const panel = await window.jupyterapp.commands.execute('docmanager:open', {path: name, factory: 'Notebook'});
    await panel.context.ready;
    await panel.sessionContext.ready;
    await panel.sessionContext.session.kernel.info;
    window.panel = panel;
}"""
RUN_ALL = """async () => {
    const commands = window.jupyterapp.commands;
    await commands.execute('notebook:clear-all-cell-outputs');
    commands.execute('notebook:run-all-cells').then(() => { window.ranAll = window.panel.id; });
}"""
RAN_ALL = "() => window.ranAll === window.panel.id"
OUTPUTS = f"() => {CELLS}.map(cell => [cell.model.id, cell.model.executionCount, cell.model.outputs.toJSON()])"
CLOSE = "() => window.panel.dispose()"


class Lab:
    """A running JupyterLab with a page on it. Raises RuntimeError where it does not start."""

    def __init__(self, path):
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="lab")
        self._home = tempfile.TemporaryDirectory(prefix="bncourse-lab-", ignore_cleanup_errors=True)
        self._here(self._start, path)

    def run(self, notebook):
        """Opens a copy of a notebook and runs all of it. Returns for each code cell's id its count and its outputs."""
        return self._here(self._run, notebook)

    def play(self):
        """Plays the explorers of the notebook that was run. Returns what went wrong, and milliseconds to pictures."""
        return self._here(self._play)

    def close(self):
        """Closes the notebook that was run, which ends its kernel."""
        self._here(self._close)

    def stop(self):
        """Ends the page, the browser and the server."""
        self._here(self._stop)
        self._thread.shutdown()
        self._home.cleanup()

    def _here(self, work, *arguments):
        return self._thread.submit(work, *arguments).result()

    def _start(self, path):
        self._server, self._playwright = Server(Path(self._home.name)), None
        try:
            self._playwright = sync_playwright().start()
            self._browser = self._playwright.chromium.launch(executable_path=path, args=chromium.FLAGS)
            self._page = self._browser.new_page(viewport={"width": 1280, "height": 1000})
            self._page.on("pageerror", lambda error: self._errors.append(str(error)))
            self._page.on("console", self._listen)
            self._errors = []
            self._server.wait()
            self._page.goto(self._server.url)
            self._page.wait_for_function("() => window.jupyterapp")
        except BaseException:
            if self._playwright:
                self._playwright.stop()
            self._server.stop()
            raise

    def _listen(self, message):
        if "Could not create" in message.text:  # a widget
            self._errors.append(message.text)

    def _run(self, notebook):
        self._stem = notebook.stem
        self._errors.clear()
        shutil.copy(notebook, self._server.notebooks)
        self._page.evaluate(OPEN, notebook.name)
        self._page.evaluate(RUN_ALL)
        self._page.wait_for_function(RAN_ALL, timeout=RUN_TIMEOUT, polling=POLLING)
        return {id: (count, outputs) for id, count, outputs in self._page.evaluate(OUTPUTS)}

    def _play(self):
        complaints, took = [], []
        self._page.locator(".jp-Notebook-cell").first.scroll_into_view_if_needed()
        chromium.keep_screenshot(self._page, f"{self._stem}_top")
        for number, explorer in enumerate(self._page.locator(".bncourse-explorer").all(), 1):
            explorer.scroll_into_view_if_needed()
            chromium.keep_screenshot(explorer, f"{self._stem}_explorer_{number}")
            complaints += gestures.play(explorer)
            took += [] if complaints else gestures.latencies(explorer)  # of what works: the rest would be waited for
        return complaints + [f"the page says: {error}" for error in self._errors], took

    def _close(self):
        self._page.evaluate(CLOSE)

    def _stop(self):
        self._browser.close()
        self._playwright.stop()
        self._server.stop()
