"""The two commands: what they start, what they say, and what they refuse before anything is made."""

import json
import runpy
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from bncourse import bootstrap, cli, environment
from bncourse.environment import Environment
from bncourse.installing import Stop
from bncourse.paths import ROOT


@pytest.fixture
def started(monkeypatch, tmp_path):
    """Commands and their variables, noted instead of run, with an environment that is there already."""
    noted = []
    (tmp_path / "fonts").mkdir()
    (tmp_path / "fonts" / "fontlist-v1.json").touch()
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path / "fonts"))
    monkeypatch.setattr(environment, "find", lambda test=False: Environment(f"python of {test}", tmp_path / "venv"))
    monkeypatch.setattr(bootstrap, "run", lambda command, variables: noted.append((command, variables)) or 7)
    return noted


def listening():
    """A port in use, as the socket that uses it."""
    busy = socket.socket()
    busy.bind(("127.0.0.1", 0))
    busy.listen()
    return busy


def test_start_opens_the_first_notebook_and_returns_jupyters_status(started, monkeypatch):
    monkeypatch.setattr(bootstrap, "is_free", lambda port: True)
    assert bootstrap.main(["start"]) == 7
    ((command, _),) = started
    assert command[:3] == ["python of False", "-m", "jupyterlab"]
    assert "--LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb" in command
    assert "--ServerApp.port=8888" in command
    assert "--no-browser" not in command


def test_start_hands_other_options_to_jupyter(started, monkeypatch):
    monkeypatch.setattr(bootstrap, "is_free", lambda port: True)
    bootstrap.main(["start", "--port", "9001", "--no-browser", "--ServerApp.token=x"])
    ((command, _),) = started
    assert {"--ServerApp.port=9001", "--no-browser", "--ServerApp.token=x"} <= set(command)


def test_start_switches_the_news_off_once(started, monkeypatch, tmp_path):
    monkeypatch.setattr(bootstrap, "is_free", lambda port: True)
    bootstrap.main(["start"])
    settings = tmp_path / "venv/share/jupyter/lab/settings/overrides.json"
    assert json.loads(settings.read_text(encoding="utf-8")) == bootstrap.QUIET
    settings.write_text("{}", encoding="utf-8")
    bootstrap.main(["start"])
    assert settings.read_text(encoding="utf-8") == "{}"


def test_a_port_that_was_asked_for_and_is_taken_is_refused_before_anything_is_made(started, monkeypatch, capsys):
    monkeypatch.setattr(environment, "find", lambda: pytest.fail("an environment was made"))
    with listening() as busy:
        port = busy.getsockname()[1]
        assert bootstrap.main(["start", "--port", str(port)]) == 1
    told = capsys.readouterr().err
    assert f"Port {port} is taken" in told and "--port" in told and told.count("\n") == 1


def test_the_next_free_port_is_taken_and_named(monkeypatch, capsys):
    monkeypatch.setattr(bootstrap, "is_free", lambda port: port > 8889)
    assert bootstrap.free_port() == 8890
    assert capsys.readouterr().out == "Port 8888 is taken, by another Jupyter perhaps; this one uses 8890.\n"
    monkeypatch.setattr(bootstrap, "is_free", lambda port: False)
    with pytest.raises(Stop, match="All ports"):
        bootstrap.free_port()


def test_a_port_is_free_until_somebody_listens():
    with listening() as busy:
        port = busy.getsockname()[1]
        assert not bootstrap.is_free(port)
    assert bootstrap.is_free(port)


@pytest.fixture
def installed(started, monkeypatch, tmp_path):
    """The package without a clone, in a Python that has JupyterLab."""
    monkeypatch.setattr(bootstrap, "INSTALLED", True)
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path / "mine")
    monkeypatch.setattr(bootstrap, "is_free", lambda port: True)
    return started


