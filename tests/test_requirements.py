"""pyproject.toml is the one list of requirements; constraints.txt and environment.yml follow it."""

import re
import tomllib
from importlib.metadata import requires, version

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from bncourse.paths import ROOT

CONDA = {"torch": "pytorch-cpu", "matplotlib": "matplotlib-base"}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
PLAIN, EXTRA = PROJECT["dependencies"] + EXTRAS["course"], EXTRAS["test"]
LOCK = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
PINS = dict(line.split("==") for line in LOCK if not line.startswith("#"))
CUDA = re.compile(r"nvidia-|cuda-|triton$")  # pinned by PyTorch's Linux build itself


def test_the_complete_environment_has_what_lecture_material_needs():
    assert set(EXTRAS["lectures"]) <= set(EXTRA)


def conda_requirements():
    return yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]


def closure(wanted):
    """The requirements and all of theirs that apply to this Python and this system, by name."""
    found, left = set(), [Requirement(each) for each in wanted]
    while left:
        each = left.pop()
        key = canonicalize_name(each.name), tuple(each.extras)
        if key in found or not applies(each):
            continue
        found.add(key)
        theirs = [Requirement(text) for text in requires(each.name) or []]
        left += [one for one in theirs if applies(one, each.extras)]
    return {name for name, _ in found}


def applies(requirement, extras=()):
    return not requirement.marker or any(requirement.marker.evaluate({"extra": extra}) for extra in ("", *extras))


@pytest.mark.parametrize("text", PLAIN + EXTRA)
def test_a_requirement_is_a_name_and_a_lower_bound(text):
    assert re.fullmatch(r"[a-z][a-z0-9-]*>=[0-9.]+", text)


def test_the_conda_environment_asks_for_what_the_project_asks_for():
    asked = [each for each in conda_requirements() if isinstance(each, str) and each not in ("pip", "python=3.11")]
    renamed = [re.sub(r"^[a-z0-9-]+", lambda name: CONDA.get(name[0], name[0]), each) for each in PLAIN]
    assert sorted(asked) == sorted(renamed)


def test_the_conda_environment_has_the_python_that_binder_understands_and_installs_the_course():
    asked = conda_requirements()
    assert "python=3.11" in asked
    assert "pip" in asked and {"pip": ["-e ."]} in asked


@pytest.mark.parametrize("text", PLAIN + EXTRA)
def test_every_requirement_is_pinned_inside_its_range(text):
    requirement = Requirement(text)
    assert PINS[requirement.name] in requirement.specifier


def test_the_lock_holds_versions_and_nothing_else():
    pins = [line for line in LOCK if not line.startswith("#")]
    assert [line for line in pins if not re.fullmatch(r"[a-z0-9-]+==[0-9.]+", line)] == []
    names = [line.split("==")[0] for line in pins]
    assert names == sorted(set(names))


def test_the_lock_covers_whatever_is_installed_with_the_course():
    names = [Requirement(text).name for text in PLAIN + EXTRA]
    if any(version(name).split("+")[0] != PINS[name] for name in names):
        pytest.skip("this environment was not made from constraints.txt")
    installed = {name for name in closure(PLAIN + EXTRA) if not CUDA.match(name)}
    assert sorted(installed - set(PINS)) == []
    assert {name: version(name) for name in installed if version(name).split("+")[0] != PINS[name]} == {}


def test_nothing_in_the_lock_compiles_a_grammar_whenever_it_is_imported():
    """As jsonschema does from 4.25 on, with the extra that jupyter-events asks for: a second for each command."""
    assert "rfc3987-syntax" not in PINS


def test_the_lock_covers_what_only_windows_and_macos_need():
    assert {"colorama", "pywinpty", "appnope"} <= set(PINS)
