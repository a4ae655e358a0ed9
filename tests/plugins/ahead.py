"""Slow work of tests, done in another process while quicker tests run: tests marked `ahead` wait for it at `done`.

    @pytest.mark.ahead(work=work)
    @pytest.mark.parametrize("name", NAMES)
    def test_it_is_done(name, done):
        result = done()  # of work(name), or what that raised

It begins behind the browser's tests, which measure how fast a page answers. The process is a fresh one, so that no
test's patches reach it.
"""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

POOL, RESULTS = pytest.StashKey(), pytest.StashKey()


def pytest_configure(config):
    config.addinivalue_line("markers", "ahead(work=): called with the parameters of the case, ahead of the test")


def pytest_runtest_setup(item):
    stash = item.session.stash
    if RESULTS in stash or "browser" in item.path.parts:
        return
    stash[POOL] = pool = ProcessPoolExecutor(1, get_context("spawn"))
    stash[RESULTS] = {each.nodeid: pool.submit(mark.kwargs["work"], **each.callspec.params)
                      for each in item.session.items for mark in each.iter_markers("ahead")}


def pytest_sessionfinish(session):
    if POOL in session.stash:
        session.stash[POOL].shutdown(wait=False, cancel_futures=True)


@pytest.fixture
def done(request):
    """Waits for this test's work and returns its result."""
    return request.session.stash[RESULTS][request.node.nodeid].result
