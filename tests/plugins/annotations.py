"""Types and shapes, checked at run time in every annotated function of the package.

The checks are those of `jaxtyping.install_import_hook`, each at its price: jaxtyping, which binds and checks a call's
arguments twice, is kept for functions with shapes and for generators; beartype alone checks other annotations; and a
function without any is left as it is. A call with shapes is checked once of its kind: one with arguments of the same
types, shapes and settings as a call that passed is not checked again. Where functions are small and called often, all
that was half of the time.
"""

import functools
import inspect
from collections.abc import Iterable

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
    if inspect.isgeneratorfunction(function):  # what they return, beartype would know better
        return with_shapes(function, typechecker=typechecker)
    return once_of_a_kind(function, with_shapes(function, typechecker=typechecker)) if has_shapes(function) else (
        typechecker(function))


def once_of_a_kind(function, checked):
    """A function whose calls are checked, but for those of the kind of one that passed."""
    passed = set()

    @functools.wraps(function)
    def call(*args, **kwargs):
        try:
            kind = (*map(kind_of, args), *zip(kwargs, map(kind_of, kwargs.values()), strict=True))
        except Unlike:
            return checked(*args, **kwargs)
        if kind in passed:
            return function(*args, **kwargs)
        found = checked(*args, **kwargs)
        passed.add(kind)
        return found

    return call


class Unlike(Exception):
    """Of a value no kind is known that would tell what annotations ask for."""


def kind_of(value):
    """What an annotation may ask of a value: its type; of an array its shape and dtype too; of a setting its value.

    Of a tuple or a list it is what may be asked of each part. Raises Unlike for other values with parts.
    """
    if hasattr(value, "shape") and hasattr(value, "dtype"):  # NumPy's or PyTorch's, which need not be imported here
        return type(value), value.shape, value.dtype
    if isinstance(value, str | int | None):
        return type(value), value
    if isinstance(value, tuple | list):
        return type(value), *map(kind_of, value)
    if isinstance(value, Iterable):
        raise Unlike
    return type(value)


def has_shapes(function) -> bool:
    """Whether an annotation is, or contains, one of jaxtyping's; one that is a string may."""
    return any(isinstance(each, str) or "jaxtyping" in repr(each) for each in function.__annotations__.values())


def install():
    """Checks whatever is imported of the package from here on."""
    jaxtyping.jaxtyped = checked
    jaxtyping.install_import_hook("bncourse", f"{__name__}.typechecker")
