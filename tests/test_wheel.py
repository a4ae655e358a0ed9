"""A wheel brings the whole course, and its commands work where there is no clone."""

import os
import shutil
import subprocess
import sys
import zipfile

import pytest

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
def unpacked(tmp_path_factory):
    """The folder of a wheel's content. It is built from a copy, since building leaves its traces in the clone."""
    clone, built, unpacked = (tmp_path_factory.mktemp(name) for name in ("clone", "built", "unpacked"))
    for name in ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, clone)
    for name in ("bncourse", "notebooks", "data"):
        shutil.copytree(ROOT / name, clone / name, ignore=SPOILS)
    (clone / "data" / "cache").mkdir()
    (clone / "data" / "cache" / "large").touch()
    done = subprocess.run([sys.executable, "-c", BUILD, str(built)], cwd=clone, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(next(built.glob("bncourse-*.whl"))) as wheel:
        wheel.extractall(unpacked)
    return unpacked


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
