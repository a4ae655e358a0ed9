"""A browser for the tests of decks and pages: the Firefox that `BNCOURSE_FIREFOX` names, or else a Chromium.

Without one they are skipped and say so.
"""

import os

import pytest
from playwright.sync_api import sync_playwright

from tests.browser import chromium


@pytest.fixture(scope="module")
def browser():
    firefox = os.environ.get("BNCOURSE_FIREFOX")
    path = firefox or chromium.find() or pytest.skip(chromium.NONE)
    with sync_playwright() as playwright:
        browser = (playwright.firefox.launch(executable_path=path, channel="moz-firefox") if firefox else
                   playwright.chromium.launch(executable_path=path, args=chromium.FLAGS))
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def room(browser):
    """One page for the tests of a module, which need not read MathJax and axe-core anew; and what went wrong on it."""
    context = browser.new_context(offline=True)
    page, wrong = context.new_page(), []

    def listen(request):
        if not request.url.startswith(("file:", "data:", "blob:", "about:")):
            wrong.append(f"asks for {request.url}")

    page.on("request", listen)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
    page.on("requestfailed", lambda request: wrong.append(f"did not get {request.url}"))
    yield page, wrong
    context.close()


@pytest.fixture
def offline(room):
    """An empty page of a projector's size, offline, and what went wrong on it; to ask for another host is wrong."""
    page, wrong = room
    page.unroute_all()
    page.goto("about:blank")
    page.set_viewport_size({"width": 1280, "height": 720})
    page.emulate_media(color_scheme="light")
    wrong.clear()
    return page, wrong
