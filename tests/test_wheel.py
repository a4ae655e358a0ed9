"""A wheel brings the whole course, and its commands and lessons work where there is no clone."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile

import pytest

from bncourse.lectures import editions, elsewhere, lessons
from bncourse.paths import ROOT

BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"
COURSE = [path.relative_to(ROOT).as_posix() for path in [*ROOT.glob("notebooks/*.ipynb"), *ROOT.glob("data/**/*")]
          if path.is_file() and ROOT / "data" / "cache" not in path.parents]
SPOILS = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints", "cache")

TRY = """
import sys
from bncourse import bootstrap, paper, paths, runs
assert not (paths.ROOT / "notebooks").exists() and bootstrap.environment.find().python == sys.executable
bootstrap.lay_lessons_out()
for command in ("data", "runs list shift", "test"):
    print(command, "->", bootstrap.main(command.split()), flush=True)
print(paper.figure3()[0].model, len(runs.find("shift")))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The path of a wheel. It is built from a copy, since building leaves its traces in the clone."""
    clone, built = (tmp_path_factory.mktemp(name) for name in ("clone", "built"))
    for name in ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, clone)
    for name in ("bncourse", "notebooks", "data"):
        shutil.copytree(ROOT / name, clone / name, ignore=SPOILS)
    (clone / "data" / "cache").mkdir()
    (clone / "data" / "cache" / "large").touch()
    done = subprocess.run([sys.executable, "-c", BUILD, str(built)], cwd=clone, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return next(built.glob("bncourse-*.whl"))


@pytest.fixture(scope="module")
def unpacked(wheel, tmp_path_factory):
    """The folder of the wheel's content."""
    folder = tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def test_a_wheel_holds_the_package_and_the_course_and_nothing_else(unpacked):
    files = {path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*") if path.is_file()}
    package = {path.relative_to(ROOT).as_posix() for path in (ROOT / "bncourse").rglob("*")
               if path.suffix in (".py", ".css", ".html", ".js", ".toml", ".typed")}
    assert len(COURSE) > 500
    assert {name for name in files if ".dist-info/" not in name} == package | {f"bncourse/course/{n}" for n in COURSE}
    for name in COURSE:
        assert (unpacked / "bncourse" / "course" / name).read_bytes() == (ROOT / name).read_bytes(), name


def test_its_commands_work_where_there_is_no_clone(unpacked, tmp_path):
    home = tmp_path / "home"
    env = {name: value for name, value in os.environ.items() if name != "BNCOURSE_DATA"}
    env |= {"PYTHONPATH": str(unpacked), "BNCOURSE_HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-c", TRY], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    cache = home / "data" / "cache"
    for said in ("data -> 0", f"folder   {cache} ", "runs list shift -> 0", "test -> 1", "Inception 5"):
        assert said in done.stdout
    assert done.stderr.startswith("bncourse: The tests are in a clone of the course")
    assert {path.name for path in (home / "notebooks").glob("*.ipynb")} == {
        path.name for path in (ROOT / "notebooks").glob("*.ipynb")}


@pytest.fixture
def without_course(tmp_path):
    """The Python of an environment that has what is installed here, but not the course."""
    venv.create(tmp_path / "env", symlinks=os.name != "nt")
    paths = {"base": str(tmp_path / "env"), "platbase": str(tmp_path / "env")}
    # A folder that a .pth file names is searched; the .pth files in it, by which a clone is installed, are not read.
    with open(os.path.join(sysconfig.get_path("purelib", "venv", paths), "beside.pth"), "w", encoding="utf-8") as file:
        file.write(sysconfig.get_path("purelib") + "\n")
    return os.path.join(sysconfig.get_path("scripts", "venv", paths), "python")


def test_a_lesson_in_the_form_for_colab_installs_the_course_and_runs_in_a_bare_folder(wheel, without_course, tmp_path):
    lesson = elsewhere.for_colab(lessons.find(["04"])[0], "owner/name")
    lesson.cells[1].source = lesson.cells[1].source.replace("git+https://github.com/owner/name", wheel.as_uri())
    (tmp_path / "bare").mkdir()
    editions.write([lesson], tmp_path / "bare")
    env = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "BNCOURSE_DATA")}
    env |= {"HOME": str(tmp_path), "USERPROFILE": str(tmp_path), "PIP_NO_INDEX": "1"}
    here = subprocess.run([without_course, "-c", "import bncourse"], cwd=tmp_path, env=env, capture_output=True)
    assert b"No module named 'bncourse'" in here.stderr
    done = subprocess.run([without_course, "-m", "nbconvert", "--to", "notebook", "--execute", lesson.path.name],
                          cwd=tmp_path / "bare", env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
