"""What shares a fixture or a kernel runs in one process, in order; lessons may run beside one another; long ones first.
"""

from types import SimpleNamespace

from bncourse.paths import ROOT
from tests.plugins.scheduling import LONG, pytest_collection_modifyitems, together


def test_tests_of_a_file_and_cells_of_a_notebook_keep_together():
    assert together("tests/a.py::test_a[1-2]") == together("tests/a.py::test_b") != together("tests/b.py::test_a")
    assert together("notebooks/00_a.ipynb::Cell 1 (x)") == together("notebooks/00_a.ipynb::explorers")


def test_lessons_may_run_beside_one_another():
    first, second = "tests/a.py::test_a[00_one]", "tests/a.py::test_a[01_two]"
    assert together(first) != together(second)
    assert together(first) == together("tests/a.py::test_b[00_one]")


def test_what_a_browser_looks_at_is_made_once():
    first, second = "tests/browser/test_a.py::test_a[00_one]", "tests/browser/test_a.py::test_a[01_two]"
    assert together(first) == together(second) == "tests/browser/test_a.py"


def test_what_takes_long_goes_first_and_nothing_else_changes_its_place():
    collected = ["tests/checks/test_a.py::test_b", "tests/checks/test_a.py::test_a", "notebooks/00_a.ipynb::Cell 1 (x)",
                 "tests/nn/test_a.py::test_a", "tests/training/test_a.py::test_b", "tests/training/test_a.py::test_a"]
    items = [SimpleNamespace(nodeid=each) for each in collected]
    pytest_collection_modifyitems(items)
    assert [item.nodeid for item in items] == [collected[k] for k in (2, 4, 5, 0, 1, 3)]


def test_what_is_said_to_take_long_is_there():
    assert [path for path in LONG if not (ROOT / path).exists()] == []
