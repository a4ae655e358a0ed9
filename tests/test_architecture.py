"""The architecture, as a table that the code is held to: which module may import what.

A module imports only from rows above its own, and of those only what its row names. `kernels` never
sees torch, and `nn` never sees `kernels`: two independent implementations, which the tests compare.
"""

import ast
import re
import subprocess
import sys
import tomllib
from functools import cache
from importlib.metadata import packages_distributions, requires

import pytest

from bncourse.paths import ROOT

HOUSE = {
    # module       layer  of the house                               of others
    "leash":       (0, "",                                           ""),
    "installing":  (0, "",                                           ""),
    "paths":       (0, "",                                           ""),
    "environment": (0, "installing paths",                           ""),
    "working_copy": (0, "",                                          ""),
    "machine":     (0, "paths",                                      ""),
    "comparison":  (0, "",                                           "numpy PIL"),
    "kernels":     (0, "",                                           "numpy jaxtyping"),
    "datasets":    (0, "paths",                                      "numpy jaxtyping pooch PIL torch"),
    "runs":        (0, "paths machine",                              "numpy"),
    "paper":       (0, "paths",                                      ""),
    "explanations": (0, "paper",                                     ""),
    "nn":          (1, "paper",                                      "torch jaxtyping"),
    "training":    (2, "nn datasets runs",                           "numpy jaxtyping torch tqdm"),
    "evaluation":  (2, "datasets training",                          "numpy jaxtyping torch PIL"),
    "doctor":      (2, "nn training",                                "numpy torch tqdm"),
    "experiments": (3, "paths kernels datasets doctor runs paper nn training evaluation", "numpy jaxtyping torch "
                                                                     "threadpoolctl"),
    "figures":     (3, "datasets kernels runs paper",                "numpy jaxtyping matplotlib PIL IPython"),
    "explorers":   (4, "figures kernels nn runs",                    "numpy jaxtyping matplotlib PIL ipywidgets "
                                                                     "IPython traitlets tqdm"),
    "checks":      (4, "datasets experiments figures kernels nn paths", "numpy jaxtyping torch"),
    "lesson":      (4, "checks datasets explanations paper paths runs", "numpy IPython threadpoolctl"),
    "notebooks":   (5, "paths",                                      "nbformat nbclient jupyter_client traitlets zmq"),
    "rounding":    (5, "comparison notebooks",                       "nbformat numpy torch"),
    "lectures":    (5, "paths comparison explanations paper runs figures checks explorers lesson notebooks",
                                                                     "nbformat nbconvert mistune pygments PIL sphinx"),
    "readme":      (5, "paths comparison paper explanations explorers lectures", "numpy PIL"),
    "grading":     (5, "paths checks lectures",                      ""),
    "commands":    (5, "paths datasets runs notebooks rounding readme lectures grading experiments training evaluation "
                       "nn doctor",                                  ""),
    "cli":         (5, "paths commands",                             ""),
    "bootstrap":   (6, "paths installing environment working_copy cli", ""),
    "__main__":    (6, "bootstrap",                                  ""),
    "__init__":    (6, "",                                           ""),
}
# The two modules of the lowest layer that end in PyTorch's tensors.
MAKE_TENSORS = {"bncourse.datasets.transforms", "bncourse.datasets.batches"}

# What is installed without the extra `course` can do all of this.
LIGHT = {"bootstrap", "cli", "datasets", "doctor", "environment", "evaluation", "experiments", "installing", "kernels",
         "machine", "nn", "paper", "paths", "runs", "training", "working_copy"}
DISTRIBUTIONS = packages_distributions()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

FILES = sorted((ROOT / "bncourse").rglob("*.py"))
NAMES = [path.relative_to(ROOT).as_posix() for path in FILES]


def row(path):
    """The row of the table that a file belongs to: its package, or its own name."""
    return path.relative_to(ROOT / "bncourse").parts[0].removesuffix(".py")


