"""Files of tensors, read without running anything in them: those of `torch.save`, and safetensors.

`torch.save` writes a pickle, which may hold a program. It is read by PyTorch's restricted reader (weights_only), which
knows tensors and plain values and refuses everything else. A file of safetensors is JSON and raw numbers: the length of
the header in eight bytes, the header, which gives each tensor its dtype, shape and place, and the numbers.
"""

import json
import math
import os
import pickle
import re
import struct
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

DTYPES = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64,
    "I32": torch.int32, "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8, "BOOL": torch.bool,
}  # fmt: skip
LONGEST_HEADER = 100_000_000  # bytes, the limit of the safetensors format itself
EXPECTED = "expected a file of torch.save(model.state_dict(), path), or of safetensors"
OURS = b"bncourse checkpoint"  # the first word of a file of this course's trainer


class Refused(ValueError):
    """What the doctor does not examine; the message names it, and says what is wrong with it."""


def read(path: str | os.PathLike) -> Mapping:
    """The mapping of names to tensors, possibly nested, that a file holds, on the CPU. Raises Refused."""
    path = Path(path)
    if path.is_dir() or path.suffix == ".py":
        kind = "a folder" if path.is_dir() else "a program, which package.module:build would run"
        raise Refused(f"{path} is {kind}; {EXPECTED}")
    try:
        with path.open("rb") as file:
            start = file.read(len(OURS))
        if not start:
            raise Refused(f"{path} is empty; {EXPECTED}")
        if path.suffix == ".safetensors" or looks_like_safetensors(start, path.stat().st_size):
            return read_safetensors(path)
        content = read_ours(path) if start == OURS else read_torch(path)
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror or error}") from None
    if not isinstance(content, Mapping):
        raise Refused(f"{path} holds one {type(content).__name__}; expected a state_dict: names with their tensors")
    return content


def read_ours(path: Path) -> Mapping:
    """The state in a checkpoint of this course's trainer. Raises Refused."""
    from bncourse.training import checkpoint

    try:
        return checkpoint.load(path)[1]
    except checkpoint.CheckpointError as error:
        raise Refused(str(error)) from None


def read_torch(path: Path):
    """What `torch.save` wrote into a file: tensors and plain values. Raises Refused for anything else."""
    if zipfile.is_zipfile(path):
        refuse_other_archives(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of old formats, which are read or refused below
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file can make the reader stumble anywhere
        asked = re.search(r"GLOBAL ([\w.]+)", str(error))
        if isinstance(error, pickle.UnpicklingError) and asked:
            raise Refused(
                f"{path} is a pickle that asks for {asked[1].rstrip('.')}, and is not opened: a pickle of more than "
                "tensors and plain values can run a program. Save the state_dict alone: "
                "torch.save(model.state_dict(), path)"
            ) from None
        raise Refused(f"{path} is damaged, or no checkpoint ({type(error).__name__}); {EXPECTED}") from None


def refuse_other_archives(path: Path) -> None:
    """Raises Refused for a zip archive that is not one of `torch.save`."""
    with zipfile.ZipFile(path) as archive:
        inner = [name.partition("/")[2] for name in archive.namelist()]
    if "constants.pkl" in inner or any(name.startswith("code/") for name in inner):
        raise Refused(f"{path} is a TorchScript archive, which is a program; save model.state_dict() with torch.save")
    if "data.pkl" not in inner:
        raise Refused(f"{path} is a zip archive of {len(inner)} files and not one of torch.save; {EXPECTED}")


def looks_like_safetensors(start: bytes, size: int) -> bool:
    """Whether a file begins as safetensors do: the length of a header that fits the file, and a brace.

    `start` is the file's beginning and `size` its number of bytes.
    """
    return len(start) > 8 and start[8:9] == b"{" and struct.unpack("<Q", start[:8])[0] <= size - 8


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a file of safetensors, by name; those of dtypes that batch norms never have are left out.

    Raises Refused where the header is not what the format says, or places a tensor outside the file.
    """
    content = path.read_bytes()
    length = struct.unpack("<Q", content[:8])[0] if len(content) >= 8 else 0
    try:
        if not 0 < length <= min(len(content) - 8, LONGEST_HEADER):
            raise ValueError(f"its header has {length:,} bytes, and the file {len(content):,}")
        header = json.loads(content[8 : 8 + length])
        return {
            name: tensor_at(content, 8 + length, entry)
            for name, entry in header.items()
            if name != "__metadata__" and entry["dtype"] in DTYPES
        }
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Refused(f"{path} is cut short, or no file of safetensors: {error}") from None


def tensor_at(content: bytes, beginning: int, entry: dict) -> Tensor:
    """One tensor of a file of safetensors; `beginning` is where the numbers begin, `entry` is what the header says.

    Raises ValueError where its place is not in the file, or does not fit its shape.
    """
    dtype, shape, (begin, end) = DTYPES[entry["dtype"]], entry["shape"], entry["data_offsets"]
    if not all(isinstance(n, int) and n >= 0 for n in (*shape, begin, end)):
        raise ValueError(f"shape {shape} or place {begin}, {end} is no whole number")
    if end - begin != math.prod(shape) * dtype.itemsize or beginning + end > len(content):
        raise ValueError(f"a tensor of shape {shape} lies at {begin} to {end} of {len(content) - beginning:,} bytes")
    if end == begin:
        return torch.empty(shape, dtype=dtype)
    return torch.frombuffer(bytearray(content[beginning + begin : beginning + end]), dtype=dtype).reshape(shape)
