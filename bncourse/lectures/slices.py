"""The statements of a lesson that some of its names need, without the rest of the lesson.

A statement is needed if it binds a name that is needed, by an assignment, a definition, a loop or `with`, or if it may
change what the name stands for: by a method (`means.append`), by a part (`losses[0] =`), or by using a function of the
lesson that does so. A generator of random numbers changes wherever it is used, so where `rng` is needed every statement
that uses it is.
"""

import ast
import symtable
from collections.abc import Iterable

GENERATOR = "rng"
PART = ast.Attribute | ast.Subscript
READING = {"items", "keys", "values", "get"}  # methods that change nothing


def statements(sources: Iterable[str], wanted: Iterable[str]) -> list[str]:
    """The statements of the sources, in order, that the wanted names need."""
    whole = [ast.unparse(statement) for source in sources for statement in ast.parse(source).body]
    modules = set().union(*map(imported, whole))
    effects = {name: changed(statement) for statement in whole for name in bound(statement)
               if statement.startswith("def ")}
    names, needed = set(wanted), []
    for statement in reversed(whole):
        used = free(statement)
        changes = changed(statement).union(*(effects[name] for name in used & effects.keys()))
        if names & bound(statement) or (names - modules) & changes:
            names |= used
            needed.append(statement)
    return needed[::-1]


def imported(source: str) -> set[str]:
    """The names that a source imports."""
    return {symbol.get_name() for symbol in symtable.symtable(source, "cell", "exec").get_symbols()
            if symbol.is_imported()}


def bound(source: str) -> set[str]:
    """The names that a source binds in the lesson."""
    return {symbol.get_name() for symbol in symtable.symtable(source, "cell", "exec").get_symbols()
            if symbol.is_assigned() or symbol.is_imported()}


def changed(source: str) -> set[str]:
    """The names whose values a source may change without binding them."""
    taken = free(source)
    found = taken & {GENERATOR}
    for node in ast.walk(ast.parse(source)):
        part = node.func if isinstance(node, ast.Call) else node
        writes = isinstance(node, ast.Call) or isinstance(getattr(node, "ctx", None), ast.Store | ast.Del)
        if writes and isinstance(part, PART) and getattr(part, "attr", "") not in READING:
            while isinstance(part, PART):
                part = part.value
            found |= {part.id} & taken if isinstance(part, ast.Name) else set()
    return found


def free(source: str) -> set[str]:
    """The names that a source takes from the lesson around it; those that a loop gives its items are its own."""
    loops = [node.target for node in ast.parse(source).body if isinstance(node, ast.For)]
    items = {node.id for target in loops for node in ast.walk(target) if isinstance(node, ast.Name)}

    def inside(table: symtable.SymbolTable) -> set[str]:
        own = {symbol.get_name() for symbol in table.get_symbols()
               if symbol.is_referenced() and (symbol.is_global() or table.get_type() == "module")}
        return own.union(*map(inside, table.get_children()))
    return inside(symtable.symtable(source, "cell", "exec")) - items
