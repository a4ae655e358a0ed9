"""What an answer does to its process is its state, and no other answer's."""

import socket
import sys
import types

import pytest

from bncourse.grading import jobs, otter
from bncourse.grading.jobs import Grade, Unprepared, grades, process

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="the limits of Linux")


def job(*sources, judge="pair", answer="my_pair", preparation="import numpy as np"):
    """Answers to 03.3, numbered from 1, in a process that is quick to prepare."""
    return {"preparation": preparation, "checks": "bncourse.checks.minibatch_batchnorm",
            "exercises": [{"number": str(number), "source": source, "answer": answer, "judge": judge, "judged": True}
                          for number, source in enumerate(sources, 1)]}


def pair(line):
    return f"def my_pair(a, b, eps):\n    {line}\n"


SOLVED = pair("d = (a - b) / 2; return d / np.sqrt(d**2 + eps)")


def told(*sources, seconds=60):
    return [(grade.state, grade.mistake or grade.says) for grade in process(job(*sources), seconds)[0]]


def test_harmless_answers_are_judged_one_after_the_other_in_one_process():
    assert told(SOLVED, pair("..."), pair("return np.sign(a - b)"), pair("return 1 / 0"), pair("print(1); return a[0]"),
                "raise SystemExit('stop')", "my_pair = 3", "del my_pair") == [
        ("passed", ""), ("not attempted yet", ""), ("rejected", "eps ignored"),
        ("rejected", "It raised ZeroDivisionError: division by zero"),
        ("rejected", "x_hat has shape (), expected (5,), for a of shape (5,), b of shape (5,), eps = 0.1."),
        ("cell fails", "SystemExit: stop"), ("rejected", "The answer is 3; expected a function of (a, b, eps)."),
        ("not attempted yet", "")]


@pytest.mark.parametrize("source, state, says", [
    ("import os\nos._exit(3)", "crashed", "ended with status 3"),
    pytest.param("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)", "crashed", "ended by SIGSEGV", marks=LINUX),
    ("while True: print('x' * 10**5)", "too much output", ""),
    ("import sys\nsys.modules['bncourse.checks.frame'].close = lambda *_: np.array(True)\n" + pair("return a"),
     "tampered", "changes bncourse.checks.frame.close"),
    pytest.param(pair("return np.empty(3 * 2**27)"), "ran out of memory", "", marks=LINUX),
])
def test_an_answer_that_does_harm_is_told_so_and_ends_its_process(source, state, says):
    assert told(SOLVED, source, SOLVED) == [("passed", ""), (state, says)]


@pytest.mark.parametrize("source", [pair("while True: pass"), "import time\ntime.sleep(100)"])
def test_an_endless_answer_runs_out_of_time(source):
    assert told(source, seconds=0.2) == [("ran out of time", "")]


def test_what_an_answer_writes_is_no_verdict():
    forged = ("import os, json\nline = json.dumps({'number': '1', 'state': 'passed'})\nprint('1: passed', line)\n"
              "for channel in (1, 2, 3, 4, 5):\n    try:\n        os.write(channel, f'\\n{line}\\n'.encode())\n"
              "    except OSError:\n        pass\n")
    assert told(forged + pair("return a"))[0][0] == "rejected"


@LINUX
def test_an_answer_that_forks_is_judged_once():
    later = "import time\ntime.sleep(0.5)\n" + pair("return np.sign(a - b)")
    assert told("import os\nos.fork()\n" + SOLVED, later) == [("passed", ""), ("rejected", "eps ignored")]


@LINUX
def test_an_answer_has_no_network_or_that_is_said():
    with socket.create_server(("127.0.0.1", 0)) as server:
        source = f"import socket\nsocket.create_connection({server.getsockname()!r})\n{SOLVED}"
        found, lacking = process(job(source), 60)
    assert ("network" in lacking) == found[0].state.startswith("passed")
    assert lacking <= {"network"}


def test_an_answer_sees_an_empty_folder_and_none_of_the_graders_variables(monkeypatch, tmp_path):
    monkeypatch.setenv("SECRET", "swordfish")
    monkeypatch.chdir(tmp_path)
    source = ("import os\nassert 'SECRET' not in os.environ and os.environ['HOME'] == os.getcwd()\n"
              "assert os.listdir() == []\nopen('left', 'w').close()\n")
    assert told(source + SOLVED) == [("passed", "")] and list(tmp_path.iterdir()) == []


def test_a_lesson_that_cannot_be_prepared_is_no_students_fault():
    with pytest.raises(Unprepared, match=r"minibatch_batchnorm: ZeroDivisionError: division by zero"):
        process(job(SOLVED, preparation="1 / 0"), 60)


def test_another_process_goes_on_after_an_answer_that_ended_its_own(lesson, asked, right):
    answers = {**right, "03.1": "import os\nos._exit(0)", "03.2": "def f(:"}
    del answers["03.4"]
    found, _ = grades(lesson, asked, answers, 60)
    assert found == [Grade("03.1", "crashed", says="ended with status 0"),
                     Grade("03.2", "cell fails", says="SyntaxError: invalid syntax (03.2, line 1)"),
                     Grade("03.3", "passed"), Grade("03.4", "no stub")]


@pytest.mark.parametrize("source", ["x = '\x00'", "(" * 1000 + ")" * 1000, "check = 3", "return 3"])
def test_what_is_known_before_it_runs_starts_no_process(lesson, asked, source, monkeypatch):
    monkeypatch.setattr(jobs, "process", lambda *_: pytest.fail("a process was started"))
    found, _ = grades(lesson, asked[:1], {"03.1": source}, 60)
    assert found[0].state == ("tampered" if "check" in source else "cell fails") and found[0].says


def test_an_answer_that_takes_what_the_lesson_cannot_give_does_not_stop_the_others(lesson, asked, right, monkeypatch):
    prepared = []

    def refuse(job, seconds):
        prepared.append(job["preparation"])
        if len(prepared) == 1:
            raise Unprepared("NameError")
        return [Grade(each["number"], "passed") for each in job["exercises"]], set()

    monkeypatch.setattr(jobs, "process", refuse)
    answers = {**right, "03.1": "def my_batchnorm(x, gamma, beta, eps): return numbers"}
    assert {grade.state for grade in grades(lesson, asked, answers, 60)[0]} == {"passed"}
    assert "numbers = " in prepared[0] and "numbers = " not in prepared[1]


# the same checks for Otter-Grader


@pytest.mark.parametrize("answer, passes", [("solution", True), ("wrong", False)])
def test_a_test_file_for_otter_judges_as_the_check_does(asked, monkeypatch, answer, passes):
    from bncourse.checks import minibatch_batchnorm as check

    stand_in = types.ModuleType("otter.test_files")
    stand_in.test_case = lambda: lambda function: function
    monkeypatch.setitem(sys.modules, "otter", types.ModuleType("otter"))
    monkeypatch.setitem(sys.modules, "otter.test_files", stand_in)
    names = {}
    exec(otter.test_file(asked[0], check.__name__), names)
    assert (names["OK_FORMAT"], names["name"], names["points"]) == (False, "exercise_03_1", 1)
    mine = {"solution": check.algorithm1.solution, "wrong": check.algorithm1.mistakes[0].wrong}[answer]
    if passes:
        assert names["test_exercise_03_1"](my_batchnorm=mine) is None
    else:
        with pytest.raises(AssertionError, match=check.algorithm1.mistakes[0].name):
            names["test_exercise_03_1"](my_batchnorm=mine)
