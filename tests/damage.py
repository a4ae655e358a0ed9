"""Ways to spoil a file, at random: an edit of what it says, or of its bytes. For the tests of every kind of file."""

import copy
import hashlib
import io
import json

import numpy as np
import torch

from bncourse.training.checkpoint import FIRST_LINE

ODD = (None, True, False, 0, 1, -1, 2**70, 1e300, 1.5, -0.0, "", "x", "NaN", "\ud800", "a\0b", "../x", [], {}, [1],
       {"a": 1}, [[1]])


def deep(levels: int) -> list:
    """Lists within lists."""
    nested: list = []
    for _ in range(levels):
        nested = [nested]
    return nested


def places(thing, at: tuple = ()):
    """Where something stands in nested dictionaries and lists; of a long list the first four."""
    if at:
        yield at
    keys = thing if isinstance(thing, dict) else range(min(len(thing), 4)) if isinstance(thing, list) else ()
    for key in keys:
        yield from places(thing[key], (*at, key))


def edited(thing, rng: np.random.Generator, odd=ODD):
    """A copy of nested dictionaries and lists with one thing set, left out, added, doubled or nested deeply."""
    thing = copy.deepcopy(thing)
    found = list(places(thing))
    *above, key = found[rng.integers(len(found))]
    holder = thing
    for name in above:
        holder = holder[name]
    value = odd[rng.integers(len(odd))]
    match rng.choice(["set", "set", "set", "leave out", "add", "double", "deep", "all"]):
        case "set":
            holder[key] = value
        case "leave out":
            del holder[key]
        case "add" if isinstance(holder, dict):
            holder["new"] = value
        case "add":
            holder.append(value)
        case "double":
            holder[key] = [holder[key], copy.deepcopy(holder[key])]
        case "deep":
            holder[key] = deep(100)
        case "all":
            return value
    return thing


def spoiled(content: bytes, rng: np.random.Generator) -> bytes:
    """Bytes that are cut short, flipped, doubled, emptied, in UTF-16, or that hold something more."""
    at = int(rng.integers(len(content)))
    more = (b"\xff", b"\0", b"[[[[", b"[" * 50_000, b"1" * 6000, b'"', b"}", b"\n", b"\xed\xa0\x80", b"\xef\xbb\xbf")
    match rng.choice(["cut", "flip", "double", "empty", "utf16", "more"]):
        case "cut":
            return content[:at]
        case "flip":
            return content[:at] + bytes([content[at] ^ int(rng.integers(1, 256))]) + content[at + 1:]
        case "double":
            return content * 2
        case "empty":
            return b""
        case "utf16":
            return content.decode("latin1").encode("utf-16")
        case "more":
            return content[:at] + more[rng.integers(len(more))] + content[at:]


def checkpoint_of(facts, state) -> bytes:
    """A checkpoint's file with a right digest, whatever it holds."""
    tensors = io.BytesIO()
    torch.save(state, tensors)
    body = json.dumps(facts).encode() + b"\n" + tensors.getvalue()
    return FIRST_LINE + b"\n" + hashlib.sha256(body).hexdigest().encode() + b"\n" + body
