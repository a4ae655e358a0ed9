"""The laws of the house that a program can hold: lint, sizes, and nothing that only one machine knows."""

import ast
import re
import shutil
import subprocess
import sys

import pytest

from bncourse.paths import ROOT

LONGEST_FILE = 300  # lines
LONGEST_FUNCTION = 45  # lines below its docstring
MACHINE = re.compile(r"(?<![\w.)}$<:/+-])/(home|Users|root|work|tmp|opt|mnt)/\w|[A-Z]:\\\\?Users\\\\?\w|file:/{2,3}\w")
REGISTRY = re.compile(r"https?://[^\s/\"]*(pypi|pythonhosted|artifactor|nexus|registry|mirror)|index-url[= ]+\S*//")


def tracked():
    """The files of the repository, as git lists them."""
    if not shutil.which("git") or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: which files belong to the project is not known")
    listed = subprocess.run(["git", "-c", "safe.directory=*", "ls-files", "-z"], cwd=ROOT, capture_output=True,
                            encoding="utf-8", check=True).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def sources():
    return {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
            for path in tracked() if path.suffix == ".py"}


def functions(text):
    nodes = ast.walk(ast.parse(text))
    return [node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def length(function):
    """The lines of a function from its name to its end, without its docstring."""
    first = function.body[0]
    documented = ast.get_docstring(function) is not None
    return function.end_lineno - function.lineno + 1 - documented * (first.end_lineno - first.lineno + 1)


def machine_paths(text):
    lines = text.replace("\\n", "\n")  # the end of a line in a notebook
    return [found[0] for found in MACHINE.finditer(lines)]


def test_ruff_finds_nothing():
    done = subprocess.run([sys.executable, "-m", "ruff", "check", "--no-cache", "."], cwd=ROOT, capture_output=True,
                          text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_files_are_short():
    lines = {name: len(text.splitlines()) for name, text in sources().items()}
    assert {name: count for name, count in lines.items() if count > LONGEST_FILE} == {}


def test_functions_are_short():
    lines = {f"{name}: {function.name}": length(function)
             for name, text in sources().items() for function in functions(text)}
    assert {name: count for name, count in lines.items() if count > LONGEST_FUNCTION} == {}


def test_a_signature_begins_beside_its_name():
    exploded = {f"{name}: {line.strip()}" for name, text in sources().items() for line in text.splitlines()
                if re.match(r"\s*(async )?def .*\($", line)}
    assert exploded == set()


def test_no_file_holds_a_path_of_a_machine_or_the_host_of_a_registry():
    for path in tracked():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # a picture
        assert machine_paths(text) + REGISTRY.findall(text) == [], path


@pytest.mark.parametrize("text", ["/" + "home/ada/notes", "see /" + "tmp/out.json", "C:\\" + "Users\\ada"])
def test_a_path_of_a_machine_is_recognised(text):
    assert machine_paths(text)


@pytest.mark.parametrize("text", ["https://example.org/" + "home/page", "data/runs/x", "#!/usr/bin/env",
                                  "n/" + "work/m"])
def test_what_only_looks_like_one_is_not(text):
    assert not machine_paths(text)
