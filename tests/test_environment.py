"""The environment is made once, brought up to date, and made again where it was left unfinished.

pip and venv are stood in for: what is tested is when they are called, and what their failures become.
"""

import errno
import json
import os
import sys
import threading
from pathlib import Path

import pytest

from bncourse import environment
from bncourse.installing import Stop
from bncourse.paths import ROOT


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A clone of the requirements, and an environment that is not there yet; what is done is noted in `did`."""
    did = House(tmp_path)
    for name in ("pyproject.toml", "constraints.txt"):
        (did.root / name).write_text((ROOT / name).read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setattr(environment, "ROOT", did.root)
    monkeypatch.setenv("BNCOURSE_VENV", str(did.folder))
    monkeypatch.setattr(environment, "installed_here", lambda: False)
    monkeypatch.setattr(environment, "has_pip", lambda folder: os.access(environment.python_of(folder), os.X_OK))
    monkeypatch.setattr("venv.create", did.create)
    monkeypatch.setattr(environment, "watched", did.pip)
    return did


class House(list):
    """Notes `create` and what pip was told to install; `answer` is pip's status and words, or an exception."""

    def __init__(self, tmp_path):
        super().__init__()
        self.root, self.folder, self.answer = tmp_path / "a clone", tmp_path / "venv", (0, "")
        self.root.mkdir()

    def create(self, folder, **_):
        self.append("create")
        python = environment.python_of(folder)
        python.parent.mkdir()
        python.touch(mode=0o755)
        (folder / "pyvenv.cfg").touch()

    def pip(self, _python, command, _lock):
        if command[0] == "ensurepip":
            return 0, ""
        if "--editable" not in command:
            return 1, "pip is no newer, or byte code cannot be made: no harm"
        self.append(command[-1].removeprefix(str(self.root)))
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer

    def since(self):
        """What was done since this was asked last."""
        done = self[:]
        self.clear()
        return done


def test_the_second_time_nothing_is_done(house):
    found = environment.find()
    assert found == (str(environment.python_of(house.folder)), house.folder)
    assert house.since() == ["create", "[course]"]
    assert environment.find() == found
    assert house.since() == []


def test_one_resolve_under_the_constraints_installs_everything(house, monkeypatch):
    commands = []
    monkeypatch.setattr(environment, "watched", lambda python, command, lock: commands.append(command) or (0, ""))
    environment.find(test=True)
    first, newer, command, compiled = commands
    assert first[0] == "ensurepip" and newer[-2:] == ["--upgrade", "pip"]
    assert "compileall" in compiled and "--no-compile" in command
    assert command[command.index("--constraint") + 1] == str(house.root / "constraints.txt")
    assert command[command.index("--editable") + 1] == f"{house.root}[course,test]"


def test_the_test_extra_is_added_and_also_serves_the_course(house):
    environment.find()
    environment.find(test=True)
    assert house.since() == ["create", "[course]", "[course,test]"]
    environment.find()
    assert house.since() == []


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_other_requirements_bring_it_up_to_date_with_its_extra(house, name):
    environment.find(test=True)
    house.since()
    text = (house.root / name).read_text(encoding="utf-8")
    (house.root / name).write_text(text.replace("numpy", "anumpy"), encoding="utf-8")
    environment.find()
    assert house.since() == ["[course,test]"]


