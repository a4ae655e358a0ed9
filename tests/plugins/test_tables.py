"""What a test records, in any process, stands in a table at the end."""

from types import SimpleNamespace

from tests.plugins.tables import Tables


def written(*reports):
    """The sections and lines that the summary writes after these reports: (node's id, properties, seconds)."""
    tables, lines = Tables(), []
    for nodeid, noted, seconds in reports:
        tables.pytest_runtest_logreport(SimpleNamespace(nodeid=nodeid, user_properties=noted, duration=seconds))
    tables.pytest_terminal_summary(SimpleNamespace(section=lines.append, write_line=lines.append))
    return lines


def test_without_records_there_is_no_table():
    assert written(("a.py::test_a", [], 1.0)) == []


def test_seconds_are_summed_by_notebook_and_in_all():
    assert written(("notebooks/00_a.ipynb::Cell 1", [], 1.0), ("notebooks/00_a.ipynb::Cell 2", [], 0.5),
                   ("tests/a.py::test_a[00_a]", [("notebook", "00_a.ipynb, in a browser")], 2.0))[1:] == [
        "00_a.ipynb                     1.5",
        "00_a.ipynb, in a browser       2.0",
        "total                          3.5"]


def test_a_caught_mistake_stands_with_its_law_under_its_package():
    caught = ("mistake", ("nn", "eps ignored", "a_law"))
    assert written(("tests/a.py::test_a", [caught], 0.0), ("tests/a.py::test_a", [caught], 0.0)) == [
        "bncourse.nn: mistake, caught by", "eps ignored  a_law"]


def test_of_latencies_the_median_and_the_longest_are_told():
    took = [("latency", ("00_a", [100.0, 80.0, 260.0])), ("latency", ("01_b", []))]
    assert written(("tests/a.py::test_a", took, 0.0))[1:] == ["00_a  median  100, longest  260, 3 moves"]


def test_cells_that_are_compared_otherwise_are_listed():
    rooms = ("room", ("01_b, scores", "measured")), ("room", ("00_a, count", "exact"))
    assert written(*[("a.ipynb::Cell 1", [room], 0.0) for room in rooms])[1:3] == [
        "00_a, count   exact", "01_b, scores  measured"]


def test_patients_stand_in_the_order_of_their_faults():
    told = ("patient", ("12 a", "risk shared: norm")), ("patient", (" 2 b", "fault company: norm"))
    assert written(*[("tests/a.py::test_a", [each], 0.0) for each in told]) == [
        "patients of the doctor: severity, finding, layers", " 2 b  fault company: norm", "12 a  risk shared: norm"]
