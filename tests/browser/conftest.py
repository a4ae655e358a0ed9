"""A browser for the tests of decks and pages; without one they are skipped and say so."""

import pytest
from playwright.sync_api import sync_playwright

from tests.browser import chromium


@pytest.fixture(scope="module")
def screenshots(tmp_path_factory):
    """The folder for pictures to look at."""
    return chromium.screenshots(tmp_path_factory.mktemp("screenshots"))


@pytest.fixture(scope="module")
def browser():
    path = chromium.find() or pytest.skip(chromium.NONE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=chromium.FLAGS)
        yield browser
        browser.close()