def test_what_has_nothing_to_do_with_requirements_does_not(house):
    environment.find()
    house.since()
    with (house.root / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write("\n[tool.other]\nx = 1\n")
    environment.find()
    assert house.since() == []


@pytest.mark.parametrize("answer", [KeyboardInterrupt(), (1, "ERROR: something else"), OSError(errno.ENOSPC, "full")])
def test_an_unfinished_environment_is_made_again(house, answer):
    house.answer = answer
    with pytest.raises((KeyboardInterrupt, Stop)):
        environment.find()
    (house.folder / "lib").mkdir()
    assert house.since() == ["create", "[course]"]
    house.answer = 0, ""
    environment.find()
    assert house.since() == ["create", "[course]"]
    assert not (house.folder / "lib").exists()


def test_an_environment_interrupted_while_it_is_brought_up_to_date_is_made_again(house):
    environment.find()
    house.answer = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        environment.find(test=True)
    house.since()
    house.answer = 0, ""
    environment.find()
    assert house.since() == ["create", "[course,test]"]


@pytest.mark.parametrize("damage", ["stamp", "python", "version", "no program", "[]", "5",
                                    pytest.param("[" * 100_000, id="deep")])
def test_a_damaged_environment_is_made_again(house, damage):
    environment.find()
    house.since()
    stamp = house.folder / environment.STAMP
    if damage == "stamp":
        stamp.write_text('{"whole": tr', encoding="utf-8")
    elif damage == "python":
        environment.python_of(house.folder).unlink()
    elif damage == "no program":
        environment.python_of(house.folder).chmod(0o644)
    elif damage != "version":
        stamp.write_text(damage, encoding="utf-8")
    else:
        told = json.loads(stamp.read_text(encoding="utf-8"))
        stamp.write_text(json.dumps({**told, "python": "3.99"}), encoding="utf-8")
    environment.find()
    assert house.since() == ["create", "[course]"]


def test_an_environment_whose_stamp_does_not_say_what_it_is_made_from_is_brought_up_to_date(house):
    environment.find()
    house.since()
    (house.folder / environment.STAMP).write_text('{"whole": true}', encoding="utf-8")
    environment.find()
    assert house.since() == ["plain"]


def test_an_environment_made_by_hand_is_filled_and_not_deleted(house):
    house.folder.mkdir()
    house.create(house.folder)
    (house.folder / "mine.txt").touch()
    house.since()
    environment.find()
    assert house.since() == ["[course]"]
    assert (house.folder / "mine.txt").exists()


def test_a_folder_that_is_no_environment_is_refused_and_left_alone(house):
    house.folder.mkdir()
    (house.folder / "thesis.tex").touch()
    with pytest.raises(Stop, match="not a Python environment and is not empty; set BNCOURSE_VENV"):
        environment.find()
    assert [path.name for path in house.folder.iterdir()] == ["thesis.tex"]


def test_a_full_disk_while_pip_runs_or_files_are_made_is_told(house, monkeypatch):
    house.answer = 1, "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device"
    with pytest.raises(Stop, match="The disk is full"):
        environment.find()

    def fail(_python, command, _lock):
        return (1, "OSError: [Errno 28] No space left on device") if command[0] == "ensurepip" else pytest.fail(command)

    monkeypatch.setattr(environment, "watched", fail)
    with pytest.raises(Stop, match="The disk is full"):
        environment.find()


def test_a_python_without_ensurepip_is_told_before_anything_is_made(house, monkeypatch):
    monkeypatch.setattr(environment.importlib.util, "find_spec", lambda name: None if name == "ensurepip" else name)
    with pytest.raises(Stop, match=r"cannot make environments.*apt-get install python3-venv"):
        environment.find()
    assert house.since() == []


def test_two_processes_make_it_one_after_the_other(tmp_path, capsys):
    order, inside = [], threading.Event()

    def second():
        inside.set()
        with environment.locked(tmp_path / "lock"):
            order.append("second")

    with environment.locked(tmp_path / "lock"):
        thread = threading.Thread(target=second)
        thread.start()
        inside.wait()
        thread.join(0.2)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]
    assert f"Waiting for another bncourse (process {os.getpid()}, since " in capsys.readouterr().out


def test_this_python_serves_unless_something_is_missing_or_too_old(monkeypatch):
    assert environment.serves(test=True)
    monkeypatch.setattr(environment, "requirements", lambda test: [("numpy", "99.0")])
    assert not environment.serves()
    monkeypatch.setattr(environment, "requirements", lambda test: [("no-such-package", "0")])
    assert not environment.serves()


def test_a_python_in_an_unfinished_environment_does_not_serve(monkeypatch, tmp_path):
    (tmp_path / environment.STAMP).write_text('{"whole": false}', encoding="utf-8")
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    assert not environment.serves()


def test_a_python_with_the_course_installed_by_hand_is_taken_as_it_is(monkeypatch, house):
    monkeypatch.setattr(environment, "installed_here", lambda: True)
    monkeypatch.setattr(environment, "serves", lambda test: True)
    assert environment.find(test=True) == (sys.executable, Path(sys.prefix))
    monkeypatch.setattr(environment, "serves", lambda test: not test)
    assert environment.find(test=True).folder == house.folder


def test_a_package_outside_a_clone_serves_and_has_no_course_to_start(house):
    (house.root / "pyproject.toml").unlink()
    assert environment.serves()
    with pytest.raises(Stop, match="clone it"):
        environment.find()
    assert house == []


def test_versions_are_compared_as_numbers():
    assert environment.numbers("2.13.0+cpu") == (2, 13, 0) > environment.numbers("2.9") > environment.numbers("2")