def test_without_a_clone_start_lays_the_lessons_out_and_leaves_jupyters_settings_alone(installed, tmp_path, capsys):
    assert bootstrap.main(["start", "--no-browser"]) == 7
    ((command, _),) = installed
    assert f"--ServerApp.root_dir={tmp_path / 'mine'}" in command and not (tmp_path / "venv").exists()
    notebook = tmp_path / "mine" / bootstrap.FIRST_NOTEBOOK
    assert notebook.read_bytes() == (ROOT / bootstrap.FIRST_NOTEBOOK).read_bytes()
    notebook.write_text("mine")
    (tmp_path / "mine" / "notebooks" / ".lessons.json").unlink()
    bootstrap.main(["start"])
    assert notebook.read_text() == "mine"
    assert "00_start_here.ipynb is as you left it. The course has a newer one" in capsys.readouterr().out


def test_without_a_clone_what_start_lacks_is_one_sentence(installed, monkeypatch, tmp_path, capsys):
    (tmp_path / "mine").touch()
    assert bootstrap.main(["start"]) == 1
    assert "let BNCOURSE_HOME name another folder" in capsys.readouterr().err
    monkeypatch.setattr(bootstrap.importlib.util, "find_spec", lambda name: None)
    assert bootstrap.main(["start"]) == 1
    assert 'pip install "bncourse[course]"' in capsys.readouterr().err and installed == []


def test_without_a_clone_there_are_no_tests(installed, capsys):
    assert bootstrap.main(["test"]) == 1
    assert "The tests are in a clone" in capsys.readouterr().err and installed == []


def test_test_runs_every_test_and_notebook_unless_told_otherwise(started):
    assert bootstrap.main(["test"]) == 7
    assert bootstrap.main(["test", "-k", "a or b", "tests/kernels", "-x"]) == 7
    command = ["python of True", "-m", "pytest", "--nbval", "--nbval-current-env", "--nbval-cell-timeout=120",
               "--numprocesses=logical", "--maxprocesses=4", "--no-loadscope-reorder"]
    assert [each for each, _ in started] == [command, [*command, "-k", "a or b", "tests/kernels", "-x"]]


def test_test_keeps_the_users_jupyter_settings_out(started, tmp_path, monkeypatch):
    monkeypatch.delenv("JUPYTER_CONFIG_DIR", raising=False)
    monkeypatch.setenv("IPYTHONDIR", "chosen")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    bootstrap.main(["test"])
    ((_, variables),) = started
    assert Path(variables["JUPYTER_CONFIG_DIR"]).is_relative_to(tmp_path / "venv")
    assert (variables["IPYTHONDIR"], variables["OMP_NUM_THREADS"]) == ("chosen", "3")


def test_start_keeps_them_unless_the_home_cannot_be_written(started, monkeypatch, tmp_path):
    monkeypatch.delenv("JUPYTER_RUNTIME_DIR", raising=False)
    monkeypatch.setattr(bootstrap, "is_free", lambda port: True)
    for writable in (True, False):
        monkeypatch.setattr(bootstrap.os, "access", lambda path, mode, answer=writable: answer)
        bootstrap.main(["start"])
    (_, usual), (_, without_home) = started
    assert "JUPYTER_RUNTIME_DIR" not in usual
    assert Path(without_home["JUPYTER_RUNTIME_DIR"]).is_relative_to(tmp_path / "venv")


