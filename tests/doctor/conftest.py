"""No process group, which a patient may be in, outlives a test."""

import pytest

from tests.doctor.of_modes import leave_the_world


@pytest.fixture(autouse=True)
def no_process_group():
    yield
    leave_the_world()
