"""Progress says how far a computation is, in a notebook and on a terminal, and is stored the same each time."""

import ipywidgets
import pytest

from bncourse.explorers import Progress, progress


@pytest.fixture
def shown(monkeypatch):
    """The widgets that a notebook would show."""
    shown = []
    monkeypatch.setattr(progress, "_in_a_notebook", lambda: True)
    monkeypatch.setattr(progress, "display", shown.append)
    return shown


def parts(widget):
    label, bar, count = widget.children
    return label.value, bar.value, bar.bar_style, count.value


def test_it_appears_where_it_is_made_and_once(shown):
    first, second = Progress("first"), Progress("second")
    second(1, 4)
    first(2, 4)
    assert [parts(widget) for widget in shown] == [("first", 50, "", "2 of 4"), ("second", 25, "", "1 of 4")]


def test_what_is_stored_holds_no_count(shown):
    report = Progress("training")
    report(1, 4)
    assert repr(shown[0]) == repr(report) == "Progress('training')"
    report(4, 4)
    assert repr(shown[0]) == "Progress('training')"


def test_the_end_is_shown(shown):
    with Progress("training") as report:
        report(4, 4)
    assert parts(shown[0]) == ("training", 100, "success", "4 of 4")


def test_an_interruption_is_shown_and_not_swallowed(shown):
    with pytest.raises(KeyboardInterrupt), Progress("training") as report:
        report(1, 4)
        raise KeyboardInterrupt
    assert parts(shown[0]) == ("training", 25, "danger", "stopped at 1 of 4")


def test_a_long_computation_moves_the_bar_a_hundred_times(shown):
    report, moves = Progress("training"), []
    report(0, 50_000)
    shown[0].children[2].observe(moves.append, "value")
    for step in range(1, 50_001):
        report(step, 50_000)
    assert len(moves) == 100


def test_it_starts_over_for_a_second_computation(shown):
    report = Progress("training")
    report(4, 4)
    report(1, 4)
    assert parts(shown[0]) == ("training", 25, "", "1 of 4")


@pytest.mark.parametrize(("done", "total"), [(5, 4), (-1, 4), (0, 0)])
def test_a_count_that_cannot_be_is_refused(done, total):
    with pytest.raises(ValueError, match=rf"done is {done} and total is {total}; expected 0 <= done <= total"):
        Progress("training")(done, total)


def test_a_terminal_has_a_line_of_text(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    with Progress("training") as report:
        for step in range(5):
            report(step, 4)
    line = capsys.readouterr().err
    assert "training: 100%" in line and "4/4" in line


def test_a_terminal_has_a_second_line_for_a_second_computation(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    report = Progress("training")
    for done in (4, 1, 4):
        report(done, 4)
    assert capsys.readouterr().err.count("4/4") == 2


def test_a_terminal_shows_where_it_stopped(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    with Progress("training") as report:
        report(1, 4)
    assert "1/4" in (line := capsys.readouterr().err) and "stopped" in line


def test_a_bar_is_a_widget_and_a_line_is_not(shown):
    Progress("training")(1, 1)
    assert isinstance(shown[0], ipywidgets.HBox)
