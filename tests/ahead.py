"""Slow work of parametrized tests, done two at a time, ahead of the tests that wait for it."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest


@contextmanager
def ahead(request: pytest.FixtureRequest, test: str, work: Callable) -> Iterator[dict[str, Future]]:
    """The future result of `work` for each case of a test that was selected, by the case's id.

    What nobody has waited for when the last test is done is not begun any more.
    """
    cases = [item.callspec.id for item in request.session.items if getattr(item, "originalname", "") == test]
    with ThreadPoolExecutor(2) as pool:
        futures = {case: pool.submit(work, case) for case in cases}
        try:
            yield futures
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
