"""The browser of the tests: `BNCOURSE_CHROMIUM`, or a Chromium of one of the usual names on the path."""

import os
import shutil
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync")
READY = "() => document.documentElement.dataset.ready"
READY_TIMEOUT = 120_000  # milliseconds
NONE = f"no Chromium: none of {', '.join(NAMES)} is on the path; BNCOURSE_CHROMIUM may name one"


def find():
    """The path of a Chromium, or None. Raises ValueError where the variable names what is not a file."""
    named = os.environ.get("BNCOURSE_CHROMIUM")
    if named and not Path(named).is_file():
        raise ValueError(f"BNCOURSE_CHROMIUM is {named!r}, which is not a file; expected the path of a Chromium")
    return named or next(filter(None, map(shutil.which, NAMES)), None)


def keep_screenshot(seen, name):
    """A picture of a page, or of an element, to look at: where `BNCOURSE_SCREENSHOTS` names a folder for them."""
    if folder := os.environ.get("BNCOURSE_SCREENSHOTS"):
        seen.screenshot(path=Path(folder) / f"{name}.png")


def open_page(page, path):
    """Opens a file and returns when its mathematics is set."""
    page.goto(path.as_uri())
    page.wait_for_function(READY, timeout=READY_TIMEOUT)
