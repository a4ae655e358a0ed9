"""What a lesson asks for, as code: its stubs, the checks that judge them, and what both need of the lesson."""

import ast
import symtable
from collections.abc import Iterable
from dataclasses import dataclass

from bncourse.lectures.lessons import Lesson, exercise, has_tag


@dataclass(frozen=True)
class Task:
    """An exercise as it is graded: `judge`, a name in the lesson's file of checks, is given the value of `answer`.

    `id` is that of the stub's cell, and `stub` its source.
    """

    number: str
    title: str
    id: str
    stub: str
    answer: str
    judge: str


def tasks(lesson: Lesson) -> list[Task]:
    """The exercises of a lesson, in order. Each stub ends in `check.<judge>(<answer>)`."""
    found, number, title = [], "", ""
    for cell in lesson.cells:
        if exercise(cell):
            number = exercise(cell)
            title = cell.source.splitlines()[0].strip("#* ").removeprefix("Exercise ")
        if has_tag(cell, "stub"):
            call = ast.parse(cell.source).body[-1].value
            found.append(Task(number, title, cell.id, cell.source, call.args[0].id, call.func.attr))
    return found


def checks_of(lesson: str) -> str:
    """The module of the checks of a lesson by its name: bncourse.checks.backprop for 04_backprop."""
    return f"bncourse.checks.{lesson[3:]}"


def preparation(lesson: Lesson, answers: Iterable[str]) -> str:
    """The imports of a lesson, and those of its statements that define what the sources of the answers use."""
    cells = [cell for cell in lesson.cells if cell.cell_type == "code"]
    imports = [cell.source for cell in cells if has_tag(cell, "imports")]
    others = [cell for cell in cells if not any(has_tag(cell, tag) for tag in ("imports", "stub", "solution"))]
    wanted, needed = set().union(*map(names_used, answers)), []
    for cell in reversed(others):
        for statement in map(ast.unparse, reversed(ast.parse(cell.source).body)):
            if wanted & names_defined(statement):
                wanted |= names_used(statement)
                needed.append(statement)
    return "\n".join([*imports, *reversed(needed)])


def names_defined(source: str) -> set[str]:
    """The names that functions, classes and assignments at the top of a source bring in."""
    found = set()
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found |= {name.id for target in node.targets for name in ast.walk(target) if isinstance(name, ast.Name)}
    return found


def names_used(source: str) -> set[str]:
    """The names that a source takes from the notebook around it."""
    def inside(table):
        own = {symbol.get_name() for symbol in table.get_symbols()
               if symbol.is_referenced() and (symbol.is_global() or table.get_type() == "module")}
        return own.union(*map(inside, table.get_children()))
    return inside(symtable.symtable(source, "cell", "exec")) - names_defined(source)
