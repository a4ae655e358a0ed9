"""Types and shapes, checked at run time in every annotated function of the package.

The checks are those of `jaxtyping.install_import_hook`, each at its price: jaxtyping, which binds and checks a call's
arguments twice, is kept for functions with shapes and for generators; beartype alone checks other annotations; and a
function without any is left as it is. Where functions are small and called often, that is half of the time.
"""

import functools
import inspect

import jaxtyping
from beartype import BeartypeConf, beartype

typechecker = beartype(conf=BeartypeConf(violation_type=TypeError))  # what Python raises where it minds a type
with_shapes = jaxtyping.jaxtyped


def checked(function=None, *, typechecker):
    """In place of `jaxtyping.jaxtyped`, with which the import hook decorates functions and classes."""
    if function is None:
        return functools.partial(checked, typechecker=typechecker)
    if not inspect.isfunction(function):
        return with_shapes(function, typechecker=typechecker)
    if not function.__annotations__:
        return function
    if has_shapes(function) or inspect.isgeneratorfunction(function):  # what they return, beartype would know better
        return with_shapes(function, typechecker=typechecker)
    return typechecker(function)


def has_shapes(function) -> bool:
    """Whether an annotation is, or contains, one of jaxtyping's; one that is a string may."""
    return any(isinstance(each, str) or "jaxtyping" in repr(each) for each in function.__annotations__.values())


def install():
    """Checks whatever is imported of the package from here on."""
    jaxtyping.jaxtyped = checked
    jaxtyping.install_import_hook("bncourse", f"{__name__}.typechecker")
