"""MNIST: 60,000 + 10,000 handwritten digits of 28x28, from the four original files in IDX format.

They lie under their original names in the folder `mnist` of the data folder (see files.py), or are
fetched from a public mirror. An IDX file is big-endian: two zero bytes, a byte for the type of the
values, a byte for the number of dimensions, each dimension as 32 bits, then the values.
"""

import gzip
import math
import zlib
from pathlib import Path

import numpy as np
from jaxtyping import Int, UInt8

from bncourse.datasets import files
from bncourse.datasets.files import WrongData

MIRRORS = ("https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/")
SHA256 = {
    "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}
SPLITS = {"train": ("train", 60_000), "test": ("t10k", 10_000)}
OTHERWISE = "take the procedural digits (BNCOURSE_DATASET=glyphs)"
UNSIGNED_BYTES = 0x08
IDX_TYPES = {0x08: "unsigned bytes", 0x09: "signed bytes", 0x0B: "16-bit integers", 0x0C: "32-bit integers",
             0x0D: "32-bit floats", 0x0E: "64-bit floats"}


def available() -> bool:
    """Whether the four files are in the data folder."""
    return all((files.folder() / "mnist" / name).is_file() for name in SHA256)


def load(split: str = "train") -> tuple[UInt8[np.ndarray, "N 28 28"], Int[np.ndarray, "N"]]:
    """The pictures and labels of one split of MNIST, "train" or "test".

    Returns images (N, 28, 28) uint8, where 0 is paper and 255 is ink, and labels (N,) int64, the digits. N is 60,000 in
    "train" and 10,000 in "test". Raises ValueError for another split, and `files.MissingData` or `files.WrongData`,
    which name the file, where the data cannot be used.
    """
    if split not in SPLITS:
        raise ValueError(f"split is {split!r}; expected 'train' or 'test'")
    prefix, n = SPLITS[split]
    images = read_idx(fetch(f"{prefix}-images-idx3-ubyte.gz"), (n, 28, 28))
    path = fetch(f"{prefix}-labels-idx1-ubyte.gz")
    labels = read_idx(path, (n,))
    if labels.max() > 9:
        raise WrongData(f"{path} holds the label {labels.max()}; expected 0 to 9")
    return images, labels.astype(np.int64)


def fetch(name: str) -> Path:
    """The path of one of the four files, downloaded from a mirror if need be. Raises MissingData or WrongData."""
    return files.fetch(f"mnist/{name}", SHA256[name], [mirror + name for mirror in MIRRORS], OTHERWISE)


def read_idx(path: Path, shape: tuple[int, ...]) -> UInt8[np.ndarray, "..."]:
    """The array of unsigned bytes that the gzipped IDX file at `path` holds, and that must have this shape.

    Raises WrongData, which names the file and the field of its header that is wrong.
    """
    try:
        data = gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise WrongData(f"{path} cannot be decompressed: {error}") from None
    start = 4 + 4 * len(shape)
    if len(data) < start:
        raise WrongData(f"{path} has {len(data)} bytes; expected a header of {start}")
    check_header(path, data[:start], shape)
    if len(data) != start + math.prod(shape):
        raise WrongData(f"{path} has {len(data) - start:,} values after its header; expected {math.prod(shape):,}")
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape).copy()


def check_header(path: Path, header: bytes, shape: tuple[int, ...]):
    """Raises WrongData unless the header is that of unsigned bytes of this shape."""
    zeros, kind, dimensions = header[:2], header[2], header[3]
    if zeros != b"\0\0":
        raise WrongData(f"{path} begins with the bytes {zeros.hex(' ')}; expected 00 00, as in every IDX file")
    if kind != UNSIGNED_BYTES:
        raise WrongData(f"{path} says that it holds {IDX_TYPES.get(kind, 'an unknown type')} (0x{kind:02x}); "
                        "expected unsigned bytes (0x08)")
    if dimensions != len(shape):
        raise WrongData(f"{path} says that it has {dimensions} dimensions; expected {len(shape)}")
    found = tuple(int.from_bytes(header[i:i + 4], "big") for i in range(4, len(header), 4))
    if found != shape:
        raise WrongData(f"{path} says that its shape is {found}; expected {shape}")
