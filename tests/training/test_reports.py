"""What one sees of a training: lines in a log file, a bar on a terminal, TensorBoard where it is installed."""

import io
import sys
import types

import pytest

from bncourse.training import reports
from bncourse.training.reports import Terminal, clock, row_line, tensorboard

ROW = {"step": 500, "loss": 2.31, "top1": 0.248, "top5": 0.51, "lr": 0.0075, "seconds": 50.0,
       "images_per_second": 310.4}


@pytest.fixture
def at(monkeypatch):
    """Sets the time that the reports see, in seconds."""
    now = [0.0]
    monkeypatch.setattr(reports.time, "monotonic", lambda: now[0])

    def set_time(seconds):
        now[0] = seconds

    return set_time


def test_a_log_file_gets_a_line_every_half_minute_and_at_the_end(at, capsys):
    report = Terminal("bn-x5", batch=32)
    for step in range(1201, 1501):
        at(step - 1201)  # a step each second
        report(step, 1500)
    assert capsys.readouterr().err.splitlines() == [
        f"bn-x5: step {step:,} of 1,500, 32 images/s, {clock(1500 - step)} left"
        for step in [*range(1231, 1500, 30), 1500]]


def test_without_a_number_of_images_steps_are_counted(at, capsys):
    report = Terminal("plain")
    report(0, 40)
    at(40)
    report(10, 40)
    assert capsys.readouterr().err == "plain: step 10 of 40, 0.2 steps/s, 0:02:00 left\n"


def test_the_speed_does_not_count_what_was_done_before_a_training_was_resumed(at, capsys):
    report = Terminal("bn-x5", batch=32)
    report(1000, 1500)
    at(40)
    report(1020, 1500)
    assert capsys.readouterr().err == "bn-x5: step 1,020 of 1,500, 16 images/s, 0:16:00 left\n"


def test_a_training_that_was_done_already_says_so(at, capsys):
    Terminal("bn-x5", batch=32)(1500, 1500)
    assert capsys.readouterr().err == "bn-x5: step 1,500 of 1,500\n"


def test_a_terminal_gets_a_bar_in_images(monkeypatch):
    class Screen(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stderr", screen := Screen())
    report = Terminal("bn-x5", batch=32)
    for step in range(100, 201):
        report(step, 200)
    report.row(ROW)
    assert report.bar.n == report.bar.total == 200 * 32 and report.bar.initial == 100 * 32
    for text in ("bn-x5", " images/s", row_line("bn-x5", ROW)):
        assert text in screen.getvalue()


def test_a_row_is_one_line():
    assert row_line("bn-x5", ROW) == ("bn-x5: step 500, loss 2.3100, top-1 24.8 %, top-5 51.0 %, lr 0.0075, "
                                      "310 images/s")
    alone = {name: value for name, value in ROW.items() if name not in ("top1", "top5")}
    assert row_line("bn-x5", alone) == "bn-x5: step 500, loss 2.3100, lr 0.0075, 310 images/s"


@pytest.mark.parametrize("seconds, said", [(0, "0:00:00"), (59.6, "0:01:00"), (3723, "1:02:03"), (360000, "100:00:00")])
def test_time_is_hours_minutes_and_seconds(seconds, said):
    assert clock(seconds) == said


def test_tensorboard_is_given_each_number_at_its_step(tmp_path, monkeypatch):
    written = []

    class SummaryWriter:
        def __init__(self, folder):
            assert folder == str(tmp_path)

        def add_scalar(self, name, value, step):
            written.append((name, value, step))

        def flush(self):
            pass

    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", types.SimpleNamespace(SummaryWriter=SummaryWriter))
    tensorboard(tmp_path)(ROW)
    assert written == [(name, value, 500) for name, value in ROW.items() if name != "step"]


def test_without_tensorboard_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ImportError, match="TensorBoard is not installed: pip install tensorboard"):
        tensorboard(tmp_path)
