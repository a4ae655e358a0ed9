"""What the fields of a configuration must be: their types, as the class says, and their ranges."""

import math
from dataclasses import fields

from bncourse.training.recipe import check_type


class ConfigError(ValueError):
    """A configuration that is out of range; the message names the field."""


def expect(true: object, name: str, of: object, expected: str):
    """Raises ConfigError, naming the field of the configuration `of`, unless the first argument is true."""
    if not true:
        raise ConfigError(f"{name} is {getattr(of, name)!r}; expected {expected}")


def expect_types(of: object):
    """Raises ConfigError, naming the field, unless each field of a dataclass has the type that the class says."""
    for field in fields(of):
        try:
            check_type(field.name, getattr(of, field.name), field.type)
        except TypeError as error:
            raise ConfigError(str(error)) from None


def positive(value: float | int) -> bool:
    """Whether the value is above zero, and finite."""
    return 0 < value < math.inf
