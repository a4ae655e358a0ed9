"""What a command line gives the doctor: a model, built by its owner's code, and a batch.

built("package.module:build")     the module is imported, and build() called: the owner's code runs
drawn(["16,3,32,32"])             a tensor of this shape, of standard normal numbers, in a list
drawn(["16,128:int64:1000"])      whole numbers from 0 to 999, such as the tokens of a text
stored("batch.npy")               an array of numpy.save
"""

import inspect
import math
import os
import re
import sys
import traceback
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from bncourse.doctor.files import Refused

SPECIFICATION = re.compile(r"[^\W\d]\w*(\.\w+)*:[^\W\d]\w*(\.\w+)*")
WHOLE = ("int64", "int32")
REAL = ("float32", "float64", "float16", "bfloat16")
SHAPE = f"expected SHAPE[:DTYPE[:BELOW]], such as 16,3,32,32 or 16,128:int64:1000; DTYPE is {', '.join(REAL + WHOLE)}"


class Built(NamedTuple):
    """A model, and the file and the line of the code that built it, as far as they are known."""

    model: nn.Module
    file: str | None
    line: int | None


def is_specification(text: str) -> bool:
    """Whether a text is `package.module:build`, and not the path of a file that is there."""
    return bool(SPECIFICATION.fullmatch(text)) and not os.path.exists(text)


def built(specification: str) -> Built:
    """The model that `package.module:build` returns, or is, where it is one already.

    Imports the module, from the working folder too, and calls `build` without arguments: this runs the owner's code.
    Raises Refused where there is no such module or attribute, where any of it raises, or where no model comes back.
    """
    name, _, attribute = specification.partition(":")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    if name.endswith(".py"):
        raise Refused(f"{specification} names a file; write {specification.replace('.py:', ':')}, in its folder")
    module = of_owner(f"importing {name}", import_module, name)
    build = module
    for part in attribute.split("."):
        if not hasattr(build, part):
            raise Refused(f"{name} has no {attribute}; it has {', '.join(callables(module)) or 'nothing to call'}")
        build = getattr(build, part)
    if not isinstance(build, nn.Module) and not callable(build):
        raise Refused(f"{specification} is {type(build).__name__}; expected a function that returns a model")
    model = build if isinstance(build, nn.Module) else of_owner(f"calling {specification}", build)
    if not isinstance(model, nn.Module):
        raise Refused(f"{specification} returned {type(model).__name__}; expected a torch.nn.Module")
    return Built(model, *place_of(type(build) if isinstance(build, nn.Module) else build))


def of_owner(doing: str, function, *args):
    """What a function of the owner returns. Raises Refused where it raises or exits; `doing` says what was tried."""
    try:
        return function(*args)
    except (Exception, SystemExit) as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        place = f" in {where.filename}, line {where.lineno}" if Path(where.filename).is_file() else ""
        raise Refused(f"{doing} failed with {type(error).__name__}: {error}{place}") from error


def callables(module) -> list[str]:
    """The names of a module's own functions and classes."""
    return [name for name, value in vars(module).items()
            if callable(value) and getattr(value, "__module__", "") == module.__name__]  # fmt: skip


def place_of(function) -> tuple[str | None, int | None]:
    """The file and the line in which a function or class is defined; None for what has no source."""
    try:
        function = inspect.unwrap(function)
        return inspect.getsourcefile(function), inspect.getsourcelines(function)[1]
    except (TypeError, OSError):
        return None, None


def drawn(texts: list[str], seed: int = 0) -> list[Tensor]:
    """A tensor for each text such as `16,3,32,32` or `16,128:int64:1000`, all drawn from one seed.

    Numbers are standard normal; whole ones are from 0 to BELOW - 1, or 0 and 1 without a BELOW. Raises Refused.
    """
    generator = torch.Generator().manual_seed(seed)
    tensors = []
    for text in texts:
        shape, dtype, below = read_shape(text)
        if dtype in WHOLE:
            tensors.append(torch.randint(below, shape, dtype=getattr(torch, dtype), generator=generator))
        else:
            tensors.append(torch.randn(shape, generator=generator).to(getattr(torch, dtype)))
    return tensors


def read_shape(text: str) -> tuple[list[int], str, int]:
    """The shape, the dtype and the number below which whole numbers stay, as a text says. Raises Refused."""
    read = re.fullmatch(r"(\d+(?:,\d+)*)(?::([a-z]+\d+)(?::(\d+))?)?", text)
    shape, dtype, below = read.groups() if read else ("0", None, None)
    shape, dtype = [int(size) for size in shape.split(",")], dtype or "float32"
    usable = dtype in WHOLE or (dtype in REAL and below is None)
    if not math.prod(shape) or not usable or below == "0":
        raise Refused(f"--input {text} is no shape; {SHAPE}")
    return shape, dtype, int(below or 2)


def stored(path: str) -> Tensor:
    """The tensor in a file of `numpy.save`; a pickle is not opened. Raises Refused."""
    try:
        array = np.load(path, allow_pickle=False)
    except OSError as error:
        raise Refused(f"--batch {path} cannot be read: {error.strerror or error}") from None
    except (ValueError, EOFError) as error:
        raise Refused(f"--batch {path} is no file of numpy.save: {error}") from None
    if not isinstance(array, np.ndarray):
        raise Refused(f"--batch {path} holds several arrays; expected one, of numpy.save: give --batch for each")
    if array.dtype.kind not in "fiub" or not array.size:
        raise Refused(f"--batch {path} holds {array.dtype} of shape {array.shape}; expected numbers")
    return torch.from_numpy(array)
