"""What shares a fixture or a kernel runs in one process, in order; lessons may run beside one another."""

from tests.plugins.scheduling import together


def test_tests_of_a_file_and_cells_of_a_notebook_keep_together():
    assert together("tests/a.py::test_a[1-2]") == together("tests/a.py::test_b") != together("tests/b.py::test_a")
    assert together("notebooks/00_a.ipynb::Cell 1 (x)") == together("notebooks/00_a.ipynb::explorers")


def test_lessons_may_run_beside_one_another():
    first, second = "tests/a.py::test_a[00_one]", "tests/a.py::test_a[01_two]"
    assert together(first) != together(second)
    assert together(first) == together("tests/a.py::test_b[00_one]")
