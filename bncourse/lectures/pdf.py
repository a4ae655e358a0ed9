"""A deck as a PDF, printed by a Chromium, one slide a page.

A Chromium that prints from the command line does not know when a page is ready. Its clock runs ahead while the page
waits, so that on a busy machine a short time ends before the page has begun, with one empty page. A long time costs
nothing; and it prints again where the PDF has not as many pages as the deck has slides.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome", "msedge")
FLAGS = ("--headless", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--no-pdf-header-footer",
         "--run-all-compositor-stages-before-draw")
PATIENCE = (600, 3600, 3600)  # seconds of the page's own clock
LONGEST = 240  # seconds of ours


class NoPDF(Exception):
    """No Chromium, or one that did not print."""


def chromium() -> str:
    """The path of a Chromium: `BNCOURSE_CHROMIUM`, or one of the usual names on the path. Raises NoPDF."""
    named = os.environ.get("BNCOURSE_CHROMIUM")
    if named and not Path(named).is_file():
        raise NoPDF(f"BNCOURSE_CHROMIUM is {named!r}, which is not a file; expected the path of a Chromium")
    found = named or next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        raise NoPDF(f"no Chromium: none of {', '.join(NAMES)} is on the path; BNCOURSE_CHROMIUM may name one, "
                    "and any browser prints a deck opened with ?print-pdf at the end of its address")
    return found


def write(deck: Path, browser: str) -> Path:
    """Print a deck to a PDF beside the deck, and return the path of the PDF. Raises NoPDF."""
    target = deck.with_suffix(".pdf").absolute()
    slides = deck.read_text(encoding="utf-8").count("<section class=")
    for seconds in PATIENCE:
        said = print_once(deck, target, browser, seconds)
        if target.is_file() and pages(target) == slides:
            return target
    found = f"{pages(target)} pages" if target.is_file() else "no file"
    raise NoPDF(f"{deck.name} has {slides} slides, but {browser} printed {found}: {said[-300:]}")


def print_once(deck: Path, target: Path, browser: str, seconds: int) -> str:
    """Print a deck once and return what the browser wrote to stderr. Raises NoPDF where the browser does not end."""
    sandbox = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    command = [browser, *FLAGS, *sandbox, f"--virtual-time-budget={1000 * seconds}", f"--print-to-pdf={target}",
               f"{deck.absolute().as_uri()}?print-pdf"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST)
    except subprocess.TimeoutExpired:
        raise NoPDF(f"{browser} did not end within {LONGEST} s of printing {deck.name}") from None
    return done.stderr.strip()


def pages(pdf: Path) -> int:
    return len(re.findall(rb"/Type\s*/Page\b", pdf.read_bytes()))
