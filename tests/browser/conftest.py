"""A JupyterLab of our own and a browser on it: throw-away folders, a free port on the loopback, a token.

It is given the student edition, in a folder of its own, since JupyterLab saves what it opens. Needs a Chromium:
`BNCOURSE_CHROMIUM`, or one of the usual names on the path. Where none is found, the tests are skipped and say so.
"""

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from bncourse.lectures import editions, lessons

START_TIMEOUT = 60  # seconds
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync")
SETTINGS = {
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/docmanager-extension/plugin": {"autosave": False},
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},  # else only what is in view is in the page
}


@pytest.fixture(scope="module")
def chromium():
    """The path of a Chromium."""
    named = os.environ.get("BNCOURSE_CHROMIUM")
    if named and not Path(named).is_file():
        pytest.fail(f"BNCOURSE_CHROMIUM is {named!r}, which is not a file; expected the path of a Chromium")
    found = named or next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip(f"no Chromium: none of {', '.join(NAMES)} is on the path; BNCOURSE_CHROMIUM may name one")
    return found


@pytest.fixture(scope="module")
def screenshots(tmp_path_factory):
    """The folder for pictures to look at: `BNCOURSE_SCREENSHOTS`, or a temporary one."""
    named = os.environ.get("BNCOURSE_SCREENSHOTS")
    folder = Path(named) if named else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="module")
def lab(chromium, tmp_path_factory):
    """A running JupyterLab on the student edition, as url(name of a notebook)."""
    home = tmp_path_factory.mktemp("lab")
    (home / "notebooks").mkdir()
    editions.write(editions.edited(lessons.find(), "student"), home / "notebooks")
    for name, values in SETTINGS.items():
        file = home / "settings" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values), encoding="utf-8")
    port, token = free_port(), secrets.token_hex(16)
    with open(home / "log.txt", "w+", encoding="utf-8") as log:
        process = subprocess.Popen(command(home, port, token), env=environment(home), stdout=log, stderr=log)
        try:
            wait_for(f"http://127.0.0.1:{port}/api/status?token={token}", process, home / "log.txt")
            yield lambda notebook: f"http://127.0.0.1:{port}/lab/tree/{notebook}?token={token}&reset"
        finally:
            stop(process, f"http://127.0.0.1:{port}/api/shutdown", token)


@pytest.fixture(scope="module")
def browser(chromium):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser, screenshots, request):
    """An empty page; how it looks at the end, or at a failure, is kept."""
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    yield page
    page.screenshot(path=screenshots / f"{request.node.callspec.id}_last.png")
    page.close()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def command(home, port, token):
    return [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1",
            f"--ServerApp.port={port}", "--ServerApp.port_retries=0", f"--ServerApp.root_dir={home / 'notebooks'}",
            f"--IdentityProvider.token={token}", "--LabApp.expose_app_in_browser=True",
            "--KernelManager.transport_encryption=auto"]


def environment(home):
    folders = {"JUPYTER_CONFIG_DIR": "config", "JUPYTER_DATA_DIR": "data", "JUPYTER_RUNTIME_DIR": "runtime",
               "JUPYTERLAB_SETTINGS_DIR": "settings", "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
               "IPYTHONDIR": "ipython"}
    return {**os.environ, **{name: str(home / folder) for name, folder in folders.items()}}


def wait_for(url, process, log):
    end = time.monotonic() + START_TIMEOUT
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=START_TIMEOUT):
                return
        except urllib.error.URLError:
            time.sleep(0.1)
    pytest.fail(f"JupyterLab did not start within {START_TIMEOUT} s:\n{log.read_text(encoding='utf-8')[-3000:]}")


def stop(process, url, token):
    """Asks the server to stop, so that its kernels stop too; ends it where it does not answer."""
    request = urllib.request.Request(url, method="POST", headers={"Authorization": f"token {token}"})
    try:
        with urllib.request.urlopen(request, timeout=10):
            process.wait(timeout=20)
    except (urllib.error.URLError, subprocess.TimeoutExpired):
        process.kill()
        process.wait()