def test_fonts_are_listed_before_the_first_figure_and_only_then(started, monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(bootstrap.subprocess, "run", lambda command, **_: asked.append(command))
    bootstrap.main(["test"])
    assert asked == []
    (tmp_path / "fonts" / "fontlist-v1.json").unlink()
    bootstrap.main(["test"])
    assert asked == [["python of True", "-c", "import matplotlib.font_manager"]]


@pytest.mark.parametrize("serves", [True, False])
def test_other_commands_run_here_if_they_can_and_in_the_environment_if_not(started, monkeypatch, serves):
    monkeypatch.setattr(environment, "serves", lambda complete: serves)
    monkeypatch.setattr(cli, "run", lambda options: 5)
    status = bootstrap.main(["notebooks", "check", "a.ipynb"])
    handed_on = [command for command, _ in started]
    if serves:
        assert (status, handed_on) == (5, [])
    else:
        assert (status, handed_on) == (7, [["python of False", "-m", "bncourse", "notebooks", "check", "a.ipynb"]])


@pytest.mark.parametrize(("command", "complete"), [("slides", True), ("site", True), ("student", False)])
def test_what_is_made_of_reveal_and_mathjax_asks_for_the_complete_environment(started, monkeypatch, command, complete):
    monkeypatch.setattr(environment, "serves", lambda asked: asked != complete)
    bootstrap.main([command])
    assert [handed_on for handed_on, _ in started] == [[f"python of {complete}", "-m", "bncourse", command]]


def test_the_environments_own_python_hands_nothing_on(started, monkeypatch, tmp_path):
    monkeypatch.setattr(environment, "serves", lambda complete: False)
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "venv"))
    monkeypatch.setattr(cli, "run", lambda options: 5)
    assert bootstrap.main(["data"]) == 5
    assert started == []


@pytest.mark.parametrize("arguments, status", [(["--help"], 0), (["start", "--help"], 0), ([], 2), (["strat"], 2),
                                               (["start", "--port", "0"], 2), (["data", "--fast"], 2)])
def test_help_and_misuse_end_before_anything_is_made(monkeypatch, arguments, status):
    monkeypatch.setattr(environment, "find", lambda **_: pytest.fail("an environment was made"))
    with pytest.raises(SystemExit) as end:
        bootstrap.main(arguments)
    assert end.value.code == status


def test_an_expected_failure_is_one_sentence_and_status_1(monkeypatch, capsys):
    def find(test):
        raise Stop("The disk is full.")

    monkeypatch.setattr(environment, "find", find)
    assert bootstrap.main(["test"]) == 1
    assert capsys.readouterr() == ("", "bncourse: The disk is full.\n")


def test_an_interruption_is_status_130(monkeypatch, capsys):
    def find(test):
        raise KeyboardInterrupt

    monkeypatch.setattr(environment, "find", find)
    assert bootstrap.main(["test"]) == 130
    assert capsys.readouterr().err == "bncourse: interrupted\n"


def test_a_command_runs_in_the_clone_and_its_status_is_returned(monkeypatch, tmp_path):
    handlers = []
    monkeypatch.setattr(bootstrap.signal, "signal", lambda *handler: handlers.append(handler))
    monkeypatch.chdir(tmp_path)
    code = "import os, sys; sys.exit(11 if os.getcwd() == os.environ['EXPECTED'] else 12)"
    assert bootstrap.run([sys.executable, "-c", code], {**bootstrap.os.environ, "EXPECTED": str(ROOT)}) == 11
    assert len(handlers) == 1


def test_an_interruption_is_left_to_the_command(monkeypatch):
    answers = [KeyboardInterrupt(), KeyboardInterrupt(), 4]

    class Process(subprocess.Popen):
        def wait(self, timeout=None):
            super().wait(timeout)
            answer = answers.pop(0) if answers else 4
            if isinstance(answer, BaseException):
                raise answer
            return answer

    monkeypatch.setattr(bootstrap.signal, "signal", lambda *_: None)
    monkeypatch.setattr(bootstrap.subprocess, "Popen", Process)
    assert bootstrap.run([sys.executable, "-c", ""], dict(bootstrap.os.environ)) == 4


@pytest.mark.parametrize("version", [(2, 7, 18, "final", 0), (3, 6, 15, "final", 0), (3, 10, 13, "final", 0)])
def test_a_python_that_is_too_old_is_told_which_one_is_needed(monkeypatch, version):
    monkeypatch.setattr(sys, "version_info", version)
    with pytest.raises(SystemExit, match=r"needs Python 3\.11 or newer, and this is .*: install a newer one"):
        runpy.run_module("bncourse.__main__", run_name="__main__")