def imported(node):
    """The absolute names that an import statement brings in: `from bncourse import runs` is `bncourse.runs`."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    assert not node.level, "relative import"
    return [f"bncourse.{alias.name}" for alias in node.names] if node.module == "bncourse" else [node.module]


@cache
def parsed(path):
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def imports(path, lazy=True):
    """The modules that a file imports: those of the house by their rows, and the others by their first names."""
    tree = parsed(path)
    nodes = [node for node in (ast.walk(tree) if lazy else tree.body) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = [name for node in nodes for name in imported(node)]
    house = {name.split(".")[1] for name in names if name.startswith("bncourse.")}
    others = {name.split(".")[0] for name in names} - {"bncourse"} - set(sys.stdlib_module_names)
    return house - {row(path)}, others


def loaded_by(*modules):
    """The first names of what is loaded, beyond the standard library, once a fresh Python has imported the modules."""
    code = ("import sys; before = set(sys.modules); import " + ", ".join(modules) +
            "; print(*{name.split('.')[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names))")
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(answer.stdout.split()) - {"bncourse"}


def modules_of(*rows):
    parts = [path.relative_to(ROOT).with_suffix("").parts for path in FILES if row(path) in rows]
    return [".".join(names).removesuffix(".__init__") for names in parts]


def test_every_module_has_its_row_and_every_row_its_module():
    assert {row(path) for path in FILES} == set(HOUSE)


def test_the_rows_name_only_rows_above_and_the_layers_never_fall():
    names = list(HOUSE)
    for place, (_, house, _) in enumerate(HOUSE.values()):
        assert set(house.split()) <= set(names[:place])
    layers = [layer for layer, _, _ in HOUSE.values()]
    assert layers == sorted(layers)


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_a_module_imports_what_its_row_allows(path):
    _, house, others = HOUSE[row(path)]
    found_house, found_others = imports(path)
    assert found_house - set(house.split()) == set(), "of the house"
    assert found_others - set(others.split()) == set(), "of others"


def test_the_two_implementations_never_see_each_other():
    for path in FILES:
        house, others = imports(path)
        assert not (row(path) == "nn" and "kernels" in house), path.name
        assert not (row(path) == "kernels" and (house or "torch" in others)), path.name


@pytest.mark.parametrize("path", sorted((ROOT / "bncourse" / "commands").glob("*.py")), ids=lambda path: path.stem)
def test_a_command_imports_what_it_needs_when_it_runs(path):
    house, others = imports(path, lazy=False)
    assert house <= {"paths"} and not others


def test_what_is_imported_is_required():
    provided = with_theirs(PROJECT["dependencies"] + PROJECT["optional-dependencies"]["course"])
    for name in {other for path in FILES for other in imports(path)[1]}:
        assert distributions_of(name) & provided, name


def test_what_trains_and_measures_needs_no_extra():
    wanted = direct(PROJECT["dependencies"])
    for path in (path for path in FILES if row(path) in LIGHT):
        assert [module for module in imports(path)[1] if not distributions_of(module) & wanted] == [], path.name


def direct(requirements):
    """The names of the packages that are asked for."""
    return {re.match(r"[\w-]+", text)[0].lower().replace("_", "-") for text in requirements}


def with_theirs(requirements):
    """The names of the packages that are asked for, and of those that they ask for."""
    return direct(requirements) | direct(text for name in direct(requirements) for text in requires(name) or [])


def distributions_of(module):
    """The packages that bring a module of this name."""
    return {each.lower().replace("_", "-") for each in DISTRIBUTIONS[module]}


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_a_module_opens_with_what_it_is_for(path):
    assert ast.get_docstring(parsed(path))


def test_importing_the_package_or_the_command_line_loads_the_standard_library_alone():
    assert loaded_by("bncourse") == set()
    assert loaded_by("bncourse.bootstrap", "bncourse.cli") == set()


def test_the_lowest_layer_loads_neither_torch_nor_matplotlib():
    lowest = set(modules_of("kernels", "datasets", "runs", "paper")) - MAKE_TENSORS
    assert loaded_by(*lowest) & {"torch", "matplotlib"} == set()
    assert all("torch" in loaded_by(name) for name in MAKE_TENSORS)


@pytest.mark.parametrize("name", ["__init__", "__main__"])
def test_every_python_3_can_read_that_it_is_too_old(name):
    ast.parse((ROOT / "bncourse" / f"{name}.py").read_text(encoding="utf-8"), feature_version=(3, 7))
