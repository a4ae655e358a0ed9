"""Answers that reach for the check instead of the exercise, by what their source says and by what they change.

`suspicion` reads a source before it runs. `snapshot` and `changes` compare what the verdict depends on before an answer
ran and after: the functions and classes of the course, of NumPy and of PyTorch, and the checks themselves.
"""

import ast
import sys
from collections.abc import Iterator

MAY_BE_ASKED = {"case", "asks", "name"}  # of a check, without its key
WATCHED = {"builtins", "copy", "dataclasses", "inspect", "json", "torch", "torch.autograd", "torch.nn.functional",
           "traceback"}  # and all of the course and of NumPy


def suspicion(source: str, checks: str) -> str:
    """A clause on how a source reaches for the checks, a module of this name; an empty text where it does not.

    Raises SyntaxError where the source is none.
    """
    for node in ast.walk(ast.parse(source)):
        clause = of_import(node, checks) or of_binding(node) or of_attribute(node)
        if clause:
            return clause
    return ""


def of_import(node: ast.AST, checks: str) -> str:
    """A clause on an import of the checks, except of the lesson's own as `check`."""
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        names = [f"{node.module}.{alias.name}" for alias in node.names]
        if names == [checks] and node.names[0].asname == "check":
            return ""
    else:
        return ""
    keys = [name for name in names if f"{name}.".startswith(("bncourse.checks.", "bncourse.grading."))]
    return f"imports {keys[0]}" if keys else ""


def of_binding(node: ast.AST) -> str:
    """A clause on another value for the name `check`."""
    defined = isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == "check"
    assigned = isinstance(node, ast.Name) and node.id == "check" and isinstance(node.ctx, ast.Store | ast.Del)
    return "redefines check" if defined or assigned else ""


def of_attribute(node: ast.AST) -> str:
    """A clause on a part of a check that a learner has no need of, or on an assignment to one."""
    if not (isinstance(node, ast.Attribute) and ast.unparse(node).startswith("check.")):
        return ""
    if not isinstance(node.ctx, ast.Load):
        return f"changes {ast.unparse(node)}"
    asked = ast.unparse(node).split(".")[2:]
    return f"uses {ast.unparse(node)}" if asked and asked[0] not in MAY_BE_ASKED else ""


def snapshot() -> dict[str, object]:
    """What a verdict depends on, by name: functions, their code, classes with their attributes, checks with theirs."""
    found = {}
    for name, module in list(sys.modules.items()):
        if module is not None and (name in WATCHED or name.startswith(("bncourse.", "numpy"))):
            for key, value in list(vars(module).items()):
                if callable(value):
                    found.update(parts(f"{name}.{key}", value))
    return found


def parts(name: str, value: object) -> Iterator[tuple[str, object]]:
    """A callable and what can be changed of it: a function's code and defaults, or the attributes of anything else."""
    yield name, value
    if hasattr(value, "__code__"):
        yield f"{name}.__code__", value.__code__
        yield f"{name}.__defaults__", value.__defaults__
    elif str(getattr(value, "__module__", "")).startswith("bncourse.") and hasattr(value, "__dict__"):
        for key, attribute in list(vars(value).items()):
            yield f"{name}.{key}", attribute
            if isinstance(attribute, dict):
                yield from ((f"{name}.{key}[{each!r}]", entry) for each, entry in attribute.items())


def changes(before: dict[str, object]) -> str:
    """A clause on the first thing that is not what it was; an empty text where all is as before."""
    if sys.gettrace() or sys.getprofile():
        return "traces the check"
    now = snapshot()
    return next((f"changes {name}" for name, value in before.items() if now.get(name) is not value), "")
